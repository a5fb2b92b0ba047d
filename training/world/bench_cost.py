"""What the world costs beside the detector: one clip, one thread, processor time."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from reelrig.core.camera_motion import CameraMotion
from reelrig.core.config import CaptureConfig
from reelrig.core.detect.detector import Detector
from reelrig.core.detect.engine import open_engine
from reelrig.core.lift.hands import resting_pose
from reelrig.core.motion import Motion
from reelrig.core.people_solver import LIFTERS, solve_people
from reelrig.core.smoothing import fill_gaps, smooth
from reelrig.core.timebase import even_rows
from reelrig.core.video import Frame, open_video, show_frames
from reelrig.core.world.resolve import WorldSettings, resolve
from reelrig.core.world.shot import ShotWatcher

from ..posed import free_figure
from .targets import COST

Result = TypeVar("Result")


def print_cost(path: Path) -> dict[str, dict[str, float]]:
    """The world's share of the detector's time, in %."""
    video = open_video(path)
    config, body = CaptureConfig(), free_figure().body
    detector = Detector(engine=open_engine("cpu"), model=config.pose_model, warn=warnings.warn)
    watcher, looks_s = ShotWatcher(video.image_size, video.fps), 0.0

    def look(frame: Frame) -> None:
        nonlocal looks_s
        start = time.thread_time()  # another thread decodes meanwhile
        watcher.see(frame.index, frame.time_s, frame.image)
        looks_s += time.thread_time() - start

    def detect() -> list:
        tracks = detector.find(video, 0.0, None, lambda done: None)
        shown = show_frames(video, look)
        return detector.follow(shown, 0.0, None, tracks, [0], lambda done: None, lambda *a: None)

    detect_s, (landmarks,) = seconds(detect)
    detect_s -= looks_s
    sightings = watcher.sightings()
    rows, rate = even_rows(landmarks)

    def solve() -> Motion:
        people = {0: landmarks}
        return solve_people(people, sightings, config, body, "clip", lambda message: None)[0]

    def lift() -> CameraMotion:
        raw = LIFTERS[config.method]().lift(rows, rate, float(np.hypot(*rows.image_size)))
        return smooth(fill_gaps(raw, resting_pose()), config.smooth_s)

    motion = solve()  # networks and bodies are read once
    lift_s, solve_s = seconds(lift)[0], seconds(solve)[0]
    anew_s, _ = seconds(lambda: resolve(motion, WorldSettings(), body))
    print(
        f"\n{path.name}: {len(rows.time_s)} frames of {video.width} x {video.height}, one thread\n"
    )
    print("| | s | % of detection |\n| --- | --- | --- |")
    parts = {
        "both passes of the detector, decoding included": detect_s,
        "looking at the pictures": looks_s,
        "camera, contacts, path, floor, feet (all after the lifter)": solve_s - lift_s,
        "of it, what Blender does again": anew_s,
        "the world, all together": looks_s + solve_s - lift_s,
    }
    for name, part_s in parts.items():
        print(f"| {name} | {part_s:.2f} | {100 * part_s / detect_s:.1f} |")
    return {COST: {"% of detection": 100 * (looks_s + solve_s - lift_s) / detect_s}}


def seconds(run: Callable[[], Result]) -> tuple[float, Result]:
    """Of processor time, of the whole process; and what comes out."""
    start = time.process_time()
    result = run()
    return time.process_time() - start, result
