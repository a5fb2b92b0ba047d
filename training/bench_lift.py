"""The recoverers beside MediaPipe's own 3D landmarks: real clips, held-out renders, speed.

``python -m training.bench_lift [--eval FOLDER] [--held-out FOLDER] [--cache FOLDER]`` prints
markdown. FOLDER of ``--eval`` holds one folder a set, with its videos and reference.npz, and
evaluate.py beside them; that of ``--held-out`` the shards of training.synthesis.detected. With
``--cache`` the clips' landmarks, and what their pictures tell of the camera, are seen once and
kept. Compared are SMPL-X's joints, and of the hands the points of the posed body that MediaPipe's
landmarks mean.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np

from reelrig.core.config import CaptureConfig, Method
from reelrig.core.landmarks import Landmarks
from reelrig.core.lift.sts.lifter import StsLifter
from reelrig.core.lift.sts.network_file import load_network
from reelrig.core.motion import Motion
from reelrig.core.people_solver import LIFTERS, solve_motion, solve_people
from reelrig.core.skeletons import BODY_LANDMARK_INDEX, BODY_LANDMARKS, JOINT_NAMES, LANDMARK_PARTS
from reelrig.core.world.shot import ShotSightings

from .bench_held_out import MEDIAPIPE, print_held_out
from .bench_lift_speed import print_speed
from .eval_sets import Clip, Reference, find_clips, load_landmarks, load_sightings
from .posed import free_figure
from .scores import pa_errors

COLUMNS = ("frames", "cover", "w_mpjpe", "mpjpe_rot", "pa_mpjpe", "gravity_deg", "accel")
COLUMNS += ("skate", "traj", "scale", "left_hand_pa", "right_hand_pa")
_LIMBS = tuple(
    f"{side}_{name}"
    for name in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
)
_ARMS = tuple(name for name in _LIMBS if name.endswith(("elbow", "wrist")))
_FRONTAL_DEG, _BACK_DEG = 45.0, 135.0
_UNSURE = 0.5  # confidence of an elbow or a wrist below which the arm counts as hidden
_FAST_M_S = 1.5

Evaluate = Callable[..., dict[str, Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--eval", type=Path, help="folder of the evaluation sets")
    parser.add_argument("--held-out", type=Path, help="folder of the synthetic shards")
    parser.add_argument("--cache", type=Path, help="folder for the clips' landmarks")
    parser.add_argument("--speed", type=Path, metavar="CLIP", help="a video to measure speed on")
    parser.add_argument("--methods", nargs="+", choices=get_args(Method), help="default: all")
    parser.add_argument("--weights", type=Path, help="of sts's body network, not the shipped ones")
    parser.add_argument(
        "--landmarks", action="store_true", help="compare landmarks on the body, not its joints"
    )
    args = parser.parse_args()
    if args.weights:
        use_weights(args.weights)
    methods = args.methods or list(LIFTERS)
    if args.eval:
        print_real(args.eval, args.cache, methods, args.landmarks)
    if args.held_out:
        print_held_out(args.held_out, methods)
    if args.speed:
        print_speed(args.speed, methods)


def use_weights(path: Path) -> None:
    """From now on `sts` is the body network of this file."""
    LIFTERS["sts"] = partial(StsLifter, load_network(path))


def print_real(folder: Path, cache: Path | None, methods: list[str], use_landmarks: bool) -> None:
    clips = [clip for clip in find_clips(folder) if clip.has_reference]
    evaluate = load_evaluate(folder / "evaluate.py")
    errors: dict[str, list[ClipErrors]] = {}
    sets = list(dict.fromkeys(clip.video.parent.name for clip in clips))
    print(f"| clip | method | {' | '.join(COLUMNS)} |\n| --- | --- |{' --- |' * len(COLUMNS)}")
    for name in sets:
        scores: dict[str, list[dict[str, Any]]] = {}
        for clip in clips:
            if clip.video.parent.name != name:
                continue
            landmarks, sightings = load_landmarks(clip, cache), load_sightings(clip, cache)
            predictions = predict_all(landmarks, sightings, methods, use_landmarks)
            for method, prediction in predictions.items():
                score = evaluate(clip.reference_path, prediction, prediction["space"])
                scores.setdefault(method, []).append(score)
                print_row(clip.name, method, score)
                errors.setdefault(method, []).append(ClipErrors(clip, landmarks, prediction))
        for method, rows in scores.items():
            print_row(f"**{name}, mean**", method, mean_scores(rows))
    print_errors_by_joint(errors)
    print_errors_by_kind(errors)


def load_evaluate(path: Path) -> Evaluate:
    """The sets' own measure, function ``evaluate`` of evaluate.py."""
    spec = importlib.util.spec_from_file_location("evaluate", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.evaluate


def predict_all(
    landmarks: Landmarks, sightings: ShotSightings, methods: list[str], use_landmarks: bool
) -> dict[str, dict[str, Any]]:
    """What evaluate.py reads, of MediaPipe's landmarks and of each method."""
    return {MEDIAPIPE: predict_by_hints(landmarks)} | {
        method: predict(solve(landmarks, method, sightings), landmarks, use_landmarks)
        for method in methods
    }


def solve(landmarks: Landmarks, method: str, sightings: ShotSightings | None = None) -> Motion:
    """As a capture does; without ``sightings``, as if there were no picture to look at."""
    config, body = replace(CaptureConfig(), method=method), free_figure().body
    if sightings is None:
        return solve_motion(landmarks, config, body, "clip")
    return solve_people({0: landmarks}, sightings, config, body, "clip", lambda message: None)[0]


def predict_by_hints(landmarks: Landmarks) -> dict[str, Any]:
    """MediaPipe's own points in the camera's axes, NaN where it saw nothing."""
    points = np.where(landmarks.confidence[..., None] > 0, landmarks.hints, np.nan)
    hands = {part: points[:, LANDMARK_PARTS[part]] for part in ("left_hand", "right_hand")}
    body = {"joints": points[:, LANDMARK_PARTS["body"]], "joint_names": BODY_LANDMARKS}
    return body | hands | {"frame_index": landmarks.frame_index, "space": "camera"}


def predict(motion: Motion, landmarks: Landmarks, use_landmarks: bool) -> dict[str, Any]:
    """The motion's points in the world; hands only where the detector saw them, as MediaPipe's."""
    figure = free_figure()
    vertices, joints = figure.pose_motion(motion)
    points = figure.body.landmark_points(vertices, joints)
    hands = {}
    for part in ("left_hand", "right_hand"):
        rows = LANDMARK_PARTS[part]
        seen = landmarks.confidence[:, rows].max(1) > 0
        hands[part] = np.where(seen[:, None, None], points[:, rows], np.nan)
    body = {"joints": joints, "joint_names": JOINT_NAMES}
    if use_landmarks:
        body = {"joints": points[:, LANDMARK_PARTS["body"]], "joint_names": BODY_LANDMARKS}
    return body | hands | {"frame_index": motion.frame_index, "space": "world"}


def mean_scores(rows: list[dict[str, Any]]) -> dict[str, float]:
    shared = [column for column in COLUMNS[2:] if all(column in row for row in rows)]
    return {column: round(float(np.mean([row[column] for row in rows])), 2) for column in shared}


def print_row(name: str, method: str, score: dict[str, Any]) -> None:
    cells = (str(score.get(column, "-")) for column in COLUMNS)
    print(f"| {name} | {method} | {' | '.join(cells)} |", flush=True)


class ClipErrors:
    """Errors of the limbs' joints in one clip, and what kind of frames it has."""

    def __init__(self, clip: Clip, landmarks: Landmarks, prediction: dict[str, Any]) -> None:
        reference = clip.read_reference()
        frames = np.asarray(prediction["frame_index"])
        rows = np.flatnonzero(frames < len(reference.joints_world))
        frames = frames[rows]
        columns = [list(prediction["joint_names"]).index(name) for name in _LIMBS]
        found = np.asarray(prediction["joints"])[rows][:, columns]
        self.joint_mm = pa_errors(found, reference.at(*_LIMBS)[frames])  # [T, 12]
        self.kinds = _find_kinds(reference, landmarks, frames)

    @property
    def frame_mm(self) -> np.ndarray:
        """[T]"""
        known = np.isfinite(self.joint_mm)
        total = np.where(known, self.joint_mm, 0).sum(1)
        return np.where(known.any(1), total / np.maximum(known.sum(1), 1), np.nan)


def _find_kinds(
    reference: Reference, landmarks: Landmarks, frames: np.ndarray
) -> dict[str, np.ndarray]:
    """[T] bool for each kind of frame; a frame is of several."""
    heading = reference.headings_deg()[frames]
    arms = landmarks.confidence[:, [BODY_LANDMARK_INDEX[name] for name in _ARMS]].min(1)
    hidden = arms[np.searchsorted(landmarks.frame_index, frames)] < _UNSURE
    tips = [f"{side}_{name}" for name in ("wrist", "ankle") for side in ("left", "right")]
    known = [name for name in tips if name in reference.joint_names]
    fast = reference.speeds_m_s(*known)[frames] > _FAST_M_S
    return {
        "all": np.ones(len(frames), bool),
        f"frontal (to {_FRONTAL_DEG:.0f} degrees)": heading < _FRONTAL_DEG,
        "from the side": (heading >= _FRONTAL_DEG) & (heading <= _BACK_DEG),
        f"from behind (from {_BACK_DEG:.0f} degrees)": heading > _BACK_DEG,
        f"an arm hidden (confidence under {_UNSURE})": hidden,
        "arms seen": ~hidden,
        f"fast (a wrist or ankle over {_FAST_M_S} m/s)": fast,
        "slow": ~fast,
    }


def print_errors_by_joint(errors: dict[str, list[ClipErrors]]) -> None:
    print(f"\n| mm after Procrustes | {' | '.join(errors)} |\n| --- |{' --- |' * len(errors)}")
    for name in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle"):
        columns = [i for i, limb in enumerate(_LIMBS) if limb.endswith(name)]
        means = [
            np.nanmean(np.concatenate([clip.joint_mm[:, columns].ravel() for clip in clips]))
            for clips in errors.values()
        ]
        print(f"| {name} | {' | '.join(f'{mean:.1f}' for mean in means)} |")


def print_errors_by_kind(errors: dict[str, list[ClipErrors]]) -> None:
    print(f"\n| mm after Procrustes | frames | {' | '.join(errors)} |")
    print(f"| --- | --- |{' --- |' * len(errors)}")
    for kind in next(iter(errors.values()))[0].kinds:
        picked = [
            np.concatenate([clip.frame_mm[clip.kinds[kind]] for clip in clips])
            for clips in errors.values()
        ]
        means = [f"{np.nanmean(mm):.1f}" if np.isfinite(mm).any() else "-" for mm in picked]
        count = np.isfinite(picked[-1]).sum()
        print(f"| {kind} | {count} | {' | '.join(means)} |")


if __name__ == "__main__":
    main()
