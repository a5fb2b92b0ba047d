"""Feet that stand do not slide: legs are bent a little so that planted heels and toes stay put.

A layer over a solved take. Each sole point in a stance is drawn to one place on the floor
(``sole_paths.py``); the foot follows its heel, its toe, or both, so that it lands on the heel,
stands flat and rolls off over the toe. The leg reaches there by two-bone inverse kinematics in its
own plane; what both legs lack alike is taken up by the pelvis' height. Legs in the air keep their
pose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..check import check_shape
from ..skeletons import JOINT_INDEX
from .filters import blur, highest_around, smooth_step
from .kinematics import RestBody
from .sole_paths import Mode, SoleShifts, find_sole_shifts
from .turns import normalize, rotvec_to_matrix, swing_between, turn

_LEGS = tuple(
    tuple(JOINT_INDEX[f"{side}_{name}"] for name in ("hip", "knee", "ankle"))
    for side in ("left", "right")
)
_PELVIS_SIGMA_S, _LARGEST_PELVIS_M = 0.1, 0.06
_LONELY = 0.15  # weight of no correction where no foot stands
# A nearly straight leg cannot change its length without its knee popping, so it does so less.
_STRAIGHT = (0.955, 1.0)  # of its full length
_STRAIGHT_SHARE = 0.15
_KNEE_SIGMA_S = 0.08  # knees show every jerk; what that leaves of a foot's height is millimetres
_FULL_REACH = 0.995
_LEAST_M = 1e-6  # less is no change
_HINGE_SHARE = 0.02  # of the knee's own axis beside the plane that the leg is seen to bend in


def lock_feet(
    rotations: np.ndarray,
    pelvis: np.ndarray,
    rest: RestBody,
    contacts: np.ndarray,
    support: np.ndarray,
    rate: float,
    *,
    mode: Mode = "auto",
    strength: float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """The rotations [T, 55, 3, 3] (parent from joint) and pelvis [T, 3] m with feet that stand.

    Axes with z up. ``contacts`` [T, 9] probabilities (CONTACT_POINTS), ``support`` [T, 4] m the
    height of the ground under each sole point, ``rate`` rows a second. ``mode``: "auto" locks the
    stances, "always" also plants the lower foot, "ground" only sets heights, "never" nothing.
    ``strength`` 0..1 is the share of the change; at 0 the input comes back as it is.
    """
    check_shape("rotations", rotations, "T 55 3 3")
    check_shape("pelvis", pelvis, "T 3", T=len(rotations))
    check_shape("contacts", contacts, "T 9", T=len(rotations))
    check_shape("support", support, "T 4", T=len(rotations))
    if mode == "never" or strength <= 0:
        return rotations, pelvis
    joints, turns = rest.pose_joints(rotations, pelvis)
    soles = rest.pose_soles(joints, turns)
    ground = support + rest.clearance
    wanted = find_sole_shifts(soles, ground, contacts[:, :4], rate, mode)
    feet = [_FootPath.of(wanted, soles, foot, strength) for foot in (0, 1)]
    rise = _pelvis_rise(feet, joints, turns, rate)
    locked = rotations.copy()
    for leg, foot in zip(_LEGS, feet, strict=True):
        _bend_leg(locked, joints, turns, leg, foot, rise, rate)
    return locked, pelvis + rise[:, None] * [0.0, 0.0, 1.0]


@dataclass(frozen=True, eq=False)
class _FootPath:
    """Where a foot is to go."""

    shift: np.ndarray  # [T, 2, 3] m, of heel and toe
    soles: np.ndarray  # [T, 2, 3] m, heel and toe as they were
    pivot: np.ndarray  # [T, 2] shares of heel and toe in the point that is met exactly
    weight: np.ndarray  # [T] 0..1, how far the foot stands

    @classmethod
    def of(cls, wanted: SoleShifts, soles: np.ndarray, foot: int, strength: float) -> _FootPath:
        points = slice(2 * foot, 2 * foot + 2)
        weight = wanted.weight[:, points]
        pivot = weight + 1e-6
        return cls(
            strength * wanted.shift[:, points],
            soles[:, points],
            pivot / pivot.sum(1, keepdims=True),
            1 - (1 - weight[:, 0]) * (1 - weight[:, 1]),
        )


def _pelvis_rise(
    feet: list[_FootPath], joints: np.ndarray, turns: np.ndarray, rate: float
) -> np.ndarray:
    """[T] m: what standing feet ask for alike, less where a leg would be too short."""
    sigma = _PELVIS_SIGMA_S * rate
    weight = np.stack([foot.weight for foot in feet], 1)
    asked = np.stack([foot.shift[..., 2].mean(1) for foot in feet], 1)
    rise = blur((weight * asked).sum(1), sigma) / (blur(weight.sum(1), sigma) + _LONELY)
    lack = np.zeros(len(joints))
    for leg, foot in zip(_LEGS, feet, strict=True):
        ankle, _ = _foot_goal(foot, joints[:, leg[2]], rise)
        lack = np.maximum(lack, foot.weight * _lacking(joints, leg, ankle, rise))
    sink = blur(highest_around(lack, max(1, round(sigma))), sigma)
    return _LARGEST_PELVIS_M * np.tanh((rise - sink) / _LARGEST_PELVIS_M)


def _foot_goal(
    foot: _FootPath, ankle: np.ndarray, rise: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Ankle [T, 3] m and the foot's further turn [T, 3, 3]; in the air it goes with the pelvis."""
    shift = foot.shift.copy()
    shift[..., 2] += ((1 - foot.weight) * rise)[:, None]
    goal = foot.soles + shift
    tilt = swing_between(foot.soles[:, 1] - foot.soles[:, 0], goal[:, 1] - goal[:, 0])
    pivot = (foot.pivot[..., None] * foot.soles).sum(1)
    pivot_goal = (foot.pivot[..., None] * goal).sum(1)
    return pivot_goal + turn(tilt, ankle - pivot), tilt


def _lengths(joints: np.ndarray, leg: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    hip, knee, ankle = leg
    thigh = np.linalg.norm(joints[:, knee] - joints[:, hip], axis=1)
    return thigh, np.linalg.norm(joints[:, ankle] - joints[:, knee], axis=1)


def _lacking(
    joints: np.ndarray, leg: tuple[int, ...], ankle: np.ndarray, rise: np.ndarray
) -> np.ndarray:
    """[T] m, how far the pelvis has to sink for the ankle to be in reach."""
    thigh, shin = _lengths(joints, leg)
    way = joints[:, leg[0]] + rise[:, None] * [0.0, 0.0, 1.0] - ankle
    before = np.linalg.norm(joints[:, leg[0]] - joints[:, leg[2]], axis=1)
    reach = np.maximum(before, _FULL_REACH * (thigh + shin))
    level = (way[:, :2] ** 2).sum(1)
    return np.maximum(way[:, 2] - np.sqrt(np.maximum(reach**2 - level, 0)), 0)


def _bend_leg(
    rotations: np.ndarray,
    joints: np.ndarray,
    turns: np.ndarray,
    leg: tuple[int, ...],
    foot: _FootPath,
    rise: np.ndarray,
    rate: float,
) -> None:
    """Set hip, knee and ankle of ``rotations`` so that the foot gets to its goal, in its plane."""
    goal, tilt = _foot_goal(foot, joints[:, leg[2]], rise)
    hip, knee, ankle = (joints[:, joint] for joint in leg)
    way = goal - hip - rise[:, None] * [0.0, 0.0, 1.0]
    # Rows that nothing is asked of keep their very numbers.
    moved = np.abs(goal - joints[:, leg[2]] - rise[:, None] * [0.0, 0.0, 1.0]).max(1) > _LEAST_M
    moved |= np.abs(foot.shift).max((1, 2)) > _LEAST_M
    change, axis = _knee_change(joints, turns, leg, np.linalg.norm(way, axis=1))
    flex = rotvec_to_matrix((moved * blur(change, _KNEE_SIGMA_S * rate))[:, None] * axis)
    swing = swing_between(knee + turn(flex, ankle - knee) - hip, way)
    above = turns[moved, 0]
    for joint, world in zip(
        leg,
        (swing @ turns[:, leg[0]], swing @ flex @ turns[:, leg[1]], tilt @ turns[:, leg[2]]),
        strict=True,
    ):
        rotations[moved, joint] = above.transpose(0, 2, 1) @ world[moved]
        above = world[moved]


def _knee_change(
    joints: np.ndarray, turns: np.ndarray, leg: tuple[int, ...], wanted: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Angle [T] rad and axis [T, 3] of the knee's further bending, for a leg ``wanted`` [T] m long.

    Zero where the length stays: a straight or overstretched knee is left as it was found.
    """
    hip, knee, ankle = (joints[:, joint] for joint in leg)
    thigh, shin = _lengths(joints, leg)
    full = thigh + shin
    before = np.linalg.norm(ankle - hip, axis=1)
    start, end = _STRAIGHT
    straight = smooth_step((np.maximum(before, wanted) / full - start) / (end - start))
    length = before + (1 - (1 - _STRAIGHT_SHARE) * straight) * (wanted - before)
    length = np.minimum(length, np.maximum(before, _FULL_REACH * full))
    hinge = turns[:, leg[0], :, 0]  # SMPL-X's knee bends about the thigh's x
    bend = np.cross(knee - hip, ankle - knee)
    bend = np.where((bend * hinge).sum(1, keepdims=True) < 0, -bend, bend)  # never backward
    axis = normalize(bend + _HINGE_SHARE * (thigh * shin)[:, None] * hinge)
    change = _flexion(length, thigh, shin) - _flexion(before, thigh, shin)
    return change, axis


def _flexion(length: np.ndarray, thigh: np.ndarray, shin: np.ndarray) -> np.ndarray:
    """[T] rad, 0 for a straight leg, by the law of cosines."""
    cosine = (length**2 - thigh**2 - shin**2) / (2 * thigh * shin)
    return np.arccos(np.clip(cosine, -1, 1))
