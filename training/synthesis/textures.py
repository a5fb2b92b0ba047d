"""Made-up textures that repeat: cloth, skin, walls and floors. [S, S, 3] uint8 RGB."""

from __future__ import annotations

import cv2
import numpy as np

from .kernels import floats

SIDE = 256
_HAIR_TONES = np.array([[0.04, 0.03, 0.03], [0.23, 0.13, 0.07], [0.55, 0.4, 0.2], [0.6, 0.6, 0.6]])
# Display colours from very fair to very dark skin.
_SKIN_TONES = np.array(
    [
        [0.97, 0.80, 0.72],
        [0.89, 0.68, 0.55],
        [0.76, 0.54, 0.40],
        [0.56, 0.37, 0.26],
        [0.36, 0.23, 0.17],
    ]
)


def plain(color: np.ndarray, grain: float, rng: np.random.Generator) -> np.ndarray:
    """One colour [3] 0..1 with fine and coarse unevenness of standard deviation ``grain``."""
    shade = 1 + grain * (noise(rng, 6) + noise(rng, 24) + 0.7 * noise(rng, 128))
    return _to_bytes(color * shade[..., None])


def noise(rng: np.random.Generator, cells: int) -> np.ndarray:
    """[S, S] smooth noise of ``cells`` cells a side, standard deviation about 0.5; it repeats."""
    values = rng.normal(0, 1, (cells, cells)).astype(np.float32)
    ring = np.pad(values, 2, mode="wrap")
    step = SIDE / cells
    wide = cv2.resize(ring, None, fx=step, fy=step, interpolation=cv2.INTER_LINEAR)
    start = round(2 * step)
    return wide[start : start + SIDE, start : start + SIDE] * np.float32(0.7)


def any_color(rng: np.random.Generator) -> np.ndarray:
    """[3] 0..1; greys, muted and bright colours, from dark to light."""
    grey = rng.uniform(0.04, 0.97)
    return (grey + rng.uniform(0, 0.5) * rng.normal(0, 0.5, 3)).clip(0.02, 0.98)


def skin(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Colour [3] and texture of somebody's skin."""
    place = rng.uniform(0, len(_SKIN_TONES) - 1.001)
    low, share = int(place), place % 1
    color = _SKIN_TONES[low] * (1 - share) + _SKIN_TONES[low + 1] * share
    color = color * rng.normal(1, 0.04, 3)
    return color, plain(color, rng.uniform(0.015, 0.06), rng)


def hair_color(rng: np.random.Generator) -> np.ndarray:
    if rng.random() < 0.05:
        return any_color(rng)
    return rng.dirichlet((1.2, 0.8, 0.4, 0.25)) @ _HAIR_TONES


def hair(color: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Strands from top to bottom."""
    strands = rng.normal(0, 0.25, (1, SIDE)) * np.ones((SIDE, 1))
    shade = 1 + strands + 0.3 * noise(rng, 12)
    return _to_bytes(color * shade[..., None])


def cloth(rng: np.random.Generator) -> np.ndarray:
    """Plain, striped, checked, spotted, printed or mottled."""
    base, other = any_color(rng), any_color(rng)
    fine = plain(base, rng.uniform(0.02, 0.1), rng) / 255.0
    kind = rng.choice(6, p=(0.42, 0.16, 0.1, 0.08, 0.12, 0.12))
    if kind == 0:
        return _to_bytes(fine)
    if kind == 4:
        return _to_bytes(_print_shapes(rng, fine))
    mask = [None, _stripes, _checks, _spots, None, _patches][kind](rng)[..., None]
    return _to_bytes(fine * (1 - mask) + other * mask)


def wall(rng: np.random.Generator) -> np.ndarray:
    """Plaster, bricks or panels, with pictures, windows, doors and shelves on it."""
    canvas = plain(any_color(rng), rng.uniform(0.01, 0.12), rng) / 255.0
    kind = rng.integers(4)
    if kind == 0:
        canvas = _bricks(rng, canvas)
    elif kind == 1:
        canvas = canvas * (1 - 0.3 * _stripes(rng)[..., None])
    for _ in range(rng.integers(0, 9)):
        x, y = rng.integers(0, SIDE, 2)
        w, h = rng.integers(8, 110, 2)
        color = any_color(rng)
        cv2.rectangle(canvas, (x, y), (x + w, y + h), tuple(color), -1)
        if rng.random() < 0.6:
            inner = tuple(any_color(rng))
            cv2.rectangle(canvas, (x + 3, y + 3), (x + w - 3, y + h - 3), inner, -1)
        if rng.random() < 0.3:
            cv2.line(canvas, (x + w // 2, y), (x + w // 2, y + h), tuple(color * 0.5), 2)
    return _to_bytes(canvas)


def floor(rng: np.random.Generator) -> np.ndarray:
    """Carpet, planks, tiles or grass."""
    canvas = plain(any_color(rng), rng.uniform(0.02, 0.2), rng) / 255.0
    kind = rng.integers(4)
    if kind == 0:
        return _to_bytes(canvas)
    if kind == 1:
        return _to_bytes(_bricks(rng, canvas))
    if kind == 2:
        mask = _checks(rng)[..., None] * rng.uniform(0.1, 0.8)
        return _to_bytes(canvas * (1 - mask) + any_color(rng) * mask)
    color = np.array([0.25, 0.4, 0.15]) * rng.uniform(0.6, 1.4)
    return _to_bytes(color * (1 + 0.35 * noise(rng, 128) + 0.2 * noise(rng, 16))[..., None])


def clutter(rng: np.random.Generator) -> np.ndarray:
    """Patches of any colours and sizes, as of trees, streets or crowds out of focus."""
    canvas = np.zeros((SIDE, SIDE, 3), np.float32) + floats(any_color(rng))
    for cells in (3, 7, 20, 64):
        strength = rng.uniform(0, 0.22)
        grey = noise(rng, cells)
        tint = np.stack([noise(rng, cells) for _ in range(3)], -1)
        canvas += strength * (grey[..., None] + 0.4 * tint)
    return _to_bytes(canvas)


def _to_bytes(colors: np.ndarray) -> np.ndarray:
    return (np.clip(colors, 0, 1) * 255).astype(np.uint8)


def _stripes(rng: np.random.Generator) -> np.ndarray:
    count, share = rng.integers(2, 25), rng.uniform(0.15, 0.6)
    line = (np.arange(SIDE) * count / SIDE % 1 < share).astype(np.float32)
    stripes = np.tile(line[:, None], (1, SIDE))
    return stripes if rng.random() < 0.7 else stripes.T


def _checks(rng: np.random.Generator) -> np.ndarray:
    return (_stripes(rng) + _stripes(rng).T) / 2


def _spots(rng: np.random.Generator) -> np.ndarray:
    count = rng.integers(4, 20)
    y, x = np.mgrid[:SIDE, :SIDE] * count / SIDE % 1 - 0.5
    return (np.hypot(x, y) < rng.uniform(0.15, 0.4)).astype(np.float32)


def _patches(rng: np.random.Generator) -> np.ndarray:
    return (noise(rng, rng.integers(4, 24)) > rng.normal(0, 0.3)).astype(np.float32)


def _print_shapes(rng: np.random.Generator, canvas: np.ndarray) -> np.ndarray:
    canvas = np.ascontiguousarray(canvas)
    for _ in range(rng.integers(1, 7)):
        corners = rng.integers(40, SIDE - 40, 2) + rng.integers(-40, 40, (rng.integers(3, 7), 2))
        cv2.fillPoly(canvas, [corners.astype(np.int32)], tuple(any_color(rng)))
    return canvas


def _bricks(rng: np.random.Generator, canvas: np.ndarray) -> np.ndarray:
    rows, columns = rng.integers(4, 14), rng.integers(1, 6)
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    row = np.floor(y * rows)
    x = x * columns + row % 2 / 2
    tone = rng.normal(1, 0.12, (rows, columns))[row.astype(int), np.floor(x).astype(int) % columns]
    joint = (y * rows % 1 < 0.06) | (x % 1 < 0.03)
    return canvas * (tone * np.where(joint, rng.uniform(0.4, 1.3), 1.0))[..., None]
