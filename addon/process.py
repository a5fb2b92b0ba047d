"""The worker as a child process: started, listened to, ended. Knows nothing of Blender."""
# Every process here has its pipes.
# pyright: reportOptionalMemberAccess=false, reportOptionalContextManager=false

from __future__ import annotations

import contextlib
import logging
import os
import re
import signal
import subprocess
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from ..core.config import CaptureJob
from ..core.errors import WorkerError
from ..core.protocol import Done, Failed, Message, line_to_message

# `core` is found here by `-m core.worker`, wherever Blender put the extension.
EXTENSION_FOLDER = Path(__file__).resolve().parents[1]

_LOG_LINES = 200  # how much of the worker's log is kept for the error text
_JOIN_S = 1.0
_OUT_OF_MEMORY = -9  # SIGKILL, which Linux sends to the largest process; Windows has no such code

# Reelrig's own modules are never missing: that would be a bug.
_MISSING_PACKAGE = re.compile(r"ModuleNotFoundError: No module named '(?!core\b)([^']+)'")

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Interpreter:
    """A Python to start, and the environment it needs."""

    path: str
    environment: dict[str, str]

    def start(self, *arguments: str, **options) -> subprocess.Popen[str]:
        try:
            return subprocess.Popen(
                [self.path, *arguments],
                env=self.environment,
                encoding="utf-8",
                errors="replace",
                **options,
            )
        except OSError as error:
            raise WorkerError(
                f"{self.path} cannot be started: {error.strerror}. "
                "Choose another Python in Preferences > Add-ons > Reelrig."
            ) from error


class WorkerProcess:
    """A worker with its one job. Threads do the reading, so nothing here waits for the work."""

    def __init__(self, interpreter: Interpreter, job: CaptureJob) -> None:
        self._interpreter = interpreter
        self._messages: SimpleQueue[Message] = SimpleQueue()
        self._log: deque[str] = deque(maxlen=_LOG_LINES)
        self._process = _start_worker(interpreter)
        self._threads = [
            Thread(target=self._read_messages, daemon=True),
            Thread(target=self._read_log, daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        # stdin stays open: the worker ends itself when it closes, so it never outlives Blender.
        with contextlib.suppress(OSError):  # a worker that is dead by now is noticed in read()
            self._process.stdin.write(job.to_line())
            self._process.stdin.flush()

    def read(self) -> list[Message]:
        """Messages since the last call. A worker that died without a last word gets a Failed."""
        exit_code = self._process.poll()
        if exit_code is not None:
            self.end()  # the threads have read all there is
        messages = []
        with contextlib.suppress(Empty):
            while True:
                messages.append(self._messages.get_nowait())
        if exit_code is not None and not any(isinstance(m, Done | Failed) for m in messages):
            messages.append(Failed(self._describe_death(exit_code)))
        return messages

    def explain(self, failed: Failed) -> WorkerError:
        """The error to show for a Failed; details of a bug go to the log."""
        if failed.traceback is None:
            return WorkerError(failed.text)
        missing = _MISSING_PACKAGE.search(failed.traceback)
        if missing:
            return WorkerError(self._describe_lack(missing[1]))
        _logger.error("The worker hit a bug.\n%s", failed.traceback)
        return WorkerError(
            f"Reelrig hit a bug: {failed.text.rstrip('.')}. Please report it with the details "
            "in Blender's system console."
        )

    def end(self) -> None:
        """End the worker and all that it started, now."""
        _kill_group(self._process)
        for thread in self._threads:
            thread.join(_JOIN_S)
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def _describe_death(self, exit_code: int) -> str:
        if exit_code == _OUT_OF_MEMORY:
            return (
                "The system ended the worker, most likely because memory ran out. "
                "Close other programs or capture a shorter part of the video."
            )
        lines = [line for line in self._log if line] or ["it left no message"]
        missing = _MISSING_PACKAGE.search(lines[-1])
        if missing:
            return self._describe_lack(missing[1])
        return (
            f"The worker stopped without a result (exit code {exit_code}): "
            f"{lines[-1].rstrip('.')}. Test the installation in Preferences > Add-ons > Reelrig."
        )

    def _describe_lack(self, package: str) -> str:
        return (
            f"{self._interpreter.path} lacks the package {package}. Choose a Python that has "
            "Reelrig's packages in Preferences > Add-ons > Reelrig."
        )

    def _read_messages(self) -> None:
        with self._process.stdout as lines:
            for line in lines:
                try:
                    self._messages.put(line_to_message(line))
                except WorkerError as error:  # a library's print: worth a note, not the capture
                    _logger.warning("%s", error)

    def _read_log(self) -> None:
        with self._process.stderr as lines:
            for line in lines:
                self._log.append(line.rstrip())
                _logger.debug("worker: %s", line.rstrip())


def _start_worker(interpreter: Interpreter) -> subprocess.Popen[str]:
    """The worker in a process group of its own, so that all it starts can be ended with it."""
    own_group = (
        {"creationflags": subprocess.CREATE_NO_WINDOW}
        if os.name == "nt"
        else {"start_new_session": True}
    )
    return interpreter.start(
        *("-u", "-m", "core.worker"),
        cwd=EXTENSION_FOLDER,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **own_group,
    )


def _kill_group(process: subprocess.Popen[str]) -> None:
    if os.name == "nt" and process.poll() is None:
        command = ["taskkill", "/F", "/T", "/PID", str(process.pid)]
        subprocess.run(command, capture_output=True, creationflags=subprocess.CREATE_NO_WINDOW)
    elif os.name != "nt":
        with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody is left in it
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
