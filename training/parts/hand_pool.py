"""Fingers in motion from the bank of hands, drawn once and cut into windows again and again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Generator, Tensor

from reelrig.core.lift.sts.hand_branch import mirror

from ..bank.hands import Hands

_NUM_ROWS, _RATE_HZ = 128, 30.0


@dataclass(frozen=True)
class HandPool:
    """Left hands, and right ones mirrored."""

    fingers: Tensor  # [N, 128, 15, 3, 3] parent from joint, at 30 rows a second

    @classmethod
    def draw(cls, mocap: Path, count: int, seed: int) -> HandPool:
        bank, rng = Hands.load(mocap), np.random.default_rng(seed)
        time_s = np.arange(_NUM_ROWS) / _RATE_HZ
        pairs = np.array([bank.draw(rng, time_s) for _ in range(count // 2)], np.float32)
        left, right = torch.from_numpy(pairs).split(15, 2)
        return cls(torch.cat([left, mirror(right)]))

    def at(self, generator: Generator, time_s: Tensor) -> Tensor:
        """[B, T, 15, 3, 3] at the times [B, T] s of random clips, each from a random moment."""
        chosen = torch.randint(len(self.fingers), (len(time_s), 1), generator=generator)
        rows = time_s * _RATE_HZ
        spare = (_NUM_ROWS - 1 - rows[:, -1:]).clamp_min(0)
        rows = rows + spare * torch.rand(len(time_s), 1, generator=generator)
        # Windows longer than a clip run back and forth over it.
        rows = (_NUM_ROWS - 1) - ((rows % (2 * _NUM_ROWS - 2)) - (_NUM_ROWS - 1)).abs()
        before = rows.long().clamp(0, _NUM_ROWS - 2)
        share = (rows - before)[..., None, None, None]
        return _orthonormal(
            self.fingers[chosen, before].lerp(self.fingers[chosen, before + 1], share)
        )


def _orthonormal(matrix: Tensor) -> Tensor:
    """[..., 3, 3] rotations next to mixes of neighbouring rotations."""
    x = torch.nn.functional.normalize(matrix[..., 0], dim=-1)
    y = matrix[..., 1] - (x * matrix[..., 1]).sum(-1, keepdim=True) * x
    y = torch.nn.functional.normalize(y, dim=-1)
    return torch.stack([x, y, torch.linalg.cross(x, y)], -1)
