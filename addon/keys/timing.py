"""From the rows of a motion to the frames of a scene. numpy only."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

# A scene's rate is fps / fps_base in single precision: 29.97 comes back as 29.97003. Rates this
# close are the same rate, and its rows fall on whole frames to the end of a long shot.
_SAME_RATE = 1e-5


@dataclass(frozen=True, eq=False)
class KeyTimes:
    """Where N keys stand, and from where in the motion their values come."""

    frames: np.ndarray  # [N] scene frames, rising
    rows: np.ndarray  # [N] rows of the motion, between two rows where not whole


def exact_times(num_rows: int, rows_per_frame: float, start_frame: float) -> KeyTimes:
    """A key for every row, at its true moment, on subframes where the rates differ."""
    rows = np.arange(num_rows, dtype=np.float64)
    return KeyTimes(start_frame + rows / rows_per_frame, rows)


def whole_frame_times(num_rows: int, rows_per_frame: float, start_frame: float) -> KeyTimes:
    """A key on every whole frame from the start to the last one that the rows reach."""
    num_frames = math.floor((num_rows - 1) / rows_per_frame + 1e-6) + 1
    steps = np.arange(num_frames, dtype=np.float64)
    rows = np.minimum(steps * rows_per_frame, num_rows - 1)
    return KeyTimes(start_frame + steps, rows)


def rows_per_frame(motion_fps: float, scene_fps: float) -> float:
    """Rows of the motion that pass in one frame of the scene; 1 where the rates are the same."""
    ratio = motion_fps / scene_fps
    return 1.0 if math.isclose(ratio, 1.0, rel_tol=_SAME_RATE) else ratio


def lerp_rows(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """[N, ...] values at ``rows`` [N] of ``values`` [T, ...], linear between two rows."""
    before, after, part = _neighbours(rows, values.ndim)
    return values[before] * (1 - part) + values[after] * part


def slerp_rows(quats: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """[N, ..., 4] unit quaternions at ``rows`` [N] of ``quats`` [T, ..., 4].

    The quaternions must be continuous in sign. Shoemake 1985, "Animating rotation with quaternion
    curves", section 3.3; where the angle is tiny its limit, the linear mean, takes over.
    """
    before, after, part = _neighbours(rows, quats.ndim)
    first, second = quats[before], quats[after]
    dot = np.clip(np.sum(first * second, axis=-1, keepdims=True), -1.0, 1.0)
    angle = np.arccos(dot)
    is_tiny = angle < 1e-6
    sine = np.where(is_tiny, 1.0, np.sin(angle))
    first_share = np.where(is_tiny, 1 - part, np.sin((1 - part) * angle) / sine)
    second_share = np.where(is_tiny, part, np.sin(part * angle) / sine)
    mixed = first_share * first + second_share * second
    return mixed / np.linalg.norm(mixed, axis=-1, keepdims=True)


def _neighbours(rows: np.ndarray, num_dims: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whole rows [N] around ``rows`` and the part [N, 1, ...] of the way between them."""
    before = np.floor(rows).astype(np.int64)
    after = np.ceil(rows).astype(np.int64)
    return before, after, (rows - before).reshape(-1, *[1] * (num_dims - 1))
