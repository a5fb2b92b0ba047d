"""Where the lines of a live view go: numbers only, in pixels of a region, y up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ..core.protocol import Seen
from ..core.skeletons import LANDMARK_PARTS, PREVIEW_EDGES

_LARGEST_SHARE = 0.4  # of the free part of the region, across and up
_LARGEST_SIDE = 320.0  # these three at a user interface scale of 1
_SMALLEST_SIDE = 60.0
_MARGIN = 12.0

_BODY = LANDMARK_PARTS["body"]
_EDGES = np.array(PREVIEW_EDGES)
# RGBA of a landmark by its confidence 0, 0.5 and 1. It fades too: hues alone are not for all eyes.
_COLORS = np.array([[0.95, 0.25, 0.1, 0.35], [1.0, 0.8, 0.15, 0.75], [0.25, 0.95, 0.55, 1.0]])


class Box(NamedTuple):
    left: float
    bottom: float
    right: float
    top: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.top - self.bottom


def cut_overlaps(region: Box, neighbours: Iterable[tuple[str, Box]]) -> Box:
    """What is left of a region whose neighbours lie over it, each at its side of the area."""
    left, bottom, right, top = region
    for side, box in neighbours:
        if side == "LEFT":
            left = max(left, box.right)
        elif side == "RIGHT":
            right = min(right, box.left)
        elif side == "BOTTOM":
            bottom = max(bottom, box.top)
        elif side == "TOP":
            top = min(top, box.bottom)
    return Box(left, bottom, right, top)


def place_picture(free: Box, image_size: Iterable[float], ui_scale: float) -> Box | None:
    """The frame at the bottom right of ``free``, in the picture's proportions; None: no room."""
    width, height = image_size
    margin = _MARGIN * ui_scale
    room_x = min(_LARGEST_SHARE * free.width, _LARGEST_SIDE * ui_scale)
    room_y = min(_LARGEST_SHARE * free.height, _LARGEST_SIDE * ui_scale)
    scale = min(room_x / width, room_y / height)
    if scale * max(width, height) < _SMALLEST_SIDE * ui_scale:
        return None
    right, bottom = free.right - margin, free.bottom + margin
    return Box(right - scale * width, bottom, right, bottom + scale * height)


def place_lines(seen: Seen, picture: Box) -> tuple[np.ndarray, np.ndarray]:
    """Ends [2 E, 2] of the person's lines within the picture, and their RGBA colours [2 E, 4]."""
    points, is_drawn = _place_points(seen, picture)
    edges = _EDGES[is_drawn[_EDGES].all(axis=1)].ravel()
    steps = np.linspace(0, 1, len(_COLORS))
    confidence = np.asarray(seen.confidence)[edges]
    colors = [np.interp(confidence, steps, channel) for channel in _COLORS.T]
    return points[edges], np.stack(colors, axis=1)


def place_label(seen: Seen, picture: Box) -> tuple[float, float] | None:
    """The topmost point of the body within the picture; None where none of it is there."""
    points, is_drawn = _place_points(seen, picture)
    body = points[_BODY][is_drawn[_BODY]]
    if not len(body):
        return None
    x, y = body[body[:, 1].argmax()]
    return float(x), float(y)


def _place_points(seen: Seen, picture: Box) -> tuple[np.ndarray, np.ndarray]:
    """[P, 2] where the landmarks go, and [P] which of them are seen and within the picture."""
    shares = np.array(seen.points_px) / seen.image_size
    is_within = ((shares >= 0) & (shares <= 1)).all(axis=1)
    points = np.stack(
        [picture.left + shares[:, 0] * picture.width, picture.top - shares[:, 1] * picture.height],
        axis=1,
    )
    return points, is_within & (np.asarray(seen.confidence) > 0)
