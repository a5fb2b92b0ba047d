"""What touches the ground or a seat: a small network that watches a body move in upright axes.

It is told places about the pelvis and true velocities, in lengths of the person's leg, and how
high each point is over the lowest one, now and in the second around: the floor is not known yet.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from ..check import check_shape
from ..errors import ModelFileError
from ..skeletons import CONTACT_NAMES, JOINT_INDEX

WEIGHTS_PATH = Path(__file__).with_name("weights") / "contacts.safetensors"
CONTACT_POINTS = (*CONTACT_NAMES, "left_hand", "right_hand", "left_knee", "right_knee", "seat")
RATE_HZ = 30.0  # of the rows that the network sees

_JOINTS = (
    *("pelvis", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
    *("left_middle1", "right_middle1", "left_elbow", "right_elbow"),
    *("left_shoulder", "right_shoulder", "head"),
)
_JOINT_ROWS = [JOINT_INDEX[name] for name in _JOINTS]
NUM_POINTS = len(CONTACT_NAMES) + len(_JOINTS)
_PELVIS = len(CONTACT_NAMES)
_HIPS, _KNEES, _ANKLES = ([_PELVIS + i, _PELVIS + i + 1] for i in (1, 3, 5))
# What must have been seen for a contact to be known, CONTACT_POINTS' order.
_SHOWN_BY = [
    JOINT_INDEX[name]
    for name in (
        *("left_ankle", "left_foot", "right_ankle", "right_foot"),
        *("left_wrist", "right_wrist", "left_knee", "right_knee", "pelvis"),
    )
]
_UNSEEN, _SEEN = 0.1, 0.3  # confidence, below the first nothing is known, above the second all is
_SEEN_SIGMA_S = 0.25

_WIDTH, _KERNEL, _DILATIONS = 64, 5, (1, 2, 4, 8)
_NUM_FEATURES = 8 * NUM_POINTS
_AROUND_ROWS = 30  # each way, in which the lowest point is looked for
_FACING_SIGMA_ROWS = 8.0
_LARGEST = 4.0  # leg lengths, or leg lengths a second


class ContactNetwork(nn.Module):
    """Residual dilated convolutions over time; a row knows the second before and after it."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv1d(_NUM_FEATURES, _WIDTH, 1)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(_WIDTH, _WIDTH, _KERNEL, padding="same", dilation=dilation),
                nn.GELU(),
                nn.Conv1d(_WIDTH, _WIDTH, 1),
            )
            for dilation in _DILATIONS
        )
        self.leave = nn.Conv1d(_WIDTH, len(CONTACT_POINTS), 1)

    def forward(self, points: Tensor) -> Tensor:
        """Logits [B, T, 9] of points [B, T, P, 3] m, z up, at RATE_HZ."""
        values = self.enter(contact_features(points).mT)
        for block in self.blocks:
            values = values + block(functional.gelu(values))
        return self.leave(functional.gelu(values)).mT


def pick_points(joints: Tensor, soles: Tensor) -> Tensor:
    """[T, P, 3] what the network watches of joints [T, 55, 3] and soles [T, 4, 3]."""
    return torch.cat([soles, joints[:, _JOINT_ROWS]], 1)


def contact_features(points: Tensor) -> Tensor:
    """[B, T, F] of points [B, T, P, 3] m: free of place, heading and the body's size."""
    size = _leg_length(points)[:, None, None, None]
    points = _facing_ahead(points) / size
    speed = RATE_HZ * _central_difference(points)
    about_pelvis = points - points[:, :, _PELVIS, None]
    height = points[..., 2]
    over_lowest = height - height.amin(2, keepdim=True)
    over_ground = height - _lowest_around(height)[..., None]
    parts = [about_pelvis.flatten(2), speed.flatten(2), over_lowest, over_ground]
    return torch.cat(parts, 2).clamp(-_LARGEST, _LARGEST)


def _leg_length(points: Tensor) -> Tensor:
    """[B] m, thigh and shin."""
    hips, knees, ankles = points[:, :, _HIPS], points[:, :, _KNEES], points[:, :, _ANKLES]
    length = (hips - knees).norm(dim=-1) + (knees - ankles).norm(dim=-1)
    return length.mean((1, 2)).clamp_min(1e-3)


def _facing_ahead(points: Tensor) -> Tensor:
    """Turned about the vertical so that the hips' axis lies along x, on average of some time."""
    across = points[:, :, _HIPS[1], :2] - points[:, :, _HIPS[0], :2]
    across = _blur(across, _FACING_SIGMA_ROWS)
    across = functional.normalize(across, dim=-1, eps=1e-9)
    cosine, sine = across[..., None, 0], across[..., None, 1]
    x, y, z = points.unbind(-1)
    return torch.stack([cosine * x + sine * y, cosine * y - sine * x, z], -1)


def _central_difference(points: Tensor) -> Tensor:
    """A row's movement, half of that from the row before to the row after."""
    if points.shape[1] == 1:
        return torch.zeros_like(points)
    return torch.gradient(points, dim=1)[0]


def _lowest_around(height: Tensor) -> Tensor:
    """[B, T] of heights [B, T, P]: the lowest of all points in the second before and after."""
    lowest = height.amin(2)
    window = 2 * _AROUND_ROWS + 1
    return -functional.max_pool1d(-lowest[:, None], window, 1, _AROUND_ROWS)[:, 0]


def _blur(values: Tensor, sigma: float) -> Tensor:
    """Gaussian mean over the rows of [B, T, C], the ends held."""
    radius = math.ceil(3 * sigma)
    taps = torch.arange(-radius, radius + 1, dtype=values.dtype)
    kernel = torch.exp(-0.5 * (taps / sigma) ** 2)
    kernel = (kernel / kernel.sum()).expand(values.shape[2], 1, -1)
    padded = functional.pad(values.mT, (radius, radius), mode="replicate")
    return functional.conv1d(padded, kernel, groups=values.shape[2]).mT


@cache
def load_contact_network() -> ContactNetwork:
    network = ContactNetwork()
    try:
        network.load_state_dict({k: v.float() for k, v in load_file(WEIGHTS_PATH).items()})
    except (OSError, SafetensorError, RuntimeError) as error:
        raise ModelFileError(
            f"{WEIGHTS_PATH} cannot be used: {error}. Install Reelrig again."
        ) from error
    return network.requires_grad_(False).eval()


@torch.no_grad()
def find_contacts(
    joints: np.ndarray, soles: np.ndarray, confidence: np.ndarray, rate: float
) -> np.ndarray:
    """[T, 9] probabilities of CONTACT_POINTS' contact; 0 of what was out of sight.

    ``joints`` [T, 55, 3] m and ``soles`` [T, 4, 3] m (CONTACT_NAMES) in upright axes, any origin;
    ``confidence`` [T, 55]; ``rate`` rows a second.
    """
    check_shape("joints", joints, "T 55 3")
    check_shape("soles", soles, "T 4 3", T=len(joints))
    check_shape("confidence", confidence, "T 55", T=len(joints))
    points = pick_points(*(torch.from_numpy(np.float32(part)) for part in (joints, soles)))
    origin = points[:1, _PELVIS, None]  # far from it single precision would blur velocities
    seen_rows = _resample((points - origin).flatten(1), rate, RATE_HZ)
    logits = load_contact_network()(seen_rows.unflatten(1, (NUM_POINTS, 3))[None])[0]
    found = _resample(logits, RATE_HZ, rate, len(points)).sigmoid()
    return (found * _known(torch.from_numpy(np.float32(confidence)), rate)).numpy()


def _known(confidence: Tensor, rate: float) -> Tensor:
    """[T, 9] 0..1, whether what would touch is in sight, over a moment."""
    shown = ((confidence[:, _SHOWN_BY] - _UNSEEN) / (_SEEN - _UNSEEN)).clamp(0, 1)
    return _blur(shown[None], _SEEN_SIGMA_S * rate)[0].clamp(0, 1)


def _resample(values: Tensor, rate: float, wanted: float, num_rows: int | None = None) -> Tensor:
    """Rows [T, C] at another rate, those between linear; ``num_rows`` of them, the last held."""
    if num_rows is None:
        num_rows = 1 + math.ceil((len(values) - 1) * wanted / rate - 1e-6)
    if rate > wanted:  # jitter above the new rate would fold into it
        values = _blur(values[None], 0.35 * rate / wanted)[0]
    place = (torch.arange(num_rows, dtype=torch.float64) * rate / wanted).clamp(max=len(values) - 1)
    row = place.long().clamp(max=max(len(values) - 2, 0))
    share = (place - row)[:, None].float()
    after = values[(row + 1).clamp(max=len(values) - 1)]
    return values[row] + share * (after - values[row])
