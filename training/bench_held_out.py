"""The recoverers on renders of people they were never trained on, seen by the real detector.

Shards of training.synthesis.detected whose number ends in 9 hold these. Nothing of the truth is
given: the focal length is guessed as in a capture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from reelrig.core.body.measures import solve_betas
from reelrig.core.camera_motion import CameraMotion
from reelrig.core.config import CaptureConfig
from reelrig.core.landmarks import Landmarks
from reelrig.core.lift.hands import resting_pose
from reelrig.core.people_solver import LIFTERS
from reelrig.core.rotation import rotvec_to_matrix
from reelrig.core.skeletons import BODY_LANDMARK_INDEX, LANDMARK_PARTS
from reelrig.core.smoothing import fill_gaps, smooth

from .posed import free_figure
from .scores import pa_errors

MEDIAPIPE = "mediapipe world landmarks"
_EVERY = 4  # row is looked at: neighbours err alike
_BODY_JOINTS = slice(0, 22)
_HANDS = ("left_hand", "right_hand")
_LIMBS = [
    BODY_LANDMARK_INDEX[f"{side}_{name}"]
    for name in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
]
# By the mean confidence of a row's body landmarks: from, to, and what it is called.
_VISIBILITIES = ((0.0, 0.4, "mostly hidden"), (0.4, 0.8, "partly seen"), (0.8, 1.01, "seen"))
_COLUMNS = ("body, 22 joints, PA", "limbs, 12 landmarks, PA", "hands, 21 landmarks, PA", "PVE")


@dataclass(frozen=True, eq=False)
class Sequence:
    """What the detector saw of a rendered person, and the truth in the camera's axes."""

    landmarks: Landmarks
    points: np.ndarray  # [T, 75, 3] m, body and hand landmarks
    rotations: torch.Tensor  # [T, 55, 3, 3] parent from joint, joint 0 camera from body
    camera_from_world: np.ndarray  # [T, 3, 3]
    pelvis: np.ndarray  # [T, 3] m
    betas: np.ndarray  # [10]
    arkit: np.ndarray  # [T, 52]

    @property
    def rows(self) -> np.ndarray:
        """The rows that are compared."""
        return np.flatnonzero(self.landmarks.is_seen)[::_EVERY]


@dataclass(frozen=True, eq=False)
class Posed:
    """Where a body's points are, in the camera's axes; NaN where a method does not tell."""

    points: np.ndarray  # [T, 75, 3] m
    joints: np.ndarray | None = None  # [T, 55, 3]
    vertices: np.ndarray | None = None  # [T, V, 3]


def print_held_out(folder: Path, methods: list[str]) -> None:
    errors: dict[str, list[list[np.ndarray]]] = {name: [] for name in (MEDIAPIPE, *methods)}
    seen: list[np.ndarray] = []
    for sequence in read_held_out(folder):
        if not len(sequence.rows):
            continue
        truth = pose_truth(sequence)
        confidence = sequence.landmarks.confidence[sequence.rows]
        seen.append(confidence[:, LANDMARK_PARTS["body"]].mean(1))
        errors[MEDIAPIPE].append(compare(read_hints(sequence), truth, sequence))
        for method in methods:
            errors[method].append(compare(lift(sequence, method), truth, sequence))
    count = len(errors[MEDIAPIPE])
    print(f"\n| held-out renders, {count} sequences, mm | {' | '.join(_COLUMNS)} |")
    print(f"| --- |{' --- |' * len(_COLUMNS)}")
    for method, sequences in errors.items():
        columns = [np.concatenate(parts) for parts in zip(*sequences, strict=True)]
        cells = [f"{column.mean():.1f}" if len(column) else "-" for column in columns]
        print(f"| {method} | {' | '.join(cells)} |", flush=True)
    for column in _COLUMNS[:2]:
        print_by_visibility(errors, np.concatenate(seen), column)


def print_by_visibility(
    errors: dict[str, list[list[np.ndarray]]], visibility: np.ndarray, column: str
) -> None:
    """The ``column`` again, by ``visibility`` [N]: how much of the body the detector saw."""
    heads, chosen = [], []
    for low, high, name in _VISIBILITIES:
        chosen.append((visibility >= low) & (visibility < high))
        heads.append(f"{name} ({low:g} to {min(high, 1):g}), {chosen[-1].sum()} rows")
    print(f"\n| held-out renders, {column}, mm, by confidence | {' | '.join(heads)} |")
    print(f"| --- |{' --- |' * len(heads)}")
    for method, sequences in errors.items():
        values = np.concatenate([columns[_COLUMNS.index(column)] for columns in sequences])
        if len(values):
            means = (f"{values[rows].mean():.1f}" for rows in chosen)
            print(f"| {method} | {' | '.join(means)} |", flush=True)


def read_held_out(folder: Path) -> Iterator[Sequence]:
    for path in sorted(folder.glob("shard_*9.npz")):
        with np.load(path, allow_pickle=False) as file:
            shard = {name: file[name] for name in file.files}
        for i in range(len(shard["betas"])):
            yield _read_sequence({name: values[i] for name, values in shard.items()})


def _read_sequence(of: dict[str, np.ndarray]) -> Sequence:
    camera_from_world = of["camera_from_world"]
    turn, shift = camera_from_world[:, :3, :3], camera_from_world[:, :3, 3]
    rotations = rotvec_to_matrix(torch.from_numpy(np.float32(of["rotvecs"])))
    rotations[:, 0] = torch.from_numpy(np.float32(turn)) @ rotations[:, 0]
    width, height = of["image_size"].tolist()
    return Sequence(
        landmarks=Landmarks(
            frame_index=np.arange(len(turn)),
            time_s=of["time_s"],
            image_size=(int(width), int(height)),
            points_px=np.float32(of["points_px"]),
            hints=np.float32(of["hints"]),
            confidence=np.float32(of["confidence"]),
            face_scores=np.float32(of["face_scores"]),
        ),
        points=of["true_points"],
        rotations=rotations,
        camera_from_world=turn,
        pelvis=np.einsum("tij,tj->ti", turn, of["pelvis"]) + shift,
        betas=of["betas"],
        arkit=of["arkit"].astype(np.float32),
    )


def pose_truth(sequence: Sequence) -> Posed:
    rows = sequence.rows
    vertices, joints = free_figure().pose(
        sequence.betas, sequence.arkit[rows], sequence.rotations[rows], sequence.pelvis[rows]
    )
    return Posed(sequence.points[rows], joints, vertices)


def read_hints(sequence: Sequence) -> Posed:
    """MediaPipe's own points."""
    seen = sequence.landmarks.confidence > 0
    hints = np.where(seen[..., None], sequence.landmarks.hints, np.nan)
    return Posed(hints[sequence.rows, : LANDMARK_PARTS["face"].start])


def lift(sequence: Sequence, method: str) -> Posed:
    """By all rows of the sequence, with the layers that a capture puts over it."""
    landmarks, rows = sequence.landmarks, sequence.rows
    rate = (len(landmarks.time_s) - 1) / float(landmarks.time_s[-1] - landmarks.time_s[0])
    focal_px = float(np.hypot(*landmarks.image_size))
    raw = LIFTERS[method]().lift(landmarks, rate, focal_px)
    steady = smooth(fill_gaps(raw, resting_pose()), CaptureConfig().smooth_s)
    return _pose_motion(steady, rows)


def _pose_motion(motion: CameraMotion, rows: np.ndarray) -> Posed:
    body = free_figure().body
    betas = solve_betas(body, motion.measure_names, motion.measures)
    vertices, joints = free_figure().pose(
        betas, motion.arkit[rows].numpy(), motion.rotations[rows], motion.pelvis[rows].numpy()
    )
    points = body.landmark_points(vertices, joints)[:, : LANDMARK_PARTS["face"].start]
    return Posed(points, joints, vertices)


def compare(found: Posed, truth: Posed, sequence: Sequence) -> list[np.ndarray]:
    """mm for each of _COLUMNS, one value a row; hands where the detector saw them."""
    confidence = sequence.landmarks.confidence[sequence.rows]
    limbs = pa_errors(found.points[:, _LIMBS], truth.points[:, _LIMBS]).mean(1)
    hands = []
    for hand in _HANDS:
        part = LANDMARK_PARTS[hand]
        seen = confidence[:, part].max(1) > 0
        hands.append(pa_errors(found.points[seen, part], truth.points[seen, part]).mean(1))
    if found.joints is None or found.vertices is None:
        nothing = np.zeros(0)
        return [nothing, limbs, np.concatenate(hands), nothing]
    assert truth.joints is not None
    assert truth.vertices is not None
    body = pa_errors(found.joints[:, _BODY_JOINTS], truth.joints[:, _BODY_JOINTS]).mean(1)
    off = (found.vertices - found.joints[:, :1]) - (truth.vertices - truth.joints[:, :1])
    pve = 1e3 * np.linalg.norm(off, axis=-1).mean(1)
    return [body, limbs, np.concatenate(hands), pve]
