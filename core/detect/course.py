"""Where a tracked person is to be expected between the key frames at which they were seen."""

from __future__ import annotations

import numpy as np

from .tracks import Track

# A person who is lost for longer is looked for at the ends of the gap only: the straight line
# between them says nothing any more.
_LONGEST_GAP_S = 1.5
# A sighting of quite another size than those around it is of two people at once, or of none.
_SIZE_WINDOW, _SIZE_OFF = 11, 1.35


class Course:
    """A track's regions and points at any time, from the key frames on both sides."""

    def __init__(self, track: Track, step_s: float) -> None:
        """``step_s`` is the time between key frames: so far a sighting speaks beyond its own."""
        is_steady = _is_steady(track.regions[:, 2])
        self.time_s = np.asarray(track.time_s, float)[is_steady]
        self.step_s = step_s
        self.points = np.asarray(track.points[..., :2], float)[is_steady]
        regions = np.asarray(track.regions, float)[is_steady]
        # Sizes change by factors, angles the short way round.
        self.smooth = np.column_stack(
            [regions[:, :2], np.log(regions[:, 2]), np.unwrap(regions[:, 3])]
        )

    def is_expected(self, time_s: np.ndarray) -> np.ndarray:
        """[n] bool: a sighting is near, or lies not far off on both sides."""
        after = np.searchsorted(self.time_s, time_s)
        since_s = time_s - self.time_s[(after - 1).clip(0)]
        until_s = self.time_s[after.clip(max=len(self.time_s) - 1)] - time_s
        is_between = (after > 0) & (after < len(self.time_s))
        is_near = np.minimum(abs(since_s), abs(until_s)) <= self.step_s
        return is_near | (is_between & (since_s + until_s <= _LONGEST_GAP_S))

    def regions_at(self, time_s: np.ndarray) -> np.ndarray:
        """[n, 4] centre x, y and size in pixels, angle in radians."""
        regions = _interpolate(time_s, self.time_s, self.smooth)
        regions[:, 2] = np.exp(regions[:, 2])
        return regions

    def points_at(self, time_s: np.ndarray) -> np.ndarray:
        """[n, 33, 2] px, roughly where the body's landmarks should be."""
        flat = _interpolate(time_s, self.time_s, self.points.reshape(len(self.points), -1))
        return flat.reshape(len(time_s), -1, 2)


def _is_steady(sizes: np.ndarray) -> np.ndarray:
    """[S] bool, sizes [S] like those of most sightings around them."""
    reach = _SIZE_WINDOW // 2
    usual = [np.median(sizes[max(0, i - reach) : i + reach + 1]) for i in range(len(sizes))]
    is_steady = np.abs(np.log(sizes / np.array(usual))) < np.log(_SIZE_OFF)
    return is_steady if is_steady.any() else np.ones_like(is_steady)


def _interpolate(at: np.ndarray, known_at: np.ndarray, known: np.ndarray) -> np.ndarray:
    """[n, C] linear between the rows of ``known`` [S, C], held at the ends."""
    return np.stack([np.interp(at, known_at, column) for column in known.T], axis=1)
