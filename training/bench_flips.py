"""How many flips are repaired, and how many repairs are right, where it is known what is flipped.

``python -m training.bench_flips --mocap FILE.npz [--clips 80] [--seed 0]``: walks and other takes
of motion capture (poses [N, 22, 3] axis-angle, trans [N, 3] of the pelvis, y up, starts, lengths,
descriptions, joint_names; 30 frames a second) are seen by a camera from anywhere, with the
trembling of a network and blurred moments, and flipped on purpose as the network does it. Prints
markdown: of the parts of frames that were flipped the share turned back (recall), and of those
turned back the share that was flipped (precision).
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from reelrig.core.body.model import BodyModel, load_body
from reelrig.core.body.skinning import joints_from_pose
from reelrig.core.detect.flips import repair_flips
from reelrig.core.landmarks import Landmarks
from reelrig.core.rotation import rotvec_to_matrix
from reelrig.core.skeletons import (
    ARKIT_NAMES,
    BODY_LANDMARKS,
    JOINT_INDEX,
    LANDMARK_PARTS,
    NUM_JOINTS,
    NUM_LANDMARKS,
)

_RATES = (30, 15)
_MOST_FRAMES = 150
_LEAST_FRAMES = 60
_IMAGE_SIZE, _FOCAL_PX = (1280, 720), 900.0
_BODY = LANDMARK_PARTS["body"]
_CARRIERS = {"heel": "ankle", "foot_index": "foot", "pinky": "wrist", "index": "wrist"}
_CARRIERS |= {"thumb": "wrist"}
_LIMBS = {
    "arms": ("elbow", "wrist", "pinky", "index", "thumb"),
    "legs": ("knee", "ankle", "heel", "foot_index"),
}
_MIRRORED = np.array(
    [
        BODY_LANDMARKS.index(name.replace(*sides))
        for name in BODY_LANDMARKS
        for sides in [("left", "right") if "left" in name else ("right", "left")]
    ]
)
_SHOULDERS = [BODY_LANDMARKS.index(f"{side}_shoulder") for side in ("left", "right")]
_HIPS = [BODY_LANDMARKS.index(f"{side}_hip") for side in ("left", "right")]

_PARTS = ("torso", "arms", "legs", "depth")


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to flip."""

    parts: tuple[bool, bool, bool, bool]  # _PARTS
    share: float  # of all flips
    seconds: float  # mean; they are distributed exponentially
    frontal: tuple[float, float]  # how much the body faces to or from the camera when it happens


# As heavy, full and lite do it on drawn people: parts flip seen from the side, bodies from behind.
_KINDS = {
    "whole body": Kind((True, True, True, False), 0.3, 0.25, (0.25, 1.0)),
    "whole body, long": Kind((True, True, True, False), 0.12, 1.4, (0.25, 1.0)),
    "torso and arms": Kind((True, True, False, False), 0.1, 0.25, (0.0, 0.75)),
    "legs": Kind((False, False, True, False), 0.28, 0.25, (0.0, 0.75)),
    "arms": Kind((False, True, False, False), 0.12, 0.25, (0.0, 0.75)),
    "depth alone": Kind((False, False, False, True), 0.08, 0.25, (0.0, 1.0)),
}


@dataclass(frozen=True, eq=False)
class Clip:
    landmarks: Landmarks
    flips: np.ndarray  # [T, 4] bool, of _PARTS
    kinds: list[tuple[str, slice]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mocap", type=Path, required=True, help="file of the motion capture")
    parser.add_argument("--clips", type=int, default=80, help="number of takes")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    takes = read_takes(args.mocap, args.clips, np.random.default_rng(args.seed))
    print(f"| frames a second | precision | recall | {' | '.join(_KINDS)} |")
    print("| --- " * (3 + len(_KINDS)) + "|")
    for rate in _RATES:
        rng = np.random.default_rng(args.seed)
        print_row(rate, [film(take, rate, rng) for take in takes])


def read_takes(path: Path, number: int, rng: np.random.Generator) -> list[np.ndarray]:
    """[T, 33, 3] m each, the body's landmarks in the body's axes; half of them walks."""
    with np.load(path, allow_pickle=False) as file:
        data = {name: file[name] for name in ("poses", "trans", "starts", "lengths")}
        is_walk = np.array(["walk" in str(text).lower() for text in file["descriptions"]])
        columns = [JOINT_INDEX[str(name)] for name in file["joint_names"]]
    is_long = data["lengths"] >= _LEAST_FRAMES
    chosen = np.concatenate(
        [
            rng.choice(np.flatnonzero(is_long & kind), number // 2, replace=False)
            for kind in (is_walk, ~is_walk)
        ]
    )
    body, takes = load_body(), []
    for take in chosen:
        num_frames = min(int(data["lengths"][take]), _MOST_FRAMES)
        first = data["starts"][take] + rng.integers(data["lengths"][take] - num_frames + 1)
        rows = slice(first, first + num_frames)
        pose = np.zeros((num_frames, NUM_JOINTS, 3), np.float32)
        pose[:, columns] = data["poses"][rows]
        takes.append(_landmarks_of_pose(body, pose, data["trans"][rows]))
    return takes


def _landmarks_of_pose(body: BodyModel, pose: np.ndarray, pelvis: np.ndarray) -> np.ndarray:
    """[T, 33, 3] each landmark rigid on its joint, which is near enough here."""
    rest_joints = body.rest_joints(np.zeros(10))
    rest = body.landmark_points(body.template, rest_joints)[_BODY]
    carriers = np.array([JOINT_INDEX[_carrier(name)] for name in BODY_LANDMARKS])
    joints, turns = joints_from_pose(
        body,
        np.zeros(10),
        rotvec_to_matrix(torch.from_numpy(pose)),
        torch.from_numpy(np.float32(pelvis - rest_joints[0])),
    )
    offsets = rest - rest_joints[carriers]
    turned = np.einsum("tkij,kj->tki", turns[:, carriers].numpy(), offsets)
    return joints[:, carriers].numpy() + turned


def _carrier(landmark: str) -> str:
    side, _, part = landmark.partition("_")
    joint = f"{side}_{_CARRIERS.get(part, part)}"
    return joint if joint in JOINT_INDEX else "head"


def film(take: np.ndarray, rate: int, rng: np.random.Generator) -> Clip:
    """What a network would see of the take, flipped on purpose."""
    points = _to_camera(take[:: 30 // rate], rng)
    points_px = _FOCAL_PX * points[..., :2] / points[..., 2:] + np.array(_IMAGE_SIZE) / 2
    hints = points - points[:, _HIPS].mean(1, keepdims=True)
    shoulders = hints[:, _SHOULDERS[0]] - hints[:, _SHOULDERS[1]]
    frontal = np.abs(shoulders[:, 0]) / np.linalg.norm(shoulders[:, ::2], axis=1)
    size_px = np.ptp(points_px, axis=1).max(1).mean()
    points_px = points_px + size_px * _tremble(points_px.shape, 0.006, 0.008, 0.6, rng)
    hints = hints + _tremble(hints.shape, 0.012, 0.02, 0.8, rng) * (1.0, 1.0, 2.5)
    for rows in _moments(len(points), rate, rng.poisson(len(points) / rate / 3), 0.15, rng):
        points_px[rows] += rng.normal(0, 0.03 * size_px, points_px[rows].shape)
        hints[rows] += rng.normal(0, 0.06, hints[rows].shape)
    flips, kinds = _choose_flips(frontal, rate, rng)
    return Clip(_flip(points_px, hints, flips, rate), flips, kinds)


def _to_camera(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[T, 33, 3] camera axes, of a camera that stands still and shows the whole take."""
    azimuth, elevation = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(-5, 20))
    across = np.cos(elevation)
    outward = np.array([across * np.sin(azimuth), np.sin(elevation), across * np.cos(azimuth)])
    right = np.cross(-outward, (0.0, 1.0, 0.0))
    right /= np.linalg.norm(right)
    camera_axes = np.stack([right, np.cross(-outward, right), -outward], 1)
    corners = points.reshape(-1, 3).min(0), points.reshape(-1, 3).max(0)
    way_m = np.linalg.norm(np.ptp(points.mean(1), axis=0))
    distance_m = max(3.5, 1.2 * way_m + rng.uniform(2.5, 5.0))
    return (points - sum(corners) / 2 - distance_m * outward) @ camera_axes


def _tremble(
    shape: tuple[int, ...], moving: float, lasting: float, memory: float, rng: np.random.Generator
) -> np.ndarray:
    """Noise that each frame keeps a share of, about offsets that last through the clip."""
    noise = rng.normal(size=shape)
    for i_frame in range(1, len(noise)):
        noise[i_frame] *= np.sqrt(1 - memory**2)
        noise[i_frame] += memory * noise[i_frame - 1]
    return moving * noise + lasting * rng.normal(size=(1, *shape[1:]))


def _moments(
    num_frames: int, rate: int, number: int, seconds: float, rng: np.random.Generator
) -> list[slice]:
    starts = rng.integers(0, num_frames, number)
    lengths = np.maximum(1, rng.exponential(seconds, number) * rate).astype(int)
    return [slice(a, a + n) for a, n in zip(starts.tolist(), lengths.tolist(), strict=True)]


def _choose_flips(
    frontal: np.ndarray, rate: int, rng: np.random.Generator
) -> tuple[np.ndarray, list[tuple[str, slice]]]:
    flips = np.zeros((len(frontal), len(_PARTS)), bool)
    chosen = []
    shares = [kind.share for kind in _KINDS.values()]
    for name in rng.choice(list(_KINDS), rng.integers(1, 5), p=shares):
        kind = _KINDS[name]
        (rows,) = _moments(len(frontal), rate, 1, kind.seconds, rng)
        # More than half of a clip flipped, and nothing tells which half it is.
        rows = slice(rows.start, min(rows.stop, rows.start + int(0.45 * len(frontal))))
        around = slice(max(0, rows.start - 2), rows.stop + 2)
        least, most = kind.frontal
        if not flips[around].any() and least <= frontal[rows].mean() <= most:
            flips[rows] = kind.parts
            chosen.append((str(name), rows))
    return flips, chosen


def _flip(points_px: np.ndarray, hints: np.ndarray, flips: np.ndarray, rate: int) -> Landmarks:
    points_px, hints = points_px.copy(), hints.copy()
    parts = {
        name: [i for i, word in enumerate(BODY_LANDMARKS) if word.partition("_")[2] in words]
        for name, words in _LIMBS.items()
    }
    limbs = parts["arms"] + parts["legs"]
    parts["torso"] = [i for i in range(len(BODY_LANDMARKS)) if i not in limbs]
    hints[:, parts["arms"]] -= hints[:, _SHOULDERS].mean(1, keepdims=True)
    for name, part in parts.items():
        frames, part_rows = np.flatnonzero(flips[:, _PARTS.index(name)]), np.array(part)
        rows, other = np.ix_(frames, part_rows), np.ix_(frames, _MIRRORED[part_rows])
        points_px[rows] = points_px[other]
        hints[rows] = hints[other] * (1, 1, -1)
    hints[flips[:, _PARTS.index("depth")], :, 2] *= -1
    hints[:, parts["arms"]] += hints[:, _SHOULDERS].mean(1, keepdims=True)
    return _body_landmarks(points_px, hints, rate)


def _body_landmarks(points_px: np.ndarray, hints: np.ndarray, rate: int) -> Landmarks:
    """Of a person without hands and face."""
    num_frames = len(points_px)
    landmarks = Landmarks(
        frame_index=np.arange(num_frames),
        time_s=np.arange(num_frames) / rate,
        image_size=_IMAGE_SIZE,
        points_px=np.zeros((num_frames, NUM_LANDMARKS, 2), np.float32),
        hints=np.zeros((num_frames, NUM_LANDMARKS, 3), np.float32),
        confidence=np.zeros((num_frames, NUM_LANDMARKS), np.float32),
        face_scores=np.zeros((num_frames, len(ARKIT_NAMES)), np.float32),
    )
    landmarks.points_px[:, _BODY], landmarks.hints[:, _BODY] = points_px, hints
    landmarks.confidence[:, _BODY] = 1
    return landmarks


def print_row(rate: int, clips: list[Clip]) -> None:
    right = wrong = missed = 0
    found = {name: np.zeros(2, int) for name in _KINDS}  # frames turned back, frames flipped
    for clip in clips:
        repaired = find_repairs(clip.landmarks)
        right += (repaired & clip.flips).sum()
        wrong += (repaired & ~clip.flips).sum()
        missed += (~repaired & clip.flips).sum()
        for name, rows in clip.kinds:
            is_right = (repaired[rows] == clip.flips[rows]).all(1)
            found[name] += (is_right.sum(), len(is_right))
    cells = [f"{back / max(flipped, 1):.2f} of {flipped}" for back, flipped in found.values()]
    shares = f"{right / (right + wrong):.3f} | {right / (right + missed):.3f}"
    print(f"| {rate} | {shares} | {' | '.join(cells)} |")


def find_repairs(landmarks: Landmarks) -> np.ndarray:
    """[T, 4] bool, which of _PARTS repair_flips turns back; it does so."""
    before_px, before = landmarks.points_px[:, _BODY].copy(), landmarks.hints[:, _BODY].copy()
    repair_flips(landmarks)
    shown = [BODY_LANDMARKS.index(f"left_{name}") for name in ("shoulder", "wrist", "ankle")]
    has_moved = (landmarks.points_px[:, _BODY] != before_px).any(2)[:, shown]
    other = before[:, _MIRRORED] * (1, 1, -1)
    expected = np.where(has_moved[:, :1, None], other, before)[:, _SHOULDERS, 2]
    is_mirrored = (expected * landmarks.hints[:, _SHOULDERS, 2]).sum(1) < 0
    return np.concatenate([has_moved, is_mirrored[:, None]], 1)


if __name__ == "__main__":
    main()
