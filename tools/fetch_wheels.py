"""Fetch, by hash, the wheels that the worker needs at run time into a folder.

    .venv/bin/python tools/fetch_wheels.py [FOLDER]

Versions and hashes are those of the locks that the tests run on. numpy is left to Blender.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = (ROOT / "requirements/core.txt", ROOT / "requirements/torch-cpu.txt")

# A list of its own, because mediapipe asks for far more than Holistic loads: absl-py, flatbuffers,
# jax, jaxlib, sentencepiece and sounddevice serve its other parts.
MEDIAPIPE = ("mediapipe", "attrs", "opencv-contrib-python", "protobuf")
MATPLOTLIB = (  # mediapipe.solutions loads it for its drawing helpers
    "matplotlib",
    "contourpy",
    "cycler",
    "fonttools",
    "kiwisolver",
    "packaging",
    "pillow",
    "pyparsing",
    "python-dateutil",
    "tzdata",
)
TORCH = (
    "torch",
    "filelock",
    "fsspec",
    "jinja2",
    "markupsafe",
    "mpmath",
    "networkx",
    "sympy",
    "typing-extensions",
)
WHEELS = ("av", "safetensors", *MEDIAPIPE, *MATPLOTLIB, *TORCH)


def fetch_wheels(folder: Path) -> list[Path]:
    """The wheels of WHEELS in ``folder``, for this Python; any others there are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    before = set(folder.glob("*.whl"))
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        requirements = Path(scratch) / "wheels.txt"
        requirements.write_text(pick_locked(WHEELS))
        download(requirements, folder, Path(scratch))
        fetched = [wheel.replace(folder / wheel.name) for wheel in Path(scratch).glob("*.whl")]
    for wheel in before.difference(fetched):
        wheel.unlink()
    return sorted(fetched)


def download(requirements: Path, known: Path, target: Path) -> None:
    """With pip; what lies in ``known`` already is taken from there."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--disable-pip-version-check", "download"),
            *("--no-deps", "--require-hashes", "--only-binary=:all:"),
            *(f"--find-links={known}", f"--requirement={requirements}", f"--dest={target}"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        last_lines = "\n".join(done.stdout.splitlines()[-10:])
        sys.exit(
            f"{last_lines}\nThe wheels could not be fetched. torch's CPU build must be where pip "
            "looks: set `find-links` or `extra-index-url` in pip's configuration."
        )


def pick_locked(names: tuple[str, ...]) -> str:
    """The entries of the locks that pin ``names``, with their hashes."""
    entries = {}
    for lock in LOCKS:
        entries |= read_lock(lock)
    return "".join(entries[name] for name in names)


def read_lock(lock: Path) -> dict[str, str]:
    """Name of each pinned package -> its lines in the lock file."""
    entries: dict[str, str] = {}
    name = ""
    for line in lock.read_text().splitlines(keepends=True):
        if line.lstrip().startswith("#"):
            continue
        if not line[0].isspace():
            name = line.split("==")[0]
        entries[name] = entries.get(name, "") + line
    return entries


if __name__ == "__main__":
    for path in fetch_wheels(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "wheels"):
        print(path)
