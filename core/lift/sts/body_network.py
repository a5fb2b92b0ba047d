"""The global branch: from what is seen of a person to the body's rotations, measures and camera.

After Sun et al. 2020, "Synthetic training for monocular human mesh recovery", section III-C, with a
temporal encoder behind the paper's per-image part, and uncertainties.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...body.measures import MEASURE_NAMES
from ...rotation import six_to_matrix
from ...skeletons import CONTACT_NAMES
from .d2s import D2SCamera
from .observation import Observation, View, hint_features, picture_features, view_of
from .temporal import TemporalEncoder

NUM_BODY_JOINTS = 22  # pelvis to wrists: SMPL-X's first
_PICTURE_SIZE, _HINT_SIZE = 165, 106
_ROTATION, _UP = 6 * NUM_BODY_JOINTS, 3
_CAMERA = 4  # log scale, shift, log distance
_TYPICAL_SCALE, _TYPICAL_DISTANCE_M = 1.1, 3.5
_LEAST_SIGMA = 0.01


@dataclass(frozen=True, kw_only=True)
class BodyNetworkConfig:
    width: int = 320
    num_layers: int = 4
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


class BodyNetwork(nn.Module):
    """Bilinear, skeleton-disentangled block, MLP, temporal encoder, heads."""

    def __init__(self, config: BodyNetworkConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.block = _DisentangledBlock(config)
        self.mlp = nn.Sequential(nn.GELU(), nn.Linear(width, width), nn.GELU())
        self.into_rows = nn.Linear(width, width)
        self.temporal = TemporalEncoder(width, config.num_layers, config.num_heads, config.widening)
        self.norm = nn.LayerNorm(width)
        sizes = (_ROTATION, NUM_BODY_JOINTS, len(MEASURE_NAMES), _CAMERA, _UP, len(CONTACT_NAMES))
        self.head_sizes = sizes
        self.heads = nn.Linear(width, sum(sizes))

    def forward(self, observation: Observation) -> BodyEstimate:
        view = view_of(observation)
        picture, hints = picture_features(observation, view), hint_features(observation)
        rows = self.mlp(self.block(picture, hints))
        rows = self.temporal(self.into_rows(rows), observation.time_s)
        rotations, sigma, measures, camera, up, contacts = (
            self.heads(self.norm(rows)).float().split(self.head_sizes, -1)
        )
        return BodyEstimate(
            view=view,
            rotations=six_to_matrix(rotations.unflatten(-1, (NUM_BODY_JOINTS, 6))),
            sigma=sigma.clamp(-6, 1).exp() + _LEAST_SIGMA,
            log_measures=measures,
            camera=D2SCamera(
                _TYPICAL_SCALE * camera[..., 0].clamp(-4, 4).exp(),
                camera[..., 1:3],
                _TYPICAL_DISTANCE_M * camera[..., 3].clamp(-3, 3).exp(),
            ),
            up=nn.functional.normalize(up + up.new_tensor([0.0, -0.1, 0.0]), dim=-1),
            contact_logits=contacts,
        )


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
        """[B, T, D] from [B, T, 165] and [B, T, 106]."""
        both = torch.cat([picture, hints], -1)
        product = torch.tanh(self.picture(picture)) * self.hints(hints)
        joints = nn.functional.gelu(self.by_joint(torch.cat([product, both], -1)))
        joints = joints.unflatten(-1, (NUM_BODY_JOINTS, -1))
        alone = nn.functional.gelu(torch.einsum("btji,jio->btjo", joints, self.alone.to(joints)))
        return self.join((joints + alone).flatten(-2)) + self.past(both)
