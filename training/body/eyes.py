"""Eyeballs: rings about the gaze axis, with ring borders at pupil, iris and limbus."""

from __future__ import annotations

import numpy as np

from .pieces import MATERIALS, PARTS, Geometry, Piece, both_sides, grid_quads, offset, scatter
from .source import BaseMesh

_SEGMENTS = 24
# Rings in eyeball radii: distance from the gaze axis, and place along it. On MakeHuman's eyeballs
# of 14.9 mm an iris of 12 mm and a pupil of 4 mm are a person's. The iris lies a little below the
# ball's surface, as it does behind a cornea: seen from aside it stays inside the limbus.
_PUPIL_DEPTH = 0.862
_PUPIL = (0.135, 0.868)
_IRIS = ((0.270, 0.888), (0.390, 0.902))
_SCLERA_DEG = (25.0, 33.0, 45.0, 62.0, 85.0, 118.0, 150.0)


def build_eyes(base: BaseMesh, rest: np.ndarray) -> Geometry:
    """Both eyeballs; the first vertex of each is the pupil's centre."""
    helper = base.ids("helper-l-eye")
    centre, radius = _fit_sphere(rest[helper])
    rings = np.array([_PUPIL, *_IRIS, *((np.sin(a), np.cos(a)) for a in np.radians(_SCLERA_DEG))])
    points = centre + radius * _points_of_rings(rings)
    mean = scatter(np.full((len(points), len(helper)), 1 / len(helper)), helper, len(rest))
    quads, materials = _quads_of_rings(len(rings))
    left = Piece(
        attach=mean + offset(points - mean @ rest, helper, rest),
        quads=quads,
        uv=_polar_uv((points - centre) / radius),
        quads_uv=quads,
        materials=materials,
        part=np.full(len(points), PARTS.index("left eye")),
    )
    return both_sides(left, base.mirror, right_part=PARTS.index("right eye"))


def _fit_sphere(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Centre [3] and radius of the sphere nearest to points [N, 3]."""
    lhs = np.column_stack([2 * points, np.ones(len(points))])
    solution = np.linalg.lstsq(lhs, (points**2).sum(axis=1), rcond=None)[0]
    centre = solution[:3]
    return centre, float(np.sqrt(solution[3] + centre @ centre))


def _points_of_rings(rings: np.ndarray) -> np.ndarray:
    """[N, 3] of rings [R, 2] about +z: pupil's centre, then ring by ring, then the rear pole."""
    angle = 2 * np.pi * np.arange(_SEGMENTS) / _SEGMENTS
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    points = [
        np.column_stack([distance * circle, np.full(_SEGMENTS, along)]) for distance, along in rings
    ]
    return np.concatenate([[[0, 0, _PUPIL_DEPTH]], *points, [[0, 0, -1.0]]])


def _quads_of_rings(num_rings: int) -> tuple[np.ndarray, np.ndarray]:
    """Quads [Q, 4] of the whole ball and their materials [Q]."""
    belt = grid_quads(num_rings, _SEGMENTS, wrap=True)[:, ::-1] + 1
    belts = ["Iris"] * len(_IRIS) + ["Eye White"] * (num_rings - 1 - len(_IRIS))
    front = _cap(0, np.arange(_SEGMENTS) + 1)
    rear = _cap(
        1 + num_rings * _SEGMENTS, np.arange(_SEGMENTS)[::-1] + 1 + (num_rings - 1) * _SEGMENTS
    )
    names = (
        ["Pupil"] * len(front) + np.repeat(belts, _SEGMENTS).tolist() + ["Eye White"] * len(rear)
    )
    materials = np.array([MATERIALS.index(name) for name in names])
    return np.concatenate([front, belt, rear]), materials


def _cap(pole: int, ring: np.ndarray) -> np.ndarray:
    """[S / 2, 4] kites that close a ring [S]."""
    return np.column_stack(
        [np.full(len(ring) // 2, pole), ring[::2], ring[1::2], np.roll(ring, -2)[::2]]
    )


def _polar_uv(directions: np.ndarray) -> np.ndarray:
    """[N, 2]: the gaze axis at the middle, the rear pole at the rim."""
    angle = np.arctan2(np.hypot(directions[:, 0], directions[:, 1]), directions[:, 2])
    heading = directions[:, :2] / np.maximum(np.hypot(*directions[:, :2].T), 1e-9)[:, None]
    return 0.5 + 0.5 * heading * (angle / np.pi)[:, None]
