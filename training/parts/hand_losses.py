"""What the hands' branch is told about its errors, and how they are measured."""

from __future__ import annotations

import torch
from torch import Tensor

from reelrig.core.lift.sts.hand_branch import HandOutput
from reelrig.core.rotation import fit_rotation

from .fit import Losses
from .hand_model import HandModel
from .hand_windows import HandWindows

# Sun et al. 2020 weigh parameters, joints and 2D by 20, 60 and 6; here by what each is worth in
# its own unit: joints in metres, 2D in halves of the hand's box.
_WEIGHTS = {"fingers": 1.0, "palm": 2.0, "joints": 300.0, "picture": 2.0, "tremble": 500.0}
_SIGMA_WEIGHT = 0.02
_UNSEEN_SHARE = 0.3  # of a frame in which no landmark was seen


def hand_losses(model: HandModel, found: HandOutput, windows: HandWindows) -> Losses:
    """Rotations and joints (L2), the picture, movement against the true movement, uncertainty."""
    weight = windows.is_labelled * torch.where((windows.confidence > 0).any(-1), 1.0, _UNSEEN_SHARE)

    def mean(values: Tensor) -> Tensor:
        return (weight * values.flatten(2).mean(-1)).sum() / weight.sum().clamp_min(1)

    joints = pose(model, found)
    true_joints = pose(model, HandOutput(windows.fingers, windows.palm, found.sigma))
    misses = {
        "fingers": (found.fingers - windows.fingers).square(),
        "palm": (found.palm - windows.palm).square(),
        "joints": (joints - true_joints).square(),
        "picture": (in_picture(joints, windows) - windows.true_points).abs(),
        "tremble": _tremble(joints - true_joints),
    }
    losses = {name: _WEIGHTS[name] * mean(miss) for name, miss in misses.items()}
    return losses | {"sigma": _SIGMA_WEIGHT * mean(_surprise(found, windows))}


def pose(model: HandModel, hand: HandOutput) -> Tensor:
    """[B, T, 21, 3] m from the wrist, view axes: the mean hand's landmarks."""
    shape = model.shape(torch.zeros(1, 10))
    return model.landmarks(shape, hand.fingers) @ hand.palm.mT


def in_picture(joints: Tensor, windows: HandWindows) -> Tensor:
    """[B, T, 21, 2] the joints seen from far off, moved and scaled onto the true points."""
    planar = joints[..., :2] - joints[..., :2].mean(2, keepdim=True)
    true_points = windows.true_points
    middle = true_points.mean(2, keepdim=True)
    product = (planar * (true_points - middle)).sum((2, 3), keepdim=True)
    scale = product / planar.square().sum((2, 3), keepdim=True).clamp_min(1e-6)
    return middle + scale.clamp_min(0) * planar


def _tremble(miss: Tensor) -> Tensor:
    """[B, T, ...] squares of the second difference of ``miss``; zero at the ends."""
    if miss.shape[1] < 3:
        return torch.zeros_like(miss)
    second = miss[:, 2:] - 2 * miss[:, 1:-1] + miss[:, :-2]
    return torch.nn.functional.pad(second.square(), (0, 0, 0, 0, 1, 1))


def _surprise(found: HandOutput, windows: HandWindows) -> Tensor:
    """[B, T, 16] negative log likelihood of the angles missed; does not move the turns."""
    palm = (found.palm - windows.palm)[:, :, None]
    misses = torch.cat([palm, found.fingers - windows.fingers], 2).detach()
    square = 0.5 * misses.square().sum((-1, -2))  # of the angle, where it is small
    return 0.5 * square / found.sigma.square() + found.sigma.log()


def procrustes_mm(found: Tensor, true: Tensor) -> Tensor:
    """[...] mm, mean distance of points [..., 21, 3] m after the best move, turn and scale."""
    found, true = (points - points.mean(-2, keepdim=True) for points in (found, true))
    weight = torch.ones_like(found[..., 0])
    turned = found @ fit_rotation(found, true, weight).mT
    scale = (turned * true).sum((-1, -2)) / turned.square().sum((-1, -2)).clamp_min(1e-9)
    return 1000 * torch.linalg.vector_norm(scale[..., None, None] * turned - true, dim=-1).mean(-1)


def angle_deg(found: Tensor, true: Tensor) -> Tensor:
    """[...] degrees between rotations [..., 3, 3]."""
    cosine = ((found * true).sum((-1, -2)) - 1) / 2
    return torch.rad2deg(torch.acos(cosine.clamp(-1, 1)))
