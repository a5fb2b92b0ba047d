"""The world of the evaluation sets' clips, scored by the sets' own evaluate.py."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from reelrig.core.landmarks import Landmarks
from reelrig.core.motion import Motion
from reelrig.core.world.resolve import WorldSettings, resolve
from reelrig.core.world.shot import ShotSightings

from ..bench_lift import Evaluate, load_evaluate, predict, solve
from ..eval_sets import Clip, find_clips, load_landmarks, load_sightings
from ..posed import free_figure
from ..scores import angle_deg

_SCORES = ("w_mpjpe", "gravity_deg", "pa_mpjpe", "mpjpe_rot", "accel", "skate", "traj")
_COLUMNS = ("w_mpjpe", "gravity_deg", "camera_deg", "told_deg", "skate", "traj", "pa_mpjpe")
_COLUMNS += ("mpjpe_rot", "accel", "focal_mm", "told_percent", "true_mm", "moving")
_WHOLE = "pictures, feet locked"
_SENSOR_MM = 36.0


def print_real(folder: Path, cache: Path | None, methods: list[str]) -> dict[str, dict[str, float]]:
    """What the first method reaches with all there is, by set: means over its clips."""
    print(
        "\nBy evaluate.py, space world, mm and degrees; gravity_deg by the body, camera_deg by the "
        "reference's camera, told_deg as expected. focal_mm assumed, true_mm by the reference. "
        "moving: 1 where the camera, which stands, was said to move.\n"
    )
    print(f"| clip | method | by | {' | '.join(_COLUMNS)} |")
    print(f"| --- | --- | --- |{' --- |' * len(_COLUMNS)}")
    evaluate = load_evaluate(folder / "evaluate.py")
    sets: dict[str, list[Clip]] = {}
    for clip in find_clips(folder):
        if clip.has_reference:
            sets.setdefault(clip.video.parent.name, []).append(clip)
    reached = {}
    for name, clips in sets.items():
        rows: dict[tuple[str, str], list[dict[str, float]]] = {}
        for clip in clips:
            landmarks, sightings = load_landmarks(clip, cache), load_sightings(clip, cache)
            for method in methods:
                for by, motion in solve_ways(landmarks, sightings, method).items():
                    row = score(clip, motion, landmarks, evaluate)
                    print_row(clip.name, method, by, row)
                    rows.setdefault((method, by), []).append(row)
        for (method, by), each in rows.items():
            print_row(f"**{name}, mean**", method, by, mean_row(each))
        reached[name] = mean_row(rows[methods[0], _WHOLE])
    return reached


def solve_ways(landmarks: Landmarks, sightings: ShotSightings, method: str) -> dict[str, Motion]:
    """The take as a capture makes it, without the lock of feet, and without pictures."""
    whole = solve(landmarks, method, sightings)
    free = resolve(whole, WorldSettings(foot_lock="never"), free_figure().body)
    alone = solve(landmarks, method)
    return {_WHOLE: whole, "pictures, feet free": free, "bodies alone, feet locked": alone}


def score(clip: Clip, motion: Motion, landmarks: Landmarks, evaluate: Evaluate) -> dict[str, float]:
    scores = evaluate(clip.reference_path, predict(motion, landmarks, False), "world")
    world = json.loads(motion.world_json)
    row = {name: scores[name] for name in _SCORES if scores.get(name) is not None}
    assert motion.camera_from_world is not None  # it was captured
    up_camera, focal_mm = true_camera(clip)
    return row | {
        "camera_deg": angle_deg(motion.camera_from_world[0, :3, 2], up_camera),
        "told_deg": world["up_sigma_deg"],
        "focal_mm": world["focal_mm35"],
        "told_percent": 100 * world["focal_sigma"],
        "true_mm": focal_mm,
        "moving": float(world["camera"] == "moving"),
    }


def true_camera(clip: Clip) -> tuple[np.ndarray, float]:
    """By the reference: up [3] in the camera's axes, and the focal length on a 36 mm sensor."""
    with np.load(clip.reference_path, allow_pickle=False) as file:
        camera = [str(name) for name in file["cam_names"]].index(clip.video.stem)
        focal_mm = file["K"][camera, 0, 0] / file["image_size"][camera].max() * _SENSOR_MM
        return file["R"][camera] @ file["up"], float(focal_mm)


def mean_row(rows: list[dict[str, float]]) -> dict[str, float]:
    shared = [name for name in rows[0] if all(name in row for row in rows)]
    return {name: float(np.mean([row[name] for row in rows])) for name in shared}


def print_row(name: str, method: str, by: str, row: dict[str, float]) -> None:
    cells = (f"{row[column]:.1f}" if column in row else "-" for column in _COLUMNS)
    print(f"| {name} | {method} | {by} | {' | '.join(cells)} |", flush=True)
