"""What a frame of the detector in the loop costs: processor time of drawing and of seeing it.

python -m training.synthesis.bench --mocap FOLDER [--sequences 8]
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import torch

from reelrig.core.body.model import BodyModel, load_body

from ..bank.bank import Bank
from .detected import ROWS, Studio
from .kernels import floats
from .renderer import Canvas, Lights, Mesh, Surfaces, draw_mesh

_SIZE = (640, 480)
_VIEWS = ((3.0, 700.0), (1.0, 700.0))  # distance in m and focal length in pixels
_NUM_DRAWN = 10
_FIRST_SEED = 1000


def time_mesh(body: BodyModel, distance: float, focal_px: float) -> float:
    """Milliseconds for one picture of the body at rest, the best of some."""
    mesh = Mesh(
        body.faces.astype(np.int32),
        np.zeros(len(body.faces), np.int32),
        body.template[:, :2].copy(),
        np.ones(body.num_vertices, np.float32),
        np.zeros(len(body.faces), bool),
    )
    surfaces = Surfaces(np.full((1, 8, 8, 3), 128, np.uint8), floats([1]), floats([0.1]))
    lights = Lights(
        floats([(0.5, -0.5, -0.7), (-0.5, -0.3, -0.8)]),
        np.full((2, 3), 0.4, np.float32),
        floats((0, -1, 0)),
        np.full(3, 0.5, np.float32),
        np.full(3, 0.3, np.float32),
    )
    vertices = floats(body.template * (1, -1, -1) + (0, -0.45, distance))
    spent = []
    for _ in range(_NUM_DRAWN):
        shape = _SIZE[::-1]
        canvas = Canvas(np.zeros((*shape, 3), np.float32), np.zeros(shape, np.float32))
        start = time.process_time()
        draw_mesh(canvas, mesh, vertices, surfaces, focal_px, lights)
        spent.append(time.process_time() - start)
    return 1000 * min(spent)


def time_sequences(studio: Studio, count: int) -> dict[str, float]:
    """Milliseconds a frame for setting the scene, for drawing it and for seeing it."""
    spent: dict[str, float] = defaultdict(float)

    @contextmanager
    def clock(name: str) -> Iterator[None]:
        start = time.process_time()
        yield
        spent[name] += (time.process_time() - start) * 1000 / (ROWS * count)

    for seed in range(_FIRST_SEED, _FIRST_SEED + count):
        rng = np.random.default_rng(seed)
        with clock("bank, skin and scene"):
            drawn = studio.draw_sequence(rng, held_out=False)
        with clock("drawing"):
            for frame in range(ROWS):
                drawn.scene.draw(frame)
        with clock("detector (heavy)"):
            studio.see(rng, drawn, "heavy")
    spent["detector (heavy)"] -= spent["drawing"]  # it asks for each frame once more
    return spent


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--mocap", type=Path, required=True, help="folder of the mocap files")
    parser.add_argument("--sequences", type=int, default=8)
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    studio = Studio(Bank.load(args.mocap))
    for distance, focal_px in _VIEWS:
        spent = time_mesh(load_body(), distance, focal_px)
        print(f"body at {distance:g} m, {focal_px:g} px: {spent:.1f} ms")
    for name, spent in time_sequences(studio, args.sequences).items():
        print(f"{name}: {spent:.1f} ms a frame")


if __name__ == "__main__":
    main()
