"""The free body posed by a motion: its skin and MediaPipe's landmarks on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import torch

from reelrig.core.body.model import BodyModel, load_body
from reelrig.core.body.skinning import Skin
from reelrig.core.motion import Motion
from reelrig.core.rotation import rotvec_to_matrix

_BLOCK = 32  # rows posed at once


@dataclass(frozen=True, eq=False)
class Figure:
    """A body ready for posing."""

    body: BodyModel

    @cached_property
    def _skin(self) -> Skin:
        return Skin(self.body)

    def pose(
        self,
        betas: np.ndarray,
        arkit: np.ndarray,
        rotations: torch.Tensor,
        pelvis: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Vertices [T, V, 3] and joints [T, 55, 3], m, the pelvis joint at ``pelvis`` [T, 3].

        ``betas`` [10], ``arkit`` [T, 52], ``rotations`` [T, 55, 3, 3] parent from joint.
        """
        expression = torch.from_numpy(np.float32(arkit @ self.body.expression_from_arkit.T))
        shape = torch.from_numpy(np.float32(betas))
        blocks = [
            self._skin.pose_vertices(shape, face, turns, torch.zeros(len(turns), 3))
            for face, turns in zip(expression.split(_BLOCK), rotations.split(_BLOCK), strict=True)
        ]
        vertices, joints = (torch.cat(field).numpy() for field in zip(*blocks, strict=True))
        shift = (pelvis - joints[:, 0])[:, None]
        return vertices + shift, joints + shift

    def pose_motion(self, motion: Motion) -> tuple[np.ndarray, np.ndarray]:
        """Vertices and joints in the motion's world."""
        assert motion.joints_world is not None  # it was captured
        rotations = rotvec_to_matrix(torch.from_numpy(np.float32(motion.rotvecs)))
        return self.pose(motion.betas, motion.arkit, rotations, motion.joints_world[:, 0])


@cache
def free_figure() -> Figure:
    return Figure(load_body())
