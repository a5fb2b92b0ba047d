"""The worker's language: one JSON object a line, a job in on stdin, messages out on stdout.

Every message has a ``type``: progress, warning, done, error. Logs go to stderr.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import ClassVar

from .errors import WorkerError


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
class Done:
    """The job's result files are complete."""

    type: ClassVar[str] = "done"
    outputs: list[str]  # paths of the motion files written


@dataclass(frozen=True)
class Failed:
    """The job ended without a result. A traceback is there only for a bug."""

    type: ClassVar[str] = "error"
    text: str
    traceback: str | None = None


Message = Progress | Warn | Done | Failed
_MESSAGES = {message.type: message for message in (Progress, Warn, Done, Failed)}


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
