"""Which way is up and how long the lens is, told by pictures: errors, and whether sigmas are true.

``python -m training.world.bench_tilt DETECTED [--count N] [--training]`` prints markdown. DETECTED
is the folder of training.synthesis.detected; its held-out people unless ``--training`` is given.
The focal length is never told.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from reelrig.core.focal_guess import usual_focal
from reelrig.core.world.belief import CameraBelief
from reelrig.core.world.camera_path import rest_path
from reelrig.core.world.gravity import to_angles
from reelrig.core.world.vertical import find_vertical

from .drawn_walkers import draw_walkers
from .scenes import KINDS
from .seen_shots import SeenShot, draw_wide_shots, see_shots

_CLASSES_MM = (24, 35, 50, 85, 135)
_CROWDS = (1, 3)  # people who walk about
_LEVEL = np.array([0.0, -1.0, 0.0])
_HEAD = (
    "| {} | shots | tilt deg | worst tenth | told | level camera | pitch, roll: error / told (rms) "
    "| focal % | told | usual | error / told (rms) |"
)


@dataclass(frozen=True)
class Scores:
    """Of one shot."""

    tilt_deg: float
    tilt_sigma_deg: float
    level_deg: float  # how far off a camera would be that is taken for level
    pitch_ratio: float  # error in sigmas
    roll_ratio: float
    focal: float  # error of the logarithm
    focal_sigma: float
    usual: float  # error of the usual focal length


def solve(shot: SeenShot) -> CameraBelief:
    times = shot.people[0].time_s if shot.people else shot.sightings.time_s
    focal = usual_focal(shot.sightings.image_size)
    return find_vertical(shot.sightings, shot.boxes_px, rest_path(times), focal, shot.people)


def judge(belief: CameraBelief, shot: SeenShot) -> Scores:
    pitch, roll = to_angles(shot.up)
    found_pitch, found_roll = to_angles(belief.up_camera)
    usual = usual_focal(shot.sightings.image_size)
    return Scores(
        tilt_deg=_angle_deg(belief.up_camera, shot.up),
        tilt_sigma_deg=float(np.degrees(belief.sigma_rad)),
        level_deg=_angle_deg(_LEVEL, shot.up),
        pitch_ratio=(found_pitch - pitch) / belief.pitch_sigma_rad,
        roll_ratio=(found_roll - roll) * np.cos(pitch) / belief.roll_sigma_rad,
        focal=float(np.log(belief.focal.focal_px / shot.focal_px)),
        focal_sigma=belief.focal.sigma,
        usual=float(np.log(usual.focal_px / shot.focal_px)),
    )


def print_table(
    head: str, shots: list[tuple[SeenShot, Scores]], groups: dict[str, Callable[[SeenShot], bool]]
) -> None:
    print("\n" + _HEAD.format(head))
    print("| --- |" + " --- |" * 10)
    for name, belongs in groups.items():
        rows = [scores for shot, scores in shots if belongs(shot)]
        if not rows:
            continue
        by = {key: np.array([getattr(row, key) for row in rows]) for key in Scores.__annotations__}
        ratios = [_rms(by[key]) for key in ("pitch_ratio", "roll_ratio")]
        print(
            f"| {name} | {len(rows)} | {np.median(by['tilt_deg']):.1f} | "
            f"{np.quantile(by['tilt_deg'], 0.9):.1f} | {np.median(by['tilt_sigma_deg']):.1f} | "
            f"{np.median(by['level_deg']):.1f} | {ratios[0]:.2f}, {ratios[1]:.2f} | "
            f"{_percent(by['focal'])} | {100 * np.median(by['focal_sigma']):.0f} | "
            f"{_percent(by['usual'])} | {_rms(by['focal'] / by['focal_sigma']):.2f} |"
        )


def nearest_class(focal_mm: float) -> int:
    return min(_CLASSES_MM, key=lambda each: abs(np.log(each / focal_mm)))


def _angle_deg(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(one @ other, -1, 1))))


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _percent(log_errors: np.ndarray) -> str:
    return f"{100 * np.median(np.abs(np.expm1(log_errors))):.0f}"


def main() -> None:
    cv2.setNumThreads(1)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("detected", type=Path)
    parser.add_argument("--count", type=int, default=120, help="shots with people")
    parser.add_argument("--training", action="store_true", help="people that were trained on")
    args = parser.parse_args()
    seen = see_shots(args.detected, held_out=not args.training, limit=args.count)
    shots = [(shot, judge(solve(shot), shot)) for shot in seen]
    kinds = {kind: lambda shot, kind=kind: shot.kind == kind for kind in KINDS}
    print_table("place", shots, {**kinds, "all": lambda _: True})
    classes = {
        f"{mm} mm": lambda shot, mm=mm: nearest_class(shot.focal_mm) == mm for mm in _CLASSES_MM
    }
    print_table("focal length", shots, classes)
    wide = [(shot, judge(solve(shot), shot)) for shot in draw_wide_shots(args.count // 2)]
    print_table("13 to 24 mm, nobody there", wide, {**kinds, "all": lambda _: True})
    walks = [
        (shot, judge(solve(shot), shot))
        for num_people in _CROWDS
        for shot in draw_walkers(args.count // 2, num_people)
    ]
    crowds = {
        f"{size} for 10 s": lambda shot, size=size: len(shot.people) == size for size in _CROWDS
    }
    print_table("people who walk, without any lines", walks, crowds)


if __name__ == "__main__":
    main()
