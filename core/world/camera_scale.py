"""How many metres a moving camera went: the length by which feet that stand do stand still.

What the background tells of the camera's way has no scale. The person's has one: legs carry the
body on by as much as the standing foot falls back, and the camera sees where the body is.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .filters import blur

_LAGS_S = (0.5, 1.0, 2.0, 4.0, 8.0)  # over which both ways are compared; each forgives other errors
# Standard deviations: what the camera measures as shares of the distance, what legs tell as a share
# of the way that they went and in metres.
_ALONG_RAY, _ACROSS_RAY = 0.035, 0.006
_WALKED, _STOOD_M = 0.06, 0.02
_ROBUST_SIGMAS, _NUM_ROUNDS = 2.0, 8
_LEAST_TOUCH = 0.3  # all through a stretch somebody must stand on something, or legs tell nothing
_TOUCH_SIGMA_S = 0.05
_LOWEST_M = 0.03  # over the lowest sole: so far a foot that stands may be
# Before anything is told: the background is somewhat farther away than the person.
_USUAL_FACTOR, _USUAL_SIGMA = 1.3, 0.7


def find_scale(
    shift: np.ndarray,
    pelvis: np.ndarray,
    soles: np.ndarray,
    rate: float,
    tell_touches: Callable[[np.ndarray], np.ndarray],
) -> float:
    """Metres for each unit of the camera's ``shift`` [T, 3], in upright axes.

    ``pelvis`` [T, 3] m from where the camera is in each row, ``soles`` [T, 4, 3] m about it.
    ``tell_touches`` takes the camera's place [T, 3] m and gives [T, 4], 0..1, which soles touch.
    """
    scale = _fit(shift, pelvis, soles, _lowest(soles), rate)
    touches = tell_touches(scale * shift)
    return _fit(shift, pelvis, soles, touches, rate)


def _lowest(soles: np.ndarray) -> np.ndarray:
    """[T, 4] 0..1, as if the lowest sole always stood."""
    height = soles[..., 2]
    return np.exp(-0.5 * ((height - height.min(1, keepdims=True)) / _LOWEST_M) ** 2)


def _fit(
    shift: np.ndarray, pelvis: np.ndarray, soles: np.ndarray, touches: np.ndarray, rate: float
) -> float:
    """Least squares of ``scale * (way of shift) = way of legs - way of pelvis``, far ones less."""
    walked, support = _carry(soles, touches, rate)
    distance = np.linalg.norm(pelvis, axis=1)
    usual = _USUAL_FACTOR * float(np.median(distance))
    matrices, ways, gaps = [], [], []
    for lag_s in _LAGS_S:
        lag = round(lag_s * rate)
        starts = np.arange(0, len(pelvis) - lag, max(1, lag // 2))
        if lag < 1 or not len(starts):
            break
        ends = starts + lag
        is_held = np.array(
            [support[a : b + 1].min() > _LEAST_TOUCH for a, b in zip(starts, ends, strict=True)]
        )
        starts, ends = starts[is_held], ends[is_held]
        way = walked[ends] - walked[starts]
        ways.append(shift[ends] - shift[starts])
        gaps.append(way - (pelvis[ends] - pelvis[starts]))
        matrices.append(_precision(pelvis[starts], distance[starts], way))
    if not ways:
        return usual
    return _solve(np.concatenate(matrices), np.concatenate(ways), np.concatenate(gaps), usual)


def _solve(precision: np.ndarray, ways: np.ndarray, gaps: np.ndarray, usual: float) -> float:
    """``precision`` [N, 3, 3] of ``gaps`` [N, 3] m, which ``ways`` [N, 3] explain when scaled."""
    prior = (_USUAL_SIGMA * usual) ** -2
    scale = usual
    for _ in range(_NUM_ROUNDS):
        off = gaps - scale * ways
        square = np.einsum("na,nab,nb->n", off, precision, off)
        weight = 1 / (1 + square / _ROBUST_SIGMAS**2)
        known = np.einsum("n,na,nab,nb->", weight, ways, precision, ways)
        told = np.einsum("n,na,nab,nb->", weight, ways, precision, gaps)
        scale = (told + prior * usual) / (known + prior)
    return max(float(scale), 0.0)


def _carry(soles: np.ndarray, touches: np.ndarray, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """[T, 3] m the pelvis' way by the legs; [T] 0..1, how surely anything carried."""
    both = np.minimum(touches[1:], touches[:-1])
    share = both / np.maximum(both.sum(1, keepdims=True), 1e-6)
    moved = -np.einsum("tk,tka->ta", share, np.diff(soles, axis=0))
    walked = np.concatenate([np.zeros((1, 3)), np.cumsum(moved, axis=0)])
    return walked, blur(touches.max(1), _TOUCH_SIGMA_S * rate)


def _precision(ray: np.ndarray, distance: np.ndarray, way: np.ndarray) -> np.ndarray:
    """[N, 3, 3] 1 / m^2, of the difference of two places."""
    ray = ray / np.maximum(distance, 0.1)[:, None]
    along = ray[:, :, None] * ray[:, None, :]
    legs = (_WALKED * np.linalg.norm(way, axis=1)) ** 2 + _STOOD_M**2
    deep = 2 * (_ALONG_RAY * distance) ** 2 + legs
    flat = 2 * (_ACROSS_RAY * distance) ** 2 + legs
    return along / deep[:, None, None] + (np.eye(3) - along) / flat[:, None, None]
