"""How far predicted points lie from the true ones, by the field's measures. numpy only."""

from __future__ import annotations

import numpy as np


def align(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """``points`` [..., N, 3] turned, scaled and moved onto ``target``: similarity Procrustes.

    Umeyama 1991, "Least-squares estimation of transformation parameters", eq. 39-42.
    """
    middle, target_middle = points.mean(-2, keepdims=True), target.mean(-2, keepdims=True)
    centred = points - middle
    u, stretch, vt = np.linalg.svd((target - target_middle).swapaxes(-1, -2) @ centred)
    fix = np.ones_like(stretch)
    fix[..., 2] = np.linalg.det(u @ vt)
    turn = (u * fix[..., None, :]) @ vt
    scale = (stretch * fix).sum(-1) / (centred**2).sum((-1, -2))
    return scale[..., None, None] * centred @ turn.swapaxes(-1, -2) + target_middle


def pa_errors(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """[T, N] mm after Procrustes in each row of points [T, N, 3] m; NaN where one is not known.

    The fit takes the points that both know.
    """
    errors = np.full(points.shape[:2], np.nan)
    known = np.isfinite(points).all(-1) & np.isfinite(target).all(-1)
    for pattern in np.unique(known, axis=0):
        if pattern.sum() < 4:  # fewer can be fitted nearly anyhow
            continue
        rows = (known == pattern).all(1)
        found, true = points[rows][:, pattern], target[rows][:, pattern]
        distance = np.linalg.norm(align(found, true) - true, axis=-1)
        errors[np.ix_(rows, pattern)] = 1e3 * distance
    return errors


def find_heading(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """[3, 3] the turn about the vertical z that brings ``points`` [..., 3] onto ``target`` best."""
    a, b = points.reshape(-1, 3), target.reshape(-1, 3)
    sine = (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()
    angle = np.arctan2(sine, (a[:, :2] * b[:, :2]).sum())
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])


def angle_deg(one: np.ndarray, other: np.ndarray) -> float:
    """Between two unit vectors [3]."""
    return float(np.degrees(np.arccos(np.clip(one @ other, -1, 1))))
