"""The worker's language: one JSON object a line, a job in on stdin, messages out on stdout.

Every message has a ``type``: progress, warning, seen, people, done, error. Logs go to stderr.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, TypedDict

import numpy as np
import numpy.typing as npt

from .errors import WorkerError
from .skeletons import PREVIEW_LANDMARKS


@dataclass(frozen=True)
class Progress:
    """Work done so far in one stage."""

    type: ClassVar[str] = "progress"
    stage: str  # name of the stage under way, shown to the user
    done: int  # frames finished in this stage
    total: int  # frames in this stage; 0 while unknown
    eta_s: float | None = None  # seconds left in the whole capture, when it can be told


@dataclass(frozen=True)
class Warn:
    """Something the user should know; the work goes on."""

    type: ClassVar[str] = "warning"
    text: str


@dataclass(frozen=True)
class Seen:
    """One person at one moment, as the networks see them: landmarks to draw, no more."""

    type: ClassVar[str] = "seen"
    person: int
    time_s: float  # of the video
    image_size: list[int]  # width, height in pixels, upright
    points_px: list[list[float]]  # [P, 2] the P PREVIEW_LANDMARKS, x right, y down
    confidence: list[float]  # [P] 0..1

    def __post_init__(self) -> None:
        width, height = self.image_size
        count = len(PREVIEW_LANDMARKS)
        if not min(width, height) > 0:
            raise ValueError(f"image_size must be above 0, got {self.image_size}")
        if np.shape(self.points_px) != (count, 2) or np.shape(self.confidence) != (count,):
            raise ValueError(f"{count} points with their confidence were expected")

    @classmethod
    def select(
        cls,
        person: int,
        time_s: float,
        image_size: tuple[int, int],
        points_px: npt.NDArray[np.floating[Any]],
        confidence: npt.NDArray[np.floating[Any]],
    ) -> Seen:
        """The message of all K landmarks [K, 2], [K], rounded so that its line is short."""
        chosen = list(PREVIEW_LANDMARKS)
        return cls(
            person=int(person),
            time_s=round(float(time_s), 3),
            image_size=[int(side) for side in image_size],
            points_px=points_px[chosen].astype(np.float64).round(1).tolist(),
            confidence=confidence[chosen].astype(np.float64).round(2).tolist(),
        )


class FoundPerson(TypedDict):
    """Somebody in the video, whom a capture can be asked for."""

    person: int  # the number to ask for; the main one is 0
    first_s: float  # when first and last seen
    last_s: float
    share: float  # 0..1 of the frames
    thumbnail: str | None  # path of a picture


@dataclass(frozen=True)
class People:
    """Who is in the video, the main person first."""

    type: ClassVar[str] = "people"
    people: list[FoundPerson]

    def __post_init__(self) -> None:
        for found in self.people:
            missing = FoundPerson.__required_keys__.difference(found)
            if missing:
                raise ValueError(f"a person lacks {', '.join(missing)}")


@dataclass(frozen=True)
class Done:
    """The job's result files are complete."""

    type: ClassVar[str] = "done"
    outputs: list[str]  # paths of the files written


@dataclass(frozen=True)
class Failed:
    """The job ended without a result. A traceback is there only for a bug."""

    type: ClassVar[str] = "error"
    text: str
    traceback: str | None = None


Message = Progress | Warn | Seen | People | Done | Failed
_MESSAGES = {message.type: message for message in (Progress, Warn, Seen, People, Done, Failed)}


def message_to_line(message: Message) -> str:
    return json.dumps({"type": message.type, **asdict(message)}) + "\n"


def line_to_message(line: str) -> Message:
    """The message of one line; WorkerError when the line is not one."""
    try:
        values = json.loads(line)
        message = _MESSAGES[values.pop("type")]
        known = {field.name for field in fields(message)}
        return message(**{key: value for key, value in values.items() if key in known})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WorkerError(
            f"The worker sent a line that is no message: {line.strip()!r}."
        ) from error
