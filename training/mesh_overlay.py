"""A posed body drawn into a picture: shaded triangles from the back to the front, by cv2 alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from reelrig.core.body.model import BodyModel
from reelrig.core.overlay import LEFT_COLOR, RIGHT_COLOR
from reelrig.core.skeletons import JOINT_NAMES

_TRUNK_COLOR = (225, 225, 215)
_DARKEST = 0.35  # of its colour, skin that is seen edge on
_NEAREST_M = 0.05
_FAR_PX = 1e5  # triangles that reach farther out are left out: cv2 counts in small integers
_SUBPIXEL_BITS = 4


@dataclass(frozen=True, eq=False)
class Painter:
    """Paints one body's skin: left and right limbs in the overlay's colours, so that flips show."""

    body: BodyModel

    @cached_property
    def _colors(self) -> np.ndarray:
        """[F, 3] RGB of the triangles, by the joint that carries most of them."""
        colors = []
        for name in JOINT_NAMES:
            is_limb = "eye" not in name and "collar" not in name
            side = name.partition("_")[0] if is_limb else ""
            colors.append({"left": LEFT_COLOR, "right": RIGHT_COLOR}.get(side, _TRUNK_COLOR))
        carrier = self.body.weights[self.body.faces].sum(1).argmax(1)
        return np.array(colors, np.float64)[carrier]

    def draw(
        self,
        image: np.ndarray,
        vertices: np.ndarray,
        focal_px: float,
        centre_px: np.ndarray,
        opacity: float,
    ) -> np.ndarray:
        """A copy of the RGB picture [H, W, 3] with the skin of ``vertices`` [V, 3] m over it.

        ``vertices`` are in camera axes; a pinhole whose principal point is ``centre_px`` [2].
        """
        corners = vertices[self.body.faces]
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        rays = corners.mean(1)
        facing = -(normals * rays).sum(1)
        facing /= np.linalg.norm(normals, axis=1) * np.linalg.norm(rays, axis=1) + 1e-12
        is_drawn = (facing > 0) & (corners[..., 2].min(1) > _NEAREST_M)
        pixels = focal_px * corners[..., :2] / corners[..., 2:].clip(_NEAREST_M) + centre_px
        is_drawn &= np.abs(pixels).max((1, 2)) < _FAR_PX
        shade = _DARKEST + (1 - _DARKEST) * facing
        colors = (self._colors * shade[:, None]).clip(0, 255)
        painted = image.copy()
        fixed = np.round(pixels * 2**_SUBPIXEL_BITS).astype(np.int32)
        rows = np.flatnonzero(is_drawn)
        for row in rows[np.argsort(-rays[rows, 2])]:
            cv2.fillConvexPoly(
                painted, fixed[row], colors[row].tolist(), cv2.LINE_8, _SUBPIXEL_BITS
            )
        return cv2.addWeighted(painted, opacity, image, 1 - opacity, 0)
