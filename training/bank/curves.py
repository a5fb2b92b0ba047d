"""Smooth random curves and smooth ways between keys."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import PchipInterpolator

from . import quaternions

_NUM_WAVES = 5


def wander(
    rng: np.random.Generator, time_s: np.ndarray, num_channels: int, highest_hz: float
) -> np.ndarray:
    """[T, C] Gaussian curves slower than ``highest_hz``; over draws of mean 0 and variance 1."""
    frequency = highest_hz * rng.random(_NUM_WAVES) ** 1.5
    phase = 2 * np.pi * np.outer(time_s, frequency)
    amplitude = rng.standard_normal((2 * _NUM_WAVES, num_channels)) / np.sqrt(_NUM_WAVES)
    return np.concatenate([np.cos(phase), np.sin(phase)], 1) @ amplitude


def minimum_jerk(share: np.ndarray) -> np.ndarray:
    """Flash & Hogan 1985: the course of a reach from 0 to 1, at rest at both ends."""
    share = np.clip(share, 0, 1)
    return share**3 * (10 - 15 * share + 6 * share**2)


def draw_key_times(rng: np.random.Generator, time_s: np.ndarray, spacing_s: float) -> np.ndarray:
    """[K >= 2] s, unevenly spaced, from before the first row until after the last."""
    end = time_s[-1]
    gaps = spacing_s * rng.uniform(
        0.5, 1.7, 4 + int(np.ceil((end + 2 * spacing_s) / spacing_s / 0.5))
    )
    times = -gaps[0] * rng.random() + np.concatenate([[0.0], np.cumsum(gaps[1:])])
    return times[: 1 + int(np.searchsorted(times, end, "right"))]


def places_between(
    rng: np.random.Generator, time_s: np.ndarray, key_times: np.ndarray, rest_share: float
) -> np.ndarray:
    """[T] fractional keys: from one to the next by minimum jerk, resting at each for a while.

    ``rest_share`` of each gap is spent at rest, on average half of it at its end.
    """
    row = np.clip(np.searchsorted(key_times, time_s, "right") - 1, 0, len(key_times) - 2)
    gap = np.diff(key_times)
    start = key_times[:-1] + rest_share * gap * rng.random(len(gap))
    share = (time_s - start[row]) / ((1 - rest_share) * gap[row])
    return row + minimum_jerk(share)


def through_keys(
    rng: np.random.Generator, time_s: np.ndarray, key_times: np.ndarray, keys: np.ndarray
) -> np.ndarray:
    """Turns [T, ..., 4] along ``keys`` [K, ..., 4]: stopping at each, or flowing through them."""
    if rng.random() < 0.6:
        place = places_between(rng, time_s, key_times, rng.uniform(0, 0.6))
        row = np.minimum(place.astype(int), len(keys) - 2)
        share = (place - row).reshape(-1, *[1] * (keys.ndim - 2))
        return quaternions.slerp(keys[row], keys[row + 1], share)
    aligned = quaternions.align(keys)
    return quaternions.normalize(PchipInterpolator(key_times, aligned)(time_s))


def through_values(
    rng: np.random.Generator, time_s: np.ndarray, key_times: np.ndarray, keys: np.ndarray
) -> np.ndarray:
    """Values [T, ...] along ``keys`` [K, ...], resting at each for a while."""
    place = places_between(rng, time_s, key_times, rng.uniform(0, 0.6))
    row = np.minimum(place.astype(int), len(keys) - 2)
    share = (place - row).reshape(-1, *[1] * (keys.ndim - 1))
    return keys[row] + share * (keys[row + 1] - keys[row])
