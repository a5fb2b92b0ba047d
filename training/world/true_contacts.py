"""What truly touches in a motion without errors: the contact network's labels."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from scipy.ndimage import binary_closing, binary_opening

from reelrig.core.world.contacts import RATE_HZ

# Rows of pick_points: soles, pelvis, hips, knees, ankles, hands, elbows, shoulders, head.
_SOLES, _PELVIS, _HIPS, _KNEES, _ANKLES = slice(0, 4), 4, [5, 6], [7, 8], [9, 10]
_HANDS, _SHOULDERS = [11, 12], [15, 16]

_SLOW_M_S, _STILL_M_S = 0.35, 0.15
_LOW_M = {"sole": 0.055, "hand": 0.10, "knee": 0.11, "seat": 0.2}
_SOLE_CLEARANCE = np.array([0.03, 0.02, 0.03, 0.02])  # m over the floor at rest, about
_STILL_S, _SIT_S, _GAP_S = 0.17, 0.4, 0.1
_OFF_BALANCE_M = 0.12  # from the feet to a body's middle that they alone cannot carry
_SEAT_SLOW_M_S = 0.25
_SUNK_LEG_SHARE = 0.75  # of the leg's length that a seated pelvis is over the lower ankle, at most


def true_contacts(points: np.ndarray) -> np.ndarray:
    """[T, 9] bool, CONTACT_POINTS, of points [T, P, 3] m over the floor z = 0 at RATE_HZ.

    Soles touch where they are low and slow, or still and the lowest of all: steps, boxes.
    """
    speed = RATE_HZ * np.linalg.norm(np.gradient(points, axis=0), axis=-1)
    soles = _sole_contacts(points, speed)
    hands, knees = (
        (points[:, rows, 2] < _LOW_M[name]) & (speed[:, rows] < _SLOW_M_S)
        for rows, name in ((_HANDS, "hand"), (_KNEES, "knee"))
    )
    seat = _seat_contact(points, speed, soles, hands.any(1))
    found = np.concatenate([soles, hands, knees, seat[:, None]], 1)
    return _sustained(found, _GAP_S, closing=True)


def _sole_contacts(points: np.ndarray, speed: np.ndarray) -> np.ndarray:
    height = points[:, _SOLES, 2] - _SOLE_CLEARANCE
    is_low, slow = height < _LOW_M["sole"], speed[:, _SOLES] < _SLOW_M_S
    lowest = points[..., 2].min(1)[:, None]
    is_lowest = points[:, _SOLES, 2] - lowest < _LOW_M["sole"]
    is_still = _sustained(speed[:, _SOLES] < _STILL_M_S, _STILL_S)
    return (is_low & slow) | (is_lowest & is_still)


def _seat_contact(
    points: np.ndarray, speed: np.ndarray, soles: np.ndarray, on_hands: np.ndarray
) -> np.ndarray:
    """[T] bool: on the ground, or at rest where the feet cannot carry the body: on a chair."""
    middle = 0.5 * points[:, _PELVIS] + 0.5 * points[:, _SHOULDERS].mean(1)
    away = _distance_to_feet(points[:, _SOLES, :2], soles, middle[:, :2])
    at_rest = speed[:, _PELVIS] < _SEAT_SLOW_M_S
    height = points[:, _PELVIS, 2] - points[:, _ANKLES, 2].min(1)
    is_sunk = height < _SUNK_LEG_SHARE * _leg_length(points)
    on_chair = at_rest & is_sunk & (away > _OFF_BALANCE_M) & ~on_hands
    on_ground = at_rest & (points[:, _PELVIS, 2] < _LOW_M["seat"])
    return _sustained(on_chair, _SIT_S) | on_ground


def _leg_length(points: np.ndarray) -> float:
    hips, knees, ankles = points[:, _HIPS], points[:, _KNEES], points[:, _ANKLES]
    return float(np.linalg.norm([hips - knees, knees - ankles], axis=-1).sum(0).mean())


def _distance_to_feet(soles: np.ndarray, touching: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """[T] m, from ``middle`` [T, 2] to the nearest place between touching soles [T, 4, 2]."""
    nearest = np.full(len(middle), np.inf)
    for a, b in combinations(range(4), 2):
        for share in (0.0, 0.25, 0.5, 0.75, 1.0):
            place = (1 - share) * soles[:, a] + share * soles[:, b]
            distance = np.linalg.norm(place - middle, axis=1)
            carries = touching[:, a] & touching[:, b] | (share == 0) & touching[:, a]
            carries |= (share == 1) & touching[:, b]
            nearest = np.where(carries, np.minimum(nearest, distance), nearest)
    return np.where(np.isfinite(nearest), nearest, 1.0)


def _sustained(found: np.ndarray, seconds: float, closing: bool = False) -> np.ndarray:
    """Without runs (or, ``closing``, without gaps) shorter than that; at the ends as they are."""
    length = max(1, round(seconds * RATE_HZ))
    window = np.ones((length, *[1] * (found.ndim - 1)), bool)
    pad = [(length, length), *[(0, 0)] * (found.ndim - 1)]
    padded = np.pad(found, pad, mode="edge")
    changed = (binary_closing if closing else binary_opening)(padded, window)
    return changed[length:-length]
