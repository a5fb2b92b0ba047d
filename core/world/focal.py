"""The focal length from how a body is distorted: near the camera, what is nearer looks larger.

After Yao et al. 2023, "W-HMR: Human mesh recovery in world space with weak-supervised camera
calibration and orientation correction", section 3.2: a network tells the person's distance
Tz = c sigmoid(.), and with the size at which the person is seen f = s b Tz / 2 (b the box in px, s
its halves per metre). The people of a shot look through one lens, so their rows are pooled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from ..camera_motion import BodySight
from ..focal_guess import FocalGuess

WEIGHTS_PATH = Path(__file__).parent / "weights" / "focal.safetensors"
_NUM_FEATURES = 320  # of the lifter
_NUM_KNOWN = _NUM_FEATURES + 3 + 1 + 2
_WIDTH = 192
# The paper has 10; people who are filmed from farther off must not be thought to be nearer.
_FARTHEST_M = 30.0
_NEAREST_SHARE = 0.01  # of the farthest


@dataclass(frozen=True, eq=False)
class ToldFocal:
    distance_m: Tensor  # [B, T] of the person, row by row
    log_ratio: Tensor  # [B] of the shot's focal length to the assumed one


class FocalFromBody(nn.Module):
    """Rows of B shots -> distances; pooled -> one focal length a shot.

    What it tells follows the truth from far: it is ``gain`` times the true log ratio, ``offset``,
    and an error of sigma ``noise``. They are measured once it is trained.
    """

    gain: Tensor
    offset: Tensor
    noise: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(_NUM_FEATURES)
        self.layers = nn.Sequential(
            nn.Dropout(0.1),
            nn.Linear(_NUM_KNOWN, _WIDTH),
            nn.GELU(),
            nn.Dropout(0.1),
            nn.Linear(_WIDTH, _WIDTH),
            nn.GELU(),
            nn.Dropout(0.1),
        )
        self.distance = nn.Linear(_WIDTH, 1)
        self.share = nn.Linear(_WIDTH, 1)
        for parameter in self.distance.parameters():
            nn.init.zeros_(parameter)
        for name in ("gain", "offset", "noise"):
            self.register_buffer(name, torch.ones(()))

    def forward(self, features: Tensor, place: Tensor, scale: Tensor, picture: Tensor) -> ToldFocal:
        """``features`` [B, T, D] of the lifter, ``place`` [B, T, 3] slopes x, y of the person's
        middle and half the larger side's, ``scale`` [B, T] such halves per metre, ``picture``
        [B, 2] width and height by the assumed focal length.
        """
        sizes = torch.cat([place[..., 2:], scale[..., None]], -1).log()
        picture = picture.log()[:, None].expand(-1, place.shape[1], -1)
        known = torch.cat([self.norm(features), place[..., :2], sizes, picture], -1)
        hidden = self.layers(known)
        # What the usual focal length would make of the size that is seen, and what is learned.
        usual = -(place[..., 2] * scale).log()
        start = torch.logit((usual.exp() / _FARTHEST_M).clamp(_NEAREST_SHARE, 1 - _NEAREST_SHARE))
        distance = _FARTHEST_M * torch.sigmoid(start + self.distance(hidden)[..., 0])
        share = torch.softmax(self.share(hidden), 1)
        log_ratio = (share[..., 0] * (distance.log() - usual)).sum(1)
        return ToldFocal(distance, log_ratio)


@torch.no_grad()
def tell_focal(sight: BodySight, image_size: tuple[int, int], focal_px: float) -> FocalGuess:
    """What somebody who was seen through an assumed ``focal_px`` tells of the true one."""
    network = _shipped_network()
    picture = torch.tensor([image_size]) / focal_px
    told = network(sight.features[None], sight.place[None], sight.scale[None], picture)
    log_ratio = float((told.log_ratio[0] - network.offset) / network.gain)
    return FocalGuess(focal_px * math.exp(log_ratio), float(network.noise / network.gain))


@cache
def _shipped_network() -> FocalFromBody:
    network = FocalFromBody()
    network.load_state_dict(load_file(WEIGHTS_PATH))
    return network.eval()
