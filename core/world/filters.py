"""Small operations along the rows of a take."""

from __future__ import annotations

import math

import numpy as np


def blur(values: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian mean over the rows of [T, ...], ``sigma`` in rows; the ends are held."""
    radius = math.ceil(3 * sigma)
    if radius == 0 or len(values) == 1:
        return values.copy()
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    padded = np.pad(values, [(radius, radius), *[(0, 0)] * (values.ndim - 1)], mode="edge")
    blurred = np.zeros(values.shape)
    for shift, weight in enumerate(taps / taps.sum()):
        blurred += weight * padded[shift : shift + len(values)]
    return blurred


def highest_around(values: np.ndarray, reach: int) -> np.ndarray:
    """[T], the highest of the rows up to ``reach`` rows away, of values [T]."""
    padded = np.pad(values, reach, mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).max(-1)


def smooth_step(share: np.ndarray) -> np.ndarray:
    """0 below 0, 1 above 1, between without a kink."""
    share = np.clip(share, 0.0, 1.0)
    return share * share * (3 - 2 * share)


def find_runs(is_on: np.ndarray) -> list[tuple[int, int]]:
    """(first, end) rows of each run in which ``is_on`` [T] holds; the end is not in it."""
    edges = np.diff(np.concatenate([[False], is_on, [False]]).astype(np.int8))
    return list(zip(np.flatnonzero(edges > 0), np.flatnonzero(edges < 0), strict=True))
