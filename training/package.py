"""Makes the repository importable as ``reelrig`` in a Python that has it not installed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def load_package() -> None:
    """Make the repository root importable as ``reelrig`` where it is not installed."""
    spec = importlib.util.spec_from_file_location(
        "reelrig", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = sys.modules["reelrig"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)
