"""The global branch: from what is seen of a person to the body's rotations, measures and camera.

After Sun et al. 2020, "Synthetic training for monocular human mesh recovery", section III-C, with a
temporal encoder behind the paper's per-image part, uncertainties, and a second look: the first
answer is projected and what it misses in the picture is fed back (the error feedback of Kanazawa et
al. 2018, HMR, section 3.2, with the error itself).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...body.measures import MEASURE_NAMES
from ...rotation import six_to_matrix
from ...skeletons import BODY_LANDMARK_INDEX, CONTACT_NAMES
from .d2s import D2SCamera
from .first_guess import first_guess
from .observation import (
    PALM_LANDMARKS,
    Observation,
    View,
    hint_features,
    picture_features,
    view_of,
)
from .points import NUM_BODY_JOINTS, POINT_NAMES, bones_of, place_points
from .temporal import TemporalEncoder

_GUESS_SIZE = 6 * NUM_BODY_JOINTS
_PICTURE_SIZE, _HINT_SIZE = 165, 106 + _GUESS_SIZE
_CAMERA = 4  # log scale, shift, log distance
_HEADS = {
    "rotations": _GUESS_SIZE,  # added to the first guess
    "trust": NUM_BODY_JOINTS,  # of the first guess
    "sigma": NUM_BODY_JOINTS,
    "measures": len(MEASURE_NAMES),
    "camera": _CAMERA,
    "up": 3,
    "contacts": len(CONTACT_NAMES),
}
# Logit of the first guess's trust before anything is learned.
_TYPICAL_TRUST = 1.0
_TYPICAL_SCALE, _TYPICAL_DISTANCE_M = 1.1, 3.5
_LEAST_SIGMA = 0.01
_LARGEST_MISS = 0.5  # halves of the box

# Points that are seen as landmarks of (about) the same place.
_SEEN_POINTS = [i for i, name in enumerate(POINT_NAMES) if name in BODY_LANDMARK_INDEX]
_SEEN_LANDMARKS = [BODY_LANDMARK_INDEX[POINT_NAMES[i]] for i in _SEEN_POINTS]
_KNUCKLE_POINTS = [
    [POINT_NAMES.index(f"{side}_{finger}1") for finger in ("index", "middle", "pinky")]
    for side in ("left", "right")
]
_KNUCKLES = [PALM_LANDMARKS.index(row) for row in (5, 9, 17)]
_FEEDBACK_SIZE = 2 * (len(_SEEN_POINTS) + 2 * len(_KNUCKLES)) + sum(_HEADS.values())


@dataclass(frozen=True, kw_only=True)
class BodyNetworkConfig:
    width: int = 320
    num_layers: int = 3  # of the temporal encoder
    num_second_layers: int = 2  # of the second look's; 0: there is none
    num_heads: int = 8
    widening: int = 3
    part_width: int = 16  # features of each joint's own in the disentangled block
    bilinear_rank: int = 256


@dataclass(frozen=True, eq=False)
class BodyEstimate:
    """What the network says of B people's T rows. Axes of each row's view."""

    view: View
    rotations: Tensor  # [B, T, 22, 3, 3] view from joint
    sigma: Tensor  # [B, T, 22] m, how far off each joint may be
    log_measures: Tensor  # [B, T, M] logarithms of MEASURE_NAMES in metres
    camera: D2SCamera
    up: Tensor  # [B, T, 3] unit, away from the ground
    contact_logits: Tensor  # [B, T, 4] as CONTACT_NAMES
    features: Tensor  # [B, T, D] what the heads read it from


class BodyNetwork(nn.Module):
    """Bilinear, skeleton-disentangled block, MLP, temporal encoder, heads, second look."""

    def __init__(self, config: BodyNetworkConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.block = _DisentangledBlock(config)
        self.mlp = nn.Sequential(
            nn.GELU(), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width)
        )
        self.temporal = _encoder(config, config.num_layers)
        self.heads = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, sum(_HEADS.values())))
        if config.num_second_layers:
            self.feedback = nn.Linear(_FEEDBACK_SIZE, width)
            self.second = _encoder(config, config.num_second_layers)
            self.corrections = nn.Sequential(
                nn.LayerNorm(width), nn.Linear(width, sum(_HEADS.values()))
            )

    def forward(self, observation: Observation) -> BodyEstimate:
        return self.looks(observation)[-1]

    def looks(self, observation: Observation) -> list[BodyEstimate]:
        """The first estimate and, where there is one, that of the second look."""
        view = view_of(observation)
        guess = first_guess(observation)[..., :2].mT.flatten(-2)  # [B, T, 22, 6]
        picture = picture_features(observation, view)
        hints = torch.cat([hint_features(observation), guess.flatten(-2)], -1)
        rows = self.temporal(self.mlp(self.block(picture, hints)), observation.time_s)
        raw = self.heads(rows).float()
        looks = [_read_heads(view, guess, raw, rows)]
        if self.config.num_second_layers:
            missed = _missed(looks[0], observation)
            rows = rows + self.feedback(torch.cat([missed, raw], -1))
            rows = self.second(rows, observation.time_s)
            raw = raw + self.corrections(rows).float()
            looks.append(_read_heads(view, guess, raw, rows))
        return looks

    @torch.no_grad()
    def start_from(self, means: dict[str, Tensor]) -> None:
        """Heads that say ``means`` of everybody (by name, 0 for the rest), as training starts."""
        last = self.heads[-1]
        assert isinstance(last, nn.Linear)
        last.weight.mul_(0.1)
        for name, bias in zip(_HEADS, last.bias.split(list(_HEADS.values())), strict=True):
            bias.copy_(means.get(name, torch.zeros(())).expand_as(bias))
        if self.config.num_second_layers:
            for parameter in self.corrections[-1].parameters():
                parameter.mul_(0.1)


def _encoder(config: BodyNetworkConfig, num_layers: int) -> TemporalEncoder:
    return TemporalEncoder(config.width, num_layers, config.num_heads, config.widening)


def _read_heads(view: View, guess: Tensor, raw: Tensor, features: Tensor) -> BodyEstimate:
    values = dict(zip(_HEADS, raw.split(list(_HEADS.values()), -1), strict=True))
    camera = values["camera"]
    # The camera's own up is the better guess than none.
    up = values["up"] + raw.new_tensor([0.0, -0.1, 0.0])
    trust = torch.sigmoid(values["trust"] + _TYPICAL_TRUST)[..., None]
    six = trust * guess + values["rotations"].unflatten(-1, (NUM_BODY_JOINTS, 6))
    return BodyEstimate(
        view=view,
        rotations=six_to_matrix(six),
        sigma=values["sigma"].clamp(-6, 1).exp() + _LEAST_SIGMA,
        log_measures=values["measures"],
        camera=D2SCamera(
            _TYPICAL_SCALE * camera[..., 0].clamp(-4, 4).exp(),
            camera[..., 1:3],
            _TYPICAL_DISTANCE_M * camera[..., 3].clamp(-3, 3).exp(),
        ),
        up=nn.functional.normalize(up, dim=-1),
        contact_logits=values["contacts"],
        features=features,
    )


def _missed(estimate: BodyEstimate, observation: Observation) -> Tensor:
    """[B, T, 50] by how much the estimate's points miss the landmarks in the view's picture."""
    points = place_points(estimate.rotations, bones_of(estimate.log_measures))
    projected = estimate.camera.project(points)
    view = estimate.view
    seen = view.to_picture(observation.slopes[:, :, _SEEN_LANDMARKS])
    trust = observation.confidence[:, :, _SEEN_LANDMARKS, None]
    misses = [(seen - projected[:, :, _SEEN_POINTS]) * trust]
    for side, points_of_hand in enumerate(_KNUCKLE_POINTS):
        seen = view.to_picture(observation.palm_slopes[:, :, side, _KNUCKLES])
        trust = observation.palm_confidence[:, :, side, None, None]
        misses.append((seen - projected[:, :, points_of_hand]) * trust)
    return torch.cat(misses, 2).flatten(2).clamp(-_LARGEST_MISS, _LARGEST_MISS)


class _DisentangledBlock(nn.Module):
    """What the picture shows times what the networks guess in space, sorted by joint.

    A bilinear form of the two (of low rank, Kim et al. 2017, "Hadamard product for low-rank
    bilinear pooling", eq. 6), of which each joint gets its own features, worked on alone before
    all are joined (Sun et al. 2019, "Human mesh recovery from monocular images via a
    skeleton-disentangled representation", section 3.1).
    """

    def __init__(self, config: BodyNetworkConfig) -> None:
        super().__init__()
        rank, per_joint = config.bilinear_rank, config.part_width
        self.picture = nn.Linear(_PICTURE_SIZE, rank)
        self.hints = nn.Linear(_HINT_SIZE, rank)
        self.by_joint = nn.Linear(rank + _PICTURE_SIZE + _HINT_SIZE, NUM_BODY_JOINTS * per_joint)
        self.alone = nn.Parameter(
            torch.randn(NUM_BODY_JOINTS, per_joint, per_joint) / per_joint**0.5
        )
        self.join = nn.Linear(NUM_BODY_JOINTS * per_joint, config.width)
        self.past = nn.Linear(_PICTURE_SIZE + _HINT_SIZE, config.width)

    def forward(self, picture: Tensor, hints: Tensor) -> Tensor:
        """[B, T, D] from [B, T, 165] and [B, T, 238]."""
        both = torch.cat([picture, hints], -1)
        product = torch.tanh(self.picture(picture)) * self.hints(hints)
        joints = nn.functional.gelu(self.by_joint(torch.cat([product, both], -1)))
        joints = joints.unflatten(-1, (NUM_BODY_JOINTS, -1))
        alone = nn.functional.gelu(torch.einsum("btji,jio->btjo", joints, self.alone.to(joints)))
        return self.join((joints + alone).flatten(-2)) + self.past(both)
