"""What each part of the lifter is worth: the same short training without it, side by side.

    python -m training.lifter.ablate --pool POOL --detected SHARDS --out FOLDER [--eval FOLDER]

Prints a markdown table: held-out people (as training.lifter.score), and PA-MPJPE on the evaluation
sets. Stopped, the same command goes on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from reelrig.core.body.model import load_body
from reelrig.core.lift.sts.network_file import save_network

from ..bench_lift import load_evaluate, predict, solve, use_weights
from ..eval_sets import find_clips, load_landmarks
from ..synthesis.detected_source import DetectedSource, Sequences, shard_paths
from .config import config_from
from .export import load_average
from .score import score_network
from .skeleton import Skeleton
from .train import Run, train

# What differs from the whole lifter.
VARIANTS: dict[str, dict] = {
    "whole": {},
    "weak perspective": {"projection": "weak"},
    "perspective": {"projection": "perspective"},
    "single images": {"rows": [[1, 1]]},
    "no second look": {"network": {"num_second_layers": 0, "num_layers": 5}},
    "no detector in the loop": {"detected_share": 0.0},
    "detector in the loop alone": {"detected_share": 1.0},
    "no 3D hints": {"hint_dropping": 1.0},
    "no movement terms": {"losses": {"velocity": 0.0, "sliding": 0.0}},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("pool", "detected", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--eval", type=Path, help="folder of the evaluation sets")
    parser.add_argument("--cache", type=Path, help="folder for the sets' landmarks")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--processes", type=int, default=1, help="one a core on a CPU")
    parser.add_argument("--only", nargs="+", choices=tuple(VARIANTS), default=tuple(VARIANTS))
    args = parser.parse_args()
    pool = sorted(args.pool.glob("pool_*.npz"))
    sequences = Sequences.load(shard_paths(args.detected, held_out=True))
    held_out = DetectedSource(sequences, Skeleton(load_body()), seed=0)
    print("| variant | mpjpe | pa_mpjpe | angle | tilt | sets' pa_mpjpe |\n|" + " --- |" * 6)
    for name in args.only:
        config = config_from({"steps": args.steps, **VARIANTS[name]})
        folder = args.out / name.replace(" ", "_")
        run = Run(
            config=config,
            folder=folder,
            pool=pool,
            detected=args.detected,
            device="cuda" if torch.cuda.is_available() else "cpu",
            every=args.steps,
        )
        train(run, args.processes)
        network = load_average(folder / "checkpoint.safetensors")
        scores = score_network(network, held_out)
        cells = [f"{scores[column]:.1f}" for column in ("mpjpe", "pa_mpjpe", "angle", "tilt")]
        save_network(network, folder / "body.safetensors", {})
        real = score_real(args.eval, args.cache, folder / "body.safetensors") if args.eval else {}
        means = (f"{key} {np.mean(values):.1f}" for key, values in real.items())
        print(f"| {name} | {' | '.join(cells)} | {', '.join(means)} |", flush=True)


def score_real(folder: Path, cache: Path | None, weights: Path) -> dict[str, list[float]]:
    """PA-MPJPE in mm of each camera of each evaluation set."""
    use_weights(weights)
    evaluate = load_evaluate(folder / "evaluate.py")
    scores: dict[str, list[float]] = {}
    for clip in find_clips(folder):
        if clip.has_reference:
            landmarks = load_landmarks(clip, cache)
            prediction = predict(solve(landmarks, "sts"), landmarks, use_landmarks=False)
            score = evaluate(clip.reference_path, prediction, prediction["space"])
            scores.setdefault(clip.video.parent.name, []).append(score["pa_mpjpe"])
    return scores


if __name__ == "__main__":
    main()
