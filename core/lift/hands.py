"""Palm and fingers from the 21 landmarks of a hand."""

from __future__ import annotations

import torch
from torch import Tensor

from ..rotation import fit_rotation, rotvec_to_matrix, swing_between
from ..skeletons import HAND_FINGER_START, JOINT_INDEX, NUM_JOINTS
from .limbs import limit_turn
from .rest import rest_bone, rest_point

FINGERS = ("index", "middle", "pinky", "ring", "thumb")  # SMPL-X's order

# Flexion and spread in radians: Lin, Wu & Huang 2000, "Modeling the constraints of human hand
# motion" (knuckle 0..90, middle joint 0..110, end joint 0..90, spread +-15 degrees), with slack
# for a hand that bends back.
_KNUCKLE_FLEXION = (-0.5, 1.6)
_KNUCKLE_SPREAD = 0.35
_MIDDLE_FLEXION = (-0.1, 1.92)
_END_FLEXION = (-0.15, 1.57)
_END_FROM_MIDDLE = 2 / 3  # the end joint follows the middle one (same source)
_THUMB_LIMITS = (0.9, 1.0, 1.4)

_RESTING_CURL = {"index": 0.3, "middle": 0.4, "ring": 0.45, "pinky": 0.45, "thumb": 0.1}  # rad

_PALM_DOWN = torch.tensor([0.0, -1.0, 0.0])  # both palms face the floor in the T pose


def palm_rotation(side: str, hand: Tensor) -> Tensor:
    """Hand, camera from joint [T, 3, 3], from its landmarks [T, 21, 3] (any scale)."""
    knuckles = [HAND_FINGER_START[name] for name in ("index", "middle", "ring", "pinky")]
    seen = hand[:, [0, *knuckles]]
    names = ("wrist", "index1", "middle1", "ring1", "pinky1")
    rest = torch.stack([rest_point(f"{side}_{name}") for name in names])
    weight = torch.tensor([2.0, 1.0, 1.0, 1.0, 1.0])
    return fit_rotation(rest.expand_as(seen), seen, weight.expand(seen.shape[:-1]))


def finger_rotations(side: str, hand: Tensor, palm: Tensor) -> Tensor:
    """[T, 15, 3, 3] parent from joint, in SMPL-X's order of one hand."""
    in_palm = hand @ palm  # row vectors: palm^T applied to each landmark
    return torch.cat(
        [
            _thumb(side, in_palm) if finger == "thumb" else _finger(side, finger, in_palm)
            for finger in FINGERS
        ],
        dim=1,
    )


def _directions(finger: str, in_palm: Tensor) -> list[Tensor]:
    """Unit directions [T, 3] of the finger's three bones."""
    start = HAND_FINGER_START[finger]
    bones = in_palm[:, start + 1 : start + 4] - in_palm[:, start : start + 3]
    return list(torch.nn.functional.normalize(bones, dim=-1).unbind(1))


def _rest_directions(side: str, finger: str) -> list[Tensor]:
    """Rest directions of the three bones; the last one has no joint at its end."""
    names = [f"{side}_{finger}{i}" for i in (1, 2, 3)]
    first, second = rest_bone(names[0], names[1]), rest_bone(names[1], names[2])
    first, second = (torch.nn.functional.normalize(bone, dim=0) for bone in (first, second))
    return [first, second, second]


def _finger(side: str, finger: str, in_palm: Tensor) -> Tensor:
    """[T, 3, 3, 3]: a knuckle that bends and spreads, then two hinges."""
    rest = _rest_directions(side, finger)
    axis = torch.nn.functional.normalize(torch.linalg.cross(rest[0], _PALM_DOWN), dim=0)
    seen = _directions(finger, in_palm)
    down = torch.linalg.cross(axis, rest[0])
    flexion = torch.atan2(seen[0] @ down, seen[0] @ rest[0]).clamp(*_KNUCKLE_FLEXION)
    spread = torch.asin((seen[0] @ axis).clamp(-1, 1)).clamp(-_KNUCKLE_SPREAD, _KNUCKLE_SPREAD)
    in_plane = flexion.cos()[:, None] * rest[0] + flexion.sin()[:, None] * down
    direction = spread.cos()[:, None] * in_plane + spread.sin()[:, None] * axis
    # First the spread, about the palm's normal, then the flexion: a bent finger does not twist.
    knuckle = rotvec_to_matrix(flexion[:, None] * axis)
    knuckle = swing_between((knuckle @ rest[0][:, None])[..., 0], direction) @ knuckle
    middle_angle = (_flexion(seen[1], knuckle, axis, rest[1])).clamp(*_MIDDLE_FLEXION)
    middle = rotvec_to_matrix(middle_angle[:, None] * axis)
    end_angle = _flexion(seen[2], knuckle @ middle, axis, rest[2]).clamp(*_END_FLEXION)
    end_angle = 0.5 * end_angle + 0.5 * _END_FROM_MIDDLE * middle_angle
    return torch.stack([knuckle, middle, rotvec_to_matrix(end_angle[:, None] * axis)], 1)


def _flexion(seen: Tensor, palm_from_parent: Tensor, axis: Tensor, rest: Tensor) -> Tensor:
    """Angle [T] in radians about ``axis`` that brings the bone closest to its seen direction."""
    local = (palm_from_parent.transpose(-1, -2) @ seen[..., None])[..., 0]
    return torch.atan2(local @ torch.linalg.cross(axis, rest), local @ rest)


def _thumb(side: str, in_palm: Tensor) -> Tensor:
    """[T, 3, 3, 3]: three shortest turns, each within its limit."""
    parent = torch.eye(3).expand(len(in_palm), 3, 3)
    local = []
    for seen, rest, largest in zip(
        _directions("thumb", in_palm), _rest_directions(side, "thumb"), _THUMB_LIMITS, strict=True
    ):
        target = (parent.transpose(-1, -2) @ seen[..., None])[..., 0]
        turn = limit_turn(torch.eye(3), swing_between(rest, target), largest)
        local.append(turn)
        parent = parent @ turn
    return torch.stack(local, 1)


def resting_pose() -> Tensor:
    """[55, 3, 3] parent from joint: the rest pose with both hands as they hang, fingers curled."""
    pose = torch.eye(3).repeat(NUM_JOINTS, 1, 1)
    for side in ("left", "right"):
        for finger, angle in _RESTING_CURL.items():
            rest = _rest_directions(side, finger)[0]
            axis = torch.nn.functional.normalize(torch.linalg.cross(rest, _PALM_DOWN), dim=0)
            first = JOINT_INDEX[f"{side}_{finger}1"]
            pose[first : first + 3] = rotvec_to_matrix(angle * axis)
    return pose
