"""Turns the network's body so that it is seen where its landmarks are.

A network that regresses rotations leaves joints some centimetres beside what it saw. A few
Gauss-Newton steps on each row's landmarks, begun at the network's answer and held to it by a prior,
put them there; what the picture does not tell, above all the depth, stays the network's. (Bogo et
al. 2016, SMPLify, section 3, fits the same way, with learned priors and from the mean pose.)
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from ...rotation import cross_matrix, rotvec_to_matrix
from ...skeletons import BODY_LANDMARK_INDEX, JOINT_INDEX, PARENTS
from ..placement import solve_offset
from .observation import SIDES, Observation, view_of
from .points import NUM_BODY_JOINTS, POINT_NAMES, STARTS, place_points

_STEPS = 3
_MISS = 0.045  # halves of the box, by which a sure landmark may lie beside its point
_PLACE_SIGMA = 1e3  # m: where the body stands is free
_NEAREST_M = 0.2
_BLOCK = 512  # rows at once

# By how much a joint may turn against its parent, as standard deviations in rad about the parent's
# x, y and z. Chosen on rendered people. The wrists are the hands' own, and the spine bends in two.
_TURNS = {
    "pelvis": (0.2, 0.2, 0.2),
    "spine1": (0.13, 0.13, 0.13),
    "spine3": (0.13, 0.13, 0.13),
    "neck": (0.13, 0.13, 0.13),
    "head": (0.2, 0.2, 0.2),
}
for _side in SIDES:
    _TURNS |= {
        f"{_side}_collar": (0.06, 0.06, 0.06),
        f"{_side}_hip": (0.5, 0.5, 0.5),
        f"{_side}_knee": (0.5, 0.2, 0.1),
        f"{_side}_ankle": (0.26, 0.26, 0.26),
        f"{_side}_shoulder": (0.5, 0.5, 0.5),
        f"{_side}_elbow": (0.5, 0.5, 0.1),
    }
_JOINTS = [JOINT_INDEX[name] for name in _TURNS]
_ABOVE = [PARENTS[joint] for joint in _JOINTS[1:]]

# Points that are seen as landmarks of (about) the same place.
_POINTS = [i for i, name in enumerate(POINT_NAMES) if name in BODY_LANDMARK_INDEX]
_LANDMARKS = [BODY_LANDMARK_INDEX[POINT_NAMES[i]] for i in _POINTS]


def align_to_picture(turns: Tensor, bones: Tensor, observation: Observation) -> Tensor:
    """[T, 22, 3, 3] camera from joint: ``turns`` [T, 22, 3, 3] turned towards the landmarks.

    ``bones`` [35, 3] m as of points.bones_of, ``observation`` of one person's T rows.
    """
    half = view_of(observation).half[0]
    slopes = observation.slopes[0, :, _LANDMARKS]
    confidence = observation.confidence[0, :, _LANDMARKS]
    blocks = zip(*(each.split(_BLOCK) for each in (turns, slopes, confidence, half)), strict=True)
    return torch.cat([_align_rows(bones, *block) for block in blocks])


def _align_rows(
    bones: Tensor, turns: Tensor, slopes: Tensor, confidence: Tensor, half: Tensor
) -> Tensor:
    precision = torch.tensor(list(_TURNS.values())).flatten() ** -2
    precision = torch.cat([precision, torch.full((3,), _PLACE_SIGMA**-2)])
    weight = confidence.repeat_interleave(2, 1) / (_MISS * half[:, None])
    place = solve_offset(_place(turns, bones)[:, _POINTS], slopes, confidence)
    turned = turns.new_zeros(len(turns), 3 * len(_JOINTS))  # so far, which the prior pulls back
    for _ in range(_STEPS):
        points = _place(turns, bones)
        missed, slope = _see(points, turns, place, slopes)
        missed, slope = missed * weight, slope * weight[..., None]
        pull = (slope.mT @ missed[..., None])[..., 0]
        pull[:, :-3] -= precision[:-3] * turned
        step = torch.linalg.solve(slope.mT @ slope + torch.diag(precision), pull)
        turned, place = turned + step[:, :-3], place + step[:, -3:]
        turns = _turn(turns, step[:, :-3].unflatten(1, (-1, 3)))
    return turns


def _place(turns: Tensor, bones: Tensor) -> Tensor:
    """[T, 35, 3] m about the pelvis."""
    return place_points(turns[None], bones[None])[0]


def _see(points: Tensor, turns: Tensor, place: Tensor, slopes: Tensor) -> tuple[Tensor, Tensor]:
    """By how much the points are missed [T, 2 L], and how turns and place move them [T, 2 L, N].

    Turns are about the axes of each joint's parent and take all below the joint along.
    """
    seen = points[:, _POINTS] + place[:, None]
    z = seen[..., 2:].clamp_min(_NEAREST_M)
    found = seen[..., :2] / z
    by_place = torch.cat([torch.eye(2).expand(*z.shape[:2], 2, 2), -found[..., None]], -1)
    by_place = by_place / z[..., None]
    arms = (points[:, _POINTS, None] - points[:, None, _JOINTS]) * _below()[..., None]
    # A point at the arm a moves by w x a, w being turned into the camera's axes.
    by_turn = by_place[:, :, None] @ -cross_matrix(arms) @ _axes(turns)[:, None]  # [T, L, J, 2, 3]
    by_turn = by_turn.transpose(2, 3).flatten(3)
    slope = torch.cat([by_turn, by_place], -1)
    return (slopes - found).flatten(1), slope.flatten(1, 2)


def _turn(turns: Tensor, step: Tensor) -> Tensor:
    """``turns`` with each of _JOINTS turned by ``step`` [T, J, 3] and all below it taken along."""
    own_turns = rotvec_to_matrix((_axes(turns) @ step[..., None])[..., 0])
    own = dict(zip(_JOINTS, own_turns.unbind(1), strict=True))
    whole: list[Tensor] = []
    for joint in range(NUM_BODY_JOINTS):
        above = whole[PARENTS[joint]] if joint else torch.eye(3).expand(len(turns), 3, 3)
        whole.append(above @ own[joint] if joint in own else above)
    return torch.stack(whole, 1) @ turns


def _axes(turns: Tensor) -> Tensor:
    """[T, J, 3, 3] camera from each joint's parent; the pelvis turns about the camera's axes."""
    return torch.cat([torch.eye(3).expand(len(turns), 1, 3, 3), turns[:, _ABOVE]], 1)


@cache
def _below() -> Tensor:
    """[L, J] whether the landmark's point hangs below the joint, 0 or 1."""
    below = torch.zeros(len(_POINTS), len(_JOINTS))
    for row, point in enumerate(_POINTS):
        joint = STARTS[point]
        while joint >= 0:
            if joint in _JOINTS:
                below[row, _JOINTS.index(joint)] = 1.0
            joint = PARENTS[joint]
    return below
