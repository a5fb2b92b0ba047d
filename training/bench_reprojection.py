"""How far the body's landmarks lie from the reference joints in each camera, before and after
the repair of flips.

``python -m training.bench_reprojection --eval FOLDER [--model heavy]``: one folder a set, with the
videos of calibrated cameras and reference.npz, the joints that several cameras saw. Prints
markdown, in pixels and in % of the length from head to hips. MediaPipe's landmarks are not quite
the joints of their names (its hips lie lower): the last column is what is left when each
landmark's median offset in a camera's picture is taken off. A frame is flipped when the torso, the
arms or the legs would lie nearer to the reference with left and right exchanged; its heading is
wrong when the hinted shoulders and hips face more than a right angle away from the reference's.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np

from reelrig.core.detect import detector
from reelrig.core.detect.engine import open_engine
from reelrig.core.detect.flips import repair_flips
from reelrig.core.landmarks import Landmarks
from reelrig.core.skeletons import BODY_LANDMARK_INDEX, LANDMARK_PARTS
from reelrig.core.video import open_video

from .bench_confidence import SETS, project_reference
from .calibrate_confidence import MODELS

_BODY = LANDMARK_PARTS["body"]
_PARTS = {
    "torso": ("shoulder", "hip"),
    "arms": ("elbow", "wrist"),
    "legs": ("knee", "ankle", "foot_index"),
}
_CLEARLY = 0.05  # lengths from head to hips by which the exchanged part must lie nearer


@dataclass(frozen=True, eq=False)
class Reference:
    """What several cameras saw, as one of them sees it, at the video's frames."""

    points_px: np.ndarray  # [T, 33, 2], NaN where not known
    trunk_px: np.ndarray  # [T] from head to hips
    forward: np.ndarray  # [T, 3] where the torso faces, camera axes; NaN where not known


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--eval", type=Path, required=True, help="folder of the evaluation sets")
    parser.add_argument("--model", choices=MODELS, default="heavy")
    args = parser.parse_args()
    print(
        f"| {args.model} | frames | mean px | median px | 90 % px | mean % | median % | 90 % "
        "| flipped frames | wrong headings | mean %, offsets taken off |"
    )
    print("| --- " * 11 + "|")
    for name, cameras in SETS.items():
        for camera in cameras:
            print_camera(args.eval / name, camera, args.model)


def print_camera(folder: Path, camera: str, model: str) -> None:
    landmarks = detect_raw(folder / f"{camera}.mp4", model)
    reference = read_reference(folder / "reference.npz", camera, landmarks.frame_index)
    print_row(f"{folder.name} {camera}, as seen", landmarks, reference)
    repair_flips(landmarks)
    print_row(f"{folder.name} {camera}, repaired", landmarks, reference)


def detect_raw(path: Path, model: str) -> Landmarks:
    """Of the person who is seen most, with the flips left in."""
    video = open_video(path)
    with _flips_left_in():
        seer = detector.Detector(engine=open_engine(), model=model, warn=warnings.warn)
        tracks = seer.find(video, 0.0, None, lambda done: None)
        return seer.follow(video, 0.0, None, tracks, [0], lambda done: None, lambda *seen: None)[0]


@contextmanager
def _flips_left_in() -> Iterator[None]:
    with (
        patch.object(detector, "repair_flips", lambda landmarks: None),
        patch.object(detector, "flag_jumps", lambda landmarks: None),
    ):
        yield


def read_reference(path: Path, camera: str, frames: np.ndarray) -> Reference:
    points_px, trunk_px = project_reference(path, camera)
    forward = _forward_in_camera(path, camera)
    rows = np.minimum(frames, len(points_px) - 1)
    is_known = frames < len(points_px)
    return Reference(
        points_px=np.where(is_known[:, None, None], points_px[rows, _BODY], np.nan),
        trunk_px=trunk_px[rows],
        forward=np.where(is_known[:, None], forward[rows], np.nan),
    )


def _forward_in_camera(path: Path, camera: str) -> np.ndarray:
    """[T, 3]; NaN where the reference has no hips."""
    with np.load(path, allow_pickle=False) as file:
        names = [str(name) for name in file["joint_names"]]
        joints = file["joints3d_world"]
        rotation = file["R"][[str(name) for name in file["cam_names"]].index(camera)]
    if "left_hip" not in names:
        return np.full((len(joints), 3), np.nan)
    corners = [
        joints[:, names.index(f"{side}_{part}")] @ rotation.T
        for part in ("shoulder", "hip")
        for side in ("left", "right")
    ]
    return _facing(*corners)


def _facing(
    left_shoulder: np.ndarray,
    right_shoulder: np.ndarray,
    left_hip: np.ndarray,
    right_hip: np.ndarray,
) -> np.ndarray:
    """[T, 3] across the torso's plane, to its front."""
    left = left_shoulder - right_shoulder + left_hip - right_hip
    return np.cross(left, left_shoulder + right_shoulder - left_hip - right_hip)


def print_row(label: str, landmarks: Landmarks, reference: Reference) -> None:
    seen = landmarks.is_seen
    off_px = (landmarks.points_px[:, _BODY] - reference.points_px)[seen]
    shares = 100 * off_px / reference.trunk_px[seen, None, None]
    known = np.isfinite(off_px).all(2)
    scattered = shares - np.nanmedian(np.where(known[..., None], shares, np.nan), axis=0)
    misses_px, misses, rest = (
        np.linalg.norm(values, axis=2)[known] for values in (off_px, shares, scattered)
    )
    figures = [
        f"{figure:.1f}"
        for values in (misses_px, misses)
        for figure in (values.mean(), np.median(values), np.percentile(values, 90))
    ]
    is_flipped = np.stack([exchanged(landmarks, reference, part) for part in _PARTS])[:, seen]
    counts = ", ".join(
        f"{name} {rows.sum()}" for name, rows in zip(_PARTS, is_flipped, strict=True)
    )
    flipped = f"{is_flipped.any(0).sum()} ({counts})"
    cells = [*figures, flipped, wrong_headings(landmarks, reference), f"{rest.mean():.1f}"]
    print(f"| {label} | {seen.sum()} | {' | '.join(cells)} |", flush=True)


def exchanged(landmarks: Landmarks, reference: Reference, part: str) -> np.ndarray:
    """[T] bool, whether the part lies clearly nearer to the reference with its sides exchanged."""
    rows = np.array(
        [[BODY_LANDMARK_INDEX[f"{s}_{name}"] for s in ("left", "right")] for name in _PARTS[part]]
    )
    known = np.isfinite(reference.points_px[:, rows]).all((0, 2, 3))
    if not known.any():
        return np.zeros(len(landmarks.time_s), bool)
    rows = rows[known]
    target = reference.points_px[:, rows]
    as_seen, other = (
        np.linalg.norm(landmarks.points_px[:, order] - target, axis=3).mean((1, 2))
        for order in (rows, rows[:, ::-1])
    )
    return as_seen - other > _CLEARLY * reference.trunk_px


def wrong_headings(landmarks: Landmarks, reference: Reference) -> str:
    """How many frames; empty where the reference does not tell."""
    seen = landmarks.is_seen
    if not np.isfinite(reference.forward[seen]).any():
        return ""
    corners = [
        landmarks.hints[seen, BODY_LANDMARK_INDEX[f"{side}_{part}"]]
        for part in ("shoulder", "hip")
        for side in ("left", "right")
    ]
    return str(((_facing(*corners) * reference.forward[seen]).sum(1) < 0).sum())


if __name__ == "__main__":
    main()
