"""How a camera turned and zoomed between two pictures, from points of the far and the still."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

# The error from which a point counts for less, pixels of the looked-at picture: wide first, so that
# most points have their say, then as narrow as the points are exact.
_SCALES = (40.0, 40.0, 20.0, 10.0, 5.0, 2.5, 1.0, 1.0, 1.0)
_CONSENT_PX = 1.5
_ZOOM_SIGMA = 0.5  # of its logarithm; holds the zoom where points tell nothing of it


@dataclass(frozen=True, eq=False, slots=True)
class TurnFit:
    """Of a look against its key frame."""

    look_from_key: np.ndarray  # [3, 3]
    log_zoom: float  # focal of the look / focal of the key frame
    share: float  # of the points, those that agree
    cost: float  # mean over the points of a bounded square error, 0..1
    sigma_rad: float  # of the turn, as far as the points' scatter tells


def fit_turn(
    key_px: np.ndarray,
    look_px: np.ndarray,
    focal_px: float,
    pixel: float,
    *,
    with_zoom: bool,
    start: TurnFit | None = None,
) -> TurnFit:
    """Robust least squares of ``look = project(focal * zoom, turn @ ray(key))``.

    ``key_px``, ``look_px`` [N, 2] from the picture's middle, ``focal_px`` of the key frame,
    ``pixel`` what counts as one. Geman and McClure's weights with a shrinking scale (Black and
    Rangarajan 1996, "On the unification of line processes, outlier rejection, and robust
    statistics").
    """
    rays = np.column_stack([key_px, np.full(len(key_px), focal_px)])
    turn = np.eye(3) if start is None else start.look_from_key
    log_zoom = 0.0 if start is None or not with_zoom else start.log_zoom
    for scale in _SCALES:
        points, slopes = _project(rays @ turn.T, focal_px * np.exp(log_zoom))
        errors = points - look_px
        weights = _weigh(errors, scale * pixel)
        if not with_zoom:
            slopes[..., 3] = 0.0
        normal = np.einsum("nir,n,nis->rs", slopes, weights, slopes)
        normal[3, 3] += (pixel / _ZOOM_SIGMA) ** 2
        normal[:3, :3] += np.eye(3) * (1e-3 * pixel) ** 2  # few points must not make it singular
        step = np.linalg.solve(normal, -np.einsum("nir,n,ni->r", slopes, weights, errors))
        turn = cv2.Rodrigues(step[:3])[0] @ turn
        log_zoom += step[3]
    errors = _project(rays @ turn.T, focal_px * np.exp(log_zoom))[0] - look_px
    return _judge(turn, log_zoom, np.linalg.norm(errors, axis=1) / pixel, focal_px / pixel)


def _judge(turn: np.ndarray, log_zoom: float, errors: np.ndarray, focal: float) -> TurnFit:
    agree = errors < _CONSENT_PX
    scatter = np.sqrt(np.mean(errors[agree] ** 2)) if agree.any() else _CONSENT_PX
    return TurnFit(
        look_from_key=turn,
        log_zoom=float(log_zoom),
        share=float(agree.mean()),
        cost=float(np.mean(errors**2 / (errors**2 + 1.0))),
        sigma_rad=float(scatter / focal / np.sqrt(max(agree.sum(), 1))),
    )


def _project(rays: np.ndarray, focal_px: float) -> tuple[np.ndarray, np.ndarray]:
    """[N, 2] px; [N, 2, 4] its slopes in a small turn of the rays and in the zoom's logarithm."""
    depth = np.maximum(rays[:, 2:], 1e-6 * focal_px)
    x, y = (rays[:, :2] / depth).T
    slopes = np.empty((len(rays), 2, 4))
    slopes[:, 0] = np.stack([-x * y, 1 + x * x, -y, x], 1)
    slopes[:, 1] = np.stack([-1 - y * y, x * y, x, y], 1)
    return focal_px * np.stack([x, y], 1), focal_px * slopes


def _weigh(errors: np.ndarray, scale: float) -> np.ndarray:
    """[N] 0..1"""
    return 1.0 / (1.0 + np.sum(errors**2, 1) / scale**2) ** 2
