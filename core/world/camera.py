"""The camera of a shot, as far as its pictures tell: its path, its tilt, its focal length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..config import Camera
from ..focal_guess import FocalGuess, given_focal, usual_focal
from ..landmarks import Landmarks
from .belief import CameraBelief
from .camera_path import CameraPath, rest_path, solve_camera_path
from .gravity import UpGuess
from .shot import ShotSightings
from .vertical import find_vertical, guess_beforehand

_SAME_FOCAL = 0.05  # of the logarithm: with less between two, a path found with one is good


@dataclass(frozen=True, eq=False)
class ShotCamera:
    """The camera over the T rows of a shot."""

    path: CameraPath
    belief: CameraBelief  # of the first row's camera

    @property
    def focal_px(self) -> float:
        """Of the first row."""
        return self.belief.focal.focal_px

    @property
    def focal_sigma(self) -> float:
        """Of its logarithm."""
        return self.belief.focal.sigma

    def told(self, ups: Sequence[UpGuess] = (), focals: Sequence[FocalGuess] = ()) -> ShotCamera:
        """After these further witnesses, of which the pictures' lines and people knew nothing."""
        return replace(self, belief=self.belief.told(ups, focals))

    def to_scale(self, place: np.ndarray) -> ShotCamera:
        """Whose way is ``place`` [T, 3] m, as somebody's feet have told."""
        return replace(self, path=replace(self.path, shift=place, is_to_scale=True))


def solve_camera(
    sightings: ShotSightings | None,
    boxes_px: np.ndarray,
    time_s: np.ndarray,
    image_size: tuple[int, int],
    focal_px: float | None,
    camera: Camera,
    people: Sequence[Landmarks] = (),
    file_focal: FocalGuess | None = None,
) -> ShotCamera:
    """``sightings`` None: no picture was looked at.

    ``boxes_px`` [F, P, 4] of the people at the looked-at frames, ``time_s`` [T] of the rows,
    ``focal_px`` None: to be found out, with what the file says of it as ``file_focal``.
    """
    focal = file_focal or usual_focal(image_size)
    if focal_px is not None:
        focal = given_focal(focal_px)
    path = rest_path(time_s)
    if sightings is None or not len(sightings.time_s):
        beforehand = guess_beforehand(focal, image_size)
        return ShotCamera(path, beforehand.with_focal(focal.focal_px))

    def follow(focal_px: float) -> CameraPath:
        must_move = camera == "moving"
        return solve_camera_path(sightings, boxes_px, time_s, focal_px, must_move=must_move)

    if camera != "static":
        path = follow(focal.focal_px)
    belief = find_vertical(sightings, boxes_px, path, focal, people)
    if focal_px is not None:
        return ShotCamera(path, belief.with_focal(focal_px))
    found_px = belief.focal.focal_px
    if path.is_moving and abs(np.log(found_px / focal.focal_px)) > _SAME_FOCAL:
        path = follow(found_px)  # through a longer lens the same shift is a smaller turn
    return ShotCamera(path, belief)
