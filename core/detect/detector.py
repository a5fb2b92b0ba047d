"""What the pipeline asks of a detector."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from ..landmarks import Landmarks
from ..video import Frame


class Detector(Protocol):
    """Finds people in a video. One detector serves one video after the other."""

    def detect(self, frames: Iterable[Frame], progress: Callable[[int], None]) -> list[Landmarks]:
        """One Landmarks a person, the largest first; empty where nobody was found.

        Each covers all frames, with confidence 0 where the person was not seen. ``frames`` is
        read once, in order, so a detector may take batches but never a whole video. ``progress``
        is told how many frames are done.
        """
        ...
