"""How well faces come out by the branch and by geometry, on takes of people never trained on.

``python -m training.parts.measure_faces --takes FOLDER``: the skin's error as in
training/bench_face.py, by the size of the face in the picture. With ``--scores SCORES.csv`` instead
the pictures of that bench are drawn and measured. Prints markdown.
"""

from __future__ import annotations

import argparse
import os
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from reelrig.core.detect.engine import open_engine
from reelrig.core.lift import face as faces
from reelrig.core.lift.sts.face_branch import FaceBranch, view_face
from reelrig.core.lift.sts.part_weights import load_face_branch
from reelrig.core.skeletons import ARKIT_NAMES

from ..bench_landmarks import face_features
from .face_windows import FaceLooks
from .skin import Skin

_SIZE_BINS_PX = (0, 60, 120, 1000)
_USED = 0.25  # range of a unit's true scores from which its correlation counts
_REPEATS = 3  # of each picture in the bench


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--takes", type=Path)
    parser.add_argument("--scores", type=Path, nargs="+")
    parser.add_argument("--cache", type=Path, help="folder for the bench's pictures")
    args = parser.parse_args()
    torch.set_num_threads(1)
    branch = load_face_branch()
    if args.takes is not None:
        measure_takes(branch, FaceLooks.load(args.takes, held_out=True))
    if args.scores is not None:
        measure_bench(branch, args.scores, args.cache)


@torch.no_grad()
def measure_takes(branch: FaceBranch, looks: FaceLooks) -> None:
    print(
        "| face px | by | mm | lids | brows | lips | correlation | head deg |\n"
        + "| --- " * 8
        + "|"
    )
    windows = looks.all_faces()
    found = branch(windows.view)
    size, true = windows.view.size_px[:, 0], windows.arkit[:, 0]
    ways = {
        "nothing": (torch.zeros_like(true), windows.view.head),
        "analytic": (windows.view.start[:, 0], windows.view.head),
        "branch": (found.arkit[:, 0], found.head),
    }
    for low, high in pairwise(_SIZE_BINS_PX):
        rows = (size >= low) & (size < high)
        for way, (scores, head) in ways.items():
            figures = (*figures_of(scores[rows], true[rows]), _turn_deg(head, windows.head, rows))
            print(f"| {low} to {high} | {way} | {' | '.join(f'{x:.2f}' for x in figures)} |")


def figures_of(scores: Tensor, true: Tensor) -> tuple[float, ...]:
    """mm on the skin, of lids, brows and lips; mean correlation over the units used."""
    miss, features = Skin().miss_mm(scores - true), face_features()
    parts = (list(range(468)), *(features[name] for name in ("eyes", "brows", "lips")))
    used = (true.amax(0) - true.amin(0)) > _USED
    a, b = (values[:, used] - values[:, used].mean(0) for values in (scores, true))
    spread = a.square().sum(0).sqrt() * b.square().sum(0).sqrt()
    correlation = ((a * b).sum(0) / spread.clamp_min(1e-6)).mean()
    return (*(float(miss[:, part].mean()) for part in parts), float(correlation))


def _turn_deg(found: Tensor, true: Tensor, rows: Tensor) -> float:
    cosine = ((found * true).sum((-1, -2))[rows] - 1) / 2
    return float(torch.rad2deg(torch.acos(cosine.clamp(-1, 1))).mean())


def measure_bench(branch: FaceBranch, scores: list[Path], cache: Path) -> None:
    """training/bench_face.py's rows, of its two ways that matter and of the branch."""
    from .. import bench_face as bench

    truth = bench.choose_faces(np.concatenate([bench.read_scores(path) for path in scores]))
    rng, engine = np.random.default_rng(0), open_engine("cpu")
    bodies = [bench.draw_body(rng) for _ in range(2)]
    studio = bench.Studio(bodies[0], cache)
    print("| yaw | face px | by | mm | lids | brows | lips | correlation | at rest | jitter |")
    print("| --- " * 10 + "|")
    for yaw in bench.YAWS_DEG:
        takes = [bench.draw_faces(studio, body, truth, yaw) for body in bodies]
        for size in (40, 90, 150):
            seen = [bench.see_take(engine, take, size, rng) for take in takes]
            ways = [_find_scores(branch, *one) for one in seen]
            for way in ways[0]:
                figures = np.mean([bench.measure(found[way], truth) for found in ways], axis=0)
                print(f"| {yaw} | {size} | {way} | {' | '.join(f'{x:.2f}' for x in figures)} |")
            sys.stdout.flush()


@torch.no_grad()
def _find_scores(branch: FaceBranch, points: Tensor, network: Tensor) -> dict[str, np.ndarray]:
    """[T, R, 52] by each way; frames one by one."""
    at_rest = faces.face_in_rest_axes(points, faces.head_rotation(points))
    calm = faces.CalmFace.among(at_rest, network)
    ones = torch.ones(len(points))
    view = view_face(points, network, ones, torch.zeros(len(points)), calm)
    found = branch(view.map(lambda values: values.transpose(0, 1)))
    ways = {"both": faces.arkit_scores(at_rest, network, calm), "branch": found.arkit[:, 0]}
    shape = (-1, _REPEATS, len(ARKIT_NAMES))
    return {way: values.reshape(shape).numpy() for way, values in ways.items()}


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    # bpy 4.5 can hang for ever in its static destructors, so Python's way out is not taken.
    os._exit(0)
