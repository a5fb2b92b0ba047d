"""A person's measures, taken as an anthropometrist takes them: between joints, heights and by tape.

The person stands in the rest pose (y up, x to the left, z forward; arms out level). A tape's girth
is the perimeter of the convex hull of a plane section, since a tape bridges hollows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial import ConvexHull

from reelrig.core.skeletons import JOINT_INDEX

from .shape_space import volume

_UP = np.array([0.0, 1.0, 0.0])
# Where the survey puts the tape, as shares of stature: the chest is widest about the nipples, at
# 0.735 (men) and 0.719 (women), the waist is at the navel (ANSUR II, medians).
_CHEST_HEIGHTS, _NAVEL_HEIGHT = (0.70, 0.745), 0.602
_BELOW_CROTCH = 0.01  # m, where the thigh is taped: at the gluteal fold
_BROW_ABOVE_EYE = 0.02  # m
_SECTIONS = 12  # planes tried where a tape looks for the widest or the narrowest place


@dataclass(frozen=True, eq=False)
class Figure:
    """A person in the rest pose: closed skin and joints."""

    vertices: np.ndarray  # [V, 3] m
    triangles: np.ndarray  # [F, 3] of the skin, facing outward
    joints: np.ndarray  # [55, 3] m

    def joint(self, name: str) -> np.ndarray:
        """[3] m; paired joints go by the left one's name, as both sides are alike."""
        return self.joints[JOINT_INDEX[name]]

    @cached_property
    def skin(self) -> np.ndarray:
        """[N, 3] m, the vertices that the triangles use."""
        return self.vertices[np.unique(self.triangles)]

    @cached_property
    def sole(self) -> float:
        return float(self.skin[:, 1].min())

    @cached_property
    def _edges(self) -> np.ndarray:
        """[E, 2] m, each end of each edge: of an edge's two triangles one runs it upward."""
        corners = np.concatenate([self.triangles[:, [i, (i + 1) % 3]] for i in range(3)])
        return self.vertices[corners[corners[:, 0] < corners[:, 1]]]

    def section(self, point: np.ndarray, normal: np.ndarray) -> np.ndarray:
        """[N, 3] m, where the skin's edges cross the plane through ``point``."""
        above = (self._edges - point) @ normal
        crossing = above[:, 0] * above[:, 1] < 0
        above, edges = above[crossing], self._edges[crossing]
        share = above[:, :1] / (above[:, :1] - above[:, 1:])
        return edges[:, 0] + share * (edges[:, 1] - edges[:, 0])


def measure(figure: Figure) -> dict[str, float]:
    """Metres by name; ``volume`` in cubic metres."""
    whole = {"volume": volume(figure.vertices, figure.triangles)}
    return _lengths(figure) | _heights(figure) | _girths(figure) | whole


def _lengths(figure: Figure) -> dict[str, float]:
    def between(start: str, end: str) -> float:
        return float(np.linalg.norm(figure.joint(start) - figure.joint(end)))

    return {
        "thigh": between("left_hip", "left_knee"),
        "shank": between("left_knee", "left_ankle"),
        "upper_arm": between("left_shoulder", "left_elbow"),
        "forearm": between("left_elbow", "left_wrist"),
        "hand": float(figure.skin[:, 0].max() - figure.joint("left_wrist")[0]),
        "foot": _foot_length(figure),
        "hip_joints": between("left_hip", "right_hip"),
        "shoulder_joints": between("left_shoulder", "right_shoulder"),
    }


def _foot_length(figure: Figure) -> float:
    """Heel to tip of the toes, along the foot."""
    ankle, ball = figure.joint("left_ankle"), figure.joint("left_foot")
    along = (ball - ankle) * [1, 0, 1]
    skin = figure.skin
    foot = skin[(skin[:, 0] > 0) & (skin[:, 1] < ankle[1])]
    return float(np.ptp(foot @ (along / np.linalg.norm(along))))


def _heights(figure: Figure) -> dict[str, float]:
    joints = {
        "ankle_height": "left_ankle",
        "hip_height": "left_hip",
        "shoulder_height": "left_shoulder",
    }
    crown = float(figure.skin[:, 1].max())
    return {
        "stature": crown - figure.sole,
        "crown_to_eye": float(crown - figure.joint("left_eye_smplhf")[1]),
        "crown_to_neck": float(crown - figure.joint("neck")[1]),
        "crotch_height": _crotch(figure) - figure.sole,
    } | {name: float(figure.joint(joint)[1] - figure.sole) for name, joint in joints.items()}


def _crotch(figure: Figure) -> float:
    """y of the lowest skin between the legs, m."""
    hip = figure.joint("left_hip")
    middle = figure.skin[np.abs(figure.skin[:, 0]) < 0.1 * hip[0]]
    return float(middle[middle[:, 1] > figure.joint("left_knee")[1], 1].min())


def _girths(figure: Figure) -> dict[str, float]:
    heights = _heights(figure)
    stature, crotch = heights["stature"], heights["crotch_height"]
    waist = _NAVEL_HEIGHT * stature
    knee = figure.joint("left_knee")[1] - figure.sole
    brow = stature - heights["crown_to_eye"] + _BROW_ABOVE_EYE

    def is_left(points: np.ndarray) -> np.ndarray:
        return points[:, 0] > 0

    def tapes(low: float, high: float, keep: Callable | None = None) -> Iterable[float]:
        for height in np.linspace(low, high, _SECTIONS):
            yield tape(height, keep)

    def tape(height: float, keep: Callable | None = None) -> float:
        points = figure.section(_UP * (figure.sole + height), _UP)
        return perimeter(points[keep(points)] if keep else points, _UP)

    hips = np.linspace(crotch, waist, _SECTIONS)
    breadths = [np.ptp(figure.section(_UP * (figure.sole + y), _UP)[:, 0]) for y in hips]
    return {
        "hip_breadth": float(max(breadths)),
        "chest_girth": max(tapes(_CHEST_HEIGHTS[0] * stature, _CHEST_HEIGHTS[1] * stature)),
        "waist_girth": tape(waist),
        "hip_girth": max(tapes(crotch, waist)),
        "thigh_girth": tape(crotch - _BELOW_CROTCH, is_left),
        "calf_girth": max(tapes(0.5 * knee, 0.9 * knee, is_left)),
        "head_girth": max(tapes(brow, 0.5 * (brow + stature))),
        "neck_girth": _neck_girth(figure),
    }


def _neck_girth(figure: Figure) -> float:
    """The narrowest section square to the neck, between its joint and the head's."""
    neck, head = figure.joint("neck"), figure.joint("head")
    along = (head - neck) / np.linalg.norm(head - neck)
    points = [neck + share * (head - neck) for share in np.linspace(0.3, 0.9, _SECTIONS)]
    return min(perimeter(figure.section(point, along), along) for point in points)


def perimeter(points: np.ndarray, normal: np.ndarray) -> float:
    """m, of the convex hull of points [N, 3] in the plane square to ``normal``."""
    across = np.linalg.svd(normal[None])[2][1:]
    return float(ConvexHull(points @ across.T).area)  # in two dimensions: the perimeter
