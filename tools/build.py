"""Build the extension's zip with Blender's own tool, from a clean copy of what ships.

.venv/bin/python tools/build.py             dist/reelrig-VERSION.zip: light, no wheels; the
                                            worker runs in an interpreter named in preferences
.venv/bin/python tools/build.py --wheels    dist/reelrig-VERSION-linux_x64.zip: all inside, for
                                            Blender 4.5 (Python 3.11) on Linux x64
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from pathlib import Path

from fetch_wheels import fetch_wheels

ROOT = Path(__file__).resolve().parent.parent
MANIFEST = "blender_manifest.toml"
SHIPPED = ("__init__.py", MANIFEST, "addon", "core", "LICENSE", "NOTICE", "README.md")
# SMPL*: nobody's licensed body model may slip in.
NEVER_SHIPPED = shutil.ignore_patterns("__pycache__", "*.pyc", "ruff.toml", ".*", "SMPL*")


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the extension's zip.")
    parser.add_argument("--wheels", action="store_true", help="ship the worker's wheels too")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder of the zip")
    args = parser.parse_args()
    path = build(args.out, with_wheels=args.wheels)
    print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")


def build(out: Path, *, with_wheels: bool = False) -> Path:
    """The path of the validated zip in ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "reelrig"
        stage(source)
        if with_wheels:
            add_wheels(source, fetch_wheels(ROOT / "wheels"))
        path = out / zip_name(source, with_wheels)
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


def add_wheels(source: Path, wheels: list[Path]) -> None:
    """Link the wheels into the staged copy and list them in its manifest."""
    folder = source / "wheels"
    folder.mkdir()
    for wheel in wheels:
        (folder / wheel.name).symlink_to(wheel)
    lines = "".join(f'  "./wheels/{wheel.name}",\n' for wheel in wheels)
    manifest = source / MANIFEST
    manifest.write_text(manifest.read_text().replace("wheels = []", f"wheels = [\n{lines}]"))


def zip_name(source: Path, with_wheels: bool) -> str:
    version = tomllib.loads((source / MANIFEST).read_text())["version"]
    return f"reelrig-{version}{'-linux_x64' if with_wheels else ''}.zip"


def run_extension_tool(*arguments: str | Path) -> None:
    """Blender's command-line tool for extensions, as it lies in the bpy wheel."""
    packages = Path(sysconfig.get_path("purelib"))
    (tool,) = packages.glob("bpy/*/scripts/addons_core/bl_pkg/cli/blender_ext.py")
    subprocess.run([sys.executable, str(tool), *map(str, arguments)], check=True)


if __name__ == "__main__":
    main()
