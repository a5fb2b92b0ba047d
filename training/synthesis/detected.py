"""Sequences of the body drawn and seen by the shipped detector, in shards of arrays.

    python -m training.synthesis.detected --mocap FOLDER --out FOLDER --sequences 2000 --workers 2

What is there already is kept, so that a stopped run goes on where it was. A shard depends only on
its number. Each holds for N sequences of T frames:

    points_px [N, T, 553, 2], hints [N, T, 553, 3], confidence [N, T, 553], face_scores [N, T, 52]
        what the detector saw, as core.landmarks.Landmarks
    rotvecs [N, T, 55, 3] rad (parent from joint; joint 0: world from body)
    pelvis [N, T, 3] m world, betas [N, 10], arkit [N, T, 52], contacts [N, T, 4]
        what was drawn
    camera_from_world [N, T, 4, 4], focal_px [N, T], image_size [N, 2], time_s [N, T]
    true_px [N, T, 553, 2], true_points [N, T, 75, 3] m in camera axes (body and hands)
    subject, kind, pose_model [N] str
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from scipy.spatial.transform import Rotation

from reelrig.core.body.model import LIGHT_BODY_PATH, load_body
from reelrig.core.detect.detector import Detector
from reelrig.core.detect.engine import Engine
from reelrig.core.detect.find import key_step
from reelrig.core.detect.pose import PoseModel
from reelrig.core.detect.regions import regions_towards
from reelrig.core.detect.tracks import Track
from reelrig.core.landmarks import Landmarks
from reelrig.core.skeletons import BODY_LANDMARK_INDEX, LANDMARK_PARTS
from reelrig.core.video import Frame, Video, show_frames

from ..bank.bank import Bank
from ..bank.cameras import CameraPath, draw_camera
from ..bank.clip import Clip
from .kernels import floats
from .scenes import Actor, Figures, Scene

ROWS = 32  # frames of a sequence
SHARD_SEQUENCES = 16
_HELD_OUT_EVERY = 10  # shards, of which the last is held out
_SIZES = ((640, 480), (480, 640), (854, 480), (480, 854), (960, 540), (1280, 720))
_SIZE_SHARES = (0.24, 0.2, 0.22, 0.18, 0.12, 0.04)
_LIGHT_UP_TO_PX = 150  # people's size up to which the light body is drawn
_BODY, _FACE = LANDMARK_PARTS["body"], LANDMARK_PARTS["face"]
_HIPS, _SHOULDERS = (
    [BODY_LANDMARK_INDEX[f"{side}_{name}"] for side in ("left", "right")]
    for name in ("hip", "shoulder")
)
# Errors of the first pass's regions, in sizes of the region and rad, and of its points.
_REGION_NOISE, _POINT_NOISE = (0.02, 0.02, 0.06, 0.05), 0.015
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False, kw_only=True)
class _DrawnVideo(Video):
    scene: Scene

    def _decode(self, indices: range) -> Generator[Frame, None, None]:
        for index in indices:
            yield Frame(index, float(self.times_s[index]), self.scene.draw(index))


@dataclass(frozen=True, eq=False)
class Drawn:
    """One sequence, and what draws it."""

    clip: Clip
    actors: list[Actor]
    camera: CameraPath
    scene: Scene


class Studio:
    """Bank, bodies and detector of one process."""

    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        self.full, self.light = Figures(load_body()), Figures(load_body(LIGHT_BODY_PATH))
        self.engine = Engine(torch.device("cpu"), torch.float32)

    def draw_sequence(self, rng: np.random.Generator, *, held_out: bool) -> Drawn:
        """Somebody moving before a camera, ready to be drawn."""
        rate_hz = float(np.clip(np.exp(rng.normal(np.log(15), 0.45)), 8, 30))
        clip = self.bank.draw(rng, ROWS, rate_hz, held_out)
        posed = self.full.pose(clip)
        points = self.full.points(posed)
        size = _SIZES[rng.choice(len(_SIZES), p=_SIZE_SHARES)]
        camera = draw_camera(rng, points[:, _BODY], size, rate_hz)
        size_px = np.median(np.ptp(camera.project(points[:, _BODY]), axis=1).max(-1))
        if size_px < _LIGHT_UP_TO_PX:
            actors = [self.light.dress(rng, clip, self.light.pose(clip), points)]
        else:
            actors = [self.full.dress(rng, clip, posed, points)]
        if rng.random() < 0.15:
            other = stand_beside(rng, self.bank.draw(rng, ROWS, rate_hz, held_out), clip)
            points = self.full.points(self.full.pose(other))
            actors.append(self.light.dress(rng, other, self.light.pose(other), points))
        exposure = float(rng.uniform(0.1, 0.5)) if rng.random() < 0.12 else 0.0
        scene = Scene(rng, actors, camera, sits=clip.kind == "sitting", exposure=exposure)
        return Drawn(clip, actors, camera, scene)

    def see(
        self,
        rng: np.random.Generator,
        sequence: Drawn,
        model: PoseModel,
        watch: Callable[[Frame], None] = lambda frame: None,
    ) -> Landmarks:
        """What the detector sees of the person in question; ``watch`` is shown each picture."""
        times_s = np.asarray(sequence.clip.time_s, float)
        rate_hz = 1 / float(times_s[1] - times_s[0])
        width, height = sequence.camera.image_size
        video = _DrawnVideo(
            path=Path("drawn"),
            width=width,
            height=height,
            fps=rate_hz,
            duration_s=len(times_s) / rate_hz,
            times_s=times_s,
            num_announced=len(times_s),
            scene=sequence.scene,
        )
        keys = np.arange(0, len(times_s), key_step(rate_hz))
        tracks = [_track(rng, actor, sequence.camera, keys, times_s) for actor in sequence.actors]
        detector = Detector(engine=self.engine, model=model, warn=_log.warning)
        shown = show_frames(video, watch)
        return detector.follow(shown, 0.0, None, tracks, [0], lambda _: None, lambda *_: None)[0]

    def make_shard(self, number: int) -> dict[str, np.ndarray]:
        """The arrays of the shard."""
        rng = np.random.default_rng(number)
        rows = []
        for _ in range(SHARD_SEQUENCES):
            sequence = self.draw_sequence(rng, held_out=is_held_out(number))
            model: PoseModel = "heavy" if rng.random() < 0.75 else "full"
            rows.append(to_row(sequence, self.see(rng, sequence, model), model))
        return {key: np.stack([row[key] for row in rows]) for key in rows[0]}


def is_held_out(number: int) -> bool:
    """Whether the shard of this number has people who are never trained on."""
    return number % _HELD_OUT_EVERY == _HELD_OUT_EVERY - 1


def stand_beside(rng: np.random.Generator, other: Clip, clip: Clip) -> Clip:
    """The other person turned any way, 0.4 to 1.6 m off the first one's place."""
    turn = Rotation.from_euler("z", rng.uniform(0, 2 * np.pi)).as_matrix()
    rotations = np.array(other.rotations)
    rotations[:, 0] = turn @ rotations[:, 0]
    pelvis = other.pelvis @ turn.T
    angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(0.4, 1.6)
    place = clip.pelvis.mean(0) + distance * np.array([np.cos(angle), np.sin(angle), 0])
    pelvis[:, :2] += (place - pelvis.mean(0))[:2]
    return replace(other, rotations=rotations, pelvis=pelvis)


def _track(
    rng: np.random.Generator,
    actor: Actor,
    camera: CameraPath,
    keys: np.ndarray,
    times_s: np.ndarray,
) -> Track:
    """What the first pass would find: the regions of the true body, about as wrong as its own."""
    points = camera.project(actor.points[:, _BODY])[keys]
    hips, shoulders = points[:, _HIPS].mean(1), points[:, _SHOULDERS].mean(1)
    reach = np.linalg.norm(points - hips[:, None], axis=2).max(1)
    upward = (shoulders - hips) / (np.linalg.norm(shoulders - hips, axis=1, keepdims=True) + 1e-6)
    ends = hips + upward * reach[:, None]
    hips_, ends_ = (torch.from_numpy(floats(value)) for value in (hips, ends))
    regions = regions_towards(hips_, ends_, scale=1.25).numpy()
    noise = rng.normal(0, 1, regions.shape) * _REGION_NOISE
    size = regions[:, 2:3]
    regions[:, :2] += noise[:, :2] * size
    regions[:, 2] *= np.exp(noise[:, 2])
    regions[:, 3] += noise[:, 3]
    wrong = rng.normal(0, _POINT_NOISE, points.shape) * size[..., None]
    return Track(
        frame_index=keys,
        time_s=times_s[keys],
        regions=regions,
        points=floats(points + wrong),
        score=np.ones(len(keys), np.float32),
        thumbnail=np.zeros((1, 1, 3), np.uint8),
    )


def to_row(sequence: Drawn, seen: Landmarks, model: PoseModel) -> dict[str, np.ndarray]:
    """A shard's arrays of one sequence."""
    clip, camera, points = sequence.clip, sequence.camera, sequence.actors[0].points
    rotations = np.asarray(clip.rotations, float).reshape(-1, 3, 3)
    return {
        "points_px": floats(seen.points_px),
        "hints": floats(seen.hints),
        "confidence": seen.confidence.astype(np.float16),
        "face_scores": seen.face_scores.astype(np.float16),
        "rotvecs": floats(Rotation.from_matrix(rotations).as_rotvec().reshape(-1, 55, 3)),
        "pelvis": floats(clip.pelvis),
        "betas": floats(clip.betas),
        "arkit": clip.arkit.astype(np.float16),
        "contacts": np.asarray(clip.contacts) > 0.5,
        "camera_from_world": floats(camera.camera_from_world),
        "focal_px": floats(camera.focal_px),
        "image_size": np.array(camera.image_size),
        "time_s": np.asarray(clip.time_s, float),
        "true_px": floats(camera.project(points)),
        "true_points": floats(camera.to_camera(points[:, : _FACE.start])),
        "subject": np.array(clip.subject),
        "kind": np.array(clip.kind),
        "pose_model": np.array(model),
    }


def write_shard(studio: Studio, path: Path, number: int) -> str:
    """Make the shard and put it at ``path``, whole or not at all; a line about it."""
    start = time.perf_counter()
    shard = studio.make_shard(number)
    part = path.with_suffix(f".part{os.getpid()}")
    with part.open("wb") as file:
        np.savez(file, **shard)  # pyright: ignore[reportArgumentType]
    part.replace(path)
    found = (shard["confidence"][..., _BODY].max(-1) > 0).mean()
    rate = shard["time_s"].size / (time.perf_counter() - start)
    return f"{path.name}: {rate:.1f} frames/s, body found in {found:.1%}"


class _Worker:
    """A process that makes shards, on one core."""

    studio: Studio

    @classmethod
    def start(cls, mocap: Path) -> None:
        torch.set_num_threads(1)
        cv2.setNumThreads(1)
        cls.studio = Studio(Bank.load(mocap))

    @classmethod
    def write(cls, task: tuple[Path, int]) -> str:
        return write_shard(cls.studio, *task)


def missing_shards(folder: Path, num_sequences: int) -> list[tuple[Path, int]]:
    """Paths and numbers of the shards that are not there yet."""
    numbers = range(-(-num_sequences // SHARD_SEQUENCES))
    shards = [(folder / f"shard_{number:05d}.npz", number) for number in numbers]
    return [(path, number) for path, number in shards if not path.exists()]


def main(argv: Sequence[str] | None = None) -> None:
    """Draw and detect sequences into shards."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--mocap", type=Path, required=True, help="folder of the mocap files")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sequences", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    args.out.mkdir(parents=True, exist_ok=True)
    # Read by torch where it is loaded: a worker's engine uses one core.
    os.environ["OMP_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("spawn")
    with context.Pool(args.workers, _Worker.start, (args.mocap,)) as pool:
        for line in pool.imap_unordered(_Worker.write, missing_shards(args.out, args.sequences)):
            _log.info(line)


if __name__ == "__main__":
    main()
