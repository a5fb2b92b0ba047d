"""Tests that need Blender's bpy module: 4.5 or 5.2. They import the project as ``reelrig``."""

import importlib.util
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Blender reads its user folder when bpy is imported, so an empty one has to stand ready before.
_user_folder = tempfile.TemporaryDirectory(prefix="reelrig-tests-")
os.environ["BLENDER_USER_RESOURCES"] = _user_folder.name


def _load_package() -> None:
    """Make the repository root importable as ``reelrig``, installed or not."""
    spec = importlib.util.spec_from_file_location(
        "reelrig", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules["reelrig"] = package
    spec.loader.exec_module(package)


_load_package()

import bpy  # noqa: E402  (after the user folder is set)

from reelrig.addon.properties import JobStatus, status  # noqa: E402


@pytest.fixture(autouse=True)
def scene() -> bpy.types.Scene:
    """The scene of a new, empty file, in a Blender in which no job ever ran."""
    vars(status).update(vars(JobStatus()))
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    return bpy.context.scene


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[_EXIT_STATUS] = int(exitstatus)


_EXIT_STATUS = pytest.StashKey[int]()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave at once: bpy 4.5 hangs for ever in its own exit while anything is registered."""
    _user_folder.cleanup()
    shutil.rmtree(bpy.app.tempdir, ignore_errors=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(config.stash.get(_EXIT_STATUS, 1))
