"""Time of the recoverers against the detector, on the same clip in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from reelrig.core.lift.lifter import Lifter
from reelrig.core.people_solver import LIFTERS
from reelrig.core.timebase import even_rows

from .eval_sets import detect_main_person

_WARM_UPS, _REPEATS, _STILLS = 2, 5, 60


def print_speed(clip: Path, methods: list[str]) -> None:
    start = time.perf_counter()
    landmarks = detect_main_person(clip)
    detection_s = time.perf_counter() - start
    rows, rate = even_rows(landmarks)
    focal_px = float(np.hypot(*rows.image_size))
    num_rows = len(rows.time_s)
    stills = [
        rows.at_rows(slice(row, row + 1)) for row in np.flatnonzero(rows.is_seen)[:_STILLS].tolist()
    ]
    print(f"\n{clip.name}: {num_rows} frames, both passes of the detector {detection_s:.2f} s\n")
    print("| method | s a clip | % of detection | frames/s | ms an image, median |")
    print("| --- | --- | --- | --- | --- |")
    for method in methods:
        lifter: Lifter = LIFTERS[method]()
        clip_s = np.median(times_s(lambda lifter=lifter: lifter.lift(rows, rate, focal_px)))
        image_s = np.median(
            [
                np.median(
                    times_s(lambda lifter=lifter, still=still: lifter.lift(still, rate, focal_px))
                )
                for still in stills
            ]
        )
        print(
            f"| {method} | {clip_s:.3f} | {100 * clip_s / detection_s:.1f} | "
            f"{num_rows / clip_s:.0f} | {1e3 * image_s:.2f} |",
            flush=True,
        )


def times_s(run: Callable[[], object]) -> list[float]:
    """Seconds of several runs, the first ones left out."""
    times = []
    for _ in range(_WARM_UPS + _REPEATS):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return times[_WARM_UPS:]
