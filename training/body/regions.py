"""Regions of the skin: fenced by closed edge loops of the base mesh, so that borders are clean."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

# Edges of hm08 whose loops are the fences.
_NECKLINE = (1489, 1488)
_LEFT_SLEEVE = (8396, 10516)
_LEFT_LEG = (13351, 13332)
_LIPS_OUTSIDE = (466, 7222)
_LIPS_INSIDE = (540, 7279)
# A vertex inside each region.
_BACK = 4000
_UPPER_LIP = 467
_PALATE = 622


class QuadMesh:
    """Who is next to whom in quads [Q, 4]."""

    def __init__(self, quads: np.ndarray) -> None:
        self.quads = quads
        self._quads_of_vertex: dict[int, set[int]] = defaultdict(set)
        self._quads_of_edge: dict[frozenset[int], list[int]] = defaultdict(list)
        self._neighbours: dict[int, set[int]] = defaultdict(set)
        for i_quad, corners in enumerate(quads.tolist()):
            for a, b in zip(corners, corners[1:] + corners[:1], strict=True):
                self._quads_of_vertex[a].add(i_quad)
                self._quads_of_edge[frozenset((a, b))].append(i_quad)
                self._neighbours[a].add(b)
                self._neighbours[b].add(a)

    def edge_loop(self, first: int, second: int) -> list[int]:
        """Vertices of the closed loop that goes straight on from the edge first, second."""
        loop = [first, second]
        while True:
            before, here = loop[-2:]
            beside = self._quads_of_vertex[before] & self._quads_of_vertex[here]
            ahead = [
                vertex
                for vertex in self._neighbours[here] - {before}
                if not beside & self._quads_of_vertex[vertex]
            ]
            if len(ahead) != 1 or ahead[0] in loop[1:]:
                raise ValueError(f"The edge loop of {first}, {second} does not close at {here}.")
            if ahead[0] == first:
                return loop
            loop.append(ahead[0])

    def flood(self, start: int, fences: Iterable[list[int]]) -> np.ndarray:
        """[Q] bool, what is reached from the vertex ``start`` without crossing a fence."""
        closed = {
            frozenset(edge)
            for loop in fences
            for edge in zip(loop, loop[1:] + loop[:1], strict=True)
        }
        reached = np.zeros(len(self.quads), bool)
        waiting = list(self._quads_of_vertex[start])
        while waiting:
            i_quad = waiting.pop()
            if reached[i_quad]:
                continue
            reached[i_quad] = True
            corners = self.quads[i_quad].tolist()
            for edge in map(frozenset, zip(corners, corners[1:] + corners[:1], strict=True)):
                if edge not in closed:
                    waiting.extend(self._quads_of_edge[edge])
        return reached


def skin_regions(quads: np.ndarray, mirror: np.ndarray) -> dict[str, np.ndarray]:
    """[Q] bool of the body's quads by material: a suit with short sleeves and legs, lips, the
    mouth's inside."""
    mesh = QuadMesh(quads)
    left = [mesh.edge_loop(*edge) for edge in (_LEFT_SLEEVE, _LEFT_LEG)]
    right = [mirror[loop].tolist() for loop in left]
    outside, inside = mesh.edge_loop(*_LIPS_OUTSIDE), mesh.edge_loop(*_LIPS_INSIDE)
    return {
        "Suit": mesh.flood(_BACK, [mesh.edge_loop(*_NECKLINE), *left, *right]),
        "Lips": mesh.flood(_UPPER_LIP, [outside, inside]),
        "Mouth": mesh.flood(_PALATE, [inside]),
    }
