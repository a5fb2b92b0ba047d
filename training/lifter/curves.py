"""A training's curves as a picture."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

_TILE = (380, 240)  # width, height in pixels
_COLUMNS = 4
_MARGIN = 34


def draw_curves(log: Path, picture: Path) -> None:
    """One tile for each figure in the lines of ``log`` (JSON with ``step``), written as PNG."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    names = [name for name in lines[-1] if name != "step"]
    tiles = [
        _draw(name, [(line["step"], line[name]) for line in lines if name in line])
        for name in names
    ]
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % _COLUMNS)
    rows = [np.hstack(tiles[i : i + _COLUMNS]) for i in range(0, len(tiles), _COLUMNS)]
    cv2.imwrite(str(picture), np.vstack(rows))


def _draw(name: str, points: list[tuple[float, float]]) -> np.ndarray:
    width, height = _TILE
    tile = np.full((height, width, 3), 255, np.uint8)
    steps, values = np.array(points, float).T
    low, high = values.min(), values.max()
    x = _MARGIN + (width - 2 * _MARGIN) * steps / max(steps.max(), 1)
    y = height - _MARGIN - (height - 2 * _MARGIN) * (values - low) / max(high - low, 1e-9)
    cv2.polylines(
        tile, [np.stack([x, y], 1).astype(np.int32)], False, (180, 90, 20), 2, cv2.LINE_AA
    )
    texts = (
        (f"{name}: {values[-1]:.4g}", 18),
        (f"{high:.3g}", _MARGIN),
        (f"{low:.3g}", height - 8),
    )
    for text, row in texts:
        cv2.putText(tile, text, (6, row), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return tile
