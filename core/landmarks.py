"""What a detector hands on: the landmarks of one person over a shot."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .check import check_shape
from .skeletons import LANDMARK_PARTS, NUM_LANDMARKS

# Nobody moves by most of the own height between two frames.
_JUMP_SIZES = 0.7
_JUMP_WITHIN_S = 0.5


@dataclass(frozen=True, eq=False, slots=True)
class Landmarks:
    """One person's whole-body landmarks over T frames; K = 553 as in skeletons.LANDMARK_PARTS.

    Where a landmark was not seen its confidence is 0 and its coordinates are 0.
    """

    frame_index: np.ndarray  # [T] int, frame of the video, counted from its first frame
    time_s: np.ndarray  # [T] seconds from the start of the video, strictly rising
    image_size: tuple[int, int]  # width, height in pixels, after rotation
    points_px: np.ndarray  # [T, K, 2] pixels, x right, y down, upright picture
    # [T, K, 3] camera axes (x right, y down, z forward). The body in metres about the mid-hip;
    # each hand and the face up to a scale and an offset of its own.
    hints: np.ndarray
    confidence: np.ndarray  # [T, K] 0..1

    def __post_init__(self) -> None:
        num_frames = len(self.frame_index)
        check_shape("frame_index", self.frame_index, "T")
        check_shape("time_s", self.time_s, "T", T=num_frames)
        check_shape("points_px", self.points_px, "T K 2", T=num_frames, K=NUM_LANDMARKS)
        check_shape("hints", self.hints, "T K 3", T=num_frames, K=NUM_LANDMARKS)
        check_shape("confidence", self.confidence, "T K", T=num_frames, K=NUM_LANDMARKS)

    def at_rows(self, rows: np.ndarray | slice) -> Landmarks:
        """These rows only; views of the arrays where ``rows`` is a slice."""
        names = ("frame_index", "time_s", "points_px", "hints", "confidence")
        return replace(self, **{name: getattr(self, name)[rows] for name in names})

    @property
    def is_seen(self) -> np.ndarray:
        """[T] bool, whether the person's body was found in the frame."""
        return self.confidence[:, LANDMARK_PARTS["body"]].max(axis=1) > 0

    @property
    def jump_times_s(self) -> list[float]:
        """Moments at which the body is suddenly elsewhere: most likely another person's."""
        seen = np.flatnonzero(self.is_seen)
        points_px = self.points_px[seen, LANDMARK_PARTS["body"]]
        middle_px = np.median(points_px, axis=1)
        size_px = np.ptp(points_px, axis=1).max(axis=1)
        moved_px = np.linalg.norm(np.diff(middle_px, axis=0), axis=1)
        # People move far when they were out of sight for long: that alone is no jump.
        is_soon = np.diff(self.time_s[seen]) < _JUMP_WITHIN_S
        is_jump = is_soon & (moved_px > _JUMP_SIZES * np.minimum(size_px[:-1], size_px[1:]))
        return self.time_s[seen][1:][is_jump].tolist()
