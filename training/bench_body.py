"""How well a body's skin deforms: the figures of docs/benchmarks.md, section "Deformation".

``python -m training.bench_body [BODY.npz ...]``; without a name the free body.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from reelrig.core.body.model import BodyModel, load_body
from reelrig.core.body.skinning import Skin
from reelrig.core.skeletons import ARKIT_INDEX, JOINT_INDEX

from .body.poses import Pose, Turns

POSES: dict[str, Turns] = {
    "squat": {"hip": (-110, 12, 8), "knee": (125, 0, 0), "ankle": (-22, 0, 0)}
    | {"spine1": (14, 0, 0), "spine2": (10, 0, 0), "shoulder": (0, -60, -15)},
    "sit": {"hip": (-90, 10, 5), "knee": (90, 0, 0), "shoulder": (0, -70, -10)},
    "lunge": {"left_hip": (-95, 0, 0), "left_knee": (90, 0, 0), "right_hip": (25, 0, 0)}
    | {"right_knee": (40, 0, 0), "shoulder": (0, 0, -65)},
    "knee 120": {"knee": (120, 0, 0)},
    "arms up": {"collar": (0, 0, 15), "shoulder": (0, 0, 75)},
    "arms down": {"shoulder": (0, 0, -78)},
    "elbow 130": {"elbow": (0, -130, 0)},
    "wrist twist 90": {"wrist": (90, 0, 0)},
    "fist": {
        f"{finger}{i}": (0, 0, -80)
        for finger in ("index", "middle", "ring", "pinky")
        for i in (1, 2, 3)
    },
}
_CRUSHED = 0.4  # a triangle that kept less than this share of its area
_LIMB_RADIUS = 0.08  # m about the forearm's axis
_WRIST_SPAN = (0.70, 1.0)  # share of the forearm in which the thinnest section is looked for


class Deformed:
    """A body in poses, by its own skinning."""

    def __init__(self, body: BodyModel) -> None:
        self.body = body
        self._skin = Skin(body)
        skin = _largest_piece(body.faces, body.num_vertices)
        self.faces = body.faces[skin[body.faces].all(1)]

    def vertices(self, turns: Turns, scores: dict[str, float] | None = None) -> np.ndarray:
        """[V, 3] m"""
        pose = Pose("", turns, scores or {})
        rotations = torch.from_numpy(np.float32(pose.rotations(self.body.jaw_open_angle)))[None]
        nothing = torch.zeros(1, 10)
        posed, _ = self._skin.pose_vertices(nothing[0], nothing, rotations, torch.zeros(1, 3))
        return posed[0].numpy()

    def volume_change(self, turns: Turns) -> float:
        """Share of the rest's volume gained (or, below zero, lost)."""
        return _volume(self.vertices(turns), self.faces) / _volume(self.rest, self.faces) - 1

    def crushed_share(self, turns: Turns) -> float:
        """Share of the skin (by area at rest) in triangles that are pressed to nearly nothing."""
        before, after = (_areas(v, self.faces) for v in (self.rest, self.vertices(turns)))
        return float(before[after < _CRUSHED * before].sum() / before.sum())

    def wrist_section(self, turns: Turns) -> float:
        """The thinnest section of the left forearm's end, as a share of the rest's there."""
        elbow, wrist = (
            self.body.template_joints[JOINT_INDEX[f"left_{n}"]] for n in ("elbow", "wrist")
        )
        posed = self.vertices(turns)
        shares = []
        for share in np.linspace(*_WRIST_SPAN, 13):
            origin = elbow + share * (wrist - elbow)
            normal = (wrist - elbow) / np.linalg.norm(wrist - elbow)
            areas = [section_area(v, self.faces, origin, normal) for v in (posed, self.rest)]
            shares.append(areas[0] / areas[1])
        return min(shares)

    def lip_gap(self) -> float:
        """m, how much further apart the lips are than at rest, jaw opened and mouthClose on."""
        body = self.body
        assert body.arkit_dirs is not None
        closing = body.arkit_dirs[..., ARKIT_INDEX["mouthClose"]]
        rest = body.face_points()
        shut = Deformed(body)
        shut._skin.template = torch.from_numpy(body.template + closing)
        posed = body.on_face_landmarks(shut.vertices({}, {"jawOpen": 1.0}))
        upper, lower = [82, 13, 312], [87, 14, 317]  # inside, as in training/body/landmarks.py
        gap = (posed[upper] - posed[lower])[:, 1] - (rest[upper] - rest[lower])[:, 1]
        return float(np.abs(gap).max())

    @property
    def rest(self) -> np.ndarray:
        return self.body.template


def section_area(
    vertices: np.ndarray, faces: np.ndarray, origin: np.ndarray, normal: np.ndarray
) -> float:
    """m^2 that the plane cuts out of a limb around ``origin``, from which all of it can be seen."""
    height = (vertices - origin) @ normal
    near = np.linalg.norm(vertices - origin, axis=1) < _LIMB_RADIUS
    cut = faces[near[faces].all(1)]
    cut = cut[(height[cut] > 0).any(1) & (height[cut] <= 0).any(1)]
    # The corner that is alone on its side of the plane, and the two others.
    alone = (height[cut] > 0).sum(1) == 1
    lonely = np.where(alone, height[cut].argmax(1), height[cut].argmin(1))
    ends = []
    for step in (1, 2):
        a, b = (cut[np.arange(len(cut)), (lonely + i) % 3] for i in (0, step))
        share = (height[a] / (height[a] - height[b]))[:, None]
        ends.append(vertices[a] + share * (vertices[b] - vertices[a]) - origin)
    return float(np.abs(np.cross(*ends) @ normal).sum() / 2)


def _areas(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    a, b, c = vertices[faces].transpose(1, 0, 2)
    return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2


def _volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = vertices[faces].transpose(1, 0, 2)
    return float(np.sum(a * np.cross(b, c)) / 6)


def _largest_piece(faces: np.ndarray, num_vertices: int) -> np.ndarray:
    """[V] bool, the vertices of the largest connected surface: the skin."""
    label = np.arange(num_vertices)
    while True:
        lowest = label[faces].min(1)
        spread = label.copy()
        np.minimum.at(spread, faces.ravel(), np.repeat(lowest, 3))
        spread = spread[spread]
        if (spread == label).all():
            return label == np.bincount(label).argmax()
        label = spread


def main(paths: Sequence[Path | None]) -> None:
    for path in paths:
        body = Deformed(load_body(path))
        print(f"\n{path.name if path else 'free body'}\n")
        print("| pose | volume | crushed skin |\n| --- | --- | --- |")
        for name, turns in POSES.items():
            print(
                f"| {name} | {100 * body.volume_change(turns):+.1f} % "
                f"| {100 * body.crushed_share(turns):.2f} % |"
            )
        print(f"\nwrist section at 90 degrees: {body.wrist_section(POSES['wrist twist 90']):.2f}")
        if body.body.landmarks is not None:
            print(f"lips with the jaw open and mouthClose: {1e3 * body.lip_gap():.1f} mm")


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]] or [None])
