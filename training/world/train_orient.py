"""Trains OrientCorrect behind the frozen lifter: ``python -m training.world.train_orient``.

    python -m training.world.train_orient --pool POOL --detected SHARDS --people FOLDER

Draws the people once (training/world/seen_people.py) into ``--people``. An interrupted run goes on
where it stopped. ``training.world.bench_orient`` measures.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from reelrig.core.rotation import six_to_matrix
from reelrig.core.world.orient_correct import (
    WEIGHTS_PATH,
    Corrected,
    OrientCorrect,
    PersonRows,
    angles_of_up,
    up_from_angles,
    upright_from_up,
)

from ..parts.fit import FitConfig, Losses, fit, write_weights
from .seen_people import NUM_ROWS, PeopleSource, SeenPeople, add_source_arguments

CHECKPOINTS = Path(__file__).parents[2] / ".cache" / "world"
_NUM_DRAWN, _NUM_RENDERED = 24, 40  # people of a batch
_ROWS = (1, 4, 16, 32)  # of a batch: single images, and more and more of a shot
_LEVEL_SHARE = 0.3  # of the shots: nothing is known of their cameras
LEVEL_SIGMAS_DEG = (16.0, 8.0)
_SIGMAS_DEG, _ROLL_SHARES = (0.5, 16.0), (0.3, 1.0)
_OUTLIERS, _OUTLIER_SIZE = 0.05, 3.0  # guesses that are surer than they should be
_STEADY_RAD = np.radians(1.0)  # up to which a camera's tilt is one tilt
_ROTATION_WEIGHT = 4.0
_FARTHEST_SIGMAS = 3.0  # beyond which an error counts by its size, not by its square
_UPRIGHT = torch.tensor([-1.0, 0.0, 0.0, 0.0, 0.0, 1.0])  # facing the camera
_SEEDS_PER_RUN = 1_000_000


@dataclass(frozen=True, kw_only=True)
class OrientConfig:
    """What OrientCorrect learns from."""

    fit: FitConfig = field(default_factory=lambda: FitConfig(num_steps=8000, weight_decay=0.02))
    people: PeopleSource


class OneStep(nn.Module):
    """As SPEC does it (Kocabas et al. 2021): everything at once in, the world's orientation out.

    Its shot has the tilt that its rows' orientations have in the mean.
    """

    def __init__(self) -> None:
        super().__init__()
        self.inner = OrientCorrect()
        first, *_ = self.inner.layers
        assert isinstance(first, nn.Linear)
        width = first.out_features
        self.layers = nn.Sequential(
            nn.Linear(first.in_features - 6, width),
            nn.GELU(),
            nn.Dropout(0.1),
            nn.Linear(width, width),
            nn.GELU(),
            nn.Dropout(0.1),
            nn.Linear(width, 6),
        )

    def forward(self, rows: PersonRows) -> Corrected:
        turns = six_to_matrix(self.layers(self.inner.known(rows)) + _UPRIGHT)
        ups = (rows.turns @ turns.mT)[..., 2]
        angles = angles_of_up(nn.functional.normalize(ups.mean(1), dim=-1))
        return Corrected(turns, angles, torch.ones_like(angles))


VARIANTS: dict[str, Callable[[], nn.Module]] = {
    "orient_correct": OrientCorrect,
    "one_step": OneStep,
}


def steady(people: SeenPeople) -> SeenPeople:
    """Those whose camera keeps its tilt."""
    mean = nn.functional.normalize(people.true_up.mean(1), dim=-1)[:, None]
    angle = (people.true_up * mean).sum(-1).clamp(-1, 1).acos()
    return people.take(torch.nonzero(angle.amax(1) < _STEADY_RAD)[:, 0])


@dataclass(frozen=True, eq=False)
class Batch:
    rows: PersonRows
    turns: Tensor  # [B, T, 3, 3] true, upright axes from body
    angles: Tensor  # [B, 2] true pitch and roll


def guess_tilt(
    people: SeenPeople, rows: Tensor, sigmas_deg: Tensor, errors: Tensor, is_level: Tensor
) -> Batch:
    """The ``rows`` [T] of ``people`` with a guess of their cameras' tilt.

    ``sigmas_deg`` [B, 2] of pitch and roll, ``errors`` [B, 2] in sigmas, ``is_level`` [B] where
    the camera is only guessed to be level.
    """
    angles = angles_of_up(nn.functional.normalize(people.true_up.mean(1), dim=-1))
    nothing = torch.tensor(LEVEL_SIGMAS_DEG)
    sigma = torch.deg2rad(torch.where(is_level[:, None], nothing, sigmas_deg))
    guess = torch.where(is_level[:, None], 0.0, angles + sigma * errors)
    return Batch(
        PersonRows(
            features=people.features[:, rows],
            body_up=people.up[:, rows],
            up=up_from_angles(guess),
            sigma_rad=sigma,
            place=people.place[:, rows],
            picture=people.picture / people.assumed_px[:, None],
            turns=people.turns[:, rows],
        ),
        upright_from_up(people.true_up[:, rows]) @ people.true_turns[:, rows],
        angles,
    )


def draw_guess(people: SeenPeople, generator: torch.Generator) -> Batch:
    """Some rows, and a guess as a picture may give it, or none."""
    count = len(people)

    def share(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=generator)

    num_rows = _ROWS[int(torch.randint(len(_ROWS), (), generator=generator))]
    rows = torch.randperm(NUM_ROWS, generator=generator)[:num_rows]
    pitch = share(*np.log(_SIGMAS_DEG)).exp()
    sigmas = torch.stack([pitch, pitch * share(*_ROLL_SHARES)], -1)
    errors = torch.randn(count, 2, generator=generator)
    is_wrong = torch.rand(count, generator=generator) < _OUTLIERS
    errors = torch.where(is_wrong[:, None], _OUTLIER_SIZE * errors, errors)
    is_level = torch.rand(count, generator=generator) < _LEVEL_SHARE
    return guess_tilt(people, rows, sigmas, errors, is_level)


def train(config: OrientConfig, variant: str) -> nn.Module:
    torch.manual_seed(config.fit.seed)
    source = config.people
    drawn, rendered = (steady(source.load(name)) for name in ("drawn", "rendered"))
    network, generator = VARIANTS[variant](), torch.Generator()

    def losses_at(step: int) -> Losses:
        generator.manual_seed(_SEEDS_PER_RUN * config.fit.seed + step)
        batch = draw_guess(source.draw(drawn, rendered, generator), generator)
        found = network(batch.rows)
        losses = {
            "rotation": _ROTATION_WEIGHT * (found.turns - batch.turns).square().sum((-2, -1)).mean()
        }
        if variant == "orient_correct":
            losses["tilt"] = _unlikelihood(found, batch.angles)
        return losses

    fit(network, losses_at, config.fit, CHECKPOINTS / f"{variant}.safetensors")
    return network


def _unlikelihood(found: Corrected, angles: Tensor) -> Tensor:
    """Negative logarithm of how likely the true angles are, with heavier tails than Gauss'."""
    errors = (found.angles - angles) / found.sigma_rad
    size = nn.functional.huber_loss(
        errors, torch.zeros_like(errors), reduction="none", delta=_FARTHEST_SIGMAS
    )
    return (size + found.sigma_rad.log()).mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_source_arguments(parser)
    parser.add_argument("--variant", choices=VARIANTS, default="orient_correct")
    args = parser.parse_args()
    torch.set_num_threads(1)
    source = PeopleSource(
        pool=args.pool,
        detected=args.detected,
        kept=args.people,
        num_drawn=_NUM_DRAWN,
        num_rendered=_NUM_RENDERED,
    )
    config = OrientConfig(people=source)
    network = train(config, args.variant)
    if args.variant == "orient_correct":
        write_weights(network, config, WEIGHTS_PATH)


if __name__ == "__main__":
    main()
