"""What of a shot's sightings lies on people."""

from __future__ import annotations

import numpy as np

_MARGIN = 0.1  # of a box's longer side: shadows, hair, what is held in the hand


def is_on_people(points_px: np.ndarray, boxes_px: np.ndarray) -> np.ndarray:
    """[N] bool of points [N, 2], each with its picture's boxes [N, P, 4], NaN where there is none.

    A box is left, top, right, bottom.
    """
    margin = _MARGIN * (boxes_px[..., 2:] - boxes_px[..., :2]).max(-1, initial=0, keepdims=True)
    after = points_px[:, None] > boxes_px[..., :2] - margin
    before = points_px[:, None] < boxes_px[..., 2:] + margin
    return (after & before).all(-1).any(-1)
