"""Pieces of the body's surface, each vertex an affine mix of base-mesh vertices.

What is linear in the base mesh (shapes, expressions, skinning weights) carries over to a piece by
its matrix ``attach``, whose rows sum to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

MATERIALS = (
    "Skin",
    "Suit",
    "Eye White",
    "Iris",
    "Pupil",
    "Teeth",
    "Mouth",
    "Brows and Lashes",
    "Lips",
)
PARTS = (
    "body skin",
    "left eye",
    "right eye",
    "upper teeth",
    "lower teeth",
    "tongue",
    "lashes",
    "brows",
)


@dataclass(frozen=True, eq=False, kw_only=True)
class Piece:
    """Quads over N vertices, wound so that normals point outwards."""

    attach: sp.csr_matrix  # [N, 19158] rows sum to 1
    quads: np.ndarray  # [Q, 4]
    uv: np.ndarray  # [U, 2]
    quads_uv: np.ndarray  # [Q, 4] rows of uv
    materials: np.ndarray  # [Q] numbers in MATERIALS
    part: np.ndarray  # [N] numbers in PARTS


@dataclass(frozen=True, eq=False, kw_only=True)
class Geometry(Piece):
    """A left/right symmetric piece, or the whole body."""

    mirror: np.ndarray  # [N] each vertex's counterpart on the other side
    base_vertex: np.ndarray  # [N] the base-mesh vertex it is; -1 for made geometry


class Strip:
    """A grid of base-mesh vertices [R, C] as a smooth surface to attach points to."""

    def __init__(self, vertices: np.ndarray, num_base: int) -> None:
        self.vertices = vertices
        self.num_columns = vertices.shape[1]
        self._num_base = num_base

    def attach(self, row: np.ndarray, column: np.ndarray) -> sp.csr_matrix:
        """[N, 19158] of points [N] at fractional rows and columns: linear across, cubic along."""
        across = _linear(row, self.vertices.shape[0])
        along = _catmull_rom(column, self.vertices.shape[1])
        weights = (across[:, :, None] * along[:, None, :]).reshape(len(across), -1)
        return scatter(weights, self.vertices.ravel(), self._num_base)


def scatter(weights: np.ndarray, vertices: np.ndarray, num_base: int) -> sp.csr_matrix:
    """[N, num_base] out of weights [N, C] of ``vertices`` [C]; zeros are left out."""
    i_point, i_vertex = np.nonzero(weights)
    entries = (weights[i_point, i_vertex], (i_point, vertices[i_vertex]))
    return sp.csr_matrix(entries, shape=(len(weights), num_base))


def offset(vectors: np.ndarray, rulers: np.ndarray, rest: np.ndarray) -> sp.csr_matrix:
    """[N, 19158] that yields vectors [N, 3] m at rest; rows sum to 0.

    The smallest mix of the vertices ``rulers`` [C] that does so: it turns, grows and shears with
    them as they would with an affine motion.
    """
    spread = rest[rulers] - rest[rulers].mean(axis=0)
    return scatter(vectors @ np.linalg.pinv(spread), rulers, len(rest))


def pick(vertices: np.ndarray, num_base: int) -> sp.csr_matrix:
    """[N, num_base] that takes ``vertices`` [N] as they are."""
    return sp.csr_matrix(
        (np.ones(len(vertices)), vertices, np.arange(len(vertices) + 1)),
        shape=(len(vertices), num_base),
    )


def mirror_columns(matrix: sp.csr_matrix, mirror: np.ndarray) -> sp.csr_matrix:
    """The same rows with each column in its counterpart's place.

    They keep the order of their entries, so that both sides sum up alike to the last bit.
    """
    return sp.csr_matrix(
        (matrix.data, mirror[matrix.indices], matrix.indptr), shape=(num_rows(matrix), len(mirror))
    )


def stack(matrices: Sequence[sp.csr_matrix]) -> sp.csr_matrix:
    """One below the other."""
    return sp.csr_matrix(sp.vstack(matrices, format="csr"))


def num_rows(matrix: sp.csr_matrix) -> int:
    return len(matrix.indptr) - 1


def both_sides(
    left: Piece,
    base_mirror: np.ndarray,
    *,
    seam: np.ndarray | None = None,
    right_part: int | None = None,
) -> Geometry:
    """A left piece with its mirror image; its vertices ``seam`` on the middle are shared."""
    num_left = len(left.part)
    is_own = np.ones(num_left, bool)
    is_own[[] if seam is None else seam] = False
    mirror_of = np.arange(num_left)
    mirror_of[is_own] = num_left + np.arange(is_own.sum())
    right = mirror_columns(left.attach[is_own], base_mirror)
    right_parts = left.part if right_part is None else np.full(num_left, right_part)
    return Geometry(
        attach=stack([left.attach, right]),
        quads=np.concatenate([left.quads, mirror_of[left.quads[:, ::-1]]]),
        uv=left.uv,
        quads_uv=np.concatenate([left.quads_uv, left.quads_uv[:, ::-1]]),
        materials=np.tile(left.materials, 2),
        part=np.concatenate([left.part, right_parts[is_own]]),
        mirror=np.concatenate([mirror_of, np.flatnonzero(is_own)]),
        base_vertex=np.full(num_left + is_own.sum(), -1),
    )


def join(pieces: Sequence[Geometry]) -> Geometry:
    """All of them as one."""
    first = np.cumsum([0, *(len(piece.part) for piece in pieces)])[:-1]
    first_uv = np.cumsum([0, *(len(piece.uv) for piece in pieces)])[:-1]

    def shifted(name: str, starts: np.ndarray) -> np.ndarray:
        arrays = [getattr(piece, name) for piece in pieces]
        return np.concatenate([array + start for array, start in zip(arrays, starts, strict=True)])

    def stacked(name: str) -> np.ndarray:
        return np.concatenate([getattr(piece, name) for piece in pieces])

    return Geometry(
        attach=stack([piece.attach for piece in pieces]),
        quads=shifted("quads", first),
        uv=stacked("uv"),
        quads_uv=shifted("quads_uv", first_uv),
        materials=stacked("materials"),
        part=stacked("part"),
        mirror=shifted("mirror", first),
        base_vertex=stacked("base_vertex"),
    )


def grid_quads(num_rows: int, num_columns: int, *, wrap: bool = False) -> np.ndarray:
    """[Q, 4] of a grid numbered row by row; ``wrap`` joins the last column to the first."""
    number = np.arange(num_rows * num_columns).reshape(num_rows, num_columns)
    if wrap:
        number = np.concatenate([number, number[:, :1]], axis=1)
    corners = (number[:-1, :-1], number[:-1, 1:], number[1:, 1:], number[1:, :-1])
    return np.stack(corners, axis=-1).reshape(-1, 4)


def _linear(at: np.ndarray, size: int) -> np.ndarray:
    """[N, size] weights of linear interpolation at fractional places; goes on straight outside."""
    low = np.clip(np.floor(at).astype(int), 0, size - 2)
    weights = np.zeros((len(at), size))
    i_point = np.arange(len(at))
    weights[i_point, low] = 1 - (at - low)
    weights[i_point, low + 1] = at - low
    return weights


def _catmull_rom(at: np.ndarray, size: int) -> np.ndarray:
    """[N, size] weights of Catmull-Rom's cubic; beyond its ends the row goes straight on."""
    low = np.clip(np.floor(at).astype(int), 0, size - 2)
    t = at - low
    cubic = (
        np.stack(
            [
                -t * (1 - t) ** 2,
                2 - 5 * t**2 + 3 * t**3,
                t + 4 * t**2 - 3 * t**3,
                -(t**2) * (1 - t),
            ]
        ).T
        / 2
    )
    padded = np.zeros((len(at), size + 2))
    i_point = np.arange(len(at))
    for k in range(4):
        padded[i_point, low + k] += cubic[:, k]
    weights = padded[:, 1:-1].copy()
    weights[:, 0] += 2 * padded[:, 0]
    weights[:, 1] -= padded[:, 0]
    weights[:, -1] += 2 * padded[:, -1]
    weights[:, -2] -= padded[:, -1]
    return weights
