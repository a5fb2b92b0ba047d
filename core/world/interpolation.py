"""Turns and places between those that are known: Catmull and Rom's cubic, at uneven times."""

from __future__ import annotations

import numpy as np

from .turns import matrix_to_rotvec, rotvec_to_matrix


def interpolate_turns(turns: np.ndarray, times: np.ndarray, at: np.ndarray) -> np.ndarray:
    """[T, 3, 3] at the times ``at`` [T], within ``times`` [N], of turns [N, 3, 3].

    Worked out in the rotation vectors from the turn before, which are small.
    """
    if len(times) == 1:
        return np.tile(turns[0], (len(at), 1, 1))
    steps = matrix_to_rotvec(turns[:-1].swapaxes(-1, -2) @ turns[1:])
    left, moved = _moved_since(steps, times, at)
    return turns[left] @ rotvec_to_matrix(moved)


def interpolate_places(places: np.ndarray, times: np.ndarray, at: np.ndarray) -> np.ndarray:
    """[T, 3] at the times ``at`` [T], within ``times`` [N], of places [N, 3]."""
    if len(times) == 1:
        return np.tile(places[0], (len(at), 1))
    left, moved = _moved_since(np.diff(places, axis=0), times, at)
    return places[left] + moved


def _moved_since(
    steps: np.ndarray, times: np.ndarray, at: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """[T] the time before, as a number, and [T, 3] what has happened since then of its step."""
    left = np.clip(np.searchsorted(times, at, side="right") - 1, 0, len(times) - 2)
    speeds = steps / np.diff(times)[:, None]
    middle = np.concatenate([speeds[:1], (speeds[1:] + speeds[:-1]) / 2, speeds[-1:]])
    span = (times[left + 1] - times[left])[:, None]
    share = (at - times[left])[:, None] / span
    early, late = (1 - share) * (middle[left] - speeds[left]), middle[left + 1] - speeds[left]
    return left, share * steps[left] + span * share * (1 - share) * (early - share * late)
