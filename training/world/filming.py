"""Somebody who moves, filmed by cameras that are held, turned, zoomed or carried along."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from reelrig.core.skeletons import JOINT_INDEX
from reelrig.core.world.filters import blur
from reelrig.core.world.shot import ShotSightings, ShotWatcher
from reelrig.core.world.turns import rotvec_to_matrix

from .disturbances import Disturbance
from .scenes import Box, Scene, limbs_of, make_scene_about

STYLES = ("rest", "hand", "pan", "zoom", "follow", "beside")
SIZE, RATE_HZ = (640, 360), 30.0
_MM = 36.0  # width of the sensor that focal lengths in millimetres are told for
_FOCAL_MM = (24.0, 50.0)
_DISTANCE_M, _HEIGHT_M = (3.0, 5.5), (1.0, 1.8)
_EVERY = 2  # frames: the watcher looks no oftener
_NOISE, _QUALITY = 3.0, 60  # grey levels; of the compression
# A hand's tremor: in a second, degrees, metres.
_TREMOR = ((0.4, 0.8, 0.02), (1.1, 0.4, 0.01), (2.7, 0.12, 0.003))
_STEPS_HZ, _STEP_M = 1.8, 0.02  # of somebody who walks with the camera
_AIM_S, _FOLLOW_S = 0.4, 0.7  # how lazily a person is followed by eye, and by foot
_ZOOM = 0.4  # of the focal length's logarithm
_LIMBS = [
    [JOINT_INDEX[name] for name in pair]
    for side in ("left", "right")
    for pair in (*limbs_of(side), (f"{side}_ankle", f"{side}_foot"))
] + [[JOINT_INDEX["pelvis"], JOINT_INDEX["neck"]], [JOINT_INDEX["neck"], JOINT_INDEX["head"]]]
_THICK_M = 0.13


@dataclass(frozen=True, eq=False)
class Filming:
    """A camera over N frames, world axes with z up."""

    focal_px: np.ndarray  # [N]
    world_from_camera: np.ndarray  # [N, 3, 3]
    place: np.ndarray  # [N, 3] m


def draw_filming(
    style: str, pelvis: np.ndarray, rng: np.random.Generator, nearer: float = 1.0
) -> Filming:
    """Of somebody at ``pelvis`` [N, 3] m, at RATE_HZ; STYLES names what the camera does.

    ``nearer`` than usual by that factor.
    """
    time_s = np.arange(len(pelvis)) / RATE_HZ
    focal_px = np.exp(rng.uniform(*np.log(_FOCAL_MM))) / _MM * SIZE[0]
    heading = rng.uniform(0, 2 * np.pi)
    away = rng.uniform(*_DISTANCE_M) / nearer * np.array([np.cos(heading), np.sin(heading), 0.0])
    height = rng.uniform(*_HEIGHT_M)
    lazily = blur(pelvis, _FOLLOW_S * RATE_HZ)
    middle = (pelvis.min(0) + pelvis.max(0)) / 2
    is_carried = style in ("follow", "beside")
    if not is_carried:
        away *= 1 + np.linalg.norm(np.ptp(pelvis[:, :2], axis=0)) / 2 / np.linalg.norm(away)
    place = lazily + away if is_carried else np.tile(middle + away, (len(pelvis), 1))
    if style == "beside":  # on along one line, as on a rail
        place[:, :2] = _on_a_line(place[:, :2])
    place[:, 2] = height
    if is_carried:
        place[:, 2] += _STEP_M * np.sin(2 * np.pi * _STEPS_HZ * time_s)
    aim = np.tile(middle, (len(pelvis), 1))
    if style in ("pan", "follow", "beside"):
        aim = blur(pelvis, _AIM_S * RATE_HZ)
    elif style == "hand":
        aim = 0.5 * (aim + blur(pelvis, 2 * _AIM_S * RATE_HZ))
    turns = _look_at(aim - place)
    if style in ("hand", "pan", "follow"):
        swing, sway = _tremble(time_s, rng)
        turns, place = turns @ rotvec_to_matrix(swing), place + sway
    zoom = np.ones(len(pelvis))
    if style == "zoom":
        zoom = np.exp(_ZOOM * np.sin(np.pi * time_s / time_s[-1]) ** 2)
    return Filming(focal_px * zoom, turns, place)


def _on_a_line(path: np.ndarray) -> np.ndarray:
    """The path [N, 2] put onto the line that it is nearest to."""
    mean = path.mean(0)
    along = np.linalg.svd(path - mean, full_matrices=False)[2][:1]
    return mean + (path - mean) @ along.T @ along


def _look_at(ray: np.ndarray) -> np.ndarray:
    """[N, 3, 3] world from camera, level, with ``ray`` [N, 3] in the picture's middle."""
    ahead = ray / np.linalg.norm(ray, axis=1, keepdims=True)
    right = np.cross(ahead, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    return np.stack([right, np.cross(ahead, right), ahead], -1)


def _tremble(time_s: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rotation vectors [N, 3] rad, and [N, 3] m."""
    swing, sway = np.zeros((2, len(time_s), 3))
    for hz, deg, metres in _TREMOR:
        phase = rng.uniform(0, 2 * np.pi, (2, 3))
        swing += np.radians(deg) * np.sin(2 * np.pi * hz * time_s[:, None] + phase[0])
        sway += metres * np.sin(2 * np.pi * hz * time_s[:, None] + phase[1])
    return swing, sway


def film_person(
    kind: str,
    filming: Filming,
    joints: np.ndarray,
    rng: np.random.Generator,
    *,
    disturb: Disturbance | None = None,
    quality: int = _QUALITY,
) -> tuple[ShotSightings, np.ndarray]:
    """What is seen of somebody with ``joints`` [N, 55, 3] m; boxes [F, 1, 4] px of the looks."""
    points = np.concatenate([joints.reshape(-1, 3), filming.place])
    scene = _clear(make_scene_about(kind, points, rng), filming.place, joints[:, 0])
    watcher, boxes = ShotWatcher(SIZE, RATE_HZ), []
    stripes = rng.uniform(30, 220, (len(_LIMBS), 2))
    for i in range(0, len(joints), _EVERY):
        focal_px, turn, place = filming.focal_px[i], filming.world_from_camera[i], filming.place[i]
        image = scene.draw(SIZE, focal_px, place, turn)
        if disturb is not None:
            image = disturb(image, i / RATE_HZ)
        boxes.append(_draw_person(image, (joints[i] - place) @ turn, focal_px, stripes))
        watcher.see(i, i / RATE_HZ, _develop(image, quality, rng))
    sightings = watcher.sightings()
    return sightings, np.array(boxes)[sightings.frame_index // _EVERY][:, None]


def _clear(scene: Scene, places: np.ndarray, pelvis: np.ndarray) -> Scene:
    """Without what would ever stand between camera and person, at ``places``, ``pelvis`` [N, 3]."""

    def is_before(box: Box) -> bool:
        rays = (pelvis - places).astype(np.float32)
        reach = (box.trace(at, ray[:, None])[0] for at, ray in zip(places, rays, strict=True))
        return not box.is_outer and any(length < 1 for length in reach)

    return Scene([box for box in scene.boxes if not is_before(box)])


def _draw_person(
    image: np.ndarray, joints: np.ndarray, focal_px: float, stripes: np.ndarray
) -> np.ndarray:
    """Limbs of two colours each; the box [4] px, NaN of somebody who is not before the camera."""
    if joints[:, 2].min() < 0.3:
        return np.full(4, np.nan)
    px = focal_px * joints[:, :2] / joints[:, 2:] + (np.array(SIZE) - 1) / 2
    for limb, values in zip(_LIMBS, stripes, strict=True):
        start, end = px[limb]
        thick = max(2, round(_THICK_M * focal_px / joints[limb[0], 2]))
        for part, value in zip(((0.0, 0.5), (0.5, 1.0)), values, strict=True):
            first, last = ((start + share * (end - start)).astype(int).tolist() for share in part)
            cv2.line(image, first, last, (float(value),), thick)
    return np.concatenate([px.min(0), px.max(0)])


def _develop(image: np.ndarray, quality: int, rng: np.random.Generator) -> np.ndarray:
    """[H, W, 3] uint8 with a sensor's noise, compressed."""
    gray = (image + _NOISE * rng.normal(size=image.shape)).clip(0, 255).astype(np.uint8)
    _, data = cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), cv2.COLOR_GRAY2RGB)
