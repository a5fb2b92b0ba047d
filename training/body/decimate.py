"""Fewer triangles by collapsing edges onto vertices that are there already.

What belongs to a vertex (weights, shapes, correctives) needs no resampling then. The error is that
of M. Garland and P. Heckbert (Surface simplification using quadric error metrics, 1997), summed
over several shapes of the same mesh, so that what bending and expressions need stays (A. Mohr and
M. Gleicher, Deformation sensitive decimation, 2003).
"""

from __future__ import annotations

import heapq
from collections import defaultdict

import numpy as np

_LENGTH_COST = 2e-3  # of an edge's squared length: flat regions thin out evenly
_AREA_POWER = 0.3  # of a triangle in its weight: small ones stand where shape matters
_LINE_COST = 5.0  # of moving a line aside, against moving the surface
_MIN_QUALITY = 0.15  # of a triangle: 1 is equilateral, 0 a line
_MIN_TURN_COS = 0.3  # of a triangle's normal, in each shape
_MAX_VALENCE = 9


class Decimator:
    """Triangles [F, 3] over shapes [P, V, 3] of the same mesh, to be made fewer.

    ``importance`` [V] multiplies the error at a vertex. ``features`` [E, 2] are edges that stay
    lines: a vertex on one moves along it only, and stays where more than one line meets. ``border``
    [V] marks the vertices where the mesh will be joined to its mirror image.
    """

    def __init__(
        self,
        shapes: np.ndarray,
        triangles: np.ndarray,
        *,
        importance: np.ndarray,
        features: np.ndarray,
        border: np.ndarray,
    ) -> None:
        ones = np.ones((*shapes.shape[:2], 1))
        self._points = np.concatenate([shapes, ones], axis=2).transpose(1, 0, 2).copy()
        self._importance, self._border = importance, border
        self._triangles: dict[int, tuple[int, ...]] = dict(
            enumerate(map(tuple, triangles.tolist()))
        )
        self._around: dict[int, set[int]] = defaultdict(set)
        for i_triangle, corners in self._triangles.items():
            for vertex in corners:
                self._around[vertex].add(i_triangle)
        self._along: dict[int, set[int]] = defaultdict(set)
        for a, b in features.tolist():
            self._along[a].add(b)
            self._along[b].add(a)
        self._quadrics, self._areas = self._first_quadrics(triangles)

    def run(self, num_vertices: int) -> None:
        """Collapse until the mesh together with its mirror image has ``num_vertices``."""
        size = sum(map(self._size, self._around))
        queue: list[tuple[float, int, int]] = []
        stuck: set[int] = set()  # vertices that can go nowhere as it is now

        def enqueue(vertex: int) -> None:
            entry = self._cheapest(vertex)
            if entry is None:
                stuck.add(vertex)
            else:
                stuck.discard(vertex)
                heapq.heappush(queue, entry)

        for vertex in list(self._around):
            enqueue(vertex)
        while size > num_vertices and queue:
            entry = heapq.heappop(queue)
            vertex, onto = entry[1:]
            if vertex not in self._around:
                continue
            # Costs only grow, so that an old one is a lower bound: ask again before acting on it.
            if entry != self._cheapest(vertex):
                enqueue(vertex)
                continue
            size -= self._size(vertex)
            self._collapse(vertex, onto)
            for near in sorted(self._neighbours(onto) & stuck):
                enqueue(near)

    def triangles(self) -> tuple[np.ndarray, np.ndarray]:
        """What is left: triangles [F, 3] and their numbers [F] among those at the start."""
        return np.array(list(self._triangles.values())), np.array(list(self._triangles))

    def _size(self, vertex: int) -> int:
        return 1 if self._border[vertex] else 2

    def _neighbours(self, vertex: int) -> set[int]:
        corners = (self._triangles[i_triangle] for i_triangle in self._around[vertex])
        return {corner for triangle in corners for corner in triangle} - {vertex}

    def _first_quadrics(self, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Quadrics [V, P, 4, 4] of the planes around, with those that hold the lines in place, and
        the area [V] around in the first shape."""
        points = self._points[triangles][..., :3]
        normals, areas = _normals(points)
        quadrics = np.zeros((*self._points.shape[:2], 4, 4))
        around = np.zeros(len(self._points))
        evened = areas**_AREA_POWER * np.median(areas) ** (1 - _AREA_POWER)
        planes = _plane_quadrics(normals, points[:, 0], evened)
        for corner in triangles.T:
            np.add.at(quadrics, corner, planes)
            np.add.at(around, corner, areas[:, 0])
        for k in range(3):
            a, b = triangles[:, k], triangles[:, (k + 1) % 3]
            on_line = np.array(
                [second in self._along.get(first, ()) for first, second in zip(a, b, strict=True)]
            )
            edge = points[on_line, (k + 1) % 3] - points[on_line, k]
            length = np.linalg.norm(edge, axis=-1, keepdims=True)
            upright = np.cross(edge, normals[on_line]) / np.maximum(length, 1e-12)
            planes = _plane_quadrics(upright, points[on_line, k], _LINE_COST * length[..., 0] ** 2)
            np.add.at(quadrics, a[on_line], planes)
            np.add.at(quadrics, b[on_line], planes)
        return quadrics, around

    def _cheapest(self, vertex: int) -> tuple[float, int, int] | None:
        """(cost, vertex, onto) of the cheapest collapse of ``vertex`` that keeps the mesh sound."""
        line = self._along.get(vertex)
        if line and len(line) != 2:
            return None
        near = sorted(line or self._neighbours(vertex))
        points = self._points[near]
        quadrics = self._quadrics[near] + self._quadrics[vertex]
        errors = np.einsum("kpi,kpij,kpj->k", points, quadrics, points)
        lengths = ((points[:, 0] - self._points[vertex, 0]) ** 2).sum(axis=1)
        costs = self._importance[vertex] * (errors + _LENGTH_COST * self._areas[vertex] * lengths)
        for i_near in np.argsort(costs, kind="stable"):
            if self._is_sound(vertex, near[i_near]):
                return float(costs[i_near]), vertex, near[i_near]
        return None

    def _is_sound(self, vertex: int, onto: int) -> bool:
        """Whether the mesh stays a manifold, its triangles well-shaped and facing as they did."""
        shared = self._around[vertex] & self._around[onto]
        opposite = {corner for i in shared for corner in self._triangles[i]} - {vertex, onto}
        mine, others = self._neighbours(vertex), self._neighbours(onto)
        if mine & others != opposite or len(mine | others) - 2 > _MAX_VALENCE:
            return False
        if self._border[onto] and not self._border[vertex]:
            # No edge may span the mesh from border to border: its mirror image would fall on it.
            if any(self._border[corner] for corner in mine - others - {onto}):
                return False
        moved = [self._triangles[i] for i in self._around[vertex] - shared]
        if not moved:
            return False
        before = np.array(moved)
        old = self._points[before][..., :3]
        new = self._points[np.where(before == vertex, onto, before)][..., :3]
        old_normals, old_areas = _normals(old)
        new_normals, new_areas = _normals(new)
        if ((old_normals * new_normals).sum(axis=-1) < _MIN_TURN_COS).any():
            return False
        floor = np.minimum(_MIN_QUALITY, _quality(old[:, :, 0], old_areas[:, 0]))
        return bool((_quality(new[:, :, 0], new_areas[:, 0]) >= floor).all())

    def _collapse(self, vertex: int, onto: int) -> None:
        for i_triangle in self._around.pop(vertex):
            corners = self._triangles[i_triangle]
            if onto in corners:
                del self._triangles[i_triangle]
                for corner in set(corners) - {vertex}:
                    self._around[corner].discard(i_triangle)
            else:
                self._triangles[i_triangle] = tuple(onto if c == vertex else c for c in corners)
                self._around[onto].add(i_triangle)
        for other in self._along.pop(vertex, ()):
            self._along[other].discard(vertex)
            if other != onto:
                self._along[other].add(onto)
                self._along[onto].add(other)
        self._quadrics[onto] += self._quadrics[vertex]
        self._areas[onto] += self._areas[vertex]


def _normals(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit normals [F, P, 3] and areas [F, P] of triangles [F, 3, P, 3]."""
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    # Written out: np.cross costs more than all the rest on a handful of triangles.
    cross = a[..., [1, 2, 0]] * b[..., [2, 0, 1]] - a[..., [2, 0, 1]] * b[..., [1, 2, 0]]
    length = np.sqrt((cross**2).sum(axis=-1))
    return cross / np.maximum(length, 1e-15)[..., None], length / 2


def _plane_quadrics(normals: np.ndarray, points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """[..., 4, 4] of planes through points [..., 3], times weights [...]."""
    planes = np.concatenate([normals, -(normals * points).sum(axis=-1, keepdims=True)], axis=-1)
    return weights[..., None, None] * planes[..., :, None] * planes[..., None, :]


def _quality(corners: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """[F] 1 for equilateral triangles [F, 3, 3], 0 for lines."""
    edges = corners - corners[:, [2, 0, 1]]
    return 4 * np.sqrt(3) * areas / np.maximum((edges**2).sum(axis=(1, 2)), 1e-15)
