"""Cameras that look at a clip: from tripods and hands, near and far, in full and in part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import quaternions
from .curves import wander

SENSOR_MM = 36.0  # along the picture's longer side

_FOCAL_MM, _USUAL_MM, _USUAL_SHARE = (24.0, 200.0), (24.0, 60.0), 0.65
_SELFIE_MM = (24.0, 32.0)
_DISTANCE_M, _SELFIE_M = (0.6, 15.0), (0.6, 1.1)
_PITCH_LIMIT, _ROLL_LIMIT = np.radians(60), np.radians(30)
_FILL = (0.3, 1.0)  # of the picture, by what it is to show
_PART_SHARE, _SELFIE_SHARE, _MOVING_SHARE = 0.25, 0.3, 0.25  # selfies: of the parts
_PART_RADIUS_M, _PART_FILL = (0.22, 0.5), (0.7, 1.0)
_LEAST_HEIGHT_M, _LEAST_DEPTH_M = 0.08, 0.2
_UPPER_SHARE = 0.45  # of the points, by height: what selfies and most close-ups aim at


@dataclass(frozen=True, eq=False)
class CameraPath:
    camera_from_world: np.ndarray  # [T, 4, 4]; camera: x right, y down, z forward
    focal_px: np.ndarray  # [T]
    image_size: tuple[int, int]  # width, height in pixels; the principal point is the middle

    def to_camera(self, points: np.ndarray) -> np.ndarray:
        """[T, ..., 3] m in the camera's axes of ``points`` [T, ..., 3] in the world's."""
        flat = points.reshape(len(points), -1, 3)
        seen = flat @ self.camera_from_world[:, :3, :3].transpose(0, 2, 1)
        return (seen + self.camera_from_world[:, None, :3, 3]).reshape(points.shape)

    def project(self, points: np.ndarray) -> np.ndarray:
        """[T, ..., 2] px of ``points`` [T, ..., 3] m in the world's axes."""
        seen = self.to_camera(points)
        focal = self.focal_px.reshape(-1, *[1] * (points.ndim - 1))
        return focal * seen[..., :2] / seen[..., 2:] + np.array(self.image_size) / 2


def draw_camera(
    rng: np.random.Generator,
    points_world: np.ndarray,
    image_size: tuple[int, int],
    rate_hz: float = 30.0,
) -> CameraPath:
    """A camera for the body points [T, K, 3] m of a clip with ``rate_hz`` rows a second.

    A quarter shows only a part of the body, a quarter moves.
    """
    time_s = np.arange(len(points_world)) / rate_hz
    is_part = rng.random() < _PART_SHARE
    is_selfie = is_part and rng.random() < _SELFIE_SHARE
    outward, roll = _draw_heading(rng)
    focal_mm = _draw_focal_mm(rng, is_selfie)
    if is_part:
        aim, radius = _part_to_show(rng, points_world)
        shown, fill = None, rng.uniform(*_PART_FILL)
    else:
        aim, shown = 0.5 * (points_world.min(1) + points_world.max(1)), points_world
        radius, fill = 1.0, _FILL[0] + (_FILL[1] - _FILL[0]) * rng.random() ** 0.7
    middle = aim.mean(0)
    size = _size_seen(shown, middle, outward, radius)  # m, across and upright
    # Width and height in metres that the picture holds at a metre's distance.
    picture = np.array(image_size) / max(image_size) * SENSOR_MM / focal_mm
    distance = float((size / picture).max() / fill)
    usable = float(np.clip(distance, *(_SELFIE_M if is_selfie else _DISTANCE_M)))
    if not is_selfie:  # another lens rather than another picture
        focal_mm = float(np.clip(focal_mm * usable / distance, *_FOCAL_MM))
    free = np.maximum(picture * usable - size, 0) * rng.uniform(-0.5, 0.5, 2)
    place = np.repeat((middle + usable * outward)[None], len(time_s), 0)
    right, up = _across(outward)
    target = np.repeat((middle + free[0] * right + free[1] * up)[None], len(time_s), 0)
    zoom = np.ones(len(time_s))
    leaves = is_part and np.ptp(aim, axis=0).max() > radius
    is_moving = leaves or rng.random() < _MOVING_SHARE
    if is_moving:
        place, target, zoom = _move(rng, time_s, place, target, aim, leaves)
    place = _keep_clear(place, target, points_world)
    turn = _look_at(place, target, roll)
    if is_moving:
        shake = np.radians(rng.uniform(0, 0.6)) * wander(rng, time_s, 3, 2.0)
        turn = quaternions.to_matrix(quaternions.from_rotvec(shake)) @ turn
    path = np.zeros((len(time_s), 4, 4))
    path[:, :3, :3], path[:, 3, 3] = turn, 1
    path[:, :3, 3] = -(turn @ place[:, :, None])[..., 0]
    focal_px = focal_mm / SENSOR_MM * max(image_size) * zoom
    return CameraPath(path, focal_px, image_size)


def _across(outward: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Right and up, unit directions [3], of a level camera that looks against ``outward``."""
    right = np.cross(-outward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    return right, np.cross(right, -outward)


def _size_seen(
    shown: np.ndarray | None, middle: np.ndarray, outward: np.ndarray, radius: float
) -> np.ndarray:
    """[2] m, width and height about ``middle`` of what is ``shown`` [T, K, 3], or of a ball."""
    if shown is None:
        return np.full(2, 2 * radius)
    reach = np.abs((shown - middle) @ np.stack(_across(outward), 1))
    return 2 * np.quantile(reach.max(1), 0.9, axis=0)


def _part_to_show(rng: np.random.Generator, points: np.ndarray) -> tuple[np.ndarray, float]:
    """A part's path [T, 3] and its radius in metres: mostly the upper body, else anything."""
    height = points[..., 2].mean(0)
    if rng.random() < 0.7:
        rows = np.flatnonzero(height >= np.quantile(height, 1 - _UPPER_SHARE))
        return points[:, rows].mean(1), rng.uniform(*_PART_RADIUS_M)
    chosen = int(rng.integers(points.shape[1]))
    return points[:, chosen], rng.uniform(*_PART_RADIUS_M)


def _draw_focal_mm(rng: np.random.Generator, is_selfie: bool) -> float:
    if is_selfie:
        return rng.uniform(*_SELFIE_MM)
    span = _USUAL_MM if rng.random() < _USUAL_SHARE else _FOCAL_MM
    return float(np.exp(rng.uniform(*np.log(span))))


def _draw_heading(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Unit direction [3] from what is looked at to the camera, and the roll in radians."""
    pitch_sd, roll_sd = np.radians((12, 4)) if rng.random() < 0.75 else np.radians((28, 13))
    # A positive pitch looks down; people look down on each other more often than up.
    pitch = np.clip(rng.normal(np.radians(5), pitch_sd), -_PITCH_LIMIT, _PITCH_LIMIT)
    roll = float(np.clip(rng.normal(0, roll_sd), -_ROLL_LIMIT, _ROLL_LIMIT))
    azimuth = 2 * np.pi * rng.random()
    across = np.array([np.cos(azimuth), np.sin(azimuth), 0]) * np.cos(pitch)
    return across + np.array([0, 0, np.sin(pitch)]), roll


def _move(
    rng: np.random.Generator,
    time_s: np.ndarray,
    place: np.ndarray,
    target: np.ndarray,
    aim: np.ndarray,
    must_follow: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same camera in a hand: it sways, and may follow, go round, walk along, or zoom."""
    distance = np.linalg.norm(place[0] - target[0])
    zoom = np.ones(len(time_s))
    place = place + rng.uniform(0.004, 0.04) * wander(rng, time_s, 3, 1.2)
    target = target + rng.uniform(0.002, 0.02) * distance * wander(rng, time_s, 3, 0.8)
    way = rng.choice(["sway", "follow", "orbit", "walk", "zoom"], p=[0.3, 0.3, 0.15, 0.17, 0.08])
    if must_follow:
        way = "follow"
    if way in ("follow", "walk"):  # a pan lags behind and does not follow every bounce
        drift = _slow(aim) - aim.mean(0)
        target = target + rng.uniform(0.6, 1.0) * drift
        if way == "walk":
            place = place + rng.uniform(0.5, 1.0) * drift * np.array([1, 1, 0])
    elif way == "orbit":
        angle = np.radians(rng.uniform(5, 40)) * rng.choice([-1, 1]) * (time_s - time_s.mean())
        offset = quaternions.rotate(quaternions.about("z", angle), place - target)
        place = target + offset
    elif way == "zoom":
        zoom = np.exp(np.log(rng.uniform(0.7, 1.5)) * (time_s / max(time_s[-1], 1e-3) - 0.5))
    return place, target, zoom


def _slow(path: np.ndarray) -> np.ndarray:
    """[T, 3], the path's cubic trend: what an operator follows."""
    time = np.linspace(-1, 1, len(path))
    basis = np.stack([time**k for k in range(4)], 1)
    return basis @ np.linalg.lstsq(basis, path, rcond=None)[0]


def _keep_clear(place: np.ndarray, target: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Above the floor, and stepped back until the whole body is before the lens."""
    place = place.copy()
    for _ in range(3):
        place[:, 2] = np.maximum(place[:, 2], _LEAST_HEIGHT_M)
        forward = target - place
        forward /= np.linalg.norm(forward, axis=-1, keepdims=True)
        depth = np.einsum("tka,ta->tk", points - place[:, None], forward).min()
        if depth > _LEAST_DEPTH_M:
            break
        place = place - (_LEAST_DEPTH_M - depth + 0.05) * forward.mean(0)
    return place


def _look_at(place: np.ndarray, target: np.ndarray, roll: float) -> np.ndarray:
    """[T, 3, 3] camera from world: z to the target, x level but for the roll."""
    forward = target - place
    forward /= np.linalg.norm(forward, axis=-1, keepdims=True)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right, axis=-1, keepdims=True)
    level = np.stack([right, np.cross(forward, right), forward], 1)
    return quaternions.to_matrix(quaternions.about("z", roll)) @ level
