"""Whether the detector's confidence holds for real people, on the evaluation sets.

``python -m training.bench_confidence --eval FOLDER [--model heavy]``: one folder a set, with the
videos of calibrated cameras and reference.npz, the joints that several cameras saw. Prints
markdown: of the landmarks with a confidence in each bin, the share that lie within 5 % of the
length from head to hips of where the reference puts them. A joint is not quite MediaPipe's
landmark of that name (its hips lie lower, its heels elsewhere), so the share is told twice: as it
is, and with each joint's median offset in a camera's picture taken off.
"""

from __future__ import annotations

import argparse
import warnings
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from reelrig.core.detect.detector import Detector
from reelrig.core.detect.engine import open_engine
from reelrig.core.landmarks import Landmarks
from reelrig.core.skeletons import BODY_LANDMARK_INDEX, LANDMARK_PARTS, NUM_LANDMARKS
from reelrig.core.video import open_video

from .calibrate_confidence import HIT, MODELS, NUM_BINS

SETS = {"beam": ("cam01", "cam03"), "caliscope_charuco": ("cam_0", "cam_1", "cam_2", "cam_3")}
_TRUNK_M = 0.65  # from the middle of the ears to that of the hips, of the free body
_ALIASES = {"left_big_toe": "left_foot_index", "right_big_toe": "right_foot_index"}


@dataclass(frozen=True, eq=False)
class Judged:
    """Landmarks of one camera's video that the reference knows, n of them."""

    confidence: np.ndarray  # [n] 0..1
    landmark: np.ndarray  # [n] int, which of the 553
    off: np.ndarray  # [n, 2] from the reference, right and down, in lengths from head to hips

    def misses(self) -> np.ndarray:
        """[n]"""
        return np.linalg.norm(self.off, axis=1)

    def random_misses(self) -> np.ndarray:
        """[n] without the part that is the same in all frames."""
        off = self.off.copy()
        for landmark in np.unique(self.landmark):
            rows = self.landmark == landmark
            off[rows] -= np.median(off[rows], axis=0)
        return np.linalg.norm(off, axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--eval", type=Path, required=True, help="folder of the evaluation sets")
    parser.add_argument("--model", choices=MODELS, default="heavy")
    args = parser.parse_args()
    columns = " | ".join(f"{i / NUM_BINS:.1f} to {(i + 1) / NUM_BINS:.1f}" for i in range(NUM_BINS))
    print(f"| {args.model} | {columns} |")
    print("| --- " * (NUM_BINS + 1) + "|")
    for name, cameras in SETS.items():
        judged = [judge_camera(args.eval / name, camera, args.model) for camera in cameras]
        for part in ("body", "hand"):
            print_rows(f"{name}, {part}", [take_part(each, part) for each in judged])


def judge_camera(folder: Path, camera: str, model: str) -> Judged:
    landmarks = detect(folder / f"{camera}.mp4", model)
    reference_px, trunk_px = project_reference(folder / "reference.npz", camera)
    frames = [
        (row, frame)
        for row, frame in enumerate(landmarks.frame_index.tolist())
        if frame < len(reference_px)
    ]
    rows, in_reference = np.array(frames).T
    off = landmarks.points_px[rows] - reference_px[in_reference]
    off = off / trunk_px[in_reference, None, None]
    confidence = landmarks.confidence[rows]
    known = np.isfinite(off).all(2) & (confidence > 0)
    return Judged(confidence[known], np.nonzero(known)[1], off[known])


def detect(path: Path, model: str) -> Landmarks:
    """Of the person who is seen most."""
    detector = Detector(engine=open_engine(), model=model, warn=warnings.warn)
    video = open_video(path)
    tracks = detector.find(video, 0.0, None, lambda done: None)
    return detector.follow(video, 0.0, None, tracks, [0], lambda done: None, lambda *seen: None)[0]


def project_reference(path: Path, camera: str) -> tuple[np.ndarray, np.ndarray]:
    """Where the landmarks should be, [T, 553, 2] px (NaN where not known); the length from head to
    hips [T] px."""
    with np.load(path, allow_pickle=False) as file:
        i_camera = [str(name) for name in file["cam_names"]].index(camera)
        matrix, distortion, rotation, shift = (file[k][i_camera] for k in ("K", "dist", "R", "t"))
        points = np.full((len(file["joints3d_world"]), NUM_LANDMARKS, 3), np.nan)
        for name, joint in zip(
            file["joint_names"], file["joints3d_world"].swapaxes(0, 1), strict=True
        ):
            row = BODY_LANDMARK_INDEX.get(_ALIASES.get(str(name), str(name)))
            if row is not None:
                points[:, row] = joint
        for side in ("left_hand", "right_hand"):
            if f"{side}3d_world" in file:
                points[:, LANDMARK_PARTS[side]] = file[f"{side}3d_world"]
    in_camera = points @ rotation.T + shift
    known = np.isfinite(in_camera).all(2)
    points_px = np.full((*known.shape, 2), np.nan)
    points_px[known] = cv2.projectPoints(
        in_camera[known], np.zeros(3), np.zeros(3), matrix, distortion
    )[0][:, 0]
    depth = np.nanmedian(in_camera[:, LANDMARK_PARTS["body"], 2], axis=1)
    return points_px, matrix[0, 0] * _TRUNK_M / depth


def take_part(judged: Judged, part: str) -> Judged:
    is_body = judged.landmark < LANDMARK_PARTS["body"].stop
    rows = is_body if part == "body" else ~is_body
    return Judged(judged.confidence[rows], judged.landmark[rows], judged.off[rows])


def print_rows(name: str, judged: list[Judged]) -> None:
    confidence = np.concatenate([each.confidence for each in judged])
    if not len(confidence):
        return
    bins = (confidence * NUM_BINS).astype(int).clip(max=NUM_BINS - 1)
    for label, misses in (
        ("", [each.misses() for each in judged]),
        (", offsets taken off", [each.random_misses() for each in judged]),
    ):
        hits = np.concatenate(misses) <= HIT
        cells = [cell(hits[bins == i_bin]) for i_bin in range(NUM_BINS)]
        print(f"| {name}{label} | {' | '.join(cells)} |")


def cell(hits: np.ndarray) -> str:
    return f"{hits.mean():.2f} ({len(hits)})" if len(hits) else ""


if __name__ == "__main__":
    main()
