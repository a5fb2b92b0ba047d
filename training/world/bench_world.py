"""Captures in the world: upright, on the floor, to scale, on feet that stand; from the video alone.

``python -m training.world.bench_world [--eval FOLDER] [--synthetic N --mocap FOLDER --out FOLDER]
[--speed CLIP]`` prints markdown. FOLDER of ``--eval`` holds the evaluation sets, as for
training.bench_lift; ``--cache`` keeps what was seen of them. ``--synthetic`` measures N rendered
clips with the camera at rest, and N with it moving, of people whom nothing was trained on
(training/world/rendered_clips.py); ``--out`` keeps what was seen of them, so that a stopped run
goes on, and a changed world is measured in seconds.
``--speed`` measures what the world costs beside the detector.

Everything goes through ``solve_people``, as a capture does. "bodies alone" had no pictures.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

import cv2
import torch

from reelrig.core.config import Method
from reelrig.core.people_solver import LIFTERS

from .bench_cost import print_cost
from .bench_real import print_real
from .bench_rendered import print_rendered
from .targets import print_targets


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--eval", type=Path, help="folder of the evaluation sets")
    parser.add_argument("--cache", type=Path, help="folder for what was seen of their clips")
    parser.add_argument("--synthetic", type=int, metavar="N", help="rendered clips to measure")
    parser.add_argument("--mocap", type=Path, help="folder of the recordings to render")
    parser.add_argument("--out", type=Path, help="folder for what was seen of the rendered clips")
    parser.add_argument("--speed", type=Path, metavar="CLIP", help="a video to measure cost on")
    parser.add_argument("--methods", nargs="+", choices=get_args(Method), help="default: all")
    args = parser.parse_args()
    if args.synthetic and not (args.mocap and args.out):
        parser.error("--synthetic needs --mocap and --out")
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    methods = args.methods or list(LIFTERS)
    reached: dict[str, dict[str, float]] = {}
    if args.eval:
        reached |= print_real(args.eval, args.cache, methods)
    if args.synthetic:
        reached |= print_rendered(args.mocap, args.out, args.synthetic, methods)
    if args.speed:
        reached |= print_cost(args.speed)
    print_targets(reached)


if __name__ == "__main__":
    main()
