"""`make demo`: a real video in; motion file, scene, overlay and contact sheet out."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEMO_VIDEO = ROOT / ".cache" / "demo.mp4"


def main() -> int:
    """Run capture, build and contact sheet as a user would, one program after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--video", type=Path, default=DEMO_VIDEO)
    parser.add_argument("--out", type=Path, default=ROOT / "out")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    reelrig = Path(sys.executable).with_name("reelrig")
    motion, scene = args.out / "demo.npz", args.out / "demo.blend"
    overlay, sheet = args.out / "demo_overlay.mp4", args.out / "demo.png"
    draw = [sys.executable, Path(__file__).with_name("contact_sheet.py")]
    for command in (
        [reelrig, "capture", args.video, "-o", motion, "--overlay", overlay],
        [reelrig, "build", motion, "-o", scene],
        [*draw, args.video, motion, scene, sheet],
    ):
        start = time.monotonic()
        status = subprocess.run(command, check=False).returncode
        if status:
            return status
        print(f"{Path(command[0]).name} {Path(command[1]).name}: {time.monotonic() - start:.0f} s")
    print(f"Made {motion}, {scene}, {overlay} and {sheet}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
