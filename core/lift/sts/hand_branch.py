"""The hands' branch of `sts`: 21 landmarks of a left hand to palm, fingers and their uncertainty.

A right hand is fed mirrored. The landmarks are first turned into the axes of a palm fitted to them,
so that a hand turned in the picture is the same hand to the network, exactly; it then finds
how far that palm is off. Fingers come out as bends within anatomical limits, never beyond.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn

from ...rotation import fit_rotation, rotvec_to_matrix, six_to_matrix, swing_between
from ...skeletons import HAND_FINGER_START
from ..placement import pixel_slopes
from ..rest import rest_bone, rest_point
from .nearby_frames import Nearby, NearbyAttention
from .semantic_graph import GraphEncoder, find_neighbours

NUM_POINTS, NUM_FINGER_JOINTS = 21, 15
_WIDTH, _TOKEN = 48, 128
_NUM_BLOCKS = 2
_NUM_NODE = 8  # place in the palm's axes, the ray in them, confidence, whether seen

_EDGES = (
    *((start + i, start + i + 1) for start in HAND_FINGER_START.values() for i in range(3)),
    *((0, start) for start in HAND_FINGER_START.values()),
    *((1, 5), (5, 9), (9, 13), (13, 17)),
    # Fingertips touch each other and the thumb, and bend together.
    *((4, 8), (8, 12), (12, 16), (16, 20), (4, 12)),
)

# Of each finger: flexion and spread of the knuckle, flexion of the middle and the end joint, rad.
# Lin, Wu & Huang 2000, "Modeling the constraints of human hand motion", with slack for hands that
# bend back (as in ../hands.py).
_LOWEST = (-0.5, -0.35, -0.1, -0.15)
_HIGHEST = (1.65, 0.35, 2.0, 1.6)
_LONG_FINGERS = ("index", "middle", "pinky", "ring")  # SMPL-X's order; the thumb comes last
_NUM_BENDS = len(_LOWEST) * len(_LONG_FINGERS)
_THUMB_LIMITS = (1.2, 1.0, 1.4)  # rad, the largest turn of its joints
_DOWN = torch.tensor([0.0, -1.0, 0.0])  # palms face the floor in the T pose

# Landmarks that move with the palm; the thumb's first ones only roughly.
_PALM_NAMES = {0: "wrist", 5: "index1", 9: "middle1", 13: "ring1", 17: "pinky1"}
_PALM_WEIGHT = (2.0, 1.0, 1.0, 1.0, 1.0)
_LEAST_WEIGHT = 1e-3
_LEAST_LOG_SIGMA, _MOST_LOG_SIGMA = -4.0, 1.0


@dataclass(frozen=True)
class HandOutput:
    """A left hand (a mirrored right one) over T frames."""

    fingers: Tensor  # [B, T, 15, 3, 3] parent from joint, SMPL-X's order
    palm: Tensor  # [B, T, 3, 3] view from hand; the view looks along the ray of the hand's middle
    sigma: Tensor  # [B, T, 16] rad, standard deviation of the palm's and each finger joint's turn


@dataclass(frozen=True)
class HandView:
    """A hand's landmarks as the branch takes them, out of the picture; a right hand mirrored."""

    points: Tensor  # [T, 21, 2] about their mean, in halves of their box; x right, y down
    hints: Tensor  # [T, 21, 3] likewise, of the hints
    camera_from_view: Tensor  # [T, 3, 3]


def view_hand(
    points_px: Tensor, hints: Tensor, focal_px: float, image_size: tuple[int, int], side: str
) -> HandView:
    """What a ``side`` hand with landmarks [T, 21, 2] px and hints [T, 21, 3] is to the branch."""
    slopes = pixel_slopes(points_px, focal_px, image_size)
    rays = nn.functional.pad(slopes, (0, 1), value=1.0)
    camera_from_view = swing_between(torch.tensor([0.0, 0.0, 1.0]), rays.mean(1))
    in_view = rays @ camera_from_view
    points, hints = halve_box(in_view[..., :2] / in_view[..., 2:]), halve_box(hints)
    if side == "right":
        points, hints = points * torch.tensor([-1.0, 1.0]), hints * torch.tensor([-1.0, 1.0, 1.0])
    return HandView(points, hints, camera_from_view)


def halve_box(points: Tensor) -> Tensor:
    """Points [..., N, 2 or 3] minus their mean, divided by half their box in the picture's plane.

    Sun et al. 2020, section III-C: the scale normalisation of body, hands and face.
    """
    centred = points - points.mean(-2, keepdim=True)
    planar = centred[..., :2]
    size = (planar.amax(-2) - planar.amin(-2)).amax(-1)[..., None, None]
    return centred / (0.5 * size).clamp_min(1e-9)


def mirror(rotations: Tensor) -> Tensor:
    """Rotations [..., 3, 3] of the hand on the other side, x turned round."""
    flip = torch.tensor([-1.0, 1.0, 1.0])
    return flip[:, None] * rotations * flip


class HandBranch(nn.Module):
    """Semantic graph convolutions per frame, attention over the frames nearby, heads."""

    def __init__(self) -> None:
        super().__init__()
        self.graph = GraphEncoder(_NUM_NODE, _WIDTH, _TOKEN, find_neighbours(NUM_POINTS, _EDGES))
        self.nearby = nn.ModuleList(NearbyAttention(_TOKEN) for _ in range(_NUM_BLOCKS))
        self.norm = nn.LayerNorm(_TOKEN)
        self.to_bends = nn.Linear(_TOKEN, _NUM_BENDS + 9)
        self.to_turn = nn.Linear(_TOKEN, 6)
        self.to_log_sigma = nn.Linear(_TOKEN, NUM_FINGER_JOINTS + 1)

    def forward(
        self, points: Tensor, hints: Tensor, confidence: Tensor, time_s: Tensor
    ) -> HandOutput:
        """Points [B, T, 21, 2] and hints [B, T, 21, 3] of HandView, confidence [B, T, 21] 0..1.

        ``time_s`` [B, T]. A landmark of confidence 0 is not looked at.
        """
        is_seen = confidence > 0
        hand = torch.cat([points, hints[..., 2:]], -1) * is_seen[..., None]
        rough_palm = fit_palm(hand, confidence)
        in_palm = hand @ rough_palm
        ray = rough_palm[..., 2, None, :].expand_as(in_palm)
        nodes = torch.cat([in_palm, ray, confidence[..., None], is_seen[..., None].float()], -1)
        tokens = self.graph(nodes.flatten(0, 1)).unflatten(0, points.shape[:2])
        nearby = Nearby(rough_palm, is_seen.any(-1), time_s)
        for block in self.nearby:
            tokens = block(tokens, nearby)
        tokens = self.norm(tokens)
        fingers = bends_to_fingers(limit_bends(self.to_bends(tokens)))
        palm = rough_palm @ turn_by(self.to_turn(tokens))
        log_sigma = self.to_log_sigma(tokens).clamp(_LEAST_LOG_SIGMA, _MOST_LOG_SIGMA)
        return HandOutput(fingers, palm, log_sigma.exp())


@torch.no_grad()
def fit_palm(hand: Tensor, confidence: Tensor) -> Tensor:
    """[..., 3, 3] view from hand: the palm that fits the landmarks [..., 21, 3] of a left hand.

    No turn where fewer than three of the palm's landmarks were seen.
    """
    rest = torch.stack([rest_point(f"left_{name}") for name in _PALM_NAMES.values()])
    rows = list(_PALM_NAMES)
    is_seen = (confidence[..., rows] > 0).sum(-1) >= 3
    weight = torch.tensor(_PALM_WEIGHT) * confidence[..., rows].clamp_min(_LEAST_WEIGHT)
    palm = fit_rotation(rest.expand(*hand.shape[:-2], -1, -1), hand[..., rows, :], weight)
    return torch.where(is_seen[..., None, None], palm, torch.eye(3))


def turn_by(six: Tensor) -> Tensor:
    """Rotations [..., 3, 3] from six numbers [..., 6]; none for zeros."""
    return six_to_matrix(six + six.new_tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]))


def limit_bends(raw: Tensor) -> Tensor:
    """[..., 25] rad within the limits, from any numbers [..., 25].

    16 bends of the long fingers, then rotation vectors of the thumb's 3 joints.
    """
    lowest, highest = (torch.tensor(limits).repeat(4) for limits in (_LOWEST, _HIGHEST))
    bends = lowest + (highest - lowest) * torch.sigmoid(raw[..., :_NUM_BENDS])
    thumb = raw[..., _NUM_BENDS:].unflatten(-1, (3, 3))
    limits = torch.tensor(_THUMB_LIMITS)[:, None]
    length = torch.linalg.vector_norm(thumb, dim=-1, keepdim=True).clamp_min(1e-6)
    turns = limits * torch.tanh(length / limits) * thumb / length
    return torch.cat([bends, turns.flatten(-2)], -1)


@cache
def _finger_axes() -> tuple[Tensor, Tensor]:
    """Axes of flexion and of spread [4, 3] of the long fingers, in the left hand's rest axes."""
    bones = torch.stack([rest_bone(f"left_{name}1", f"left_{name}2") for name in _LONG_FINGERS])
    bones = nn.functional.normalize(bones, dim=-1)
    flexion = nn.functional.normalize(torch.linalg.cross(bones, _DOWN.expand_as(bones)), dim=-1)
    return flexion, torch.linalg.cross(flexion, bones)


def bends_to_fingers(bends: Tensor) -> Tensor:
    """[..., 15, 3, 3] parent from joint of a left hand, from bends [..., 25] rad.

    Of a knuckle first the spread, about the palm's normal, then the flexion.
    """
    flexion, normal = _finger_axes()
    long = bends[..., :_NUM_BENDS].unflatten(-1, (4, 4))
    hinges = rotvec_to_matrix(long[..., [0, 2, 3], None] * flexion[:, None])
    spread = rotvec_to_matrix(long[..., 1, None] * normal)
    knuckle = hinges[..., 0, :, :] @ spread
    fingers = torch.cat([knuckle[..., None, :, :], hinges[..., 1:, :, :]], -3).flatten(-4, -3)
    thumb = rotvec_to_matrix(bends[..., _NUM_BENDS:].unflatten(-1, (3, 3)))
    return torch.cat([fingers, thumb], -3)
