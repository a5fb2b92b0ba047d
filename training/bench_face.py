"""How well the face's scores bring an expression back: landmarks alone, network alone, both.

``python -m training.bench_face SCORES.csv ... --cache FOLDER``. The free body, in shapes other than
the mean, makes the faces that were recorded (Live Link Face's .csv of ARKit scores) and the face at
rest, and is drawn. Each picture is shrunk, moved by parts of a pixel, made noisy and compressed, a
few times over. Compared is the skin: how far off the reference body's face landmarks are when it
is given the scores found instead of the true ones. Prints markdown.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from reelrig.core.body.model import BodyModel, load_body
from reelrig.core.detect.engine import Engine, open_engine
from reelrig.core.detect.face import find_faces, see_faces
from reelrig.core.detect.regions import upload
from reelrig.core.lift import face as faces
from reelrig.core.skeletons import ARKIT_INDEX, ARKIT_NAMES

from .bench_landmarks import face_features
from .body.poses import Orbit, Pose, View
from .body.views import Studio, take_shots

YAWS_DEG, SIZES_PX = (0, 25, 45), (40, 60, 90, 150, 250)
_NUM_SHAPES, _SHAPE_SIGMA = 2, 1.5
_NUM_EXTREMES, _NUM_ORDINARY = 16, 16
_SKIN = slice(0, 468)  # of the 478 landmarks; the rest are irises
_DISTANCE_M = 1.5
_REPEATS, _NOISE, _JPEG_QUALITY = 3, 2.5, 85
_PICTURE, _ROUGH_REGION = 2.2, 2.4  # sizes of the face
_LEAST_RANGE = 0.25  # of a unit's scores, to be worth a correlation
_HEAD = "| yaw | face px | by | mm | lids | brows | lips | correlation | at rest mm | jitter mm |"

Seen = tuple[Tensor, Tensor]  # landmarks [T * R, 478, 3] px and the network's scores [T * R, 52]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scores", type=Path, nargs="+", help="recordings of Live Link Face (.csv)")
    parser.add_argument("--cache", type=Path, required=True, help="folder for the pictures")
    args = parser.parse_args()
    truth = choose_faces(np.concatenate([read_scores(path) for path in args.scores]))
    rng, engine = np.random.default_rng(0), open_engine("cpu")
    bodies = [draw_body(rng) for _ in range(_NUM_SHAPES)]
    studio = Studio(bodies[0], args.cache)
    print(f"{len(truth)} faces of {len(bodies)} people.\n\n{_HEAD}\n{'| --- ' * 10}|")
    for yaw in YAWS_DEG:
        takes = [draw_faces(studio, body, truth, yaw) for body in bodies]
        for size in SIZES_PX:
            seen = [see_take(engine, take, size, rng) for take in takes]
            print_rows(yaw, size, seen, truth)


def read_scores(path: Path) -> np.ndarray:
    """[T, 52] 0..1 in the order of ARKIT_NAMES."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    columns = [name[0].upper() + name[1:] for name in ARKIT_NAMES]
    whole = [row for row in rows if all(row.get(column) for column in columns)]
    return np.array([[float(row[column]) for column in columns] for row in whole]).clip(0, 1)


def choose_faces(recorded: np.ndarray) -> np.ndarray:
    """[T, 52] the face at rest, faces as different as can be, and as many by chance."""
    tongue = ARKIT_INDEX["tongueOut"]
    recorded = recorded[recorded[:, tongue] < 0.1]
    chosen = [int(recorded.sum(1).argmin())]
    distance = np.full(len(recorded), np.inf)
    while len(chosen) < _NUM_EXTREMES:
        distance = np.minimum(distance, np.linalg.norm(recorded - recorded[chosen[-1]], axis=1))
        chosen.append(int(distance.argmax()))
    chosen += np.random.default_rng(1).choice(len(recorded), _NUM_ORDINARY, False).tolist()
    at_rest = np.zeros((1, len(ARKIT_NAMES)))
    return np.concatenate([at_rest, recorded[chosen]]).astype(np.float32)


def draw_body(rng: np.random.Generator) -> BodyModel:
    """The free body in a shape drawn by chance."""
    body = load_body()
    betas = np.float32(rng.normal(0, _SHAPE_SIGMA, body.shape_dirs.shape[2]))
    return replace(body, template=np.float32(body.rest_vertices(betas)))


def draw_faces(
    studio: Studio, body: BodyModel, truth: np.ndarray, yaw: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of each face its picture [H, W, 3], and the box about its landmarks at rest [2, 2] px."""
    turns = np.degrees(_eye_rotvecs(truth))
    takes = []
    for i, (scores, turn) in enumerate(zip(truth, turns, strict=True)):
        eyes = {f"{side}_eye_smplhf": tuple(turn) for side in ("left", "right")}
        pose = Pose(f"face {i}", eyes, dict(zip(ARKIT_NAMES, scores.tolist(), strict=True)))
        (shot,) = take_shots(body, [View("face", pose, Orbit(yaw, 0, _DISTANCE_M))])
        points_px = shot.camera.project(body.face_points())
        takes.append((studio.draw(shot)[0], np.stack([points_px.min(0), points_px.max(0)])))
    return takes


def _eye_rotvecs(truth: np.ndarray) -> np.ndarray:
    """[T, 3] rad"""
    turns = faces.eye_rotation(torch.from_numpy(truth))
    return np.array([cv2.Rodrigues(turn)[0][:, 0] for turn in turns.double().numpy()])


def see_take(
    engine: Engine, take: list[tuple[np.ndarray, np.ndarray]], size: int, rng: np.random.Generator
) -> Seen:
    """What the networks see of faces ``size`` pixels large."""
    pictures, middles = [], []
    for image, box in take:
        for _ in range(_REPEATS):
            middles.append(_PICTURE * size / 2 + rng.uniform(-0.5, 0.5, 2))
            pictures.append(shrink(image, box, size, middles[-1], rng))
    points, network, _ = look_at_faces(engine, pictures, middles, size)
    return points, network


def look_at_faces(
    engine: Engine, pictures: list[np.ndarray], middles: list[np.ndarray], size: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Points [N, 478, 3] px, scores [N, 52], presence [N] of faces ``size`` px large at [2] px."""
    rough = [[*middle, _ROUGH_REGION * size, 0.0] for middle in middles]
    uploaded, picture_of = upload(engine, pictures), torch.arange(len(pictures))
    regions, _ = find_faces(engine, uploaded, picture_of, torch.tensor(rough, dtype=torch.float32))
    seen = see_faces(engine, uploaded, picture_of, regions)
    # As core/detect/follow.py hands them on.
    network = seen.blendshapes.roll(-1, 1)
    network[:, ARKIT_INDEX["tongueOut"]] = 0
    return seen.points, network, seen.score


def shrink(
    image: np.ndarray, box: np.ndarray, size: int, middle: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The picture whose face, of this ``box`` [2, 2] px, is ``size`` px large about ``middle``."""
    scale, side = size / np.ptp(box, axis=0).max(), round(_PICTURE * size)
    soft = cv2.GaussianBlur(image, (0, 0), max(0.45 / scale - 0.3, 0.1))
    matrix = np.column_stack([scale * np.eye(2), middle - scale * box.mean(0)])
    small = cv2.warpAffine(soft, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
    noisy = (small + rng.normal(0, _NOISE, small.shape)).clip(0, 255).astype(np.uint8)
    _, packed = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return cv2.imdecode(packed, cv2.IMREAD_COLOR)


def print_rows(yaw: int, size: int, seen: list[Seen], truth: np.ndarray) -> None:
    """A row for each way to the scores, the mean over the people."""
    ways = [find_scores(*one) for one in seen]
    for way in ways[0]:
        figures = np.mean([measure(scores[way], truth) for scores in ways], axis=0)
        print(f"| {yaw} | {size} | {way} | {' | '.join(f'{x:.2f}' for x in figures)} |", flush=True)


def find_scores(points: Tensor, network: Tensor) -> dict[str, np.ndarray]:
    """[T, R, 52] by each way."""
    at_rest = faces.face_in_rest_axes(points, faces.head_rotation(points))
    calm = faces.CalmFace.among(at_rest, network)
    ways = {
        "nothing": torch.zeros_like(network),
        "network": network,
        "network, from calm": faces.risen_scores(network, calm),
        "landmarks": faces.solved_scores(at_rest, calm),
        "both": faces.arkit_scores(at_rest, network, calm),
    }
    return {
        way: scores.reshape(-1, _REPEATS, len(ARKIT_NAMES)).numpy() for way, scores in ways.items()
    }


def measure(scores: np.ndarray, truth: np.ndarray) -> tuple[float, ...]:
    """The columns of the table from ``scores`` [T, R, 52] and ``truth`` [T, 52]."""
    body, features = load_body(), face_features()
    assert body.arkit_dirs is not None  # the shipped body has them
    dirs = 1000 * body.on_face_landmarks(body.arkit_dirs)
    misses = np.einsum("kcu,tru->trkc", dirs, scores - truth[:, None])
    lengths = np.linalg.norm(misses, axis=-1)
    wobble = np.linalg.norm(misses - misses.mean(1, keepdims=True), axis=-1)
    return (
        lengths[..., _SKIN].mean(),
        *(lengths[..., features[name]].mean() for name in ("eyes", "brows", "lips")),
        correlate(scores, truth),
        lengths[0, :, _SKIN].mean(),
        wobble[..., _SKIN].mean() * np.sqrt(_REPEATS / (_REPEATS - 1)),
    )


def correlate(scores: np.ndarray, truth: np.ndarray) -> float:
    """Mean over the units that the faces use; a unit that is never found counts as 0."""
    used = np.flatnonzero(np.ptp(truth, axis=0) > _LEAST_RANGE)
    repeated = np.repeat(truth, _REPEATS, axis=0)[:, used]
    found = scores.reshape(len(repeated), -1)[:, used]
    spread = found.std(0) * repeated.std(0)
    products = ((found - found.mean(0)) * (repeated - repeated.mean(0))).mean(0)
    return float((products / np.maximum(spread, 1e-9)).mean())


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    # bpy 4.5 can hang for ever in its static destructors, so Python's way out is not taken.
    os._exit(0)
