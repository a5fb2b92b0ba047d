"""Trains the contact network: ``python -m training.world.train_contacts --pool FOLDER``.

On clips of the bank's pool (training/bank/pool.py), made as wrong as a lifter's. An interrupted run
goes on where it stopped. Prints how well contacts are found in clips that it was not trained on,
beside a rule that looks at height and speed alone: of subjects that are held out, who never sit or
kneel, and of the pool's last file, where they do.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from reelrig.core.body.model import load_body
from reelrig.core.world.contacts import (
    CONTACT_POINTS,
    RATE_HZ,
    WEIGHTS_PATH,
    ContactNetwork,
    pick_points,
)
from reelrig.core.world.kinematics import RestBody
from reelrig.core.world.turns import rotvec_to_matrix

from ..bank import quaternions
from ..parts.fit import FitConfig, Losses, fit, write_weights
from .lifter_errors import spoil
from .true_contacts import true_contacts

_CHECKPOINT = Path(__file__).parents[2] / ".cache" / "world" / "contacts.safetensors"
_LENGTHS = (24, 40, 56, 72)  # rows of a batch's windows
_NUM_STEPS = 3000
_NUM_MEASURED = 300  # clips
_SEEDS_PER_RUN = 1_000_000
_EDGE_ROWS = 2  # beside a change of a label, where it counts less
_EDGE_WEIGHT = 0.3
# The rule: a tenth of the rows stand lower than the floor; contact fades over these twice.
_RULE_PERCENTILE, _RULE_HEIGHT_M, _RULE_SPEED_M_S = 10.0, 0.04, 0.4


@dataclass(frozen=True, kw_only=True)
class ContactsConfig:
    """What the contact network learns from."""

    fit: FitConfig = field(default_factory=lambda: FitConfig(num_steps=_NUM_STEPS))
    pool: Path  # folder of the clips
    num_shards: int = 6
    num_windows: int = 24


@dataclass(frozen=True, eq=False)
class Clips:
    """Clips of different lengths as rows at RATE_HZ, one after the other."""

    points: Tensor  # [N, P, 3] m float16, with errors, about the clip's first pelvis
    labels: Tensor  # [N, 9] bool
    starts: Tensor  # [K]
    lengths: Tensor  # [K]

    @classmethod
    def load(cls, paths: list[Path], seed: int, most: int | None = None) -> Clips:
        """Clips of the files, of each the first ``most`` or all."""
        body = load_body()
        rest = RestBody.of(body, np.zeros(10))
        rng = np.random.default_rng(seed)
        points, labels = [], []
        for path in paths:
            with np.load(path, allow_pickle=False) as file:
                rotvecs, pelvis, rates = file["rotvecs"], file["pelvis"], file["rate_hz"]
            for row in np.flatnonzero(rates >= 0.5 * RATE_HZ)[:most]:
                turns = rotvec_to_matrix(rotvecs[row].astype(np.float64))
                pair = _watch(rng, rest, turns, pelvis[row].astype(np.float64), float(rates[row]))
                points.append(pair[0])
                labels.append(pair[1])
        lengths = np.array([len(clip) for clip in points])
        return cls(
            torch.from_numpy(np.concatenate(points).astype(np.float16)),
            torch.from_numpy(np.concatenate(labels)),
            torch.from_numpy(np.cumsum(lengths) - lengths),
            torch.from_numpy(lengths),
        )

    def draw(self, generator: torch.Generator, count: int) -> tuple[Tensor, Tensor]:
        """Windows of one length: points [B, T, P, 3] and labels [B, T, 9]."""
        length = _LENGTHS[int(torch.randint(len(_LENGTHS), (), generator=generator))]
        fitting = torch.nonzero(self.lengths >= length)[:, 0]
        chosen = fitting[torch.randint(len(fitting), (count,), generator=generator)]
        room = self.lengths[chosen] - length
        shift = (torch.rand(count, generator=generator) * (room + 1)).long()
        rows = (self.starts[chosen] + shift)[:, None] + torch.arange(length)
        return self.points[rows].float(), self.labels[rows]


def _watch(
    rng: np.random.Generator, rest: RestBody, turns: np.ndarray, pelvis: np.ndarray, rate: float
) -> tuple[np.ndarray, np.ndarray]:
    """Points [T, P, 3] with errors and labels [T, 9] of a clip, at RATE_HZ."""
    spoiled, moved, _ = spoil(rng, turns, pelvis, rate)
    seen, true = (_points(rest, *motion, rate) for motion in ((spoiled, moved), (turns, pelvis)))
    return seen - moved[0], true_contacts(true)


def _points(rest: RestBody, turns: np.ndarray, pelvis: np.ndarray, rate: float) -> np.ndarray:
    joints, world = rest.pose_joints(turns, pelvis)
    soles = rest.pose_soles(joints, world)
    points = pick_points(torch.from_numpy(joints), torch.from_numpy(soles)).numpy()
    place = np.arange(int((len(points) - 1) * RATE_HZ / rate) + 1) * rate / RATE_HZ
    rows, weights = quaternions.cubic_weights(place, len(points))
    return np.einsum("tk,tkpa->tpa", weights, points[rows])


def train(config: ContactsConfig) -> ContactNetwork:
    torch.manual_seed(config.fit.seed)
    paths = sorted(config.pool.glob("pool_*.npz"))[: config.num_shards]
    clips = Clips.load(paths, config.fit.seed)
    share = clips.labels.float().mean(0)
    rare = (0.5 / share.clamp_min(1e-3)).sqrt().clamp(0.5, 3.0)  # rare contacts count more
    network, generator = ContactNetwork(), torch.Generator()

    def losses_at(step: int) -> Losses:
        generator.manual_seed(_SEEDS_PER_RUN * config.fit.seed + step)
        points, labels = clips.draw(generator, config.num_windows)
        truth = labels.float()
        weight = _certainty(truth) * torch.where(labels, rare, 1.0)
        loss = functional.binary_cross_entropy_with_logits(network(points), truth, weight)
        return {"contacts": loss}

    fit(network, losses_at, config.fit, _CHECKPOINT)
    return network


def _certainty(truth: Tensor) -> Tensor:
    """[B, T, 9], less beside the moments when a label changes, which no label knows to a row."""
    window = 2 * _EDGE_ROWS + 1
    rows = truth.mT
    highest = functional.max_pool1d(rows, window, 1, _EDGE_ROWS)
    lowest = -functional.max_pool1d(-rows, window, 1, _EDGE_ROWS)
    return 1 - (1 - _EDGE_WEIGHT) * (highest - lowest).mT


@torch.no_grad()
def measure(network: ContactNetwork, clips: Clips) -> dict[str, tuple[float, float, float]]:
    """F1 of each contact point by the network and by the rule, and the true share of rows."""
    counts = np.zeros((2, 3, len(CONTACT_POINTS)))  # by whom; hits, false alarms, misses
    for start, length in zip(clips.starts.tolist(), clips.lengths.tolist(), strict=True):
        points = clips.points[start : start + length].float()
        truth = clips.labels[start : start + length]
        for i, found in enumerate((network(points[None])[0] > 0, _by_rule(points))):
            counts[i, 0] += (found & truth).sum(0).numpy()
            counts[i, 1] += (found & ~truth).sum(0).numpy()
            counts[i, 2] += (~found & truth).sum(0).numpy()
    hits, false, missed = counts.transpose(1, 0, 2)
    f1 = 2 * hits / np.maximum(2 * hits + false + missed, 1)
    share = clips.labels.float().mean(0)
    return {
        name: (round(f1[0, i], 3), round(f1[1, i], 3), round(float(share[i]), 3))
        for i, name in enumerate(CONTACT_POINTS)
    }


def _by_rule(points: Tensor) -> Tensor:
    """[T, 9] bool: low over the floor and slow; hands, knees and pelvis as if they were soles."""
    touching = points[:, [0, 1, 2, 3, 11, 12, 7, 8, 4]]
    lowest = touching[:, :4, 2].amin(1)
    height = touching[..., 2] - float(np.percentile(lowest.numpy(), _RULE_PERCENTILE))
    moved = torch.diff(touching, dim=0).norm(dim=-1) * RATE_HZ
    speed = torch.maximum(torch.cat([moved[:1], moved]), torch.cat([moved, moved[-1:]]))
    scores = (2 - height / _RULE_HEIGHT_M).clamp(0, 1) * (2 - speed / _RULE_SPEED_M_S).clamp(0, 1)
    return scores > 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pool", type=Path, required=True, help="folder of the bank's clips")
    parser.add_argument("--steps", type=int, default=_NUM_STEPS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    config = ContactsConfig(fit=FitConfig(num_steps=args.steps), pool=args.pool)
    network = train(config)
    write_weights(network, config, WEIGHTS_PATH)
    for path in (args.pool / "held_out.npz", sorted(args.pool.glob("pool_*.npz"))[-1]):
        found = measure(network, Clips.load([path], config.fit.seed, _NUM_MEASURED))
        print(path.stem)
        for name, (by_network, by_rule, share) in found.items():
            print(f"  {name:12} F1 {by_network:.3f}, rule {by_rule:.3f}, touching {share:.3f}")


if __name__ == "__main__":
    main()
