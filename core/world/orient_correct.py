"""The body's orientation in the world, and with it the ground's direction, from all that is known.

After Yao et al. 2023, "W-HMR: Human mesh recovery in world space with weak-supervised camera
calibration and orientation correction", section 3.4: features of the person, a guess of the
camera's rotation, the body's orientation in the camera and where in the picture the person is go
through three fully connected layers, which correct the orientation again and again. Here the guess
has an uncertainty, and as a shot's camera has one tilt, the rows of all its people are pooled to
tell it. What was found in the camera's axes is left alone, so it goes behind any method.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from ..camera_motion import BodySight
from ..rotation import six_to_matrix
from .gravity import UpGuess

WEIGHTS_PATH = Path(__file__).parent / "weights" / "orient_correct.safetensors"
_NUM_FEATURES = 320  # of the lifter
_NUM_KNOWN = _NUM_FEATURES + 3 + 3 + 2 + 5 + 6  # as PersonRows lists them
_WIDTH, _NUM_TURNS = 256, 3
_BODY_SIGMA_RAD = 0.14  # of the body's own word about a shot, before anything is learned
_LEAST_SIGMA_RAD = 0.005


@dataclass(frozen=True, eq=False)
class PersonRows:
    """What is known of B shots, T rows each of one person or more.

    Axes of the shot's first camera, of the focal length that was assumed.
    """

    features: Tensor  # [B, T, D] of the lifter
    body_up: Tensor  # [B, T, 3] unit, up as the lifter sees it by the body alone
    up: Tensor  # [B, 3] unit, the guess of up
    sigma_rad: Tensor  # [B, 2] of the guess's pitch and roll
    place: Tensor  # [B, T, 3] slopes x, y of the person's middle, and half the larger side's
    picture: Tensor  # [B, 2] width and height by the focal length
    turns: Tensor  # [B, T, 3, 3] camera from body, of any method


@dataclass(frozen=True, eq=False)
class Corrected:
    turns: Tensor  # [B, T, 3, 3] upright axes (upright_from_up) from body, row by row
    angles: Tensor  # [B, 2] rad, pitch and roll of the shot's camera
    sigma_rad: Tensor  # [B, 2] of them


class OrientCorrect(nn.Module):
    """Three fully connected layers, gone through three times; then the rows' common tilt."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(_NUM_FEATURES)
        self.blur = nn.Dropout(0.1)
        self.layers = nn.Sequential(
            nn.Linear(_NUM_KNOWN + 6, _WIDTH),
            nn.GELU(),
            nn.Dropout(0.1),
            nn.Linear(_WIDTH, _WIDTH),
            nn.GELU(),
            nn.Dropout(0.1),
        )
        self.correction = nn.Linear(_WIDTH, 6)
        self.share = nn.Linear(_WIDTH, 1)
        self.tilt = nn.Sequential(nn.Linear(_WIDTH + 4, 64), nn.GELU(), nn.Linear(64, 4))
        # Starts as the weighted mean of the guess and the body's word.
        for last in (self.correction, self.tilt[-1]):
            for parameter in last.parameters():
                nn.init.zeros_(parameter)

    def forward(self, rows: PersonRows) -> Corrected:
        angles, sigma = _weigh(rows)
        known = self.known(rows)
        upright = upright_from_up(up_from_angles(angles))
        six = (upright[:, None] @ rows.turns)[..., :2].mT.flatten(-2)
        hidden = known
        for _ in range(_NUM_TURNS):
            hidden = self.layers(torch.cat([known, six], -1))
            six = six + self.correction(hidden)
        share = torch.softmax(self.share(hidden), 1)
        pooled = torch.cat([(share * hidden).sum(1), angles, sigma.log()], -1)
        # In sigmas, so that a guess that is sure is hardly changed.
        change, log_ratio = self.tilt(pooled).split(2, -1)
        found = (sigma * log_ratio.clamp(-4, 1.5).exp()).clamp_min(_LEAST_SIGMA_RAD)
        return Corrected(six_to_matrix(six), angles + sigma * change, found)

    def known(self, rows: PersonRows) -> Tensor:
        """[B, T, _NUM_KNOWN]"""
        place = torch.cat([rows.place[..., :2], rows.place[..., 2:].log()], -1)
        of_shot = torch.cat([rows.up, rows.sigma_rad.log(), rows.picture], -1)
        of_shot = of_shot[:, None].expand(-1, place.shape[1], -1)
        turns = rows.turns[..., :2].mT.flatten(-2)
        features = self.norm(rows.features)
        return self.blur(torch.cat([features, rows.body_up, of_shot, place, turns], -1))


def upright_from_up(up: Tensor) -> Tensor:
    """[..., 3, 3] upright axes from the camera's: z along ``up`` [..., 3], y ahead."""
    ahead = up.new_tensor([0.0, 0.0, 1.0]).expand_as(up)
    x = nn.functional.normalize(torch.cross(ahead, up, dim=-1), dim=-1)
    return torch.stack([x, torch.cross(up, x, dim=-1), up], -2)


def angles_of_up(up: Tensor) -> Tensor:
    """[..., 2] pitch above the horizon and clockwise roll, rad, of cameras that see up there."""
    x, y, z = up.unbind(-1)
    return torch.stack([torch.atan2(z, torch.hypot(x, y)), torch.atan2(-x, -y)], -1)


def up_from_angles(angles: Tensor) -> Tensor:
    """[..., 3] the inverse of angles_of_up."""
    pitch, roll = angles.unbind(-1)
    across = pitch.cos()
    return torch.stack([-roll.sin() * across, -roll.cos() * across, pitch.sin()], -1)


def _weigh(rows: PersonRows) -> tuple[Tensor, Tensor]:
    """Pitch and roll [B, 2] of the guess and of the body's word together, and their sigmas."""
    body = angles_of_up(nn.functional.normalize(rows.body_up.mean(1), dim=-1))
    precision, own = rows.sigma_rad**-2, _BODY_SIGMA_RAD**-2
    angles = (precision * angles_of_up(rows.up) + own * body) / (precision + own)
    return angles, (precision + own) ** -0.5


@dataclass(frozen=True, eq=False)
class SeenPerson:
    """Somebody over the T rows of a shot, in each row's camera axes."""

    sight: BodySight
    turns: Tensor  # [T, 3, 3] camera from body, of any method
    is_seen: Tensor  # [T] bool


@torch.no_grad()
def correct_up(
    people: list[SeenPerson], first_from_camera: np.ndarray, guess: UpGuess, picture: Tensor
) -> UpGuess:
    """Up by what is guessed and by all the people of a shot together.

    ``first_from_camera`` [T, 3, 3], ``picture`` [2] width and height by the focal length.
    """
    back = torch.from_numpy(np.float32(first_from_camera))
    rows = [torch.nonzero(person.is_seen)[:, 0] for person in people]
    if not sum(map(len, rows)):
        return guess

    def joined(values: list[Tensor]) -> Tensor:
        return torch.cat([of[at] for of, at in zip(values, rows, strict=True)])[None]

    sigmas = torch.tensor([[guess.pitch_sigma_rad, guess.roll_sigma_rad]], dtype=torch.float32)
    told = shipped_network()(
        PersonRows(
            features=joined([person.sight.features for person in people]),
            body_up=joined([(back @ person.sight.up[..., None])[..., 0] for person in people]),
            up=torch.from_numpy(np.float32(guess.up_camera))[None],
            sigma_rad=sigmas,
            place=joined([person.sight.place for person in people]),
            picture=picture[None],
            turns=joined([back @ person.turns for person in people]),
        )
    )
    up = up_from_angles(told.angles[0]).double().numpy()
    pitch_sigma, roll_sigma = told.sigma_rad[0].tolist()
    return UpGuess(up, pitch_sigma, roll_sigma)


@cache
def shipped_network() -> OrientCorrect:
    network = OrientCorrect()
    network.load_state_dict(load_file(WEIGHTS_PATH))
    return network.eval()
