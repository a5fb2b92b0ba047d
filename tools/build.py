"""Build the extension's zip with Blender's own tool, from a clean copy of what ships.

    .venv/bin/python tools/build.py

makes dist/reelrig-VERSION.zip: light, no wheels; the worker runs in an interpreter that the user
names in the preferences.

    .venv/bin/python tools/build.py --wheels linux-x64 [--python 3.11]

makes dist/reelrig-VERSION-linux_x64.zip: all inside, for Blender 4.5 (Python 3.11) and 5.2 (3.13),
or for one of them, which is then in the name. Blender takes the wheels that fit its Python.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

from fetch_wheels import PLATFORMS, PYTHONS, fetch_wheels

ROOT = Path(__file__).resolve().parent.parent
MANIFEST = "blender_manifest.toml"
SHIPPED = ("__init__.py", MANIFEST, "addon", "core", "LICENSE", "NOTICE", "README.md")
# SMPL*: nobody's licensed body model may slip in.
NEVER_SHIPPED = shutil.ignore_patterns("__pycache__", "*.pyc", "ruff.toml", ".*", "SMPL*")


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the extension's zip.")
    parser.add_argument("--wheels", choices=PLATFORMS, help="ship the worker's wheels for it too")
    parser.add_argument("--python", choices=PYTHONS, action="append", help="both, if not given")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder of the zip")
    args = parser.parse_args()
    path = build(args.out, args.wheels, args.python or PYTHONS)
    print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")


def build(out: Path, platform: str | None = None, pythons: Sequence[str] = PYTHONS) -> Path:
    """The path of the validated zip in ``out``; with the platform's wheels where one is named."""
    wheels = [] if platform is None else fetch_wheels(platform, pythons)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "reelrig"
        stage(source)
        parts = ["reelrig", read_version(source)]
        if platform is not None:
            add_wheels(source, platform, wheels)
            parts.append(platform.replace("-", "_"))
        if len(pythons) < len(PYTHONS):
            parts += [f"python{python}" for python in pythons]
        path = out / f"{'-'.join(parts)}.zip"
        run_extension_tool("validate", source)
        run_extension_tool("build", "--source-dir", source, "--output-filepath", path)
        run_extension_tool("validate", path)
    return path


def stage(target: Path) -> None:
    """A copy of SHIPPED in ``target``."""
    target.mkdir()
    for name in SHIPPED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, ignore=NEVER_SHIPPED)
        else:
            shutil.copy2(ROOT / name, target / name)


def add_wheels(source: Path, platform: str, wheels: list[Path]) -> None:
    """Link the wheels into the staged copy, and make its manifest one for the platform."""
    folder = source / "wheels"
    folder.mkdir()
    for wheel in wheels:
        (folder / wheel.name).symlink_to(wheel)
    lines = "".join(f'  "./wheels/{wheel.name}",\n' for wheel in wheels)
    manifest = source / MANIFEST
    text = re.sub(
        r"^platforms = .*", f'platforms = ["{platform}"]', manifest.read_text(), flags=re.M
    )
    manifest.write_text(text.replace("wheels = []", f"wheels = [\n{lines}]"))


def read_version(source: Path) -> str:
    return tomllib.loads((source / MANIFEST).read_text())["version"]


def run_extension_tool(*arguments: str | Path) -> None:
    """Blender's command-line tool for extensions, as it lies in the bpy wheel."""
    packages = Path(sysconfig.get_path("purelib"))
    (tool,) = packages.glob("bpy/*/scripts/addons_core/bl_pkg/cli/blender_ext.py")
    subprocess.run([sys.executable, str(tool), *map(str, arguments)], check=True)


if __name__ == "__main__":
    main()
