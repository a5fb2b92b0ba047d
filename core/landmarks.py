"""What a detector hands on: the landmarks of one person over a shot."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .check import check_shape
from .skeletons import ARKIT_NAMES, LANDMARK_PARTS, NUM_LANDMARKS


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
    face_scores: np.ndarray  # [T, 52] 0..1, ARKIT_NAMES' order; 0 where no face was seen

    def __post_init__(self) -> None:
        num_frames = len(self.frame_index)
        check_shape("frame_index", self.frame_index, "T")
        check_shape("time_s", self.time_s, "T", T=num_frames)
        check_shape("points_px", self.points_px, "T K 2", T=num_frames, K=NUM_LANDMARKS)
        check_shape("hints", self.hints, "T K 3", T=num_frames, K=NUM_LANDMARKS)
        check_shape("confidence", self.confidence, "T K", T=num_frames, K=NUM_LANDMARKS)
        check_shape("face_scores", self.face_scores, "T A", T=num_frames, A=len(ARKIT_NAMES))

    def at_rows(self, rows: np.ndarray | slice) -> Landmarks:
        """These rows only; views of the arrays where ``rows`` is a slice."""
        names = ("frame_index", "time_s", "points_px", "hints", "confidence", "face_scores")
        return replace(self, **{name: getattr(self, name)[rows] for name in names})

    @property
    def is_seen(self) -> np.ndarray:
        """[T] bool, whether the person's body was found in the frame."""
        return self.confidence[:, LANDMARK_PARTS["body"]].max(axis=1) > 0
