"""What a capture tells while it works: how far it is, and what it sees."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from .protocol import Message, Progress, Seen

Send = Callable[[Message], None]

_SECONDS_BETWEEN_REPORTS = 0.2
_SECONDS_BETWEEN_PREVIEWS = 0.07  # a person


class Preview:
    """Tells ``send`` some of the landmarks as they are made, a few times a second."""

    def __init__(self, image_size: tuple[int, int], send: Send) -> None:
        self.image_size, self.send = image_size, send
        self.last_s: dict[int, float] = {}

    def __call__(
        self, person: int, time_s: float, points_px: np.ndarray, confidence: np.ndarray
    ) -> None:
        now_s = time.monotonic()
        if now_s - self.last_s.get(person, 0.0) >= _SECONDS_BETWEEN_PREVIEWS:
            self.last_s[person] = now_s
            self.send(Seen.select(person, time_s, self.image_size, points_px, confidence))


class Reporter:
    """Tells ``send`` how far a stage is, a few times a second, with the time that is left."""

    def __init__(self, stage: str, total: int, send: Send) -> None:
        self.stage, self.total, self.send = stage, total, send
        self.start_s: float | None = None  # when the first frame was done
        self.first = 0
        self.last_s = 0.0
        send(Progress(stage, 0, total))

    def __call__(self, done: int) -> None:
        now_s = time.monotonic()
        if self.start_s is None:
            # The clock of the estimate starts behind the first frame: it waits for the networks.
            self.start_s, self.first = now_s, done
        elif done < self.total and now_s - self.last_s < _SECONDS_BETWEEN_REPORTS:
            return
        self.last_s = now_s
        self.send(Progress(self.stage, done, self.total, self._seconds_left(now_s, done)))

    def _seconds_left(self, now_s: float, done: int) -> float | None:
        assert self.start_s is not None
        if done <= self.first or done >= self.total:
            return None
        return (now_s - self.start_s) / (done - self.first) * (self.total - done)
