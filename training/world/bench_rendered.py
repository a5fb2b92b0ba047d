"""The world of rendered clips, where everything is known: up, focal length, floor, contacts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from reelrig.core.motion import Motion
from reelrig.core.world.gravity import to_angles
from reelrig.core.world.resolve import WorldSettings, resolve

from ..bank.bank import Bank
from ..bank.figure import NUM_BODY
from ..bench_lift import solve
from ..posed import free_figure
from ..scores import angle_deg, find_heading, pa_errors
from ..synthesis.detected import Studio
from .feet import Walker, mean_mm, score_feet
from .rendered_clips import CLASSES_MM, Kind, SeenClip, load_clip, path_m
from .targets import MOVING, STATIC

_COLUMNS = ("gravity_deg", "told_deg", "focal_percent", "told_percent", "float", "sunk", "skate")
_COLUMNS += ("w_mpjpe", "pa_mpjpe", "traj", "traj_percent", "accel", "moving")
_TOLD_WAY = "vertical and focal length told by the user"
_WHOLE, _FREE, _ALONE = "pictures, feet locked", "pictures, feet free", "bodies alone, feet locked"
_TOLD = (("gravity_deg", "told_deg"), ("focal_percent", "told_percent"))
KINDS: dict[Kind, str] = {"static": STATIC, "moving": MOVING}
Row = dict[str, float]  # by the names of the columns


def print_rendered(
    mocap: Path, folder: Path, count: int, methods: list[str]
) -> dict[str, dict[str, float]]:
    """What the first method reaches with all there is, on ``count`` clips of each kind."""
    studio = Studio(Bank.load(mocap))
    print(
        "\nRendered clips, mm and degrees. gravity_deg is the found vertical off the true one, "
        "told_deg as expected. float, sunk, skate are over, under and along the floor, a frame, of "
        "soles that truly touch. traj_percent is of the path, moving the share of cameras that "
        "were said to move."
    )
    reached = {}
    for kind, name in KINDS.items():
        clips = [load_clip(studio, kind, number, folder) for number in range(count)]
        rows: dict[tuple[str, str], list[Row]] = {}
        for seen in clips:
            truth = Walker.of(np.asarray(seen.clip.rotations), seen.clip.pelvis, seen.clip.betas)
            rows.setdefault(("", "the truth"), []).append(score_feet(truth, seen.clip.contacts))
            for method in methods:
                for by, motion in _solve_ways(seen, method).items():
                    rows.setdefault((method, by), []).append(score(seen, truth, motion))
        best = rows[methods[0], _WHOLE]
        print(f"\n{name}: means\n")
        print_table(rows)
        print(f"\n{name}, {methods[0]}, {_WHOLE}: medians by focal length, then each clip\n")
        print_by_focal(best, np.array([seen.focal_mm for seen in clips]))
        print()
        print_clips(best, clips)
        means = {column: _mean(best, column) for column in _COLUMNS}
        reached[name] = means | {"focal_percent": _median(best, "focal_percent")}
    return reached


def _solve_ways(seen: SeenClip, method: str) -> dict[str, Motion]:
    whole = solve(seen.landmarks, method, seen.sightings)
    body = free_figure().body
    x, y, z = seen.up_camera.tolist()
    told = WorldSettings(up_camera=(x, y, z), focal_px=float(seen.camera.focal_px[0]))
    return {
        _WHOLE: whole,
        _FREE: resolve(whole, WorldSettings(foot_lock="never"), body),
        _TOLD_WAY: resolve(whole, told, body),
        _ALONE: solve(seen.landmarks, method),
    }


def score(seen: SeenClip, truth: Walker, motion: Motion) -> Row:
    """By the names of the columns; mm, degrees, %."""
    assert motion.camera_from_world is not None
    assert motion.focal_px is not None
    found, world = Walker.of_motion(motion), json.loads(motion.world_json)
    focal = float(motion.focal_px[0] / seen.camera.focal_px[0])
    joints = score_joints(found.joints[:, :NUM_BODY], truth.joints[:, :NUM_BODY])
    return {
        "gravity_deg": angle_deg(motion.camera_from_world[0, :3, 2], seen.up_camera),
        "told_deg": world["up_sigma_deg"],
        "focal_percent": 100 * abs(focal - 1),
        "told_percent": 100 * world["focal_sigma"],
        **score_feet(found, seen.clip.contacts),
        **joints,
        "traj_percent": 0.1 * joints["traj"] / path_m(seen.clip.pelvis),
        "moving": float(world["camera"] == "moving"),
    }


def score_joints(joints: np.ndarray, true: np.ndarray) -> Row:
    """mm of joints [T, J, 3], joint 0 the pelvis, after one turn about the vertical."""
    about, true_about = joints - joints[:, :1], true - true[:, :1]
    path, true_path = joints[:, 0] - joints[:, 0].mean(0), true[:, 0] - true[:, 0].mean(0)
    heading = find_heading(about, true_about)
    about, path = about @ heading.T, path @ heading.T
    return {
        "w_mpjpe": mean_mm(np.linalg.norm(about - true_about, axis=-1)),
        "pa_mpjpe": float(np.nanmean(pa_errors(joints, true))),
        "traj": mean_mm(np.linalg.norm(path - true_path, axis=-1)),
        "accel": mean_mm(np.linalg.norm(np.diff(about - true_about, 2, axis=0), axis=-1)),
    }


def print_table(rows: dict[tuple[str, str], list[Row]]) -> None:
    """Means over the clips, and of focal lengths also the median."""
    print(f"| method | by | clips | {' | '.join(_COLUMNS)} | focal_percent, median |")
    print(f"| --- | --- | --- |{' --- |' * len(_COLUMNS)} --- |")
    for (method, by), each in rows.items():
        cells = [_cell(_mean(each, name)) for name in _COLUMNS]
        median = _cell(_median(each, "focal_percent"))
        print(f"| {method} | {by} | {len(each)} | {' | '.join(cells)} | {median} |")


def print_by_focal(rows: list[Row], focals_mm: np.ndarray) -> None:
    """Medians by class of the true focal length; how errors compare with what was told."""
    print(f"| mm | clips | {' | '.join(_COLUMNS)} | gravity, error / told | focal, error / told |")
    print(f"| --- | --- |{' --- |' * len(_COLUMNS)} --- | --- |")
    for low, high in (*CLASSES_MM, (CLASSES_MM[0][0], CLASSES_MM[-1][1])):
        picked = [row for row, mm in zip(rows, focals_mm, strict=True) if low <= mm < high]
        if not picked:
            continue
        cells = [_cell(_median(picked, name)) for name in _COLUMNS]
        ratios = [_rms_ratio(picked, *pair) for pair in _TOLD]
        cells += [f"{ratio:.2f}" for ratio in ratios]
        print(f"| {low}-{high} | {len(picked)} | {' | '.join(cells)} |")


def print_clips(rows: list[Row], clips: list[SeenClip]) -> None:
    columns = ("mm", "pitch", "roll", *_COLUMNS)
    print(f"| clip | {' | '.join(columns)} |\n| --- |{' --- |' * len(columns)}")
    for number, (row, seen) in enumerate(zip(rows, clips, strict=True)):
        pitch, roll = np.degrees(to_angles(seen.up_camera))
        known = {"mm": seen.focal_mm, "pitch": pitch, "roll": roll}
        print(f"| {number} | {' | '.join(_cell((known | row)[name]) for name in columns)} |")


def _mean(rows: list[Row], name: str) -> float:
    values = [row[name] for row in rows if np.isfinite(row.get(name, np.nan))]
    return float(np.mean(values)) if values else np.nan


def _median(rows: list[Row], name: str) -> float:
    values = [row[name] for row in rows if np.isfinite(row.get(name, np.nan))]
    return float(np.median(values)) if values else np.nan


def _rms_ratio(rows: list[Row], error: str, told: str) -> float:
    return float(np.sqrt(np.mean([(row[error] / row[told]) ** 2 for row in rows])))


def _cell(value: float) -> str:
    return f"{value:.{0 if abs(value) >= 100 else 1}f}" if np.isfinite(value) else "-"
