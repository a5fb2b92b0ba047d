"""Palms put on forearms: the hand's own branch sees a palm better than the body's network does."""

from __future__ import annotations

import torch
from torch import Tensor

from ...rotation import rotvec_to_matrix, scale_rotation, twist_angle
from ...skeletons import JOINT_INDEX
from ..limbs import split_forearm_twist
from ..rest import rest_bone
from .parts import HandTurns

# rad of the branch's own uncertainty up to which its palm is taken, and from which the body's is
# (on rendered people the branch is the better one up to 0.7).
_SURE, _UNSURE = 0.5, 0.9
_FADE_S = 0.5  # beyond the rows in which a hand was seen


def join_palms(
    body: Tensor, hands: dict[str, HandTurns], seen: dict[str, Tensor], rate: float
) -> Tensor:
    """``body`` [T, 22, 3, 3] camera from joint, with palms and forearms as the hands are.

    ``seen`` [T] bool of each hand, ``rate`` rows a second. Pronation is shared by elbow and wrist,
    whoever told it.
    """
    body = body.clone()
    for side, hand in hands.items():
        shoulder, elbow, wrist = (
            JOINT_INDEX[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist")
        )
        trust = ((_UNSURE - hand.sigma[:, 0]) / (_UNSURE - _SURE)).clamp(0, 1)
        trust = trust * _near(seen[side], rate * _FADE_S)
        between = body[:, wrist].mT @ hand.palm
        palm = body[:, wrist] @ scale_rotation(between, trust[:, None])
        forearm = _without_pronation(side, body[:, shoulder], body[:, elbow])
        body[:, elbow], body[:, wrist] = split_forearm_twist(side, forearm, palm)
    return body


def _near(seen: Tensor, reach: float) -> Tensor:
    """[T] 1 where ``seen``, falling to 0 over ``reach`` rows beyond."""
    rows = torch.arange(len(seen))
    shown = rows[seen]
    after = torch.searchsorted(shown, rows).clamp(max=len(shown) - 1)
    before = (after - 1).clamp_min(0)
    gap = torch.minimum((shown[after] - rows).abs(), (rows - shown[before]).abs())
    return (1 - gap / max(reach, 1.0)).clamp_min(0)


def _without_pronation(side: str, upper_arm: Tensor, forearm: Tensor) -> Tensor:
    """The forearm [T, 3, 3] without its turn about itself, against the upper arm."""
    axis = torch.nn.functional.normalize(rest_bone(f"{side}_elbow", f"{side}_wrist"), dim=0)
    angle = twist_angle(upper_arm.mT @ forearm, axis.expand(len(forearm), 3))
    return forearm @ rotvec_to_matrix(-angle[:, None] * axis)
