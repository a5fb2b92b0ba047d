"""What the body's network should have said, in the camera's axes."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Truth:
    """Of B people's T rows; the camera is the one that the observation's slopes belong to."""

    rotations: Tensor  # [B, T, 22, 3, 3] camera from joint
    bones: Tensor  # [B, 35, 3] m, at rest, as place_points takes them
    points: Tensor  # [B, T, 35, 3] m about the pelvis, camera axes
    slopes: Tensor  # [B, T, 35, 2] of the points, as the assumed focal length has them
    up: Tensor  # [B, T, 3]
    log_measures: Tensor  # [B, M]
    contacts: Tensor  # [B, T, 4] 0 or 1
    has_stature: Tensor  # [B] 1 where the assumed focal length is the true one

    @classmethod
    def joined(cls, parts: list[Truth]) -> Truth:
        return cls(
            **{
                field.name: torch.cat([getattr(part, field.name) for part in parts])
                for field in fields(cls)
            }
        )
