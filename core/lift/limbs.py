"""Trunk, arms and legs: rotations from bone directions, twists from the next joint.

All rotations here are camera from joint ("global"), [T, 3, 3]; analytic.py makes them local.
A limb is a chain of two bones and a hinge between them. The hinge's axis gives the first bone
its twist: where the limb is bent it is seen, where it is straight other evidence stands in.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..rotation import (
    axes_to_matrix,
    matrix_to_rotvec,
    rotvec_to_matrix,
    swing_between,
    twist_angle,
)
from ..skeletons import BODY_LANDMARK_INDEX
from .rest import rest_bone, rest_middle, rest_point

_SIDEWAYS = torch.tensor([1.0, 0.0, 0.0])
_UP = torch.tensor([0.0, 1.0, 0.0])

# Forearm twist from the T pose, positive toward palm up. Kapandji, "Physiology of the Joints", vol.
# 1, gives 85 + 90 degrees about the middle, in which the thumb points where the elbow bends: the T
# pose. A straight arm's palm goes all the way up, by the upper arm's turn, which is not seen.
_MOST_PRONATED, _MOST_SUPINATED = -1.7, 3.1
_LARGEST_WRIST_BEND = 1.5
_LARGEST_ANKLE_BEND = 1.1
_BENT_TRUST = 3.0  # of a hinge's axis seen in a bent limb, against 1 for the one assumed
_KNEE_RANGE = (-0.03, 2.7)
_ELBOW_RANGE = (-0.05, 2.7)


@dataclass(frozen=True)
class BodyPoints:
    """Body landmarks by name, in camera axes, with their confidence."""

    points: Tensor  # [T, 33, 3] m
    confidence: Tensor  # [T, 33]

    def at(self, *names: str) -> Tensor:
        """[T, 3], the middle of the named landmarks."""
        rows = [BODY_LANDMARK_INDEX[name] for name in names]
        return self.points[:, rows].mean(1)

    def bone(self, start: str, end: str) -> Tensor:
        return self.at(end) - self.at(start)

    def trust(self, *names: str) -> Tensor:
        """[T], the least confidence among the named landmarks."""
        rows = [BODY_LANDMARK_INDEX[name] for name in names]
        return self.confidence[:, rows].amin(1)


def trunk_rotations(body: BodyPoints) -> tuple[Tensor, Tensor]:
    """Pelvis and chest, camera from joint [T, 3, 3] each.

    The hips' line is exact for the pelvis; for the chest it is the trunk's direction, since a
    shrug tilts the shoulders' line but not the chest.
    """
    hips, shoulders = ("left_hip", "right_hip"), ("left_shoulder", "right_shoulder")
    up = body.at(*shoulders) - body.at(*hips)
    rest_up = rest_middle(*shoulders) - rest_middle(*hips)
    pelvis = _rotation_from_axes(body.bone(*hips[::-1]), up, rest_bone(*hips[::-1]), rest_up, "xy")
    chest = _rotation_from_axes(
        up, body.bone(*shoulders[::-1]), rest_up, rest_bone(*shoulders[::-1]), "yx"
    )
    return pelvis, chest


def _rotation_from_axes(
    first: Tensor, second: Tensor, rest_first: Tensor, rest_second: Tensor, order: str
) -> Tensor:
    """Camera from joint: turns the rest frame of two directions to the seen one."""
    seen = axes_to_matrix(first, second, order)
    return seen @ axes_to_matrix(rest_first, rest_second, order).transpose(-1, -2)


def _smooth_step(value: Tensor, low: float, high: float) -> Tensor:
    x = ((value - low) / (high - low)).clamp(0, 1)
    return x * x * (3 - 2 * x)


def _unit(vector: Tensor) -> Tensor:
    return torch.nn.functional.normalize(vector, dim=-1)


def _across(vector: Tensor, axis: Tensor) -> Tensor:
    """The unit part of ``vector`` at right angles to ``axis``."""
    axis = _unit(axis)
    return _unit(vector - (vector * axis).sum(-1, keepdim=True) * axis)


@dataclass(frozen=True)
class _Hinge:
    """Rest directions of a limb: upper bone, lower bone, and the axis the lower one bends about."""

    upper: Tensor  # [3]
    lower: Tensor  # [3]
    axis: Tensor  # [3]
    bend_range: tuple[float, float]  # rad

    def rotations(self, upper: Tensor, lower: Tensor, prior_axis: Tensor) -> tuple[Tensor, Tensor]:
        """Upper and lower bone, camera from joint, from their seen directions [T, 3].

        Where the limb is bent the way it can bend, the axis is seen: it meets both bones at the
        same angles as at rest. Where the limb is straight, ``prior_axis`` [T, 3] stands in, and
        in between the two are mixed.
        """
        upper, lower = _unit(upper), _unit(lower)
        rest_upper, rest_lower = _unit(self.upper), _unit(self.lower)
        along_upper, along_lower = rest_upper @ self.axis, rest_lower @ self.axis
        prior_axis = _across(prior_axis, upper)
        normal = torch.linalg.cross(upper, lower)
        away = torch.linalg.vector_norm(normal, dim=-1, keepdim=True)
        normal = normal / away.clamp_min(1e-6)
        # The axis is c u + sqrt(1 - c^2) (cos s n + sin s m): c fixed by the upper bone, the
        # slant s out of the limb's plane by the lower one.
        lift = along_lower - along_upper * (upper * lower).sum(-1, keepdim=True)
        reach = (1 - along_upper**2).sqrt() * away.clamp_min(1e-6)
        slant = torch.asin((lift / reach).clamp(-1, 1))
        bent_axis = slant.cos() * normal + slant.sin() * torch.linalg.cross(normal, upper)
        bend_sine = (away**2 - lift**2).clamp_min(0).sqrt()
        is_natural = (bent_axis * prior_axis).sum(-1, keepdim=True) > -0.2
        trust = _BENT_TRUST * _smooth_step(bend_sine, 0.15, 0.6) * is_natural
        first = _rotation_from_axes(
            upper, trust * bent_axis + prior_axis, self.upper, self.axis, "yx"
        )
        # The bend stays within what the joint can do; sideways the seen direction is kept, so
        # within the range the lower bone's direction is exact.
        seen = (first.transpose(-1, -2) @ lower[..., None])[..., 0]
        rest_plane = _across(rest_lower, self.axis)
        rest_across = torch.linalg.cross(self.axis, rest_plane)
        bend = torch.atan2(seen @ rest_across, seen @ rest_plane).clamp(*self.bend_range)
        sideways = (seen @ self.axis)[:, None]
        in_plane = bend.cos()[:, None] * rest_plane + bend.sin()[:, None] * rest_across
        target = sideways * self.axis + (1 - sideways**2).clamp_min(0).sqrt() * in_plane
        hinged = first @ rotvec_to_matrix(bend[:, None] * self.axis)
        reached = (hinged @ rest_lower[:, None])[..., 0]
        return first, swing_between(reached, (first @ target[..., None])[..., 0]) @ hinged


def arm_rotations(body: BodyPoints, side: str, chest: Tensor) -> tuple[Tensor, Tensor]:
    """Upper arm and forearm of ``side``, camera from joint [T, 3, 3] each, without pronation."""
    shoulder, elbow, wrist = f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist"
    sign = -1.0 if side == "left" else 1.0
    rest_upper = rest_bone(shoulder, elbow)
    hinge = _Hinge(rest_upper, rest_bone(elbow, wrist), sign * _UP, _ELBOW_RANGE)
    upper = body.bone(shoulder, elbow)
    # A straight arm says nothing of its twist: the shortest way from the chest's T pose does.
    swing = swing_between((chest @ rest_upper[:, None])[..., 0], upper)
    prior = (swing @ chest @ hinge.axis[:, None])[..., 0]
    return hinge.rotations(upper, body.bone(elbow, wrist), prior)


def leg_rotations(body: BodyPoints, side: str, pelvis: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Thigh, shank and foot of ``side``, camera from joint [T, 3, 3] each."""
    hip, knee, ankle = f"{side}_hip", f"{side}_knee", f"{side}_ankle"
    heel, toe = f"{side}_heel", f"{side}_foot_index"
    rest_thigh, rest_shank = rest_bone(hip, knee), rest_bone(knee, ankle)
    hinge = _Hinge(rest_thigh, rest_shank, _SIDEWAYS, _KNEE_RANGE)
    thigh, shank, sole = body.bone(hip, knee), body.bone(knee, ankle), body.bone(heel, toe)
    rest_sole = rest_bone(heel, toe)
    # Two guesses at the knee's axis when the leg is straight: across the foot, and the
    # shortest way from the pelvis.
    shank_by_foot = _rotation_from_axes(shank, sole, rest_shank, rest_sole, "yz")
    by_foot = (shank_by_foot @ hinge.axis[:, None])[..., 0]
    swing = swing_between((pelvis @ rest_thigh[:, None])[..., 0], thigh)
    by_pelvis = (swing @ pelvis @ hinge.axis[:, None])[..., 0]
    foot_trust = body.trust(ankle, heel, toe)[:, None]
    prior = foot_trust * by_foot + 0.5 * by_pelvis
    thigh_rotation, shank_rotation = hinge.rotations(thigh, shank, prior)
    # The sole's direction is exact, its roll follows the shank: too little of it is seen.
    foot = _rotation_from_axes(sole, -shank, rest_sole, -rest_shank, "zy")
    return thigh_rotation, shank_rotation, limit_turn(shank_rotation, foot, _LARGEST_ANKLE_BEND)


def palm_from_body(body: BodyPoints, side: str, forearm: Tensor) -> Tensor:
    """A rough hand, camera from joint [T, 3, 3], from the body's own knuckle landmarks."""
    wrist, index, pinky = (f"{side}_{name}" for name in ("wrist", "index", "pinky"))
    across = body.bone(pinky, index)
    along = body.at(index, pinky) - body.at(wrist)
    rest_across = rest_bone(f"{side}_pinky1", f"{side}_index1")
    rest_along = rest_middle(f"{side}_pinky1", f"{side}_index1") - rest_point(wrist)
    palm = _rotation_from_axes(along, across, rest_along, rest_across, "xz")
    return limit_turn(forearm, palm, _LARGEST_WRIST_BEND + _MOST_SUPINATED)


def split_forearm_twist(side: str, forearm: Tensor, palm: Tensor) -> tuple[Tensor, Tensor]:
    """Forearm and hand, camera from joint, with the pronation shared between elbow and wrist.

    A hand beyond what a wrist can do is brought back to its limit.
    """
    axis = _unit(rest_bone(f"{side}_elbow", f"{side}_wrist"))
    # Supination turns the left hand by the negative angle about its forearm, the right by the
    # positive one. The cut of the angle lies opposite to the middle of the range.
    sign = -1.0 if side == "left" else 1.0
    middle = 0.5 * (_MOST_PRONATED + _MOST_SUPINATED)
    local = forearm.transpose(-1, -2) @ palm
    angle = sign * twist_angle(local, axis.expand(len(local), 3))
    wrapped = torch.remainder(angle - middle + torch.pi, 2 * torch.pi) - torch.pi + middle
    half = 0.5 * sign * wrapped.clamp(_MOST_PRONATED, _MOST_SUPINATED)[:, None] * axis
    forearm = forearm @ rotvec_to_matrix(half)
    twisted = forearm @ rotvec_to_matrix(half)
    return forearm, limit_turn(twisted, palm, _LARGEST_WRIST_BEND)


def limit_turn(parent: Tensor, child: Tensor, largest: float) -> Tensor:
    """``child`` brought back so that it is at most ``largest`` radians away from ``parent``."""
    turn = matrix_to_rotvec(parent.transpose(-1, -2) @ child)
    angle = torch.linalg.vector_norm(turn, dim=-1, keepdim=True)
    return parent @ rotvec_to_matrix(turn * (largest / angle.clamp_min(largest)))
