"""Eyelashes and eyebrows: single hairs as tapering quads, laid out on the base mesh's own rows."""

from __future__ import annotations

from collections.abc import Sequence

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
    num_rows,
    offset,
)
from .source import BaseMesh

# hm08's eyelash strips of the left eye, from the outer to the inner corner: at the lid, half way,
# at the tip. MakeHuman's and the face units' shapes move them with the lids.
_UPPER_LASHES = (
    (14786, 14787, 14788, 14789, 14790, 14791, 14795, 14794, 14775, 14774, 14773, 14769, 14772),
    (14797, 14798, 14799, 14800, 14801, 14802, 14804, 14803, 14796, 14764, 14771, 14785, 14750),
    (14810, 14811, 14812, 14813, 14814, 14815, 14817, 14816, 14809, 14806, 14807, 14808, 14805),
)
_LOWER_LASHES = (
    (14784, 14768, 14783, 14782, 14781, 14780, 14779, 14778, 14777, 14767, 14776, 14770),
    (14829, 14819, 14828, 14827, 14826, 14825, 14824, 14823, 14822, 14818, 14821, 14820),
    (14841, 14831, 14840, 14839, 14838, 14837, 14836, 14835, 14834, 14830, 14833, 14832),
)
# Rows of the skin over the left eye, from the nose outwards: below the brow's ridge, on it, and the
# two edge loops above.
_BROW = (
    (6995, 6984, 6953, 6952, 6954, 6955, 6966, 6965),
    (7001, 6983, 6980, 6979, 6981, 6982, 6987, 6986),
    (7007, 7006, 6997, 6996, 6998, 6999, 7024, 7023),
    (7009, 7008, 7003, 7002, 7004, 7005, 7031, 7030),
)
_GOLDEN = 0.6180339887  # spreads the hairs' irregularities evenly and always alike

_NUM_UPPER, _NUM_LOWER, _NUM_BROW = 26, 16, 72  # hairs a side
# Half widths of a hair from root to tip, m.
_UPPER_WIDTHS = (0.00024, 0.00018, 0.00003)
_LOWER_WIDTHS = (0.00018, 0.00003)
_BROW_WIDTHS = (0.00010, 0.00045, 0.00005)
_LID_LINE_WIDTH = 0.0004
# How many of the strip's rows a lash goes: at the inner corner, in the outer third.
_UPPER_REACH, _LOWER_REACH = (1.0, 1.9), (0.7, 1.3)
_BROW_LIFT = (-0.0003, 0.0004, 0.0008)  # m off the skin, from root to tip
# The brow from its inner to its outer end: place along it, and there the rows of its middle and of
# half its thickness, the rows that a hair climbs, and its length, m.
_BROW_ALONG = (0.0, 0.25, 0.55, 0.8, 1.0)
_BROW_MIDDLE = (1.40, 1.70, 2.05, 2.20, 2.40)
_BROW_THICKNESS = (0.52, 0.60, 0.45, 0.28, 0.06)
_BROW_CLIMB = (1.0, 0.5, 0.12, -0.05, -0.1)
_BROW_LENGTH = (0.0070, 0.0082, 0.0088, 0.0082, 0.0070)
_BROW_COLUMNS = (0.9, 5.9)
_ROW_METRES = 0.0053  # from row to row of the brow


def build_hairs(base: BaseMesh, rest: np.ndarray) -> Geometry:
    """Lashes of the upper and lower lids, and brows."""
    upper, lower, brow = (
        Strip(np.array(rows), len(rest)) for rows in (_UPPER_LASHES, _LOWER_LASHES, _BROW)
    )
    upper_lashes = _lashes(upper, rest, _NUM_UPPER, _UPPER_REACH)
    lower_lashes = _lashes(lower, rest, _NUM_LOWER, _LOWER_REACH)[:, ::2]
    left = [
        _piece("lashes", *_ribbons(upper, rest, _lid_line(upper), [_LID_LINE_WIDTH])),
        _piece("lashes", *_ribbons(upper, rest, upper_lashes, _UPPER_WIDTHS)),
        _piece("lashes", *_ribbons(lower, rest, lower_lashes, _LOWER_WIDTHS)),
        _piece("brows", *_lifted_brow(base, brow, rest)),
    ]
    return join([both_sides(piece, base.mirror) for piece in left])


def _spread(num_hairs: int, start: float = 0.0) -> np.ndarray:
    """[H] in -1..1: irregular, but evenly spread and the same at every run."""
    return 2 * ((start + _GOLDEN * np.arange(num_hairs)) % 1) - 1


def _lid_line(strip: Strip) -> np.ndarray:
    """[1, C, 2] the line along the lid where the lashes grow."""
    columns = np.arange(strip.num_columns)
    return np.stack([np.full(len(columns), 0.1), columns], axis=-1)[None]


def _lashes(
    strip: Strip, rest: np.ndarray, num_hairs: int, reach: tuple[float, float]
) -> np.ndarray:
    """[H, 3, 2] rows and columns of lashes evenly along the lid, from root to tip."""
    columns = np.arange(strip.num_columns)
    lid = strip.attach(np.zeros(len(columns)), columns) @ rest
    walked = np.append(0, np.cumsum(np.linalg.norm(np.diff(lid, axis=0), axis=1)))
    place = (np.arange(num_hairs) + 0.5) / num_hairs
    column = np.interp(place * walked[-1], walked, columns)
    longest = np.interp(place, (0.0, 0.3, 1.0), (0.8, 1.0, 0.0))
    end = reach[0] + (reach[1] - reach[0]) * longest + 0.08 * _spread(num_hairs)
    along = np.array([0.0, 0.5, 1.0])
    lean = 0.25 * _spread(num_hairs, 0.3)
    return np.stack([end[:, None] * along, column[:, None] + lean[:, None] * along**2], axis=-1)


def _brow_hairs() -> np.ndarray:
    """[H, 3, 2] rows and columns from root to tip."""
    place = (np.arange(_NUM_BROW) + 0.5) / _NUM_BROW
    across = _spread(_NUM_BROW)
    middle, thickness, climb, length = (
        np.interp(place, _BROW_ALONG, values)
        for values in (_BROW_MIDDLE, _BROW_THICKNESS, _BROW_CLIMB, _BROW_LENGTH)
    )
    root = np.stack([middle + thickness * across, np.interp(place, (0, 1), _BROW_COLUMNS)], axis=-1)
    # Upper hairs lean down and lower ones up, so that the brow closes to a line.
    direction = np.stack([climb - 0.3 * across, np.ones(_NUM_BROW)], axis=-1)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    steps = direction * length[:, None] / [_ROW_METRES, 1.4 * _ROW_METRES]
    return root[:, None] + steps[:, None] * np.array([-0.4, 0.1, 0.6])[:, None]


def _lifted_brow(
    base: BaseMesh, strip: Strip, rest: np.ndarray
) -> tuple[sp.csr_matrix, np.ndarray]:
    """Attachments and quads of the brow's ribbons, their tips standing off the skin."""
    spine = _brow_hairs()
    attach, quads = _ribbons(strip, rest, spine, _BROW_WIDTHS)
    by_row, by_column = _tangents(strip, rest, spine.reshape(-1, 2))
    normals = np.cross(by_column, by_row)
    normals *= (np.tile(_BROW_LIFT, len(spine)) / np.linalg.norm(normals, axis=1))[:, None]
    # The eyeball is a ruler in all three directions that expressions leave alone.
    lift = offset(np.repeat(normals, 2, axis=0), base.ids("helper-l-eye"), rest)
    return sp.csr_matrix(attach + lift), quads


def _ribbons(
    strip: Strip, rest: np.ndarray, spine: np.ndarray, half_widths: Sequence[float]
) -> tuple[sp.csr_matrix, np.ndarray]:
    """Attachments [H * K * 2, 19158] and quads [H * (K - 1), 4] of ribbons flat on a strip.

    ``spine`` [H, K, 2] in rows and columns, ``half_widths`` [K] or [1] m, from root to tip. Their
    vertices come in pairs, one to each side.
    """
    num_hairs, num_points = spine.shape[:2]
    points, along = spine.reshape(-1, 2), np.gradient(spine, axis=1).reshape(-1, 2)
    by_row, by_column = _tangents(strip, rest, points)
    ahead = along[:, :1] * by_row + along[:, 1:] * by_column
    # Square to the hair within the strip's plane: (ahead . step) = 0.
    aside = np.stack([-(by_column * ahead).sum(-1), (by_row * ahead).sum(-1)], axis=-1)
    metres = np.linalg.norm(aside[:, :1] * by_row + aside[:, 1:] * by_column, axis=1)
    wanted = np.tile(np.broadcast_to(half_widths, num_points), num_hairs)
    aside *= (wanted / metres)[:, None]
    sides = np.stack([points - aside, points + aside], axis=1).reshape(-1, 2)
    first = num_points * 2 * np.arange(num_hairs)
    quads = (grid_quads(num_points, 2) + first[:, None, None]).reshape(-1, 4)
    return strip.attach(*sides.T), quads


def _tangents(strip: Strip, rest: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[N, 3] m per row and per column at points [N, 2] of a strip."""

    def slope(step: tuple[float, float]) -> np.ndarray:
        ahead, behind = (strip.attach(*(points + sign * np.array(step)).T) for sign in (1, -1))
        return (ahead @ rest - behind @ rest) / (2 * sum(step))

    return slope((0.01, 0.0)), slope((0.0, 0.01))


def _piece(part: str, attach: sp.csr_matrix, quads: np.ndarray) -> Piece:
    return Piece(
        attach=attach,
        quads=quads,
        uv=np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]),
        quads_uv=np.tile(np.arange(4), (len(quads), 1)),
        materials=np.full(len(quads), MATERIALS.index("Brows and Lashes")),
        part=np.full(num_rows(attach), PARTS.index(part)),
    )
