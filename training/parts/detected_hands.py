"""Hands of rendered people as the real detector saw them (training/synthesis/detected.py)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import Generator, Tensor

from reelrig.core.lift.sts.hand_branch import mirror, view_hand
from reelrig.core.rotation import rotvec_to_matrix
from reelrig.core.skeletons import JOINT_INDEX, LANDMARK_PARTS, PARENTS

from .hand_windows import HandWindows

HELD_OUT = 9  # shards whose number ends with it
_MIN_SEEN = 4  # frames of a window in which the hand was seen
_FLIP = torch.tensor([-1.0, 1.0, 1.0])


@dataclass(frozen=True)
class DetectedHands:
    """All hands of the shards, right ones mirrored."""

    windows: HandWindows

    @classmethod
    def load(cls, folder: Path, *, held_out: bool) -> DetectedHands:
        paths = [
            path
            for path in sorted(folder.glob("shard_*.npz"))
            if (int(path.stem[-5:]) % 10 == HELD_OUT) == held_out
        ]
        if not paths:
            raise SystemExit(
                f"{folder} has no shards of detections. Run training.synthesis.detected."
            )
        hands = [hand for path in paths for hand in read_shard(path)]
        columns = {
            f.name: torch.stack([getattr(hand, f.name) for hand in hands])
            for f in fields(HandWindows)
        }
        return cls(HandWindows(**columns))

    def draw(self, generator: Generator, num_windows: int, num_rows: int) -> HandWindows:
        """Stretches of ``num_rows`` frames of any of the windows."""
        count, longest = self.windows.time_s.shape
        rows = torch.randint(count, (num_windows, 1), generator=generator)
        starts = torch.randint(longest - num_rows + 1, (num_windows, 1), generator=generator)
        columns = starts + torch.arange(num_rows)
        return self.windows.map(lambda values: values[rows, columns])


def read_shard(path: Path) -> Iterator[HandWindows]:
    """Windows without the batch's axis, of the hands that were seen for a while."""
    with np.load(path) as file:
        shard = {key: file[key] for key in file.files if key not in ("face_scores", "arkit")}
    for i in range(len(shard["rotvecs"])):
        sequence = {key: values[i] for key, values in shard.items()}
        for side in ("left", "right"):
            part = LANDMARK_PARTS[f"{side}_hand"]
            if (sequence["confidence"][:, part].mean(1) > 0).sum() >= _MIN_SEEN:
                yield _window(sequence, side)


def _window(sequence: dict[str, np.ndarray], side: str) -> HandWindows:
    part = LANDMARK_PARTS[f"{side}_hand"]
    focal_px, size = float(sequence["focal_px"][0]), tuple(sequence["image_size"].tolist())
    seen_px, true_px, hints, confidence = (
        torch.from_numpy(np.float32(sequence[key][:, part]))
        for key in ("points_px", "true_px", "hints", "confidence")
    )
    view = view_hand(seen_px, hints, focal_px, size, side)
    true_view = view_hand(true_px, torch.nn.functional.pad(true_px, (0, 1)), focal_px, size, side)
    camera_from_joint = _camera_from_joints(sequence)
    first = JOINT_INDEX[f"{side}_index1"]
    fingers = rotvec_to_matrix(torch.from_numpy(sequence["rotvecs"][:, first : first + 15]))
    palm = view.camera_from_view.mT @ camera_from_joint[:, JOINT_INDEX[f"{side}_wrist"]]
    points = torch.from_numpy(sequence["true_points"][:, part])
    joints = (points - points[:, :1]) @ view.camera_from_view
    if side == "right":
        fingers, palm, joints = mirror(fingers), mirror(palm), joints * _FLIP
    return HandWindows(
        points=view.points,
        hints=view.hints,
        confidence=confidence,
        time_s=torch.from_numpy(np.float32(sequence["time_s"] - sequence["time_s"][0])),
        fingers=fingers,
        palm=palm,
        joints=joints,
        true_points=true_view.points,
        is_labelled=(confidence > 0).any(-1),
    )


def _camera_from_joints(sequence: dict[str, np.ndarray]) -> Tensor:
    """[T, 55, 3, 3]"""
    local = rotvec_to_matrix(torch.from_numpy(sequence["rotvecs"]))
    camera_from_world = torch.from_numpy(np.float32(sequence["camera_from_world"][:, :3, :3]))
    turns = [camera_from_world @ local[:, 0]]
    for joint, parent in enumerate(PARENTS[1:], 1):
        turns.append(turns[parent] @ local[:, joint])
    return torch.stack(turns, 1)
