"""Fetch, by hash, the wheels that the worker needs at run time in Blender.

    .venv/bin/python tools/fetch_wheels.py linux-x64 [--python 3.11] [--python 3.13]

They come to wheels/PLATFORM, where tools/build.py looks for them. Versions and hashes are those of
the locks that the tests run on. numpy is left to Blender.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "requirements"
WHEELS_FOLDER = ROOT / "wheels"
PYTHONS = ("3.11", "3.13")  # of Blender 4.5 and 5.2

# Blender's name of a platform -> the wheels' names of it. Blender asks for glibc 2.28; torch is
# built for no macOS older than 14.
PLATFORMS = {
    "linux-x64": ("manylinux2014_x86_64", *(f"manylinux_2_{i}_x86_64" for i in range(17, 29))),
    "windows-x64": ("win_amd64",),
    "macos-arm64": ("macosx_14_0_arm64",),
}

# What torch asks for and Reelrig never loads (setuptools, triton, CUDA's libraries) is left out.
WHEELS = (
    *("av", "opencv-python-headless", "safetensors"),
    *("torch", "filelock", "fsspec", "jinja2", "markupsafe", "mpmath", "networkx", "sympy"),
    "typing-extensions",
)


def main() -> None:
    parser = argparse.ArgumentParser(description="Fetch the worker's wheels.")
    parser.add_argument("platform", choices=PLATFORMS)
    parser.add_argument("--python", choices=PYTHONS, action="append", help="both, if not given")
    args = parser.parse_args()
    for path in fetch_wheels(args.platform, args.python or PYTHONS):
        print(path)


def fetch_wheels(platform: str, pythons: Sequence[str] = PYTHONS) -> list[Path]:
    """The wheels of WHEELS for the platform and those Pythons, in the platform's folder.

    Any others there are removed.
    """
    folder = WHEELS_FOLDER / platform
    folder.mkdir(parents=True, exist_ok=True)
    before = set(folder.glob("*.whl"))
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        requirements = Path(scratch) / "wheels.txt"
        requirements.write_text(pick_locked(platform))
        for python in pythons:
            download(requirements, platform, python, known=folder, target=Path(scratch))
        fetched = [wheel.replace(folder / wheel.name) for wheel in Path(scratch).glob("*.whl")]
    for wheel in before.difference(fetched):
        wheel.unlink()
    return sorted(fetched)


def download(requirements: Path, platform: str, python: str, known: Path, target: Path) -> None:
    """With pip; what lies in ``known`` already is taken from there."""
    tag = f"cp{python.replace('.', '')}"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--disable-pip-version-check", "download"),
            *("--no-deps", "--require-hashes", "--only-binary=:all:"),
            *("--implementation=cp", f"--python-version={python}"),
            *(f"--abi={abi}" for abi in (tag, "abi3", "none")),
            *(f"--platform={name}" for name in PLATFORMS[platform]),
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
            f"{last_lines}\nThe wheels for {platform} and Python {python} could not be fetched. "
            "For Linux torch's CPU build must be where pip looks: set `find-links` or "
            "`extra-index-url` in pip's configuration."
        )


def pick_locked(platform: str) -> str:
    """The entries of the locks that pin WHEELS, with their hashes."""
    torch = "torch-cpu.txt" if platform.startswith("linux") else "torch.txt"
    entries = read_lock(LOCKS / "core.txt") | read_lock(LOCKS / torch)
    return "".join(entries[name] for name in WHEELS)


def read_lock(lock: Path) -> dict[str, str]:
    """Name of each pinned package -> its lines in the lock file."""
    entries: dict[str, str] = {}
    name = ""
    for line in lock.read_text().splitlines(keepends=True):
        if not line.startswith((" ", "#")):
            name = line.split("==")[0]
            entries[name] = ""
        if name:
            entries[name] += line
    return entries


if __name__ == "__main__":
    main()
