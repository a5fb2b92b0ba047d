"""How large a body is in the picture."""

from __future__ import annotations

import numpy as np

_FRAMES = 9  # of the running median


def px_per_metre(points_px: np.ndarray, hints: np.ndarray) -> np.ndarray:
    """[T] pixels that a metre of the body's hints [T, 33, 3] takes in the picture.

    Of all its landmarks ``points_px`` [T, 33, 2], as a limb may point at the camera; the median of
    neighbouring frames, as a single one may be misjudged.
    """
    spread_px = np.linalg.norm(points_px.std(1), axis=1)
    spread_m = np.linalg.norm(hints[..., :2].std(1), axis=1)
    scale = np.maximum(spread_px, 1.0) / np.maximum(spread_m, 1e-3)
    padded = np.pad(scale, _FRAMES // 2, mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, _FRAMES), axis=1)
