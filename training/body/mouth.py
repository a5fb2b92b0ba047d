"""Teeth and tongue, made over MakeHuman's.

Those are two strips without single teeth, and a tongue that fills the mouth.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.sparse as sp

from .pieces import (
    MATERIALS,
    PARTS,
    Geometry,
    Piece,
    Strip,
    both_sides,
    grid_quads,
    join,
    offset,
    pick,
    stack,
)
from .source import BaseMesh

_NUM_FRONT_TEETH = 3  # a side; these are rounded by two columns each, the others by one
_FRONT_COLUMNS, _REAR_COLUMNS = (0.22, 0.78), (0.5,)
_FRONT_EDGE, _REAR_EDGE = 0.16, 0.55  # thickness at the cutting edge, as a share of the jaw's
# Rows of a column on a tooth and between two: (row of the strip, way from the front inwards).
_TOOTH_ROWS = ((0.0, 0.0), (0.70, 0.0), (1.3, -0.03), (2.0, 0.0))
_GROOVE_ROWS = ((0.0, 0.0), (0.86, 0.03), (1.4, 0.17), (1.9, 0.14))
_ROW_MATERIALS = ("Mouth", "Teeth", "Teeth", "Teeth", "Teeth", "Mouth")
_REAR_MATERIALS = ("Mouth", "Teeth")
_TONGUE_TIP_DOWN, _TONGUE_ROOT_DOWN = 0.003, 0.010  # m


@dataclass(frozen=True)
class _Jaw:
    """What the teeth of a jaw are made from."""

    part: str
    # The strip of hm08 from the middle to the left rear, by row: front end of the gum, middle,
    # cutting edge, rear end of the gum.
    strip: tuple[tuple[int, ...], ...]
    # Crown widths from the first incisor to the second molar, mm (R. C. Wheeler, Dental Anatomy,
    # 1974); stretched to the strip's length.
    widths: tuple[float, ...]
    shift: tuple[float, float, float]  # m, from the strip


_UPPER = _Jaw(
    part="upper teeth",
    strip=(
        (15061, 15060, 15062, 15063, 15064, 15065, 15066, 15067, 15068),
        (15079, 15075, 15074, 15073, 15072, 15084, 15083, 15082, 15081),
        (15069, 15086, 15071, 15070, 15085, 15078, 15077, 15076, 15080),
        (15087, 15095, 15089, 15088, 15094, 15092, 15091, 15090, 15093),
    ),
    widths=(8.5, 6.5, 7.5, 7.0, 7.0, 10.0, 9.0),
    shift=(0.0, -0.0025, 0.0),  # so that they show below the lip
)
_LOWER = _Jaw(
    part="lower teeth",
    strip=(
        (14993, 14992, 14994, 14995, 14996, 14997, 14998, 14999, 15000),
        (15012, 15013, 15014, 15015, 15011, 15016, 15017, 15018, 15009),
        (15010, 15001, 15002, 15003, 15004, 15005, 15006, 15007, 15008),
        (15027, 15019, 15020, 15021, 15022, 15023, 15024, 15025, 15026),
    ),
    widths=(5.0, 5.5, 7.0, 7.0, 7.0, 11.0, 10.5),
    shift=(0.0, -0.001, -0.0025),  # behind the upper ones, that bite over them
)


def build_mouth(base: BaseMesh, rest: np.ndarray) -> Geometry:
    """Upper teeth, lower teeth and tongue."""
    teeth = [_build_teeth(base, rest, jaw) for jaw in (_UPPER, _LOWER)]
    return join([*teeth, _build_tongue(base, rest)])


def _build_teeth(base: BaseMesh, rest: np.ndarray, jaw: _Jaw) -> Geometry:
    """A row of teeth and its gum: a closed tube over the whole jaw, six vertices around."""
    left = np.array(jaw.strip)
    strip = Strip(np.concatenate([base.mirror[left[:, :0:-1]], left], axis=1), len(rest))
    column, is_groove, edge = _columns(jaw.widths, rest[left[2]])
    around = _rows_of_tube(strip, column, is_groove, edge)
    num_columns, num_around = len(column), len(around)
    by_column = np.arange(num_around * num_columns).reshape(num_around, -1).T
    shift = offset(np.tile(jaw.shift, (by_column.size, 1)), np.unique(strip.vertices), rest)
    last = np.arange(num_around) + num_around * (num_columns - 1)
    last_uv = np.arange(num_around) + (num_around + 1) * (num_columns - 1)
    rear = np.array([[0, 1, 4, 5], [1, 2, 3, 4]])
    turn = 1 if jaw.part == "upper teeth" else -1  # the other jaw is upside down
    names = (*_ROW_MATERIALS * (num_columns - 1), *_REAR_MATERIALS)
    half = Piece(
        attach=sp.csr_matrix(stack(around)[by_column.ravel()] + shift),
        quads=np.concatenate([grid_quads(num_columns, num_around, wrap=True), last[rear]])[
            :, ::turn
        ],
        uv=np.stack(
            np.meshgrid(np.linspace(0, 1, num_around + 1), column / column.max()), -1
        ).reshape(-1, 2),
        quads_uv=np.concatenate([grid_quads(num_columns, num_around + 1), last_uv[rear]])[
            :, ::turn
        ],
        materials=np.array([MATERIALS.index(name) for name in names]),
        part=np.full(by_column.size, PARTS.index(jaw.part)),
    )
    return both_sides(half, base.mirror, seam=np.arange(num_around))


def _columns(widths, edge_line: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each column [C] from the middle: its place on the strip, whether it lies between two
    teeth, and the cutting edge's thickness as a share of the jaw's."""
    ends = np.append(0, np.cumsum(widths)) / np.sum(widths)
    share, is_groove, edge = [0.0], [True], [_FRONT_EDGE]
    for i_tooth, (start, end) in enumerate(pairwise(ends)):
        is_front = i_tooth < _NUM_FRONT_TEETH
        for place in (*(_FRONT_COLUMNS if is_front else _REAR_COLUMNS), 1.0):
            share.append(start + place * (end - start))
            is_groove.append(place == 1.0)
            edge.append(_FRONT_EDGE if is_front else _REAR_EDGE)
    lengths = np.linalg.norm(np.diff(edge_line, axis=0), axis=1)
    walked = np.append(0, np.cumsum(lengths)) / lengths.sum()
    middle = len(edge_line) - 1
    column = middle + np.interp(share, walked, np.arange(middle + 1))
    return column, np.array(is_groove), np.array(edge)


def _rows_of_tube(strip: Strip, column, is_groove, edge) -> list[sp.csr_matrix]:
    """Attachments [C, 19158] from the gum's front end over the cutting edge to its rear end."""

    def at(row) -> sp.csr_matrix:
        return strip.attach(np.broadcast_to(row, column.shape), column)

    inwards = at(3.0) - at(1.0)
    rows = []
    for on_tooth, in_groove in zip(_TOOTH_ROWS, _GROOVE_ROWS, strict=True):
        row, depth = np.where(is_groove[:, None], in_groove, on_tooth).T
        rows.append(at(row) + sp.diags(depth) @ inwards)
    rows.append(rows[-1] + sp.diags(edge) @ inwards)
    rows.append(at(3.0))
    return [sp.csr_matrix(row) for row in rows]


def _build_tongue(base: BaseMesh, rest: np.ndarray) -> Geometry:
    """MakeHuman's tongue, laid down behind the lower teeth: at rest it touches the palate, and so
    would hide the mouth's inside when the jaw opens."""
    vertices, quads = np.unique(base.quads["helper-tongue"], return_inverse=True)
    quads = quads.reshape(-1, 4)
    uv_rows, quads_uv = np.unique(base.quads_uv["helper-tongue"], return_inverse=True)
    z = rest[vertices, 2]
    to_root = (z.max() - z) / np.ptp(z)
    down = np.zeros((len(vertices), 3))
    down[:, 1] = -(_TONGUE_TIP_DOWN + (_TONGUE_ROOT_DOWN - _TONGUE_TIP_DOWN) * np.sqrt(to_root))
    number = np.full(len(rest), -1)
    number[vertices] = np.arange(len(vertices))
    mirror = number[base.mirror[vertices]]
    attach = pick(vertices, len(rest)) + offset(down, vertices, rest)
    return Geometry(
        attach=attach,
        quads=quads,
        uv=base.uv[uv_rows],
        quads_uv=quads_uv.reshape(-1, 4),
        materials=np.full(len(quads), MATERIALS.index("Mouth")),
        part=np.full(len(vertices), PARTS.index("tongue")),
        mirror=mirror,
        base_vertex=np.full(len(vertices), -1),
    )
