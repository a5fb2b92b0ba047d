"""Batches of what the detector saw on rendered people, and the detector's errors on them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from reelrig.core.landmarks import Landmarks
from reelrig.core.lift.sts.observation import (
    NUM_BODY,
    PALM_LANDMARKS,
    SIDES,
    Observation,
    observe,
)
from reelrig.core.rotation import rotvec_to_matrix
from reelrig.core.skeletons import (
    BODY_LANDMARK_INDEX,
    BODY_LANDMARKS,
    JOINT_INDEX,
    JOINT_NAMES,
)

from ..lifter.skeleton import (
    MIRRORED_POINTS,
    SEEN_LANDMARKS,
    Skeleton,
    other_side,
)
from ..lifter.truth import Truth
from .geometric import HINT_ERRORS, Shot, make_truth, palm_axes
from .noise import ErrorBank, heading_of

HELD_OUT_EVERY, HELD_OUT_REST = 10, 9  # shards of people who are never trained on
_KNOWN_FOCAL = 0.3  # share of people whose focal length the network is told
_HIPS = [BODY_LANDMARK_INDEX[f"{side}_hip"] for side in SIDES]
ROLL_SPREAD = 0.2  # rad, by which pictures are turned beyond the cameras' own roll
_LARGEST_ERROR = 1.5  # halves of the box, or metres: what is farther off is held there


def shard_paths(folder: Path, held_out: bool) -> list[Path]:
    """The shards that training.synthesis.detected has written so far."""
    paths = sorted(folder.glob("shard_*.npz"))
    numbers = [int(path.stem.split("_")[1]) for path in paths]
    return [
        path
        for path, number in zip(paths, numbers, strict=True)
        if (number % HELD_OUT_EVERY == HELD_OUT_REST) == held_out
    ]


@dataclass(frozen=True, eq=False)
class Sequences:
    """S rendered sequences of T rows: what was seen, with slopes for a focal length of 1 px."""

    seen: Observation
    landmarks_px: Tensor  # [S, T, 45, 2] where the SEEN_LANDMARKS truly are, from the middle
    landmarks: Tensor  # [S, T, 45, 3] m, true, camera axes
    rotvecs: Tensor  # [S, T, 55, 3]
    pelvis: Tensor  # [S, T, 3] m, world
    betas: Tensor  # [S, 10]
    contacts: Tensor  # [S, T, 4]
    camera_from_world: Tensor  # [S, T, 4, 4]
    focal_px: Tensor  # [S, T]
    image_size: Tensor  # [S, 2]

    @classmethod
    def load(cls, paths: list[Path]) -> Sequences:
        shards = [_load_shard(path) for path in paths]
        joined = {
            field.name: torch.cat([getattr(shard, field.name) for shard in shards])
            for field in fields(cls)
            if field.name != "seen"
        }
        return cls(seen=join_observations([shard.seen for shard in shards]), **joined)

    def __len__(self) -> int:
        return len(self.betas)


def join_observations(parts: list[Observation]) -> Observation:
    return Observation(
        **{
            field.name: torch.cat([getattr(part, field.name) for part in parts])
            for field in fields(Observation)
        }
    )


def _load_shard(path: Path) -> Sequences:
    with np.load(path, allow_pickle=False) as file:
        size = file["image_size"]
        arrays = {name: file[name] for name in ("points_px", "hints", "confidence", "time_s")}
        scores = file["face_scores"]
        rest = {
            name: torch.from_numpy(np.float32(file[name]))
            for name in ("rotvecs", "pelvis", "betas", "contacts", "camera_from_world", "focal_px")
        }
        true_px = file["true_px"][:, :, list(SEEN_LANDMARKS)]
        landmarks = file["true_points"][:, :, list(SEEN_LANDMARKS)]
    seen = []
    for row, (width, height) in enumerate(size):
        person = Landmarks(
            frame_index=np.arange(len(arrays["time_s"][row])),
            time_s=np.float64(arrays["time_s"][row]),
            image_size=(int(width), int(height)),
            points_px=np.float32(arrays["points_px"][row]),
            hints=np.float32(arrays["hints"][row]),
            confidence=np.float32(arrays["confidence"][row]),
            face_scores=np.float32(scores[row]),
        )
        seen.append(observe(person, 1.0))
    middle = size[:, None, None] / 2
    return Sequences(
        seen=join_observations(seen),
        landmarks_px=torch.from_numpy(np.float32(true_px - middle)),
        landmarks=torch.from_numpy(np.float32(landmarks)),
        image_size=torch.from_numpy(np.float32(size)),
        **rest,
    )


class DetectedSource:
    """Batches of sequences, mirrored or not, with a focal length assumed as a capture would."""

    def __init__(self, sequences: Sequences, skeleton: Skeleton, seed: int) -> None:
        self.sequences, self.skeleton = sequences, skeleton
        self.generator = torch.Generator().manual_seed(seed)

    def draw(self, num_people: int, num_rows: int) -> tuple[Observation, Truth]:
        def numbers(below: int) -> Tensor:
            return torch.randint(below, (num_people,), generator=self.generator)

        longest = self.sequences.pelvis.shape[1]
        first = numbers(longest - num_rows + 1)
        is_known = torch.rand(num_people, generator=self.generator) < _KNOWN_FOCAL
        rows = first[:, None] + torch.arange(num_rows)
        low, high = HINT_ERRORS
        hint_share = low + (high - low) * torch.rand(num_people, generator=self.generator)
        people = numbers(len(self.sequences))
        observation, truth = self.take(people, rows, is_known, hint_share)
        is_mirrored = torch.rand(num_people, generator=self.generator) < 0.5
        angle = ROLL_SPREAD * torch.randn(num_people, generator=self.generator)
        return roll(*mirror(observation, truth, is_mirrored), angle)

    def take(
        self, people: Tensor, rows: Tensor, is_known: Tensor, hint_share: Tensor
    ) -> tuple[Observation, Truth]:
        """Sequences ``people`` [B], their ``rows`` [B, T]; the focal length known or assumed.

        ``hint_share`` [B] of the errors of the body's hints is left in them.
        """
        all_ = self.sequences
        at = (people[:, None], rows)
        shot = Shot(all_.camera_from_world[at], all_.focal_px[at], all_.image_size[people])
        usual = torch.linalg.vector_norm(shot.image_size, dim=-1)
        assumed_px = torch.where(is_known, shot.focal_px.mean(1), usual)
        proportions = self.skeleton.proportions(all_.betas[people], torch.ones(len(people), 55))
        rotations = rotvec_to_matrix(all_.rotvecs[at])
        posed = self.skeleton.pose(proportions, rotations, all_.pelvis[at])
        values = {field.name: getattr(all_.seen, field.name)[at] for field in fields(Observation)}
        values["hints"] = self._true_hints(at).lerp(
            values["hints"], hint_share[:, None, None, None]
        )
        values["slopes"] = values["slopes"] / assumed_px[:, None, None, None]
        values["palm_slopes"] = values["palm_slopes"] / assumed_px[:, None, None, None, None]
        truth = make_truth(
            posed,
            shot,
            assumed_px,
            proportions,
            all_.contacts[at],
        )
        return Observation(**values), truth

    def _true_hints(self, at: tuple[Tensor, Tensor]) -> Tensor:
        """[B, T, 33, 3] m, what perfect hints would be."""
        body = self.sequences.landmarks[at][:, :, :NUM_BODY]
        return body - body[:, :, _HIPS].mean(2, keepdim=True)


_MIRRORED_LANDMARKS = [BODY_LANDMARKS.index(other_side(name)) for name in BODY_LANDMARKS]
_MIRRORED_JOINTS = [JOINT_INDEX[other_side(name)] for name in JOINT_NAMES[:22]]


def mirror(
    observation: Observation, truth: Truth, is_mirrored: Tensor
) -> tuple[Observation, Truth]:
    """The same with the people of ``is_mirrored`` [B] seen in a mirror."""
    flip_2d, flip = torch.tensor([-1.0, 1.0]), torch.tensor([-1.0, 1.0, 1.0])
    turn = flip[:, None] * flip  # of a rotation, both sides mirrored
    seen, said = observation, truth
    flipped = Observation(
        time_s=seen.time_s,
        slopes=(seen.slopes * flip_2d)[:, :, _MIRRORED_LANDMARKS],
        hints=(seen.hints * flip)[:, :, _MIRRORED_LANDMARKS],
        confidence=seen.confidence[:, :, _MIRRORED_LANDMARKS],
        palm_slopes=(seen.palm_slopes * flip_2d).flip(2),
        palm_hints=(seen.palm_hints * flip).flip(2),
        palm_confidence=seen.palm_confidence.flip(2),
        head=seen.head * turn,
        head_confidence=seen.head_confidence,
    )
    flipped_truth = Truth(
        rotations=(said.rotations * turn)[:, :, _MIRRORED_JOINTS],
        bones=(said.bones * flip)[:, MIRRORED_POINTS],
        points=(said.points * flip)[:, :, MIRRORED_POINTS],
        slopes=(said.slopes * flip_2d)[:, :, MIRRORED_POINTS],
        up=said.up * flip,
        log_measures=said.log_measures,
        contacts=said.contacts.roll(2, -1),
        has_stature=said.has_stature,
    )
    return _choose(is_mirrored, flipped, observation), _choose(is_mirrored, flipped_truth, truth)


def roll(observation: Observation, truth: Truth, angle: Tensor) -> tuple[Observation, Truth]:
    """The same, the cameras rolled by ``angle`` [B] rad: the networks turn people upright first."""
    rotvec = torch.nn.functional.pad(angle[:, None], (2, 0))
    turn = rotvec_to_matrix(rotvec)[:, None]
    flat = turn[..., :2, :2].mT
    seen, said = observation, truth
    rolled = replace(
        seen,
        slopes=seen.slopes @ flat,
        hints=seen.hints @ turn.mT,
        palm_slopes=seen.palm_slopes @ flat[:, :, None],
        palm_hints=seen.palm_hints @ turn[:, :, None].mT,
        head=turn @ seen.head,
    )
    rolled_truth = replace(
        said,
        rotations=turn[:, :, None] @ said.rotations,
        points=said.points @ turn.mT,
        slopes=said.slopes @ flat,
        up=(turn @ said.up[..., None])[..., 0],
    )
    return rolled, rolled_truth


_Values = TypeVar("_Values", Observation, Truth)


def _choose(which: Tensor, first: _Values, second: _Values) -> _Values:
    def pick(name: str) -> Tensor:
        one, other = getattr(first, name), getattr(second, name)
        return torch.where(which.reshape(-1, *([1] * (one.dim() - 1))), one, other)

    return type(first)(**{field.name: pick(field.name) for field in fields(first)})


def measure_errors(sequences: Sequences, skeleton: Skeleton) -> ErrorBank:
    """The detector's errors on these sequences."""
    seen = sequences.seen
    focal = sequences.focal_px[..., None, None]
    slopes = sequences.landmarks_px / focal
    half = ((slopes[:, :, :33].amax(2) - slopes[:, :, :33].amin(2)) / 2).amax(-1)
    found_px = torch.cat([seen.slopes, seen.palm_slopes.flatten(2, 3)], 2)
    confidence = torch.cat(
        [seen.confidence, seen.palm_confidence.repeat_interleave(len(PALM_LANDMARKS), -1)], 2
    )
    is_seen = (confidence > 0)[..., None]
    picture = (found_px / focal - slopes) / half[..., None, None] * is_seen
    people = skeleton.proportions(sequences.betas, torch.ones(len(sequences), 55))
    posed = skeleton.pose(people, rotvec_to_matrix(sequences.rotvecs), sequences.pelvis)
    turns = sequences.camera_from_world[..., None, :3, :3] @ posed.turns
    pelvis, head = turns[:, :, 0], turns[:, :, JOINT_INDEX["head"]]
    truth = sequences.landmarks[:, :, :NUM_BODY]
    truth = truth - truth[:, :, _HIPS].mean(2, keepdim=True)
    hints = (seen.hints - truth) @ pelvis * is_seen[:, :, :33]
    return ErrorBank(
        picture=picture.clamp(-_LARGEST_ERROR, _LARGEST_ERROR).half(),
        hints=hints.clamp(-_LARGEST_ERROR, _LARGEST_ERROR).half(),
        palms=_palm_errors(sequences).half(),
        heads=head.mT @ seen.head,
        confidence=seen.confidence.half(),
        palm_confidence=seen.palm_confidence.half(),
        head_confidence=seen.head_confidence.half(),
        heading=heading_of(pelvis),
    )


def _palm_errors(sequences: Sequences) -> Tensor:
    """[S, T, 2, 6, 3] of seen palms, once both have the same length and wrist."""
    seen = sequences.seen.palm_hints
    true = sequences.landmarks[:, :, 33:].unflatten(2, (len(SIDES), len(PALM_LANDMARKS)))
    axes, length = palm_axes(true)
    _, seen_length = palm_axes(seen)
    ratio = length / seen_length.clamp_min(1e-6)
    scaled = (seen - seen[..., :1, :]) * ratio[..., None, None]
    errors = (scaled - (true - true[..., :1, :])) @ axes / length[..., None, None]
    is_seen = sequences.seen.palm_confidence[..., None, None] > 0
    return errors.clamp(-_LARGEST_ERROR, _LARGEST_ERROR) * is_seen
