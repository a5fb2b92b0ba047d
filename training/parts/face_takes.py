"""Faces of many people, drawn and seen by the real face networks: what faces' branch learns from.

``python -m training.parts.face_takes SCORES.csv ... --out FOLDER --count 120``. A take is one
person from one side at one size, making faces that were recorded (Live Link Face), mixed from
recordings or made up, and now and then none. Resumable: a take that stands is left as it is.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from reelrig.core.body.model import BodyModel, load_body
from reelrig.core.body.skinning import Skin
from reelrig.core.detect.engine import Engine, open_engine
from reelrig.core.lift.face import eye_rotation, jaw_rotation
from reelrig.core.skeletons import ARKIT_BY_JOINTS, ARKIT_INDEX, JOINT_INDEX, NUM_JOINTS

from ..bench_face import look_at_faces, read_scores, shrink
from ..body.poses import Orbit, Pose, View
from ..body.views import Camera, Figure, Shot, Studio
from .face_scores import draw_scores

_NUM_FACES = 24  # of a take
_SHAPE_SIGMA, _SLIDER_SIGMA = 1.4, 0.4
_YAW_DEG, _PITCH_DEG, _WANDER_DEG, _ROLL_DEG = 55.0, 20.0, 5.0, 8.0
_DISTANCE_M = (0.35, 3.0)
_SIZES_PX, _SIZES_OF_TAKE = (35.0, 280.0), 3
_SIDE_PX, _FILL = 480, 0.6  # of the picture; of it, by the face
_PICTURE = 2.2  # sizes of the face


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scores", type=Path, nargs="+", help="recordings of Live Link Face (.csv)")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=120)
    args = parser.parse_args()
    torch.set_num_threads(1)
    recorded = np.concatenate([read_scores(path) for path in args.scores])
    args.out.mkdir(parents=True, exist_ok=True)
    engine, stage = open_engine("cpu"), _Stage(args.out / "pictures")
    for number in range(args.count):
        path = args.out / f"take_{number:04d}.npz"
        if not path.exists():
            _save(path, _draw_take(np.random.default_rng(number), engine, stage, recorded))
            print(path.name, flush=True)


class _Stage:
    """Draws the free body's head in any shape, making any face."""

    def __init__(self, folder: Path) -> None:
        self.body, self.folder = load_body(), folder
        assert self.body.arkit_dirs is not None  # the shipped body has them
        dirs = self.body.arkit_dirs.copy()
        dirs[..., [ARKIT_INDEX[name] for name in ARKIT_BY_JOINTS]] = 0
        self.skin = Skin(replace(self.body, expression_dirs=dirs))
        self.studio = Studio(self.body, folder)

    def pose(self, rng: np.random.Generator, scores: np.ndarray) -> list[Figure]:
        """A person drawn by chance, making the faces ``scores`` [N, 52]."""
        betas = np.float32(rng.normal(0, _SHAPE_SIGMA, self.body.shape_dirs.shape[2]))
        sliders = rng.normal(0, _SLIDER_SIGMA, len(self.body.slider_names)).clip(-1, 1)
        template = self.body.rest_vertices(betas, np.float32(sliders))
        self.skin.template = torch.from_numpy(np.float32(template))
        given = torch.from_numpy(scores)
        rotations = torch.eye(3).repeat(len(scores), NUM_JOINTS, 1, 1)
        rotations[:, JOINT_INDEX["jaw"]] = jaw_rotation(given)
        for side in ("left", "right"):
            rotations[:, JOINT_INDEX[f"{side}_eye_smplhf"]] = eye_rotation(given)
        trans = torch.zeros(len(scores), 3)
        vertices, joints = self.skin.pose_vertices(torch.zeros(10), given, rotations, trans)
        pairs = zip(vertices.double().numpy(), joints.double().numpy(), strict=True)
        return [Figure(points, self.body.faces, bones) for points, bones in pairs]

    def shoot(self, figure: Figure, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
        """The picture [H, W, 3] and the box about the face's landmarks [2, 2] px."""
        shot = Shot(View("face", Pose("face", {}, {}), Orbit(0, 0, 0)), figure, camera)
        image, key = self.studio.draw(shot)
        (self.folder / f"{key}.png").unlink()
        points_px = camera.project(_face_points(self.body, figure))
        return image, np.stack([points_px.min(0), points_px.max(0)])


def _draw_take(
    rng: np.random.Generator, engine: Engine, stage: _Stage, recorded: np.ndarray
) -> dict[str, np.ndarray]:
    """Rows are faces, first those of one size, then those of the next."""
    truth = draw_scores(rng, recorded, _NUM_FACES)
    figures = stage.pose(rng, truth)
    cameras = _draw_cameras(rng, stage.body, figures)
    shots = [stage.shoot(*pair) for pair in zip(figures, cameras, strict=True)]
    low, high = _SIZES_PX
    sizes = low * (high / low) ** rng.random(_SIZES_OF_TAKE)
    seen = [_see(rng, engine, shots, round(size)) for size in sizes]
    points, network, presence = (np.concatenate(field) for field in zip(*seen, strict=True))
    head = np.array([camera.body_from_camera.T for camera in cameras], np.float32)
    return {
        "points": points,
        "network": network,
        "presence": presence,
        "arkit": np.tile(truth, (_SIZES_OF_TAKE, 1)),
        "head": np.tile(head, (_SIZES_OF_TAKE, 1, 1)),
        "size_px": np.repeat(np.float32(sizes), _NUM_FACES),
    }


def _draw_cameras(rng: np.random.Generator, body: BodyModel, figures: list[Figure]) -> list[Camera]:
    """From about one side, each a little elsewhere, aimed at the face."""
    aside, up = np.radians(rng.normal(0, 0.5, 2).clip(-1, 1) * (_YAW_DEG, _PITCH_DEG))
    near, far = _DISTANCE_M
    distance = near * (far / near) ** rng.random()
    cameras = []
    for figure in figures:
        yaw, pitch = np.array([aside, up]) + np.radians(rng.normal(0, _WANDER_DEG, 2))
        roll = np.radians(rng.normal(0, _ROLL_DEG))
        level = np.array([np.cos(pitch) * np.sin(yaw), np.sin(pitch), np.cos(pitch) * np.cos(yaw)])
        right = np.cross(-level, (np.sin(roll), np.cos(roll), 0))
        right /= np.linalg.norm(right)
        axes = np.stack([right, np.cross(-level, right), -level], 1)
        points = _face_points(body, figure)
        place = points.mean(0) + distance * level
        flat = Camera(place, axes, 1.0, (0, 0)).project(points)
        focal_px = _FILL * _SIDE_PX / (2 * np.abs(flat).max())
        cameras.append(Camera(place, axes, float(focal_px), (_SIDE_PX, _SIDE_PX)))
    return cameras


def _face_points(body: BodyModel, figure: Figure) -> np.ndarray:
    return body.on_face_landmarks(figure.vertices)


def _see(
    rng: np.random.Generator,
    engine: Engine,
    shots: list[tuple[np.ndarray, np.ndarray]],
    size: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the networks see of faces ``size`` pixels large: points, scores, presence."""
    middles = [_PICTURE * size / 2 + rng.uniform(-0.5, 0.5, 2) for _ in shots]
    pictures = [
        shrink(image, box, size, middle, rng)
        for (image, box), middle in zip(shots, middles, strict=True)
    ]
    points, network, presence = look_at_faces(engine, pictures, middles, size)
    return points.numpy(), network.numpy(), presence.numpy()


def _save(path: Path, take: dict[str, np.ndarray]) -> None:
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, **take)
    partial.replace(path)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    # bpy 4.5 can hang for ever in its static destructors, so Python's way out is not taken.
    os._exit(0)
