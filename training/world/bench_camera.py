"""What looking for the camera costs: ``python -m training.world.bench_camera``.

A drawn room at 1280 x 720 and 30 frames a second, on one core, from a tripod and swaying; processor
time. ``bench_tilt`` and ``bench_path`` measure what is found.
"""

from __future__ import annotations

import time

import cv2
import numpy as np

from reelrig.core.focal_guess import FocalGuess
from reelrig.core.world.camera_path import solve_camera_path
from reelrig.core.world.shot import ShotWatcher
from reelrig.core.world.vertical import find_vertical

from .scenes import look, make_scene

_SIZE, _FPS, _NUM_FRAMES = (1280, 720), 30.0, 120
_FOCAL_PX = 1000.0


def main() -> None:
    cv2.setNumThreads(1)
    scene = make_scene("room", np.random.default_rng(3))
    still = scene.draw((640, 360), 500, np.array([0, 0, 1.5]), look(-0.1, 0, 0.2))
    picture = cv2.resize(still, _SIZE).clip(0, 255).astype(np.uint8)
    picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB)
    for sway_px in (0.0, 25.0):
        measure(picture, sway_px)


def measure(picture: np.ndarray, sway_px: float) -> None:
    watcher, see_s = ShotWatcher(_SIZE, _FPS), 0.0
    for i in range(_NUM_FRAMES):
        shift = sway_px * np.sin(0.08 * i)
        move = np.array([[1, 0, shift], [0, 1, shift / 2]])
        frame = cv2.warpAffine(picture, move, _SIZE, borderMode=cv2.BORDER_REFLECT)
        start = time.thread_time()
        watcher.see(i, i / _FPS, frame)
        see_s += time.thread_time() - start
    sightings = watcher.sightings()
    nobody = np.full((len(sightings.time_s), 1, 4), np.nan)
    start = time.thread_time()
    path = solve_camera_path(sightings, nobody, np.arange(_NUM_FRAMES) / _FPS, _FOCAL_PX)
    path_s = time.thread_time() - start
    start = time.thread_time()
    find_vertical(sightings, nobody, path, FocalGuess(_FOCAL_PX, 0.5))
    tilt_s = time.thread_time() - start
    print(
        f"{'moving' if path.is_moving else 'at rest'}: {1e3 * see_s / _NUM_FRAMES:.2f} ms a frame "
        f"to look, {1e3 * path_s / _NUM_FRAMES:.2f} for the path; {tilt_s:.2f} s a shot for the "
        "vertical"
    )


if __name__ == "__main__":
    main()
