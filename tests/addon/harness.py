"""What tests of the add-on share: the add-on registered, and Pythons that run the fake worker."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import bpy
import pytest

import reelrig

ROOT = Path(__file__).parents[2]
FAKE_COMMAND = f'exec "{sys.executable}" -u "{Path(__file__).with_name("fake_worker.py")}"'


@contextmanager
def registered_addon() -> Iterator[None]:
    """Reelrig as if Blender had enabled it: with its preferences."""
    entry = bpy.context.preferences.addons.new()
    entry.module = "reelrig"
    reelrig.register()
    try:
        yield
    finally:
        reelrig.unregister()
        bpy.context.preferences.addons.remove(entry)


# A program's first lines: the repository as the package `reelrig`, as conftest.py loads it.
LOAD_REELRIG = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location(
    "reelrig", {str(ROOT / "__init__.py")!r}, submodule_search_locations=[{str(ROOT)!r}]
)
sys.modules["reelrig"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["reelrig"])
"""


def find_real_worker() -> str:
    """A Python that can run the real worker: this one, or the one that is named for it."""
    named = os.environ.get("REELRIG_WORKER_PYTHON")
    if named is None and find_spec("torch") is None:
        pytest.skip("no torch here, and REELRIG_WORKER_PYTHON names no Python that has it")
    return named or sys.executable


def write_python(folder: Path, command: str = FAKE_COMMAND) -> Path:
    """A "Python" that runs the fake worker, or another command, whatever it is asked to run."""
    path = folder / "fake_python"
    path.write_text(f"#!/bin/sh\n{command}\n")
    path.chmod(0o755)
    return path


def count_data() -> dict[str, int]:
    """How many of each kind of data-block there are, and what the scene holds."""
    kinds = [kind for kind in bpy.data.bl_rna.properties if kind.type == "COLLECTION"]
    counts = {kind.identifier: len(getattr(bpy.data, kind.identifier)) for kind in kinds}
    scene = bpy.context.scene
    settings = scene.reelrig
    lists = {name: len(getattr(settings, name)) for name in ("results", "people")}
    return counts | {"in scene": len(scene.objects)} | lists
