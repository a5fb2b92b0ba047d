"""OrientCorrect beside the camera's rotation as guessed: ``python -m training.world.bench_orient``.

    python -m training.world.bench_orient [--detected SHARDS] [--eval FOLDER] [--cache FOLDER]

The tables of Yao et al. 2023 (W-HMR), 2, 6 and 7: the body in the world after the guess of the
camera's rotation applied directly, after a network that tells the world's orientation in one step
(SPEC), and after OrientCorrect, each image by itself and the whole clip, behind two methods. On
held-out renders the guesses are drawn, on the real sets they are what the pictures tell.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from scipy.spatial.transform import Rotation
from torch import Tensor, nn

from reelrig.core.body.measures import solve_betas
from reelrig.core.body.skinning import joints_from_pose
from reelrig.core.camera_motion import CameraMotion
from reelrig.core.config import CaptureConfig
from reelrig.core.landmarks import Landmarks
from reelrig.core.lift.hands import resting_pose
from reelrig.core.lift.sts.lifter import StsLifter
from reelrig.core.people_solver import LIFTERS, boxes_px
from reelrig.core.skeletons import JOINT_NAMES
from reelrig.core.smoothing import fill_gaps, smooth
from reelrig.core.timebase import even_rows
from reelrig.core.world.camera import solve_camera
from reelrig.core.world.orient_correct import (
    OrientCorrect,
    PersonRows,
    angles_of_up,
    shipped_network,
    up_from_angles,
    upright_from_up,
)

from ..bench_held_out import Sequence, read_held_out
from ..bench_lift import load_evaluate
from ..eval_sets import find_clips, load_landmarks, load_sightings
from ..posed import free_figure
from ..scores import find_heading
from .train_orient import CHECKPOINTS, LEVEL_SIGMAS_DEG, OneStep

_NUM_JOINTS = 22
_METHODS = ("sts", "analytic")
_GUESSES_DEG = {"level": LEVEL_SIGMAS_DEG, "sure to 5 degrees": (5.0, 3.0)}
_COLUMNS = ("W-MPJPE", "gravity_deg")


@dataclass(frozen=True, eq=False)
class Take:
    """One person as lifted."""

    joints: Tensor  # [T, 22, 3] m about the pelvis, camera axes
    turns: Tensor  # [T, 3, 3] camera from body
    motion: CameraMotion
    picture: Tensor  # [2] width and height by the assumed focal length

    @classmethod
    def of(cls, landmarks: Landmarks, method: str, rate: float, focal_px: float) -> Take:
        raw = LIFTERS[method]().lift(landmarks, rate, focal_px)
        motion = smooth(fill_gaps(raw, resting_pose()), CaptureConfig().smooth_s)
        body = free_figure().body
        betas = solve_betas(body, motion.measure_names, motion.measures)
        joints, _ = joints_from_pose(body, betas, motion.rotations, torch.zeros_like(motion.pelvis))
        picture = torch.tensor(landmarks.image_size) / focal_px
        about = (joints - joints[:, :1])[:, :_NUM_JOINTS]
        return cls(about, motion.rotations[:, 0], motion, picture)

    def rows(self, landmarks: Landmarks, up: Tensor, sigma_rad: Tensor) -> PersonRows:
        """With a guess of up [3] and its sigmas [2]."""
        motion = self.motion
        sight = motion.sight or StsLifter().see(landmarks, motion.rate, motion.focal_px)
        return PersonRows(
            features=sight.features[None],
            body_up=sight.up[None],
            up=up[None],
            sigma_rad=sigma_rad[None],
            place=sight.place[None],
            picture=self.picture[None],
            turns=self.turns[None],
        )


class Ways:
    """The ways from a camera's axes to the world."""

    def __init__(self) -> None:
        one_step = OneStep()
        weights = load_file(CHECKPOINTS / "one_step.safetensors")
        one_step.load_state_dict(
            {k.removeprefix("model."): v for k, v in weights.items() if k.startswith("model.")}
        )
        self.networks: dict[str, nn.Module] = {
            "weighed with the body's word": OrientCorrect().eval(),
            "one step": one_step.eval(),
            "OrientCorrect": shipped_network(),
        }

    @torch.no_grad()
    def __call__(self, take: Take, rows: PersonRows) -> dict[str, np.ndarray]:
        """[T, 22, 3] m about the pelvis, z up, by name."""
        applied = upright_from_up(rows.up[0]) @ take.joints.mT
        found = {"the guess applied": applied.mT}
        for name, network in self.networks.items():
            told = network(rows)
            of_shot = upright_from_up(up_from_angles(told.angles[0]))
            by_row = told.turns[0] @ take.turns.mT
            if not name.startswith("weighed"):
                found[f"{name}, per image"] = (by_row @ take.joints.mT).mT
            found[f"{name}, per clip"] = (of_shot @ take.joints.mT).mT
        return {name: joints.double().numpy() for name, joints in found.items()}


def score(joints: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """W-MPJPE in mm after one heading; degrees by which the clip as a whole is tilted."""
    headed = joints @ find_heading(joints, truth).T
    error = 1e3 * np.linalg.norm(headed - truth, axis=-1).mean()
    turn = Rotation.align_vectors(truth.reshape(-1, 3), joints.reshape(-1, 3))[0]
    return float(error), float(np.degrees(np.arccos(np.clip(turn.as_matrix()[2, 2], -1, 1))))


def print_rendered(folder: Path, ways: Ways) -> None:
    rng = np.random.default_rng(0)
    scores: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for sequence in read_held_out(folder):
        up, truth = _truth(sequence)
        if not sequence.landmarks.is_seen.any():
            continue
        time_s = sequence.landmarks.time_s
        rate = (len(time_s) - 1) / float(time_s[-1] - time_s[0])
        focal_px = float(np.hypot(*sequence.landmarks.image_size))
        guesses = {name: _guess(rng, name, up) for name in _GUESSES_DEG}
        for method in _METHODS:
            take = Take.of(sequence.landmarks, method, rate, focal_px)
            for name, guess in guesses.items():
                rows = take.rows(sequence.landmarks, *guess)
                for way, joints in ways(take, rows).items():
                    scores.setdefault((name, method, way), []).append(score(joints, truth))
    print_table("held-out renders, guess", scores)


def _truth(sequence: Sequence) -> tuple[np.ndarray, np.ndarray]:
    """Up [3] in the camera's axes, and joints [T, 22, 3] m about the pelvis, z up."""
    turn = sequence.camera_from_world
    nowhere = torch.zeros(len(turn), 3)
    joints, _ = joints_from_pose(free_figure().body, sequence.betas, sequence.rotations, nowhere)
    about = (joints - joints[:, :1])[:, :_NUM_JOINTS].double().numpy()
    up = turn[:, :, 2].mean(0)
    return up / np.linalg.norm(up), about @ turn


def _guess(rng: np.random.Generator, name: str, up: np.ndarray) -> tuple[Tensor, Tensor]:
    """A guess of ``up`` [3] and its sigmas [2] rad, drawn."""
    sigma = torch.deg2rad(torch.tensor(_GUESSES_DEG[name]))
    if name == "level":
        return torch.tensor([0.0, -1.0, 0.0]), sigma
    angles = angles_of_up(torch.from_numpy(np.float32(up)))
    return up_from_angles(angles + sigma * torch.from_numpy(np.float32(rng.normal(size=2)))), sigma


def print_real(folder: Path, cache: Path | None, ways: Ways) -> None:
    """By the sets' own evaluate.py, the guess by the pictures."""
    evaluate = load_evaluate(folder / "evaluate.py")
    scores: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for clip in find_clips(folder):
        if not clip.has_reference:
            continue
        landmarks, sightings = load_landmarks(clip, cache), load_sightings(clip, cache)
        rows, rate = even_rows(landmarks)
        boxes = boxes_px(landmarks, sightings)[:, None]
        camera = solve_camera(
            sightings, boxes, rows.time_s, rows.image_size, None, "static", [landmarks]
        )
        belief = camera.belief
        sigmas = torch.tensor([belief.pitch_sigma_rad, belief.roll_sigma_rad]).float()
        up = torch.from_numpy(belief.up_camera).float()
        for method in _METHODS:
            take = Take.of(rows, method, rate, camera.focal_px)
            known = take.rows(rows, up, sigmas)
            for way, joints in ways(take, known).items():
                prediction = {
                    "joints": joints,
                    "joint_names": JOINT_NAMES[:_NUM_JOINTS],
                    "frame_index": rows.frame_index,
                    "space": "world",
                    "has_translation": False,
                }
                found = evaluate(clip.reference_path, prediction, "world")
                key = (clip.video.parent.name, method, way)
                scores.setdefault(key, []).append((found["w_mpjpe"], found["gravity_deg"]))
    print_table("real sets, the guess by their pictures", scores)


def print_table(title: str, scores: dict[tuple[str, str, str], list[tuple[float, float]]]) -> None:
    print(f"\n| {title} | method | way | {' | '.join(_COLUMNS)} |")
    print("| --- | --- | --- | --- | --- |")
    for names, values in scores.items():
        error, tilt = np.mean(values, 0)
        print(f"| {' | '.join(names)} | {error:.1f} | {tilt:.1f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--detected", type=Path, help="folder of the shards")
    parser.add_argument("--eval", type=Path, help="folder of the real sets")
    parser.add_argument("--cache", type=Path, help="keeps what was detected in the real sets")
    args = parser.parse_args()
    torch.set_num_threads(1)
    ways = Ways()
    if args.detected is not None:
        print_rendered(args.detected, ways)
    if args.eval is not None:
        print_real(args.eval, args.cache, ways)


if __name__ == "__main__":
    main()
