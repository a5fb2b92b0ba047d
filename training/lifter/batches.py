"""What the body's network is trained on: endless batches of drawn and rendered people."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from reelrig.core.body.model import load_body
from reelrig.core.lift.sts.observation import Observation
from reelrig.core.skeletons import BODY_LANDMARKS

from ..synthesis.detected_source import (
    DetectedSource,
    Sequences,
    join_observations,
    measure_errors,
    shard_paths,
)
from ..synthesis.geometric import GeometricSource, Pool
from .config import TrainConfig
from .skeleton import Skeleton
from .team import Team
from .truth import Truth

_SEEDS_A_MEMBER = 1_000_000
_BATCHES_BETWEEN_LOOKS = 600  # for shards that were written meanwhile


class Batches(IterableDataset):
    """Endless batches, drawn beside the training in a process of their own."""

    def __init__(
        self, config: TrainConfig, pool: list[Path], detected: Path, first: int, team: Team
    ) -> None:
        self.config, self.pool, self.detected = config, pool, detected
        self.first, self.team = first, team  # number of the first batch

    def __iter__(self) -> Iterator[tuple[Observation, Truth]]:
        torch.set_num_threads(1)
        config, skeleton = self.config, Skeleton(load_body())
        most_rows, most_people = (
            count // self.team.size for count in (config.batch_rows, config.most_people)
        )
        pool, shards = Pool.load(self.pool), shard_paths(self.detected, held_out=False)
        drawn, seen = self._open(pool, shards, skeleton, 0)
        generator = torch.Generator().manual_seed(self._seed(0))
        # The same for the whole team, so that nobody waits for a batch that takes longer.
        of_rows = torch.Generator().manual_seed(config.seed + self.first)
        choices = [rows for rows, share in config.rows for _ in range(share)]
        for number in itertools.count(1):
            if number % _BATCHES_BETWEEN_LOOKS == 0:
                now = shard_paths(self.detected, held_out=False)
                if len(now) > len(shards):
                    shards = now
                    drawn, seen = self._open(pool, shards, skeleton, number)
            rows = choices[int(torch.randint(len(choices), (), generator=of_rows))]
            people = min(most_people, most_rows // rows)
            num_seen = round(config.detected_share * people)
            parts = [
                source.draw(count, rows)
                for source, count in ((drawn, people - num_seen), (seen, num_seen))
                if count
            ]
            observation = join_observations([part[0] for part in parts])
            yield _withhold(observation, config, generator), Truth.joined([p[1] for p in parts])

    def _open(
        self, pool: Pool, shards: list[Path], skeleton: Skeleton, number: int
    ) -> tuple[GeometricSource, DetectedSource]:
        sequences = Sequences.load(shards)
        errors = measure_errors(sequences, skeleton)
        seed = self._seed(number)
        return (
            GeometricSource(pool, skeleton, errors, seed),
            DetectedSource(sequences, skeleton, seed),
        )

    def _seed(self, number: int) -> int:
        """A different one for everybody and wherever a training goes on."""
        return self.config.seed + self.first + number + _SEEDS_A_MEMBER * self.team.member


def _withhold(
    observation: Observation, config: TrainConfig, generator: torch.Generator
) -> Observation:
    """Without the hints of some people, and without a limb or the head of others."""
    count = len(observation.time_s)
    has_hints = torch.rand(count, generator=generator) >= config.hint_dropping
    is_hidden = torch.rand(count, generator=generator) < config.part_dropping
    part = _PARTS[torch.randint(len(_PARTS), (count,), generator=generator)]
    is_left = ~(part & is_hidden[:, None])[:, None]
    return replace(
        observation,
        hints=observation.hints * has_hints[:, None, None, None],
        head_confidence=observation.head_confidence * has_hints[:, None],
        confidence=observation.confidence * is_left,
    )


def _parts() -> Tensor:
    """[5, 33] bool: landmarks of the head, of each arm below the shoulder, and of each leg."""
    parts = torch.zeros(5, len(BODY_LANDMARKS), dtype=torch.bool)
    for row, name in enumerate(BODY_LANDMARKS):
        side = 0 if name.startswith("left") else 1
        if row < BODY_LANDMARKS.index("left_shoulder"):
            parts[0, row] = True
        elif name.endswith(("elbow", "wrist", "pinky", "index", "thumb")):
            is_foot = name.endswith("foot_index")
            parts[(3 if is_foot else 1) + side, row] = True
        elif name.endswith(("knee", "ankle", "heel")):
            parts[3 + side, row] = True
    return parts


_PARTS = _parts()
