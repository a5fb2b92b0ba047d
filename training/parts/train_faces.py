"""Trains the face's branch on takes: ``python -m training.parts.train_faces --takes FOLDER``.

The takes are made by training/parts/face_takes.py. An interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path

import torch

from reelrig.core.lift.sts.face_branch import FaceBranch

from .face_landmarks import choose_landmarks, join_landmarks
from .face_windows import FaceLooks
from .fit import CHECKPOINTS, WEIGHTS, FitConfig, Losses, fit, write_weights
from .skin import Skin

_SEEDS_PER_RUN = 1_000_000


@dataclass(frozen=True, kw_only=True)
class FacesConfig:
    """What the face's branch learns from."""

    takes: Path  # folder of face_takes.py
    fit: FitConfig = field(default_factory=lambda: FitConfig(num_steps=2500, learning_rate=1e-3))
    num_windows: int = 24
    num_rows: int = 10
    single_share: float = 0.3  # of the steps, on single frames


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--takes", type=Path, required=True)
    parser.add_argument("--steps", type=int)
    args = parser.parse_args()
    torch.set_num_threads(1)
    config = FacesConfig(takes=args.takes)
    if args.steps is not None:
        shorter = FitConfig(num_steps=args.steps, learning_rate=config.fit.learning_rate)
        config = FacesConfig(takes=args.takes, fit=shorter)
    write_weights(train(config), config, WEIGHTS / "face.safetensors")


def train(config: FacesConfig) -> FaceBranch:
    torch.manual_seed(config.fit.seed)
    branch, generator = FaceBranch(), torch.Generator()
    rows = choose_landmarks()
    branch.look_at(rows, join_landmarks(rows))
    looks = FaceLooks.load(config.takes, held_out=False)
    skin = Skin()

    def losses_at(step: int) -> Losses:
        generator.manual_seed(_SEEDS_PER_RUN * config.fit.seed + step)
        windows = looks.draw(generator, config.num_windows, config.num_rows)
        if torch.rand((), generator=generator) < config.single_share:
            windows = windows.split_frames()
        return skin.losses(branch.guess(windows.view), windows)

    fit(branch, losses_at, config.fit, CHECKPOINTS / "face.safetensors")
    return branch


if __name__ == "__main__":
    main()
