"""The core as Blender's child: one job line in on stdin, messages out on stdout, logs on stderr.

Run as ``python -m core.worker`` from the folder that holds ``core``.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback

from .config import CaptureJob
from .errors import ReelrigError
from .protocol import Done, Failed, Message, message_to_line


def main() -> int:
    """Run the job of the first line; 0 when done, 2 when the user can act, 1 for a bug."""
    messages = _take_stdout()

    def send(message: Message) -> None:
        messages.write(message_to_line(message))
        messages.flush()

    try:
        job = CaptureJob.from_line(sys.stdin.readline())
        _end_with_parent()
        # Imported late, so that a missing library is told as a message.
        from .pipeline import capture, list_people

        outputs = {"capture": capture, "people": list_people}[job.task](job, send)
    except ReelrigError as error:
        send(Failed(str(error)))
        return 2
    except Exception as error:
        # The one place that catches everything: the parent has no console to look at.
        send(Failed(f"{type(error).__name__}: {error}", traceback.format_exc()))
        return 1
    send(Done([str(path) for path in outputs]))
    return 0


def _take_stdout():
    """The real stdout as a text file; whatever prints from now on goes to stderr."""
    messages = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return messages


def _end_with_parent() -> None:
    """End this process when the parent's end of stdin closes, so that none is left behind."""

    def wait() -> None:
        while sys.stdin.readline():
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    # Libraries' threads may linger at exit; the result is written by now.
    status = main()
    sys.stderr.flush()
    os._exit(status)
