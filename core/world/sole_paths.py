"""Where planted soles are to go: the smallest, smoothest shifts that hold heels and toes in place.

Least squares for each foot over the whole take. In its stance a sole point is drawn to one place
on the ground; heel and toe like to shift alike, in the air by nothing, and nowhere in a hurry. So
stances are held to the millimetre, and the ways into and out of them are as soft as they can be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from .block_solver import solve_block_tridiagonal
from .filters import blur, smooth_step
from .stances import find_cuts, find_stances

Mode = Literal["auto", "always", "never", "ground"]

# Standard deviations: of a standing point about its place, of one in the air about where it was, of
# heel and toe shifting apart; and of what a shift adds to the foot's acceleration.
_HELD_M, _FREE_M, _APART_M, _ADDED_M_S2 = 0.001, 0.05, 0.02, 2.5
# A point that is below the ground by so much is lifted as firmly as this share of a stance, again
# for as many rounds; one that is deep below is no foot that sank in: the ground is another there.
_SUNK_SHARE, _SUNK_M, _DEEP_M, _NUM_RISES = 0.1, 0.003, (0.1, 0.25), 3
# Beyond its ends a stance changes nothing after so long.
_REACH_S = 0.5
# Contact below the first does not hold, above the second fully.
_HOLDS = (0.3, 0.7)
_FAST_M_S, _SPEED_SIGMA_S = 0.4, 0.04  # a point this fast is on its way already
# A stance that moves farther than the first of these slides on purpose, or is none: beyond the
# second the foot is only steadied over so many seconds, not held in one place.
_FAR_M, _SLIDE_SIGMA_S = (0.03, 0.09), 0.35
# Stances this far from the ground, and of mean probabilities this low, are believed less and less.
_HIGH_M, _DOUBT = (0.03, 0.06), (0.4, 0.7)
# "always": a foot no farther over the ground than the other, and its points that are this low.
_LOWER_FOOT_M, _LOW_POINT_M = 0.02, 0.03


@dataclass(frozen=True, eq=False)
class SoleShifts:
    """What the four sole points are asked for."""

    shift: np.ndarray  # [T, 4, 3] m
    weight: np.ndarray  # [T, 4] 0..1, how far a point stands


def find_sole_shifts(
    soles: np.ndarray, ground: np.ndarray, contacts: np.ndarray, rate: float, mode: Mode
) -> SoleShifts:
    """Shifts of soles [T, 4, 3] m so that those in ``contacts`` [T, 4] stand still.

    ``ground`` [T, 4] m is the height that a standing point has, ``rate`` rows a second.
    """
    if mode == "always":
        contacts = np.maximum(contacts, _lower_foot(soles, ground))
    way = np.zeros((*soles.shape[:2], 2))
    rise = ground - soles[..., 2]
    weight = np.zeros(rise.shape)
    for sole, stances in enumerate(find_stances(soles, contacts, rate)):
        for first, end in stances:
            stance = (slice(first, end), sole)
            sure = contacts[stance]
            belief = 1.0 if mode == "always" else _belief(rise[stance], sure)
            weight[stance] = belief * _holds(soles[stance], sure, rate)
            if mode != "ground":
                way[stance] = _way_to_place(soles[stance][:, :2], sure, rate, mode)
    is_smooth = np.ones(max(len(soles) - 2, 0), bool)
    for cut in find_cuts(soles.mean(1), rate):
        is_smooth[max(cut - 2, 0) : cut] = False
    parts = [
        _shift_foot(way[:, foot], rise[:, foot], weight[:, foot], is_smooth, rate)
        for foot in (slice(0, 2), slice(2, 4))
    ]
    found = np.concatenate(parts, 1)
    return SoleShifts(found[..., :3], found[..., 3])


def _lower_foot(soles: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """[T, 4] 0 or 1: points that are low, of the foot that is lower, or of both."""
    height = (soles[..., 2] - ground).reshape(-1, 2, 2)
    lowest = height.min(2)
    is_lower = lowest < lowest.min(1, keepdims=True) + _LOWER_FOOT_M
    is_low = height < lowest[..., None] + _LOW_POINT_M
    return (is_low & is_lower[..., None]).reshape(-1, 4).astype(float)


def _way_to_place(points: np.ndarray, sure: np.ndarray, rate: float, mode: Mode) -> np.ndarray:
    """[N, 2] m from a stance's point [N, 2] m, level, to where it stands."""
    place = np.average(points, axis=0, weights=sure + 1e-6)
    farthest = np.quantile(np.linalg.norm(points - place, axis=1), 0.9)
    slides = 0.0 if mode == "always" else smooth_step((farthest - _FAR_M[0]) / np.ptp(_FAR_M))
    return place + slides * (blur(points, _SLIDE_SIGMA_S * rate) - place) - points


def _belief(rise: np.ndarray, sure: np.ndarray) -> float:
    """0..1, how far a stance is followed: not one in doubt, nor one high over the ground."""
    height = float(np.median(np.abs(rise)))
    is_near = smooth_step((_HIGH_M[1] - height) / np.ptp(_HIGH_M))
    return float(is_near * smooth_step((sure.mean() - _DOUBT[0]) / np.ptp(_DOUBT)))


def _holds(points: np.ndarray, sure: np.ndarray, rate: float) -> np.ndarray:
    """[N] 0..1, how firmly each row of a stance holds: less where its point [N, 3] m goes away."""
    held = smooth_step((sure - _HOLDS[0]) / np.ptp(_HOLDS))
    steps = blur(np.gradient(points, axis=0), _SPEED_SIGMA_S * rate)
    speed = np.linalg.norm(steps, axis=1) * rate
    return held / (1 + (speed / _FAST_M_S) ** 2) ** 2


def _shift_foot(
    way: np.ndarray, rise: np.ndarray, weight: np.ndarray, is_smooth: np.ndarray, rate: float
) -> np.ndarray:
    """[T, 2, 4] shift of heel and toe in m and, last, how far they stand.

    How far they stand is what a pull of one would leave: it comes and goes as softly as the shift.
    """
    level = np.concatenate([way, np.ones((*rise.shape, 1))], 2)
    level = _smallest(level, weight, is_smooth, rate) * _fade(weight, rate)
    lift = weight
    height = _smallest(rise[..., None], lift, is_smooth, rate)
    for _ in range(_NUM_RISES):
        sunk = np.clip((rise - height[..., 0]) / _SUNK_M, 0, 1)
        sunk *= _SUNK_SHARE * smooth_step((_DEEP_M[1] - rise) / np.ptp(_DEEP_M))
        lift = np.maximum(weight, sunk)
        height = _smallest(rise[..., None], lift, is_smooth, rate)
    height *= _fade(lift, rate)
    return np.concatenate([level[..., :2], height, level[..., 2:].clip(0, 1)], 2)


def _fade(weight: np.ndarray, rate: float) -> np.ndarray:
    """[T, 1, 1] 1 where ``weight`` [T, 2] asks for something, falling to 0 beside that."""
    rows, is_asked = np.arange(len(weight)), weight.max(1) > 0
    before = np.maximum.accumulate(np.where(is_asked, rows, -np.inf))
    after = np.minimum.accumulate(np.where(is_asked, rows, np.inf)[::-1])[::-1]
    away = np.minimum(rows - before, after - rows)
    return smooth_step(1 - away / (_REACH_S * rate + 1))[:, None, None]


def _smallest(
    pull: np.ndarray, weight: np.ndarray, is_smooth: np.ndarray, rate: float
) -> np.ndarray:
    """[T, 2, K] of a foot's heel and toe: ``pull`` [T, 2, K] where ``weight`` [T, 2] holds.

    ``is_smooth`` [T - 2]: whether three rows follow each other without a cut. Rows are paired, so
    that second differences link neighbours only.
    """
    num_rows = len(pull)
    num_pairs = (num_rows + 1) // 2
    held = weight / _HELD_M**2 / rate
    own = np.zeros((2 * num_pairs, 2, 2))
    own[num_rows:] = np.eye(2)
    apart = np.array([[1.0, -1.0], [-1.0, 1.0]]) / _APART_M**2 / rate
    own[:num_rows] = apart + np.eye(2) * (held + 1 / _FREE_M**2 / rate)[:, None]
    after, second = np.zeros((2, 2 * num_pairs, 1, 1))
    bends = len(is_smooth)
    stiffness = rate**3 / _ADDED_M_S2**2 * is_smooth[:, None, None]  # of second differences
    for i, factor in enumerate((1.0, 4.0, 1.0)):
        own[i : i + bends] += factor * stiffness * np.eye(2)
    for i in (0, 1):
        after[i : i + bends] -= 2 * stiffness
    second[:bends] += stiffness
    diagonal = np.zeros((num_pairs, 4, 4))
    diagonal[:, :2, :2], diagonal[:, 2:, 2:] = own[::2], own[1::2]
    diagonal[:, :2, 2:] = diagonal[:, 2:, :2] = after[::2] * np.eye(2)
    upper = np.zeros((num_pairs - 1, 4, 4))
    upper[:, :2, :2], upper[:, 2:, 2:] = second[:-2:2] * np.eye(2), second[1:-2:2] * np.eye(2)
    upper[:, 2:, :2] = after[1:-1:2] * np.eye(2)
    right = np.zeros((2 * num_pairs, *pull.shape[1:]))
    right[:num_rows] = held[..., None] * pull
    found = solve_block_tridiagonal(diagonal, upper, right.reshape(num_pairs, 4, -1))
    return found.reshape(right.shape)[:num_rows]
