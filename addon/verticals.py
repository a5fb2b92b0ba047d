"""Which way is up, from what an animator points at. numpy only.

Up is told in the axes of the take's first camera (OpenCV: x right, y down, z forward), as
WorldSettings.up_camera is.
"""

from __future__ import annotations

import numpy as np

from ..core.errors import ReelrigError
from ..core.motion import Motion

Point = tuple[float, float]

_UP = np.array([0.0, 0.0, 1.0])
# Less of today's up than this in the plane of a line: the camera lies on its side, and today's up
# says nothing of which end of the line is the upper one.
_MIN_SHARE = 0.5
_MIN_LINE = 0.02  # of the picture's longer side
_MIN_DISTANCE = 0.1  # m


def up_of_line(motion: Motion, row: int, lower_px: Point, upper_px: Point) -> tuple[float, ...]:
    """[3] unit, up when two points of the picture of ``row`` lie above each other in the room.

    They fix up to the plane through the camera and both of them; within it, up stays as near as it
    can to what the motion takes it for. So a line anywhere puts a leaning camera right, and one far
    to the side of the picture its looking down as well.
    """
    assert motion.image_size is not None
    apart = np.linalg.norm(np.subtract(upper_px, lower_px))
    if apart < _MIN_LINE * motion.image_size.max():
        raise ReelrigError(
            f"The two points are only {apart:.0f} pixels apart, which shows no direction. "
            "Choose the ends of something long: a door frame, a wall's edge, a street lamp."
        )
    lower, upper = (_ray(motion, row, point) for point in (lower_px, upper_px))
    across = _unit(np.cross(lower, upper))
    up = _UP - (_UP @ across) * across
    if np.linalg.norm(up) < _MIN_SHARE:
        middle = _unit(lower + upper)
        up = upper - lower
        up -= (up @ middle) * middle
    return _in_first_camera(motion, up)


def up_of_points(motion: Motion, lower: np.ndarray, upper: np.ndarray) -> tuple[float, ...]:
    """[3] unit, up when ``upper`` stands above ``lower`` ([3] m, the motion's world axes)."""
    apart = np.linalg.norm(upper - lower)
    if apart < _MIN_DISTANCE:
        raise ReelrigError(
            f"The two points are only {100 * apart:.0f} cm apart, which shows no direction. "
            "Choose two that are far apart, such as the head and a foot."
        )
    return _in_first_camera(motion, upper - lower)


def _ray(motion: Motion, row: int, point_px: Point) -> np.ndarray:
    """[3] unit, world axes, from the camera of ``row`` through a point of its picture."""
    assert motion.focal_px is not None
    assert motion.camera_from_world is not None
    off_axis = np.asarray(point_px) - motion.axis_px
    ray = np.array([*off_axis, motion.focal_px[row]])
    return _unit(motion.camera_from_world[row, :3, :3].T.astype(np.float64) @ ray)


def _in_first_camera(motion: Motion, up_world: np.ndarray) -> tuple[float, ...]:
    assert motion.camera_from_world is not None
    up = motion.camera_from_world[0, :3, :3].astype(np.float64) @ _unit(up_world)
    return tuple(float(value) for value in up)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)
