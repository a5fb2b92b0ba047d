"""Shots of known cameras: people as the real detector saw them on renders, in drawn places.

The people are those of training.synthesis.detected; about each a room, a street or a field is drawn
for the same camera, so that people and straight lines tell of one and the same camera.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from reelrig.core.landmarks import Landmarks
from reelrig.core.skeletons import BODY_LANDMARK_INDEX, LANDMARK_PARTS
from reelrig.core.world.gravity import to_angles
from reelrig.core.world.shot import ShotSightings, ShotWatcher

from .scenes import KINDS, limbs_of, look, make_scene, make_scene_about

SENSOR_MM = 36.0  # along the longer side, which focal lengths in millimetres are told for
_LARGEST = np.radians([45.0, 20.0])  # pitch and roll
_FOCAL_MM = (24.0, 135.0)
_WIDE_MM, _WIDE_SIZE = (13.0, 24.0), (960, 540)
_BEND_SIGMA = 0.08
_REST_M = 1e-4
_LOOK_S = 1.0  # between the pictures that are drawn
_NOISE, _QUALITY = 3.0, 60  # grey levels; of the compression
_LIMBS = [
    [BODY_LANDMARK_INDEX[name] for name in pair]
    for side in ("left", "right")
    for pair in (*limbs_of(side), ("nose", f"{side}_shoulder"))
]


@dataclass(frozen=True, eq=False)
class SeenShot:
    """What a camera at rest saw, and the truth about it."""

    kind: str  # of the place
    people: tuple[Landmarks, ...]
    sightings: ShotSightings
    boxes_px: np.ndarray  # [F, P, 4]
    focal_px: float
    up: np.ndarray  # [3] in the camera's axes

    @property
    def focal_mm(self) -> float:
        return self.focal_px / max(self.sightings.image_size) * SENSOR_MM


def see_shots(folder: Path, *, held_out: bool, limit: int) -> Iterator[SeenShot]:
    """Of the sequences in ``folder`` whose camera rests and is within the bench's ranges.

    Shards whose number ends in 9 hold people whom no training has seen.
    """
    number = 0
    for path in sorted(folder.glob("shard_*.npz")):
        if (path.stem[-1] == "9") != held_out:
            continue
        with np.load(path, allow_pickle=False) as file:
            shard = {name: file[name] for name in file.files}
        for i in range(len(shard["betas"])):
            if number == limit:
                return
            of = {name: values[i] for name, values in shard.items()}
            if _is_wanted(of):
                kind = KINDS[number % len(KINDS)]
                yield _see(of, kind, np.random.default_rng([number, int(held_out)]))
                number += 1


def draw_wide_shots(count: int) -> Iterator[SeenShot]:
    """Of places without people, through wide lenses, which bend lines, at a person's height."""
    for number in range(count):
        rng = np.random.default_rng([number, 2])
        kind = KINDS[number % len(KINDS)]
        focal_px = float(np.exp(rng.uniform(*np.log(_WIDE_MM)))) / SENSOR_MM * max(_WIDE_SIZE)
        pitch, roll = rng.normal(np.radians([-8.0, 0.0]), np.radians([12.0, 4.0]))
        turn = look(pitch, roll, rng.uniform(-0.9, 0.9))
        place = np.array([rng.uniform(-1, 1), rng.uniform(-1, 0), rng.uniform(1.0, 1.9)])
        still = make_scene(kind, rng).draw(_WIDE_SIZE, focal_px, place, turn)
        still = _bend(still, focal_px, _BEND_SIGMA * rng.normal())
        watcher = ShotWatcher(_WIDE_SIZE, 1.0)
        for second in range(2):
            watcher.see(second, float(second), _develop(still, rng))
        up = turn.T @ [0.0, 0.0, 1.0]
        yield SeenShot(kind, (), watcher.sightings(), np.full((2, 1, 4), np.nan), focal_px, up)


def _is_wanted(of: dict[str, np.ndarray]) -> bool:
    camera, focal_px = of["camera_from_world"], of["focal_px"]
    is_rest = np.abs(camera - camera[0]).max() < _REST_M and np.ptp(focal_px) < 1e-3 * focal_px[0]
    angles = np.abs(to_angles(camera[0, :3, 2]))
    focal_mm = focal_px[0] / of["image_size"].max() * SENSOR_MM
    is_within = (angles < _LARGEST).all() and _FOCAL_MM[0] <= focal_mm <= _FOCAL_MM[1]
    return bool(is_rest and is_within and of["confidence"][:, : LANDMARK_PARTS["body"].stop].any())


def _see(of: dict[str, np.ndarray], kind: str, rng: np.random.Generator) -> SeenShot:
    width, height = (int(side) for side in of["image_size"])
    landmarks = Landmarks(
        frame_index=np.arange(len(of["time_s"])),
        time_s=of["time_s"],
        image_size=(width, height),
        points_px=np.float32(of["points_px"]),
        hints=np.float32(of["hints"]),
        confidence=np.float32(of["confidence"]),
        face_scores=np.float32(of["face_scores"]),
    )
    still = _draw_place(of, kind, rng)
    watcher = ShotWatcher(landmarks.image_size, 1 / float(np.diff(of["time_s"]).mean()))
    looked = np.flatnonzero(np.diff(of["time_s"] // _LOOK_S, prepend=-1))
    for row in looked:
        image = still.copy()
        _draw_person(image, of["true_px"][row])
        watcher.see(int(row), float(of["time_s"][row]), _develop(image, rng))
    points = landmarks.points_px[looked, LANDMARK_PARTS["body"]]
    boxes = np.concatenate([points.min(1), points.max(1)], 1)
    boxes[~landmarks.is_seen[looked]] = np.nan
    up = of["camera_from_world"][0, :3, 2].astype(float)
    focal_px = float(of["focal_px"][0])
    return SeenShot(kind, (landmarks,), watcher.sightings(), boxes[:, None], focal_px, up)


def _draw_place(of: dict[str, np.ndarray], kind: str, rng: np.random.Generator) -> np.ndarray:
    """[H, W] float32, somewhere around camera and person, turned to it anyhow."""
    camera_from_world = of["camera_from_world"][0].astype(float)
    heading = cv2.Rodrigues(np.array([0.0, 0.0, rng.uniform(0, 2 * np.pi)]))[0]
    world_from_camera = heading @ camera_from_world[:3, :3].T
    place = -world_from_camera @ camera_from_world[:3, 3]
    place[2] = max(place[2], 0.05)
    person = of["pelvis"].reshape(-1, 3) @ heading.T
    heads = person + np.array([0.0, 0.0, 0.8])
    points = np.concatenate([place[None], person, heads])
    scene = make_scene_about(kind, points, rng)
    size = int(of["image_size"][0]), int(of["image_size"][1])
    return scene.draw(size, float(of["focal_px"][0]), place, world_from_camera)


def _bend(image: np.ndarray, focal_px: float, bend: float) -> np.ndarray:
    """As through a lens that shows what is at ``r`` focal lengths from the middle elsewhere.

    It is looked up at ``r * (1 + bend * r**2)``, which is made to fit into the picture's corners.
    """
    height, width = image.shape
    middle = np.array([width - 1, height - 1]) / 2
    x, y = np.meshgrid(np.arange(width) - middle[0], np.arange(height) - middle[1])
    square = (x**2 + y**2) / focal_px**2
    growth = (1 + bend * square) / max(1.0, 1 + bend * square.max())
    column, row = x * growth + middle[0], y * growth + middle[1]
    return cv2.remap(image, column.astype(np.float32), row.astype(np.float32), cv2.INTER_LINEAR)


def _draw_person(image: np.ndarray, points_px: np.ndarray) -> None:
    """Striped limbs over [H, W]: they hide lines, and bring some of their own."""
    body = points_px[LANDMARK_PARTS["body"]]
    thick = max(int(0.06 * np.ptp(body[:, 1])), 2)
    for number, (one, other) in enumerate(_LIMBS):
        for share in np.linspace(0, 1, 7)[:-1]:
            ends = [body[one] + (share + step) * (body[other] - body[one]) for step in (0, 1 / 6)]
            value = 60 + 150 * (round(share * 6 + number) % 2)
            low, high = (np.clip(end, -1e4, 1e4).astype(int).tolist() for end in ends)
            cv2.line(image, low, high, (value,), thick)


def _develop(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[H, W, 3] uint8 with a sensor's noise, compressed."""
    gray = (image + _NOISE * rng.normal(size=image.shape)).clip(0, 255).astype(np.uint8)
    _, data = cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), cv2.COLOR_GRAY2RGB)
