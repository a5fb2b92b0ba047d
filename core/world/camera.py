"""The camera of a shot, as far as its pictures tell: its path, its tilt, its focal length."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .camera_path import CameraPath, rest_path, solve_camera_path
from .gravity import UpGuess, level_guess
from .shot import ShotSightings
from .vertical import find_vertical

# Of the logarithm: of the usual focal length, for a person who knows it, for the usual scale.
_USUAL_SIGMA, _GIVEN_SIGMA = 0.35, 0.03


@dataclass(frozen=True, eq=False)
class ShotCamera:
    """The camera over the T rows of a shot."""

    path: CameraPath
    tilt: UpGuess
    focal_px: float  # of the first row
    focal_sigma: float  # of its logarithm


def solve_camera(
    sightings: ShotSightings | None,
    boxes_px: np.ndarray,
    time_s: np.ndarray,
    image_size: tuple[int, int],
    focal_px: float | None,
    is_static: bool,
) -> ShotCamera:
    """``sightings`` None: no picture was looked at.

    ``boxes_px`` [F, P, 4] of the people at the looked-at frames, ``time_s`` [T] of the rows,
    ``focal_px`` None: to be found out; ``is_static``: the camera is known to rest.
    """
    usual = float(np.hypot(*image_size))
    focal, sigma = (usual, _USUAL_SIGMA) if focal_px is None else (focal_px, _GIVEN_SIGMA)
    if sightings is None or not len(sightings.time_s):
        return ShotCamera(rest_path(time_s), level_guess(), focal, sigma)
    path = rest_path(time_s)
    if not is_static:
        path = solve_camera_path(sightings, boxes_px, time_s, focal)
    tilt = find_vertical(sightings, boxes_px, path, focal, sigma)
    if focal_px is None and tilt.focal_px is not None and tilt.focal_sigma is not None:
        precision = np.array([sigma**-2, tilt.focal_sigma**-2])
        logs = np.log([focal, tilt.focal_px])
        focal = float(np.exp((precision * logs).sum() / precision.sum()))
        sigma = float(precision.sum() ** -0.5)
        tilt = find_vertical(sightings, boxes_px, path, focal, sigma)
    guess = UpGuess(tilt.up_camera, tilt.pitch_sigma_rad, tilt.roll_sigma_rad)
    return ShotCamera(path, guess, focal, sigma)
