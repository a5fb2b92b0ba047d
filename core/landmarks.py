"""What a detector hands on: the landmarks of one person over a shot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .check import check_shape
from .skeletons import NUM_LANDMARKS


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

    @property
    def is_seen(self) -> np.ndarray:
        """[T] bool, whether the person's body was found in the frame."""
        return self.confidence[:, :33].max(axis=1) > 0
