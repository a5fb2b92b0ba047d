"""Feet that stand do not slide: legs are bent a little so that planted heels and toes stay put.

A layer over a solved take. Each sole point in a stance is drawn to one place on the floor; the
foot follows its heel, its toe, or both, so that it lands on the heel, stands flat and rolls off
over the toe. The leg reaches there by two-bone inverse kinematics in its own plane; what both legs
lack alike is taken up by the pelvis' height. Legs in the air keep their pose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..check import check_shape
from ..skeletons import JOINT_INDEX
from .filters import blur, highest_around, smooth_step
from .kinematics import RestBody
from .stances import find_stances
from .turns import normalize, rotvec_to_matrix, swing_between, turn

Mode = Literal["auto", "always", "never", "ground"]

_LEGS = tuple(
    tuple(JOINT_INDEX[f"{side}_{name}"] for name in ("hip", "knee", "ankle"))
    for side in ("left", "right")
)
_FADE_S = 0.22  # of a lock into and out of the swing
_STEADY_S = 0.045  # what is asked of a foot is steadied over this: knees show every jerk of it
# A stance that moves farther than the first of these slides on purpose, or is none: beyond the
# second the foot is only steadied over so many seconds, not held in one place.
_FAR_M, _SLIDE_SIGMA_S = (0.03, 0.09), 0.25
# Stances this far from the ground, and of mean probabilities this low, are believed less and less.
_HIGH_M, _DOUBT = (0.03, 0.06), (0.6, 0.85)
_DEEP_M = (0.1, 0.25)
_SINK_M = 0.008  # how far over the floor a foot starts to be kept from sinking in
# "always": a foot no farther over the ground than the other, and its points that are this low.
_LOWER_FOOT_M, _LOW_POINT_M = 0.02, 0.03
_PELVIS_SIGMA_S, _LARGEST_PELVIS_M = 0.1, 0.06
_LONELY = 0.15  # weight of no correction where no foot stands
# A nearly straight leg cannot change its length without its knee popping, so it does so less.
_STRAIGHT = (0.955, 1.0)  # of its full length
_STRAIGHT_SHARE = 0.15
_FULL_REACH = 0.995
_HINGE_SHARE = 0.02  # of the knee's own axis beside the plane that the leg is seen to bend in


@dataclass(frozen=True, eq=False)
class _Lock:
    """What the four sole points are asked for."""

    shift: np.ndarray  # [T, 4, 3] m
    weight: np.ndarray  # [T, 4] 0..1


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
    lock = _find_lock(soles, ground, contacts[:, :4], rate, mode)
    feet = [_FootPath.of(lock, soles, ground, foot, strength, rate) for foot in (0, 1)]
    rise = _pelvis_rise(feet, joints, turns, rate)
    locked = rotations.copy()
    for leg, foot in zip(_LEGS, feet, strict=True):
        _bend_leg(locked, joints, turns, leg, foot, rise)
    return locked, pelvis + rise[:, None] * [0.0, 0.0, 1.0]


def _find_lock(
    soles: np.ndarray, ground: np.ndarray, contacts: np.ndarray, rate: float, mode: Mode
) -> _Lock:
    if mode == "always":
        contacts = np.maximum(contacts, _lower_foot(soles, ground))
    shift, weight = np.zeros_like(soles), np.zeros(soles.shape[:2])
    for sole, stances in enumerate(find_stances(soles, contacts, rate)):
        free = np.ones(len(soles))
        total = np.zeros(len(soles))
        for first, end in stances:
            points, under = soles[first:end, sole], ground[first:end, sole]
            sure = contacts[first:end, sole]
            pull = _hold(points, under, sure, rate, mode)
            fade = _fade(len(soles), first, end, _FADE_S * rate) * _belief(pull, sure, mode)
            # Beyond its ends a stance holds on to what it asked for there.
            held = pull[np.clip(np.arange(len(soles)), first, end - 1) - first]
            shift[:, sole] += fade[:, None] * held
            total += fade
            free *= 1 - fade
        shift[:, sole] /= np.maximum(total, 1e-9)[:, None]
        weight[:, sole] = 1 - free
    return _Lock(shift, weight)


def _lower_foot(soles: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """[T, 4] 0 or 1: points that are low, of the foot that is lower, or of both."""
    height = (soles[..., 2] - ground).reshape(-1, 2, 2)
    lowest = height.min(2)
    is_lower = lowest < lowest.min(1, keepdims=True) + _LOWER_FOOT_M
    is_low = height < lowest[..., None] + _LOW_POINT_M
    return (is_low & is_lower[..., None]).reshape(-1, 4).astype(float)


def _hold(
    points: np.ndarray, ground: np.ndarray, sure: np.ndarray, rate: float, mode: Mode
) -> np.ndarray:
    """The way [N, 3] m of the N rows of a stance to where its point [N, 3] m stands."""
    place = np.average(points, axis=0, weights=sure + 1e-6)
    farthest = np.quantile(np.linalg.norm(points[:, :2] - place[:2], axis=1), 0.9)
    slides = 0.0 if mode == "always" else smooth_step((farthest - _FAR_M[0]) / np.ptp(_FAR_M))
    pull = place + slides * (blur(points, _SLIDE_SIGMA_S * rate) - place) - points
    if mode == "ground":
        pull[:, :2] = 0
    pull[:, 2] = ground - points[:, 2]
    return pull


def _belief(pull: np.ndarray, sure: np.ndarray, mode: Mode) -> float:
    """0..1, how far a stance is followed: not one in doubt, nor one high over the ground."""
    if mode == "always":
        return 1.0
    height = float(np.median(np.abs(pull[:, 2])))
    is_near = smooth_step((_HIGH_M[1] - height) / np.ptp(_HIGH_M))
    return float(is_near * smooth_step((sure.mean() - _DOUBT[0]) / np.ptp(_DOUBT)))


def _fade(num_rows: int, first: int, end: int, length: float) -> np.ndarray:
    """[T], 1 in the stance, falling to 0 over ``length`` rows beside it."""
    rows = np.arange(num_rows)
    away = np.maximum(np.maximum(first - rows, rows - (end - 1)), 0)
    return smooth_step(1 - away / (length + 1))


@dataclass(frozen=True, eq=False)
class _FootPath:
    """Where a foot is to go."""

    shift: np.ndarray  # [T, 2, 3] m, of heel and toe
    soles: np.ndarray  # [T, 2, 3] m, heel and toe as they were
    pivot: np.ndarray  # [T, 2] shares of heel and toe in the point that is met exactly
    weight: np.ndarray  # [T] 0..1, how far the foot stands

    @classmethod
    def of(
        cls,
        lock: _Lock,
        soles: np.ndarray,
        ground: np.ndarray,
        foot: int,
        strength: float,
        rate: float,
    ) -> _FootPath:
        points = slice(2 * foot, 2 * foot + 2)
        own = strength * lock.shift[:, points]
        weight = lock.weight[:, points, None]
        # A point that does not stand goes along with the one that does.
        shift = weight * own + (1 - weight) * weight[:, ::-1] * own[:, ::-1]
        over = soles[:, points, 2] + shift[..., 2] - ground[:, points]
        shift[..., 2] += strength * _keep_out(over)
        pivot = weight[..., 0] + 1e-6
        return cls(
            blur(shift, _STEADY_S * rate),
            soles[:, points],
            pivot / pivot.sum(1, keepdims=True),
            1 - (1 - weight[:, 0, 0]) * (1 - weight[:, 1, 0]),
        )


def _keep_out(over: np.ndarray) -> np.ndarray:
    """How far to lift a point that is ``over`` m above the ground; without a kink, 0 well above.

    A point that is deep below is no foot that sank in: the ground is another there.
    """
    near = np.clip(_SINK_M - over, 0, 2 * _SINK_M)
    lift = near**2 / (4 * _SINK_M) + np.maximum(-_SINK_M - over, 0)
    return lift * smooth_step((_DEEP_M[1] + over) / np.ptp(_DEEP_M))


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
) -> None:
    """Set hip, knee and ankle of ``rotations`` so that the foot gets to its goal, in its plane."""
    goal, tilt = _foot_goal(foot, joints[:, leg[2]], rise)
    hip, knee, ankle = (joints[:, joint] for joint in leg)
    way = goal - hip - rise[:, None] * [0.0, 0.0, 1.0]
    change, axis = _knee_change(joints, turns, leg, np.linalg.norm(way, axis=1))
    flex = rotvec_to_matrix(change[:, None] * axis)
    swing = swing_between(knee + turn(flex, ankle - knee) - hip, way)
    # Rows that nothing is asked of keep their very numbers.
    moved = np.abs(goal - joints[:, leg[2]] - rise[:, None] * [0.0, 0.0, 1.0]).max(1) > 1e-9
    moved |= np.abs(foot.shift).max((1, 2)) > 1e-9
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
