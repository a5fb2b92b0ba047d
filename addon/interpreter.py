"""Which Python runs the worker, and in what surroundings."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import bpy

from ..core.errors import WorkerError
from .preferences import get_preferences
from .process import Interpreter

# For developers and tests; the preference goes before it.
PYTHON_VARIABLE = "REELRIG_WORKER_PYTHON"
NEEDED_PACKAGES = ("numpy", "torch", "mediapipe", "av")

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


def find_import_problems(interpreter: Interpreter) -> dict[str, str]:
    """The needed packages that cannot be imported, each with the last line of its error.

    One process a package, at the same time: one that crashes does not hide the others.
    """
    checks = {name: _start_import(interpreter, name) for name in NEEDED_PACKAGES}
    problems = {}
    for name, check in checks.items():
        try:
            _, log = check.communicate(timeout=_CHECK_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            check.kill()
            problems[name] = f"no answer after {_CHECK_TIMEOUT_S:.0f} s"
            continue
        if check.returncode != 0:
            problems[name] = (log.strip().splitlines() or [f"exit code {check.returncode}"])[-1]
    return problems


def _start_import(interpreter: Interpreter, package: str) -> subprocess.Popen[str]:
    return interpreter.start(
        *("-c", f"import {package}"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
