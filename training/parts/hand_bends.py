"""Bends of fingers drawn by anatomy alone: grips, fists, hooks, roofs, splayed and odd ones."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

# Knuckle and middle joint of a long finger from stretched to bent, rad; the end joint follows the
# middle one by two thirds. Lin, Wu & Huang 2000, "Modeling the constraints of human hand motion".
_KNUCKLE, _MIDDLE = (-0.35, 1.55), (-0.05, 1.9)
_END_SHARE = 2 / 3
_SPREAD_SHARE = torch.tensor([1.0, 0.2, -1.1, -0.5])  # index, middle, pinky, ring
_MOST_SPREAD = 0.32
# The thumb's three joints in the left hand's rest axes: what bends them, and how far they stray.
_THUMB_BEND = torch.tensor([[0.5, 0.35, -0.15], [0.25, 0.1, -0.1], [0.85, 0.12, -0.35]])
_THUMB_STRAY = torch.tensor([0.25, 0.12, 0.06])[:, None]


def draw_bends(generator: Generator, count: int) -> Tensor:
    """[count, 25] rad, as core/lift/sts/hand_branch.bends_to_fingers takes them."""

    def uniform(*shape: int) -> Tensor:
        return torch.rand(count, *shape, generator=generator)

    def normal(*shape: int) -> Tensor:
        return torch.randn(count, *shape, generator=generator)

    together = uniform(1) ** 1.3 + 0.2 * normal(4)
    # Some fingers do as they like: pointing, horns, victory, pinches.
    curl = torch.where(uniform(4) < 0.35 * (uniform(1) < 0.5), uniform(4) > 0.5, together)
    # Hooks bend the middle joints alone, a flat roof the knuckles alone.
    knuckle = (curl + 0.15 * normal(4) - 0.8 * (uniform(1) < 0.1)).clamp(0, 1)
    middle = (curl + 0.15 * normal(4) - 0.8 * (uniform(1) < 0.1)).clamp(0, 1)
    middle_angle = _MIDDLE[0] + (_MIDDLE[1] - _MIDDLE[0]) * middle
    splay = 0.16 * normal(1) + 0.05
    spread = (splay * _SPREAD_SHARE + 0.05 * normal(4)) * (1 - 0.7 * knuckle)
    end_share = _END_SHARE * (0.6 + 0.6 * uniform(4))
    bends = [
        _KNUCKLE[0] + (_KNUCKLE[1] - _KNUCKLE[0]) * knuckle,
        spread.clamp(-_MOST_SPREAD, _MOST_SPREAD),
        middle_angle,
        (end_share * middle_angle).clamp(-0.1, 1.5),
    ]
    grip = 0.6 * together.mean(-1, keepdim=True) + 0.35 * normal(3)
    thumb = _THUMB_BEND * grip.clamp(-0.5, 1.3)[..., None] + _THUMB_STRAY * normal(3, 3)
    return torch.cat([torch.stack(bends, -1).flatten(1), thumb.flatten(1)], -1)
