"""Body shapes: normally distributed, with wider tails, of plausible stature."""

from __future__ import annotations

from functools import cache

import numpy as np

from reelrig.core.body.model import load_body

_FREEDOM = 6  # degrees of Student's t: tails wider than the normal's
_LARGEST = 3.0
_STATURE_M = (1.45, 2.05)
_NUM_TRIES = 50


@cache
def _stature_line() -> tuple[float, np.ndarray]:
    """Stature in metres of the mean shape, and [10] m by which each beta changes it."""
    body = load_body()
    top, bottom = body.template[:, 1].argmax(), body.template[:, 1].argmin()
    dirs = body.shape_dirs[top, 1] - body.shape_dirs[bottom, 1]
    return float(body.template[top, 1] - body.template[bottom, 1]), dirs[:10]


def stature_m(betas: np.ndarray) -> float:
    """Of the shape ``betas`` [10]."""
    mean, dirs = _stature_line()
    return float(mean + dirs @ betas)


def draw_betas(rng: np.random.Generator) -> np.ndarray:
    """[10] of the shipped body."""
    for _ in range(_NUM_TRIES):
        betas = np.clip(rng.standard_t(_FREEDOM, 10), -_LARGEST, _LARGEST)
        if _STATURE_M[0] <= stature_m(betas) <= _STATURE_M[1]:
            return betas
    return np.zeros(10)
