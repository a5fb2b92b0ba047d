"""Videos whose optical axis is not in the picture's middle: cropped, or re-framed afterwards.

All that makes space of pixels takes the picture's middle for the axis. Such a video is therefore
taken for a part of a larger picture, the smallest around it whose middle the axis is; the motion is
told in the video's own pixels again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import numpy as np

from .landmarks import Landmarks
from .motion import Motion
from .world.shot import ShotSightings


@dataclass(frozen=True)
class WholePicture:
    """The larger picture of which a video is a part."""

    video_size: tuple[int, int]  # width, height
    center_px: tuple[float, float]  # of the axis, in the video; it may lie outside of it

    @property
    def size(self) -> tuple[int, int]:
        width, height = (
            int(np.ceil(2 * max(center, side - center)))
            for center, side in zip(self.center_px, self.video_size, strict=True)
        )
        return width, height

    @property
    def corner(self) -> np.ndarray:
        """[2] px, where the video's upper left corner lies in it."""
        return np.array(self.size) / 2 - self.center_px

    def place_landmarks(self, landmarks: Landmarks) -> Landmarks:
        is_seen = landmarks.confidence[..., None] > 0
        moved = landmarks.points_px + self.corner.astype(landmarks.points_px.dtype)
        points_px = np.where(is_seen, moved, landmarks.points_px)
        return replace(landmarks, points_px=points_px, image_size=self.size)

    def place_sightings(self, sightings: ShotSightings) -> ShotSightings:
        return replace(
            sightings,
            image_size=self.size,
            key_px=sightings.key_px + self.corner,
            look_px=sightings.look_px + self.corner,
            line_px=sightings.line_px + self.corner,
        )

    def crop_motion(self, motion: Motion) -> Motion:
        """``motion``, solved in the larger picture, as one of the video."""
        assert motion.landmarks_px is not None
        assert motion.landmarks_confidence is not None
        is_seen = motion.landmarks_confidence[..., None] > 0
        moved = motion.landmarks_px - self.corner.astype(motion.landmarks_px.dtype)
        world = json.loads(motion.world_json)
        # Told to the longer side of the picture that there is.
        world["focal_mm35"] *= max(self.size) / max(self.video_size)
        return replace(
            motion,
            image_size=np.array(self.video_size),
            center_px=np.array(self.center_px),
            landmarks_px=np.where(is_seen, moved, motion.landmarks_px),
            world_json=json.dumps(world),
        )
