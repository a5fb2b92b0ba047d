"""The detector: a video's people, and the whole-body landmarks of those that are wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..landmarks import Landmarks
from ..skeletons import ARKIT_NAMES, NUM_LANDMARKS
from ..video import Video
from .engine import Engine
from .find import find_people, key_step
from .flips import repair_flips
from .follow import Show, follow
from .jumps import flag_jumps
from .palm import find_palms
from .pose import PoseModel
from .regions import upload
from .tracks import Track

_HAND_LOOKS = 8  # frames looked at for hands


@dataclass(frozen=True, kw_only=True)
class Detector:
    """MediaPipe's networks, in two passes over the video. Nothing is fetched, nothing is sent."""

    engine: Engine
    model: PoseModel
    warn: Callable[[str], None]

    def find(
        self,
        video: Video,
        start_s: float,
        end_s: float | None,
        progress: Callable[[int], None],
    ) -> list[Track]:
        """The people of the range, the most present and largest first; empty if there are none.

        ``progress`` is told how many frames are done.
        """
        step = key_step(video.fps)
        total = video.num_frames_between(start_s, end_s)
        frames = video.frames(start_s, end_s, every=step)
        return find_people(
            self.engine, frames, lambda done: progress(min(done * step, total)), self.warn
        )

    def sees_hands(self, video: Video, start_s: float, end_s: float | None) -> bool:
        """Whether the range shows hands, as where a person was looked for in vain."""
        step = max(1, video.num_frames_between(start_s, end_s) // _HAND_LOOKS)
        width, height = video.image_size
        whole = torch.tensor([[width / 2, height / 2, max(width, height), 0.0]])
        first = torch.zeros(1, dtype=torch.long)
        for frame in video.frames(start_s, end_s, every=step):
            pictures = upload(self.engine, [frame.image])
            device = self.engine.device
            _, score = find_palms(self.engine, pictures, first.to(device), whole.to(device))
            if score.max() > 0:
                return True
        return False

    def follow(
        self,
        video: Video,
        start_s: float,
        end_s: float | None,
        tracks: list[Track],
        wanted: Sequence[int],
        progress: Callable[[int], None],
        show: Show,
    ) -> list[Landmarks]:
        """The landmarks of the wanted people, numbers of ``tracks`` that ``find`` found.

        Each covers all frames of the range, with confidence 0 where the person was not seen.
        """
        landmarks = {number: _empty(video, start_s, end_s) for number in wanted}
        follow(
            self.engine,
            video.frames(start_s, end_s),
            landmarks,
            tracks,
            self.model,
            key_step(video.fps) / video.fps,
            progress,
            show,
        )
        for person in landmarks.values():
            repair_flips(person)
            flag_jumps(person)
        return [landmarks[number] for number in wanted]


def _empty(video: Video, start_s: float, end_s: float | None) -> Landmarks:
    """Rows for all frames of the range in which nobody is seen yet."""
    indices = video.frame_range(start_s, end_s)
    num_frames = len(indices)
    return Landmarks(
        frame_index=np.array(indices),
        time_s=video.times_s[indices.start : indices.stop],
        image_size=video.image_size,
        points_px=np.zeros((num_frames, NUM_LANDMARKS, 2), np.float32),
        hints=np.zeros((num_frames, NUM_LANDMARKS, 3), np.float32),
        confidence=np.zeros((num_frames, NUM_LANDMARKS), np.float32),
        face_scores=np.zeros((num_frames, len(ARKIT_NAMES)), np.float32),
    )
