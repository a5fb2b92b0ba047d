"""Trains the hands' branch: ``python -m training.parts.train_hands --mocap FOLDER``.

Hands are drawn by the bank, with the recordings of that folder, and by anatomy. With ``--detected
FOLDER`` a share of them are hands of rendered people as the real detector saw them
(training/synthesis/detected.py). An interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path

import torch

from reelrig.core.lift.sts.hand_branch import HandBranch

from .detected_hands import DetectedHands
from .fit import CHECKPOINTS, WEIGHTS, FitConfig, Losses, fit, write_weights
from .hand_losses import hand_losses
from .hand_pool import HandPool
from .hand_windows import HandStudio, HandWindows
from .measure_hands import measure_drawn

_WEIGHTS_FILE = WEIGHTS / "hands.safetensors"
_SEEDS_PER_RUN = 1_000_000


@dataclass(frozen=True, kw_only=True)
class HandsConfig:
    """What the hands' branch learns from."""

    fit: FitConfig = field(default_factory=FitConfig)
    mocap: Path  # folder of the recordings that the bank takes hands from
    num_clips: int = 2000  # drawn from the bank
    num_windows: int = 32
    num_rows: int = 16
    single_share: float = 0.15  # of the steps, on single frames
    detected: Path | None = None  # folder of real detections
    detected_share: float = 0.5  # of the steps, on them


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mocap", type=Path, required=True, help="folder of the recordings")
    parser.add_argument("--steps", type=int, default=FitConfig.num_steps)
    parser.add_argument("--detected", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    config = HandsConfig(
        fit=FitConfig(num_steps=args.steps),
        mocap=args.mocap,
        detected=args.detected,
    )
    branch = train(config)
    write_weights(branch, config, _WEIGHTS_FILE)
    print(measure_drawn(branch))


def train(config: HandsConfig) -> HandBranch:
    torch.manual_seed(config.fit.seed)
    pool = HandPool.draw(config.mocap, config.num_clips, config.fit.seed)
    branch, studio = HandBranch(), HandStudio(config.fit.seed, pool)
    real = None
    if config.detected is not None:
        real = DetectedHands.load(config.detected, held_out=False)

    def losses_at(step: int) -> Losses:
        studio.generator.manual_seed(_SEEDS_PER_RUN * config.fit.seed + step)
        windows = draw(config, studio, real)
        found = branch(windows.points, windows.hints, windows.confidence, windows.time_s)
        return hand_losses(studio.model, found, windows)

    fit(branch, losses_at, config.fit, CHECKPOINTS / "hands.safetensors")
    return branch


def draw(config: HandsConfig, studio: HandStudio, real: DetectedHands | None) -> HandWindows:
    """A batch: of drawn or of really seen hands, as windows or as single frames."""
    is_real, is_single = torch.rand(2, generator=studio.generator).tolist()
    if real is not None and is_real < config.detected_share:
        windows = real.draw(studio.generator, config.num_windows, config.num_rows)
    else:
        windows = studio.draw(config.num_windows, config.num_rows)
    return windows.split_frames() if is_single < config.single_share else windows


if __name__ == "__main__":
    main()
