"""What the body's network is trained for.

Parameters, joints of the re-posed body, 2D through D2S and plausibility as in Sun et al. 2020,
section III-C; movement, contacts, the ground's direction and uncertainty beside them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from reelrig.core.lift.sts.body_network import BodyEstimate
from reelrig.core.lift.sts.observation import Observation
from reelrig.core.lift.sts.points import POINT_NAMES, place_points
from reelrig.core.rotation import matrix_to_rotvec
from reelrig.core.skeletons import CONTACT_NAMES, JOINT_INDEX, PARENTS

from .truth import Truth

# How the 2D term projects: with one scale a person, with the scale that the assumed focal length
# gives the distance, or with both scale and distance free (D2S).
Projection = Literal["weak", "perspective", "d2s"]

_FAR_M = 1e4
_PARENTS = torch.tensor([0, *PARENTS[1:22]])
# Joints that bend one way: the axis that the bone below lies along at rest, its sign, the axis
# sideways of the bend, and the sign of z when bent backward.
_HINGES = {
    "left_knee": (1, -1.0, 0, 1.0),
    "right_knee": (1, -1.0, 0, 1.0),
    "left_elbow": (0, 1.0, 1, -1.0),
    "right_elbow": (0, -1.0, 1, -1.0),
}
_SOLES = [
    POINT_NAMES.index(f"{side}_{point}")
    for side in ("left", "right")
    for point in ("heel", "foot_index")
]
_NEAR = 1.5  # places in the view's picture beyond this many halves of the box count no more
_SLACK = 0.15  # sine of the bend sideways or backward from which it is implausible


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """Sun et al. 2020 have 20 : 60 : 6 : 0.5 for the first four; here in each term's own unit."""

    rotations: float = 1.0  # of whole rotations, as matrices
    local_rotations: float = 1.0
    joints: float = 8.0  # m
    picture: float = 4.0  # halves of the box
    plausible: float = 0.2
    velocity: float = 0.4  # m/s
    acceleration: float = 0.0
    contacts: float = 0.05
    sliding: float = 0.1  # m/s of feet on the floor, relative to the true pelvis
    up: float = 0.5
    measures: float = 1.0
    sigma: float = 0.02


def body_losses(
    estimate: BodyEstimate,
    observation: Observation,
    truth: Truth,
    projection: Projection = "d2s",
) -> dict[str, Tensor]:
    """Each term's mean; its name is that of its weight."""
    view_from_camera = estimate.view.camera_from_view.mT
    true_turns = view_from_camera[:, :, None] @ truth.rotations
    true_points = truth.points @ view_from_camera.mT
    points = place_points(estimate.rotations, truth.bones)
    off = points - true_points
    distance = off[:, :, 1:].square().sum(-1).add(1e-8).sqrt()
    local, true_local = _to_local(estimate.rotations), _to_local(true_turns)
    joint_distance = off[:, :, :22].square().sum(-1).add(1e-8).sqrt()
    up = (view_from_camera @ truth.up[..., None])[..., 0]
    contact = torch.nn.functional.binary_cross_entropy_with_logits(
        estimate.contact_logits, truth.contacts
    )
    relative = torch.where(truth.has_stature[:, None, None] > 0, 1.0, 0.5)
    measures = (estimate.log_measures - truth.log_measures[:, None]).abs() * relative
    losses = {
        "rotations": (estimate.rotations - true_turns).square().sum((-2, -1)).mean(),
        "local_rotations": (local - true_local)[:, :, 1:].square().sum((-2, -1)).mean(),
        "joints": distance.mean(),
        "picture": _picture_loss(estimate, truth, points, projection),
        "plausible": _implausible(local),
        "contacts": contact,
        "up": (1 - (estimate.up * up).sum(-1)).mean(),
        "measures": measures.mean(),
        "sigma": (joint_distance.detach() / estimate.sigma + estimate.sigma.log()).mean(),
    }
    if points.shape[1] > 1:
        losses |= _movement_losses(points, true_points, observation.time_s, truth.contacts)
    return losses


def _to_local(rotations: Tensor) -> Tensor:
    """[..., 22, 3, 3] parent from joint, of whole rotations."""
    return rotations[..., _PARENTS, :, :].mT @ rotations


def _picture_loss(
    estimate: BodyEstimate, truth: Truth, points: Tensor, projection: Projection
) -> Tensor:
    camera = estimate.camera
    if projection == "weak":
        camera = replace(camera, distance=torch.full_like(camera.distance, _FAR_M))
    elif projection == "perspective":
        camera = replace(camera, scale=1 / (camera.distance * estimate.view.half))
    true_picture = estimate.view.to_picture(truth.slopes)
    is_near = (true_picture.abs() < _NEAR).all(-1)
    error = (camera.project(points) - true_picture).abs().sum(-1)
    return (error.clamp_max(2.0) * is_near).sum() / is_near.sum().clamp_min(1)


def _implausible(local: Tensor) -> Tensor:
    """How far knees and elbows are bent sideways or backward, as sines beyond the slack."""
    beyond = []
    for name, (axis, sign, sideways, backward) in _HINGES.items():
        bone = sign * local[:, :, JOINT_INDEX[name], :, axis]
        beyond.append((bone[..., sideways].abs() - _SLACK).relu())
        beyond.append((backward * bone[..., 2] - _SLACK).relu())
    return torch.stack(beyond).mean()


def _movement_losses(
    points: Tensor, true_points: Tensor, time_s: Tensor, contacts: Tensor
) -> dict[str, Tensor]:
    step_s = torch.diff(time_s, dim=1)[..., None, None]
    velocity = torch.diff(points - true_points, dim=1) / step_s
    bend = torch.diff(velocity, dim=1) / step_s[:, 1:]
    stays = contacts[:, 1:] * contacts[:, :-1]
    sliding = velocity[:, :, _SOLES].square().sum(-1).add(1e-6).sqrt() * stays
    assert len(_SOLES) == len(CONTACT_NAMES)
    return {
        "velocity": velocity.square().sum(-1).add(1e-6).sqrt().mean(),
        "acceleration": bend.square().sum(-1).add(1e-4).sqrt().mean(),
        "sliding": sliding.sum() / stays.sum().clamp_min(1),
    }


def joint_angle_errors(estimate: BodyEstimate, truth: Truth) -> Tensor:
    """[B, T, 22] rad, between the estimate's whole rotations and the true ones."""
    true_turns = estimate.view.camera_from_view.mT[:, :, None] @ truth.rotations
    return matrix_to_rotvec(estimate.rotations.mT @ true_turns).norm(dim=-1)
