"""Rendered clips of people whom nothing was trained on; seen, and kept.

A clip depends on its kind and number alone. "static": the camera stands anywhere, pitched up to 45
and rolled up to 20 degrees, with a lens of 24 to 135 mm in four classes in turn. "moving": somebody
goes a metre or more before one of the bank's moving cameras (training/bank/cameras.py). The whole
person is in the picture all the time, and nothing is in the way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from reelrig.core.body.model import BodyModel
from reelrig.core.landmarks import Landmarks
from reelrig.core.video import Frame
from reelrig.core.world.contacts import RATE_HZ, pick_points
from reelrig.core.world.floor import find_floor
from reelrig.core.world.foot_lock import lock_feet
from reelrig.core.world.kinematics import RestBody
from reelrig.core.world.shot import ShotSightings, ShotWatcher

from ..bank.cameras import SENSOR_MM, CameraPath, draw_camera
from ..bank.clip import Clip
from ..eval_sets import watcher_print
from ..records import from_arrays, read_arrays, to_arrays, write_arrays
from ..synthesis.detected import Drawn, Studio
from ..synthesis.scenes import Scene
from .scenes import look
from .true_contacts import true_contacts

Kind = Literal["static", "moving"]
CLASSES_MM = ((24, 35), (35, 50), (50, 85), (85, 135))
_NUM_ROWS = (48, 64)
_SIZES = ((1280, 720), (960, 540), (720, 1280), (540, 960))
_PITCH, _ROLL = np.radians(45), np.radians(20)
_FILL = (0.5, 0.95)  # of the picture, by the whole person over the whole clip
_EVERY_VERTEX = 10  # of the skin must be in the picture
_RESTING_M_S = 0.03  # of a sole point that stands; what rolls and slides is no contact
_LOWEST_M, _NEAREST_M = 0.15, 0.5  # of the camera over the floor, and from the person
_SHORTEST_PATH_M = 1.0
_CLIP, _SHOT = "clip_", "shot_"  # before the names of a file's arrays


@dataclass(frozen=True, eq=False)
class SeenClip:
    """What a capture gets of a rendered clip, and what is true."""

    clip: Clip  # contacts: what truly touches
    camera: CameraPath
    landmarks: Landmarks
    sightings: ShotSightings

    @property
    def focal_mm(self) -> float:
        return float(self.camera.focal_px[0] / max(self.camera.image_size) * SENSOR_MM)

    @property
    def up_camera(self) -> np.ndarray:
        """[3] unit, in the camera's axes."""
        return self.camera.camera_from_world[0, :3, 2]


def load_clip(studio: Studio, kind: Kind, number: int, folder: Path) -> SeenClip:
    """From ``folder``, where it is there, else put there; looked at anew by another watcher."""
    path = folder / f"{kind}_{number:04d}.npz"
    if not path.exists():
        draw = draw_static if kind == "static" else draw_moving
        seen = see_clip(studio, number, *draw(studio, number))
        write_arrays(path, _to_arrays(seen))
        return seen
    arrays = read_arrays(path)
    clip, landmarks = from_arrays(Clip, arrays, _CLIP), from_arrays(Landmarks, arrays)
    camera = CameraPath(arrays["camera_from_world"], arrays["focal_px"], landmarks.image_size)
    if arrays["watcher"] == watcher_print():
        return SeenClip(clip, camera, landmarks, from_arrays(ShotSightings, arrays, _SHOT))
    seen = SeenClip(clip, camera, landmarks, look_at(set_up(studio, number, clip, camera)))
    write_arrays(path, _to_arrays(seen))
    return seen


def _to_arrays(seen: SeenClip) -> dict[str, np.ndarray]:
    return {
        **to_arrays(seen.landmarks),
        **{_CLIP + name: value for name, value in to_arrays(seen.clip).items()},
        **{_SHOT + name: value for name, value in to_arrays(seen.sightings).items()},
        "camera_from_world": seen.camera.camera_from_world,
        "focal_px": seen.camera.focal_px,
        "watcher": np.array(watcher_print()),
    }


def draw_static(studio: Studio, number: int) -> tuple[Clip, CameraPath]:
    rng = np.random.default_rng([number, 0])
    clip, skin = _draw_person(rng, studio)
    focal_mm = np.exp(rng.uniform(*np.log(CLASSES_MM[number % len(CLASSES_MM)])))
    size = _SIZES[rng.integers(len(_SIZES))]
    return clip, draw_static_camera(rng, skin, size, float(focal_mm))


def draw_moving(studio: Studio, number: int) -> tuple[Clip, CameraPath]:
    rng = np.random.default_rng([number, 3])
    clip, skin = _draw_person(rng, studio)
    while path_m(clip.pelvis) < _SHORTEST_PATH_M:
        clip, skin = _draw_person(rng, studio)
    size = _SIZES[rng.integers(len(_SIZES))]
    while True:
        camera = draw_camera(rng, skin, size, RATE_HZ)
        px = camera.project(skin)
        moves = np.ptp(camera.camera_from_world, axis=0).max() > 0
        if moves and (px > 0).all() and (px < size).all():
            return clip, camera


def path_m(places: np.ndarray) -> float:
    """The length of the way through places [T, 3] m."""
    return float(np.linalg.norm(np.diff(places, axis=0), axis=1).sum())


def _draw_person(rng: np.random.Generator, studio: Studio) -> tuple[Clip, np.ndarray]:
    """Somebody of the held-out subjects, and points of the skin [T, N, 3] m."""
    num_rows = int(rng.integers(_NUM_ROWS[0], _NUM_ROWS[1] + 1))
    clip = stand(studio.bank.draw(rng, num_rows, RATE_HZ, held_out=True), studio.full.body)
    return clip, studio.full.pose(clip).vertices[:, ::_EVERY_VERTEX]


def stand(clip: Clip, body: BodyModel) -> Clip:
    """The clip with its floor at z = 0, feet that stand on it, and what truly touches.

    The recordings are of other feet than this body's, which slide and stand centimetres deep.
    """
    rest = RestBody.of(body, clip.betas)
    rotations, pelvis = np.asarray(clip.rotations, float), clip.pelvis
    joints, turns = rest.pose_joints(rotations, pelvis)
    soles = rest.pose_soles(joints, turns)
    touching = _what_touches(joints, soles).astype(float)
    floor = find_floor(soles, touching, rest.clearance, RATE_HZ)
    rotations, pelvis = lock_feet(rotations, pelvis, rest, touching, floor.support, RATE_HZ)
    pelvis = pelvis - [0.0, 0.0, floor.height]
    joints, turns = rest.pose_joints(rotations, pelvis)
    soles = rest.pose_soles(joints, turns)
    speed = RATE_HZ * np.linalg.norm(np.gradient(soles, axis=0), axis=-1)
    contacts = _what_touches(joints, soles)[:, :4] & (speed < _RESTING_M_S)
    return replace(clip, rotations=rotations, pelvis=pelvis, contacts=contacts)


def _what_touches(joints: np.ndarray, soles: np.ndarray) -> np.ndarray:
    return true_contacts(pick_points(torch.from_numpy(joints), torch.from_numpy(soles)).numpy())


def draw_static_camera(
    rng: np.random.Generator, points: np.ndarray, size: tuple[int, int], focal_mm: float
) -> CameraPath:
    """A camera that sees all of the points [T, N, 3] m of a body on the floor z = 0.

    Pitch, roll and heading are even within their limits, but for cameras that would be in the
    floor: a person who is seen from below fills the picture's upper part, or is not seen whole.
    """
    focal_px = focal_mm / SENSOR_MM * max(size)
    while True:
        turn = look(*rng.uniform(-1, 1, 3) * (_PITCH, _ROLL, np.pi))
        seen = points.reshape(-1, 3) @ turn  # camera axes, from the world's origin
        middle = 0.5 * (seen.min(0) + seen.max(0))
        depth = _place(rng, seen - middle, np.array(size) / 2 / focal_px)
        place = turn @ (middle - depth)
        if place[2] > _LOWEST_M:
            break
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = turn.T, -turn.T @ place
    num_rows = len(points)
    return CameraPath(np.tile(matrix, (num_rows, 1, 1)), np.full(num_rows, focal_px), size)


def _place(rng: np.random.Generator, seen: np.ndarray, half: np.ndarray) -> np.ndarray:
    """[3] m, where the middle of points [N, 3] is in the camera's axes; all are in the picture.

    ``half`` [2]: of the picture's width and height, at a metre's distance.
    """
    fill = rng.uniform(*_FILL)
    reach = (np.abs(seen[:, :2]) / (fill * half) - seen[:, 2:]).max()
    depth = max(reach, _NEAREST_M - seen[:, 2].min())
    room = _FILL[1] * half * (seen[:, 2:] + depth)
    low, high = (-room - seen[:, :2]).max(0), (room - seen[:, :2]).min(0)
    return np.append(rng.uniform(low, np.maximum(low, high)), depth)


def set_up(studio: Studio, number: int, clip: Clip, camera: CameraPath) -> Drawn:
    """The clip's person dressed, in a room, before the camera."""
    rng = np.random.default_rng([number, 1])
    posed = studio.full.pose(clip)
    actor = studio.full.dress(rng, clip, posed, studio.full.points(posed))
    exposure = float(rng.uniform(0.1, 0.5)) if rng.random() < 0.12 else 0.0
    scene = Scene(rng, [actor], camera, sits=False, exposure=exposure, hides=False)
    return Drawn(clip, [actor], camera, scene)


def see_clip(studio: Studio, number: int, clip: Clip, camera: CameraPath) -> SeenClip:
    """By the detector's second pass with the heavy network, the pictures looked at meanwhile."""
    drawn = set_up(studio, number, clip, camera)
    watcher = ShotWatcher(camera.image_size, RATE_HZ)

    def watch(frame: Frame) -> None:
        watcher.see(frame.index, frame.time_s, frame.image)

    rng = np.random.default_rng([number, 2])
    landmarks = studio.see(rng, drawn, "heavy", watch)
    return SeenClip(clip, camera, landmarks, watcher.sightings())


def look_at(drawn: Drawn) -> ShotSightings:
    """The pictures alone."""
    watcher = ShotWatcher(drawn.camera.image_size, RATE_HZ)
    for frame, time_s in enumerate(drawn.clip.time_s):
        watcher.see(frame, float(time_s), drawn.scene.draw(frame))
    return watcher.sightings()
