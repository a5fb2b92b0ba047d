"""Parts of a moving camera's way in which it stood: there it must not tremble as points do."""

from __future__ import annotations

import numpy as np

from .turns import matrix_to_rotvec

_STILL_PX = 0.3  # of the looked-at pictures: within that all through the part
_LEAST_S = 1.0  # less is a turning point of a hand


def hold_still(
    turns: np.ndarray, places: np.ndarray, log_zoom: np.ndarray, times: np.ndarray, focal: float
) -> None:
    """Make the cameras of each such part one, in place.

    ``turns`` [F, 3, 3], ``places`` [F, 3] where the background is 1 away, ``log_zoom`` [F] at
    ``times`` [F]; ``focal`` in pixels of the looked-at pictures.
    """
    start = 0
    while start < len(times):
        off = np.linalg.norm(matrix_to_rotvec(turns[start].T @ turns[start:]), axis=1)
        off += np.linalg.norm(places[start:] - places[start], axis=1)
        off += np.abs(log_zoom[start:] - log_zoom[start]) / 2  # half a picture is half a focal
        gone = np.flatnonzero(focal * off > _STILL_PX)
        end = start + int(gone[0]) if len(gone) else len(times)
        if times[end - 1] - times[start] < _LEAST_S:
            start += 1
            continue
        part = slice(start, end)
        left, _, right = np.linalg.svd(turns[part].mean(0))
        turns[part] = left @ right
        places[part], log_zoom[part] = places[part].mean(0), log_zoom[part].mean()
        start = end
