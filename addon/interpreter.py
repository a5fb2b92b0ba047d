"""Which Python runs the worker, and in what surroundings."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import bpy

from ..core.errors import WorkerError
from .preferences import get_preferences
from .process import Interpreter

# For developers and tests; the preference goes before it.
PYTHON_VARIABLE = "REELRIG_WORKER_PYTHON"
NEEDED_PACKAGES = ("numpy", "torch", "safetensors", "av", "cv2")

_CHECK_TIMEOUT_S = 180.0  # the first import of torch from a cold disk is slow


def find_interpreter(context: bpy.types.Context) -> Interpreter:
    """The Python of the preferences, of the environment variable, or Blender's own."""
    preferred = bpy.path.abspath(get_preferences(context).worker_python)
    chosen = preferred or os.environ.get(PYTHON_VARIABLE, "")
    environment = os.environ | {"PYTHONUTF8": "1"}
    if not chosen:
        return Interpreter(sys.executable, environment | _bundled_packages())
    path = shutil.which(chosen)
    if path is None:
        raise WorkerError(
            f"The worker's Python was not found: {chosen}. "
            "Choose another in Preferences > Add-ons > Reelrig."
        )
    return Interpreter(path, environment)


def _bundled_packages() -> dict[str, str]:
    """Blender's Python, run by itself, must be told where Blender unpacks an extension's wheels."""
    extensions = Path(bpy.utils.user_resource("EXTENSIONS"))
    folders = [folder for folder in sys.path if Path(folder).is_relative_to(extensions)]
    return {"PYTHONPATH": os.pathsep.join(folders), "PYTHONNOUSERSITE": "1"}


class ImportCheck:
    """Tries whether an interpreter can import the needed packages.

    One process a package, at the same time: one that crashes does not hide the others.
    """

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self._ends_at = time.monotonic() + _CHECK_TIMEOUT_S
        self._imports = {name: _Import(interpreter, name) for name in NEEDED_PACKAGES}

    def is_over(self) -> bool:
        is_late = time.monotonic() > self._ends_at
        return is_late or all(each.process.poll() is not None for each in self._imports.values())

    def find_problems(self) -> dict[str, str]:
        """The packages that cannot be imported, each with the last line of its error."""
        problems = {name: each.find_problem() for name, each in self._imports.items()}
        return {name: problem for name, problem in problems.items() if problem}

    def close(self) -> None:
        """End what has no answer yet."""
        for each in self._imports.values():
            each.process.kill()
            each.process.wait()
            each.log.close()


class _Import:
    """The import of one package, in a process of its own."""

    def __init__(self, interpreter: Interpreter, package: str) -> None:
        # A file, not a pipe: nobody need read while the process writes.
        self.log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        self.process = interpreter.start(
            *("-c", f"import {package}"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.log,
        )

    def find_problem(self) -> str:
        """What went wrong; empty if nothing did."""
        exit_code = self.process.poll()
        if exit_code is None:
            return f"no answer after {_CHECK_TIMEOUT_S:.0f} s"
        if exit_code == 0:
            return ""
        self.log.seek(0)
        lines = self.log.read().strip().splitlines()
        return lines[-1] if lines else f"exit code {exit_code}"
