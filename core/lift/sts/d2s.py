"""Depth-to-scale projection: weak perspective with a scale of its own for each point's depth."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class D2SCamera:
    """How a view's picture shows a body about its root. Of any leading shape [...].

    Sun et al. 2020, "Synthetic training for monocular human mesh recovery", eq. 12 and 13.
    """

    scale: Tensor  # [...] picture units per metre at the root's depth
    shift: Tensor  # [..., 2] picture units, of the root
    distance: Tensor  # [...] m, of the root

    def project(self, points: Tensor) -> Tensor:
        """[..., N, 2] picture of points [..., N, 3] m about the root, view axes.

        Points behind the camera are taken to be just before it.
        """
        distance = self.distance[..., None]
        ratio = distance / torch.maximum(distance + points[..., 2], 0.1 * distance)
        flat = self.scale[..., None, None] * points[..., :2] + self.shift[..., None, :]
        return ratio[..., None] * flat
