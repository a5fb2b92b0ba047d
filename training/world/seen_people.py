"""What the shipped lifter makes of made-up people, and the truth about their cameras.

Drawn once, in minutes, and kept: all that is trained behind the frozen lifter learns from it.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from reelrig.core.body.model import load_body
from reelrig.core.lift.sts.body_network import BodyNetwork
from reelrig.core.lift.sts.lifter import shipped_network
from reelrig.core.lift.sts.observation import Observation
from reelrig.core.lift.sts.points import POINT_NAMES, bones_of, place_points
from reelrig.core.skeletons import BODY_LANDMARK_INDEX

from ..lifter.skeleton import Skeleton
from ..lifter.truth import Truth
from ..synthesis.detected_source import (
    ROLL_SPREAD,
    DetectedSource,
    Sequences,
    measure_errors,
    mirror,
    roll,
    shard_paths,
)
from ..synthesis.geometric import HINT_ERRORS, GeometricSource, Pool, Shot

NUM_ROWS = 32
_PEOPLE_AT_ONCE = 64
_NUM_FILES, _NUM_DRAWN, _NUM_HELD_OUT, _NUM_COPIES = 12, 9000, 512, 5
# Points of the body that are seen as landmarks of the same name, for what is projected.
SEEN_NAMES = tuple(
    f"{side}_{part}"
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle", "heel")
    for side in ("left", "right")
)
_POINTS = [POINT_NAMES.index(name) for name in SEEN_NAMES]


@dataclass(frozen=True, eq=False)
class SeenPeople:
    """B people of T rows each. Camera axes, of the focal length that was assumed."""

    features: Tensor  # [B, T, D] of the lifter
    place: Tensor  # [B, T, 3] slopes x, y of the person's middle, and half the box's
    scale: Tensor  # [B, T] of the lifter's D2S camera
    turns: Tensor  # [B, T, 3, 3] camera from body, as lifted
    true_turns: Tensor  # [B, T, 3, 3]
    up: Tensor  # [B, T, 3] as the lifter says
    true_up: Tensor  # [B, T, 3]
    confidence: Tensor  # [B, T] mean of the landmarks
    picture: Tensor  # [B, 2] px, width and height
    assumed_px: Tensor  # [B]
    true_px: Tensor  # [B, T]
    points: Tensor  # [B, T, K, 3] m about the pelvis, SEEN_NAMES as lifted, view's axes
    seen: Tensor  # [B, T, K, 2] in the view's picture
    seen_confidence: Tensor  # [B, T, K]

    def __len__(self) -> int:
        return len(self.picture)

    def take(self, people: Tensor) -> SeenPeople:
        """Of the people [N] numbers, in single precision."""
        return SeenPeople(
            **{field.name: getattr(self, field.name)[people].float() for field in fields(self)}
        )

    @classmethod
    def joined(cls, parts: list[SeenPeople]) -> SeenPeople:
        return cls(
            **{
                field.name: torch.cat([getattr(part, field.name) for part in parts])
                for field in fields(cls)
            }
        )

    @classmethod
    def load(cls, path: Path) -> SeenPeople:
        return cls(**load_file(path))

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        halves = ("features", "points", "seen")
        save_file(
            {
                name: (value.half() if name in halves else value).contiguous()
                for name, value in arrays.items()
            },
            path,
        )


@dataclass(frozen=True, kw_only=True)
class PeopleSource:
    """Where people come from, and how many make a batch."""

    pool: Path  # of training.bank.pool
    detected: Path  # the shards of training.synthesis.detected
    kept: Path  # folder for what was seen of them
    num_drawn: int = 32  # of a batch
    num_rendered: int = 32

    def load(self, name: str) -> SeenPeople:
        """``drawn``, ``rendered``, or the same ``_held_out``."""
        path = self.kept / f"{name}.safetensors"
        if not path.exists():
            is_held_out = name.endswith("_held_out")
            if name.startswith("rendered"):
                copies = 1 if is_held_out else _NUM_COPIES
                people = see_rendered(self.detected, is_held_out, copies)
            elif is_held_out:
                people = see_drawn([self.pool / "held_out.npz"], self.detected, _NUM_HELD_OUT, 2)
            else:
                files = sorted(self.pool.glob("pool_*.npz"))[:_NUM_FILES]
                people = see_drawn(files, self.detected, _NUM_DRAWN, 1)
            people.save(path)
        return SeenPeople.load(path)

    def draw(
        self, drawn: SeenPeople, rendered: SeenPeople, generator: torch.Generator
    ) -> SeenPeople:
        """A batch of both."""
        parts = [
            people.take(torch.randint(len(people), (count,), generator=generator))
            for people, count in ((drawn, self.num_drawn), (rendered, self.num_rendered))
        ]
        return SeenPeople.joined(parts)


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pool", type=Path, required=True, help="folder of the bank's clips")
    parser.add_argument("--detected", type=Path, required=True, help="folder of the shards")
    parser.add_argument("--people", type=Path, required=True, help="keeps what was seen of people")


def see_drawn(pool: list[Path], detected: Path, num_people: int, seed: int) -> SeenPeople:
    """People of the pool's files, before drawn cameras, with the detector's measured errors."""
    network, skeleton = shipped_network(), Skeleton(load_body())
    shards = shard_paths(detected, held_out=False)
    errors = measure_errors(Sequences.load(shards), skeleton)
    source = GeometricSource(Pool.load(pool), skeleton, errors, seed)
    parts = []
    for first in range(0, num_people, _PEOPLE_AT_ONCE):
        count = min(_PEOPLE_AT_ONCE, num_people - first)
        drawn = source.draw_shots(count, NUM_ROWS)
        parts.append(look(network, drawn.observation, drawn.truth, drawn.shot, drawn.assumed_px))
    return SeenPeople.joined(parts)


def see_rendered(detected: Path, held_out: bool, copies: int = 1) -> SeenPeople:
    """The people of the rendered sequences, as the detector saw them, at the usual focal length.

    The first copy is what was rendered, the others are mirrored or not, rolled, and with a part of
    the errors of the hints.
    """
    network, skeleton = shipped_network(), Skeleton(load_body())
    sequences = Sequences.load(shard_paths(detected, held_out))
    source = DetectedSource(sequences, skeleton, 0)
    generator = torch.Generator().manual_seed(0)
    parts = []
    for copy in range(copies):
        for people in torch.arange(len(sequences)).split(_PEOPLE_AT_ONCE):
            rows = torch.arange(NUM_ROWS).expand(len(people), -1)
            unknown = torch.zeros(len(people), dtype=torch.bool)
            shares, turn = torch.ones(len(people)), torch.zeros(len(people))
            is_mirrored = torch.zeros(len(people), dtype=torch.bool)
            if copy:
                low, high = HINT_ERRORS
                shares = low + (high - low) * torch.rand(len(people), generator=generator)
                turn = ROLL_SPREAD * torch.randn(len(people), generator=generator)
                is_mirrored = torch.rand(len(people), generator=generator) < 0.5
            seen = source.take(people, rows, unknown, shares)
            observation, truth = roll(*mirror(*seen, is_mirrored), turn)
            shot = Shot(
                sequences.camera_from_world[people],
                sequences.focal_px[people],
                sequences.image_size[people],
            )
            usual_px = torch.linalg.vector_norm(shot.image_size, dim=-1)
            parts.append(look(network, observation, truth, shot, usual_px))
    return SeenPeople.joined(parts)


@torch.no_grad()
def look(
    network: BodyNetwork, observation: Observation, truth: Truth, shot: Shot, assumed_px: Tensor
) -> SeenPeople:
    """What the network says of the people of one batch."""
    estimate = network(observation)
    view = estimate.view
    rows = [BODY_LANDMARK_INDEX[name] for name in SEEN_NAMES]
    points = place_points(estimate.rotations, bones_of(estimate.log_measures))
    return SeenPeople(
        features=estimate.features,
        place=view.place,
        scale=estimate.camera.scale,
        turns=view.camera_from_view @ estimate.rotations[:, :, 0],
        true_turns=truth.rotations[:, :, 0],
        up=(view.camera_from_view @ estimate.up[..., None])[..., 0],
        true_up=truth.up,
        confidence=observation.confidence.mean(-1),
        picture=shot.image_size,
        assumed_px=assumed_px,
        true_px=shot.focal_px,
        points=points[:, :, _POINTS],
        seen=view.to_picture(observation.slopes[:, :, rows]),
        seen_confidence=observation.confidence[:, :, rows],
    )
