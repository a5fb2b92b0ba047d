"""A small picture of each person, of the moment at which they are seen best."""

from __future__ import annotations

import cv2
import numpy as np
from torch import Tensor

from .tracks import Sighting, Trail

_HEIGHT, _MOST_WIDTH = 160, 240  # px
_MARGIN, _ABOVE = 0.06, 0.12  # in sizes of the person; there are no landmarks above the eyes
_LARGE_PX = 400.0  # size from which a person is large enough
_SHARP = 20.0  # standard deviation of the second derivative in a sharp thumbnail, grey values


def keep_best(trail: Trail, picture: Tensor) -> None:
    """Let the trail keep its last sighting, in ``picture`` [H, W, 3], if none was better."""
    worth = _worth(trail)
    if worth <= trail.thumbnail_worth and trail.thumbnail is not None:
        return
    thumbnail = cut_out(picture, trail.last)
    worth *= _sharpness(thumbnail)
    if worth > trail.thumbnail_worth or trail.thumbnail is None:
        trail.thumbnail, trail.thumbnail_worth = thumbnail, worth


def _worth(trail: Trail) -> float:
    """0..1: large, well seen, alone, and no other than the one whom the trail knows."""
    sighting = trail.last
    large = min(sighting.size / _LARGE_PX, 1.0)
    seen = sighting.sureness * float(sighting.visibility.mean())
    known = 1.0 - trail.look_distance(sighting)
    return large * seen * known * trail.clearness[-1] ** 2


def _sharpness(thumbnail: np.ndarray) -> float:
    """0.5..1"""
    grey = cv2.cvtColor(thumbnail, cv2.COLOR_RGB2GRAY)
    return 0.5 + 0.5 * min(float(cv2.Laplacian(grey, cv2.CV_32F).std()) / _SHARP, 1.0)


def cut_out(picture: Tensor, sighting: Sighting) -> np.ndarray:
    """[h, w, 3] uint8 RGB of the person in ``picture`` [H, W, 3]: 160 px high, or 240 px wide."""
    left, top, right, bottom = sighting.box
    margin, above = _MARGIN * sighting.size, _ABOVE * sighting.size
    height, width = picture.shape[:2]
    columns = np.clip([left - margin, right + margin], 0, width).round().astype(int)
    rows = np.clip([top - above, bottom + margin], 0, height).round().astype(int)
    first_column, first_row = min(columns[0], width - 1), min(rows[0], height - 1)
    crop = picture[first_row : max(rows[1], first_row + 1)]
    crop = crop[:, first_column : max(columns[1], first_column + 1)].cpu().numpy()
    scale = min(_HEIGHT / crop.shape[0], _MOST_WIDTH / crop.shape[1])
    size = [max(1, round(scale * side)) for side in crop.shape[1::-1]]
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(crop, size, interpolation=way)
