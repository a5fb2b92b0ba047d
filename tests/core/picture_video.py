"""Pictures as a video, without a file."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.video import Frame, Video


@dataclass(frozen=True, eq=False, kw_only=True)
class PictureVideo(Video):
    images: Sequence[np.ndarray]  # [H, W, 3] uint8 RGB each

    def _decode(self, indices: range) -> Generator[Frame, None, None]:
        for index in indices:
            yield Frame(index, float(self.times_s[index]), self.images[index])


def video_of(images: Sequence[np.ndarray], fps: float = 25.0) -> PictureVideo:
    height, width = images[0].shape[:2]
    return PictureVideo(
        path=Path("pictures.mp4"),
        width=width,
        height=height,
        fps=fps,
        duration_s=len(images) / fps,
        times_s=np.arange(len(images)) / fps,
        num_announced=len(images),
        images=images,
    )
