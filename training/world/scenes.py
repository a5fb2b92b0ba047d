"""Rooms, streets and fields, drawn: pictures of known cameras.

World axes: z up, metres, floor at z = 0. A scene is the inside of a box whose six sides bear
pictures, with smaller boxes in it; each pixel's ray is followed to the nearest side.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from reelrig.core.frames import WORLD_FROM_LEVEL_CAMERA

KINDS = ("room", "street", "bare", "field")
_PX_PER_M = {"room": 60, "street": 30, "bare": 60, "field": 30}


def limbs_of(side: str) -> tuple[tuple[str, str], ...]:
    """Names of the points between which a person's limbs and flank are drawn."""
    return (
        (f"{side}_shoulder", f"{side}_elbow"),
        (f"{side}_elbow", f"{side}_wrist"),
        (f"{side}_shoulder", f"{side}_hip"),
        (f"{side}_hip", f"{side}_knee"),
        (f"{side}_knee", f"{side}_ankle"),
    )


@dataclass(frozen=True, eq=False)
class Box:
    """Seen from inside or outside."""

    centre: np.ndarray  # [3] m
    half: np.ndarray  # [3] m
    yaw: float
    sides: list[np.ndarray]  # pictures [h, w] float32 of -x, +x, -y, +y, -z, +z
    is_outer: bool

    def trace(self, origin: np.ndarray, rays: np.ndarray) -> np.ndarray:
        """[N] how many of the rays [3, N] lead to the box; inf where they miss it."""
        start, rays = self._enter(origin, rays)
        half = self.half.astype(np.float32)[:, None]
        with np.errstate(divide="ignore"):
            slowness = 1 / rays
        middle, reach = -start * slowness, half * np.abs(slowness)
        far = (middle + reach).min(0)
        if self.is_outer:
            return far
        near = (middle - reach).max(0)
        return np.where((near < far) & (near > 0), near, np.inf)

    def shade(self, origin: np.ndarray, rays: np.ndarray, length: np.ndarray) -> np.ndarray:
        """[N] the brightness where the rays [3, N] end."""
        start, rays = self._enter(origin, rays)
        hit = start + rays * length
        axis = np.abs(hit / self.half[:, None]).argmax(0)
        side = axis * 2 + (hit[axis, np.arange(len(axis))] > 0)
        return self._shade(side, hit.T)

    def _enter(self, origin: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """[3, 1] and [3, N] in the box's own axes."""
        cosine, sine = np.cos(self.yaw), np.sin(self.yaw)
        own = np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]], np.float32)
        start = (own @ (origin - self.centre)).astype(np.float32)
        return start[:, None], own @ rays

    def _shade(self, side: np.ndarray, hit: np.ndarray) -> np.ndarray:
        value = np.zeros(len(hit), np.float32)
        for number, picture in enumerate(self.sides):
            rows = np.flatnonzero(side == number)
            if not len(rows):
                continue
            across, up = [[1, 2], [0, 2], [0, 1]][number // 2]
            height, width = picture.shape
            x = (hit[rows, across] / self.half[across] + 1) / 2 * (width - 1)
            y = (1 - hit[rows, up] / self.half[up]) / 2 * (height - 1)
            # remap takes maps of less than 32768 a side
            for part in np.array_split(np.arange(len(rows)), len(rows) // 30000 + 1):
                maps = x[part, None].astype(np.float32), y[part, None].astype(np.float32)
                value[rows[part]] = cv2.remap(picture, *maps, cv2.INTER_LINEAR)[:, 0]
        return value


@dataclass(frozen=True, eq=False)
class Scene:
    boxes: list[Box]

    def draw(
        self,
        size: tuple[int, int],
        focal_px: float,
        place: np.ndarray,
        world_from_camera: np.ndarray,
    ) -> np.ndarray:
        """[H, W] float32 0..255"""
        width, height = size
        x, y = np.meshgrid(
            (np.arange(width) - (width - 1) / 2) / focal_px,
            (np.arange(height) - (height - 1) / 2) / focal_px,
        )
        rays = world_from_camera @ np.stack([x, y, np.ones_like(x)]).reshape(3, -1)
        rays = rays.astype(np.float32)
        lengths = np.stack([box.trace(place, rays) for box in self.boxes])
        nearest = lengths.argmin(0)
        value = np.empty(rays.shape[1], np.float32)
        for number, box in enumerate(self.boxes):
            seen = np.flatnonzero(nearest == number)
            if len(seen):
                value[seen] = box.shade(place, rays[:, seen], lengths[number, seen])
        return cv2.GaussianBlur(value.reshape(height, width), (0, 0), 0.6)


def make_scene(kind: str, rng: np.random.Generator) -> Scene:
    """Inside it the camera stands about at the origin, at eye level, and looks along +y."""
    if kind in ("room", "bare"):
        half = np.array([rng.uniform(2.5, 5), rng.uniform(4, 7), rng.uniform(1.3, 1.8)])
    else:
        half = np.array([rng.uniform(8, 25), 60.0, 30.0])
    return _furnish(kind, np.array([0.0, half[1] * 0.45, half[2]]), half, rng)


def make_scene_about(kind: str, points: np.ndarray, rng: np.random.Generator) -> Scene:
    """Inside it are the points [N, 3] m, with some space around them."""
    low, high = points.min(0), points.max(0)
    if kind in ("room", "bare"):
        low, high = low - rng.uniform(0.4, 2.5, 3), high + rng.uniform(0.4, 2.5, 3)
        high[2] = max(high[2], rng.uniform(2.5, 3.2))
    else:
        low, high = low - rng.uniform(4, 25, 3), high + rng.uniform(4, 25, 3)
        low[1], high[1] = low[1] - 30, high[1] + 30
        high[2] = 60.0
    low[2] = 0.0
    return _furnish(kind, (low + high) / 2, (high - low) / 2, rng)


def _furnish(kind: str, centre: np.ndarray, half: np.ndarray, rng: np.random.Generator) -> Scene:
    density = _PX_PER_M[kind]
    sides = []
    for number in range(6):
        across, up = [[1, 2], [0, 2], [0, 1]][number // 2]
        size = np.minimum(2 * half[[across, up]] * density, 4000).astype(int)
        metre = size[0] / (2 * half[across])
        sides.append(_draw_side(kind, number, size, metre, rng))
    boxes = [Box(centre, half, 0.0, sides, is_outer=True)]
    for _ in range({"room": 4, "street": 5, "bare": 0, "field": 0}[kind]):
        boxes.append(_draw_furniture(kind, half, centre, rng))
    return Scene(boxes)


def _draw_side(
    kind: str, number: int, size: np.ndarray, metre: float, rng: np.random.Generator
) -> np.ndarray:
    width, height = size
    picture = _draw_ground(kind, number, width, height, rng)
    is_wall = number < 4
    if kind == "room" and is_wall:
        _draw_frames(picture, metre, int(rng.integers(1, 5)), rng)
        cv2.line(
            picture, (0, height - int(0.1 * metre)), (width, height - int(0.1 * metre)), (60.0,), 2
        )
    elif kind == "street" and is_wall:
        _draw_front(picture, metre, rng)
    elif number == 4 and kind in ("room", "street") and rng.random() < 0.6:
        step = int(metre * (0.6 if kind == "room" else 3))
        picture[::step] -= 30
        picture[:, ::step] -= 30
    if kind == "field" and is_wall:
        _draw_trees(picture, rng)
    return picture


def _draw_ground(
    kind: str, number: int, width: int, height: int, rng: np.random.Generator
) -> np.ndarray:
    """Mottled; a bare room's walls hardly so."""
    amount = {"room": 3, "street": 6, "bare": 2, "field": 15}[kind]
    picture = np.full((height, width), rng.uniform(90, 200), np.float32)
    for cells in (2, 8, 64):
        grid = rng.normal(size=(height // cells + 2, width // cells + 2)).astype(np.float32)
        picture += amount * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    return picture


def _draw_frames(picture: np.ndarray, metre: float, count: int, rng: np.random.Generator) -> None:
    """Doors, windows and pictures on a wall."""
    height, width = picture.shape
    for _ in range(count):
        size = (rng.uniform([0.5, 0.5], [1.6, 2.0]) * metre).astype(int)
        corner = rng.integers(0, np.maximum([width, height] - size, 1))
        if rng.random() < 0.4:
            corner[1] = height - size[1]
        end = corner + size
        cv2.rectangle(picture, corner.tolist(), end.tolist(), (rng.uniform(20, 240),), -1)
        cv2.rectangle(picture, corner.tolist(), end.tolist(), (rng.uniform(20, 240),), 3)


def _draw_front(picture: np.ndarray, metre: float, rng: np.random.Generator) -> None:
    """A row of houses to a third of the side's height, the sky above."""
    height, width = picture.shape
    picture[: height // 2] = 235
    x = 0
    while x < width:
        house = int(rng.uniform(8, 18) * metre)
        top = height - int(rng.uniform(8, 22) * metre)
        cv2.rectangle(picture, (x, top), (x + house, height), (rng.uniform(80, 190),), -1)
        step_x, step_y = (rng.uniform([2, 2.6], [3.5, 3.6]) * metre).astype(int)
        dark = rng.uniform(30, 90)
        for left in range(x + int(metre), x + house - int(metre), step_x):
            for low in range(height - int(0.8 * metre), top + int(2 * metre), -step_y):
                cv2.rectangle(
                    picture, (left, low - int(1.5 * metre)), (left + int(metre), low), (dark,), -1
                )
        x += house
    picture += 4 * rng.normal(size=picture.shape).astype(np.float32)


def _draw_trees(picture: np.ndarray, rng: np.random.Generator) -> None:
    height, width = picture.shape
    picture[: height * 4 // 5] = 225
    for _ in range(150):
        centre = rng.integers([0, height * 3 // 5], [width, height * 19 // 20])
        axes = rng.integers([10, 10], [60, 60])
        cv2.ellipse(
            picture, centre.tolist(), axes.tolist(), rng.uniform(0, 180), 0, 360,
            (rng.uniform(30, 120),), -1,
        )  # fmt: skip


def _draw_furniture(
    kind: str, half: np.ndarray, centre: np.ndarray, rng: np.random.Generator
) -> Box:
    """A cupboard, or a van: mostly along the walls, sometimes askew."""
    if kind == "room":
        size = rng.uniform([0.3, 0.3, 0.3], [0.9, 0.5, 1.0])
    else:
        size = rng.uniform([0.8, 1.5, 0.8], [1.2, 3.0, 2.0])
    side = rng.choice([-1, 1])
    x = centre[0] + side * rng.uniform(0.5, 1.0) * (half[0] - size[0])
    y = centre[1] + rng.uniform(-0.1, 0.95) * (half[1] - size[1])
    yaw = 0.0 if rng.random() < 0.6 else rng.uniform(0, np.pi)
    sides = []
    for _ in range(6):
        picture = np.full((200, 200), rng.uniform(40, 220), np.float32)
        picture += 6 * rng.normal(size=picture.shape).astype(np.float32)
        cv2.rectangle(picture, (15, 15), (185, 185), (rng.uniform(20, 240),), 3)
        sides.append(picture)
    return Box(np.array([x, y, size[2]]), size, yaw, sides, is_outer=False)


def look(pitch: float, roll: float, yaw: float) -> np.ndarray:
    """[3, 3] world from camera; radians: ``pitch`` up, ``roll`` clockwise, ``yaw`` to the left."""
    turn = _rotate([0, 0, yaw]) @ WORLD_FROM_LEVEL_CAMERA
    return turn @ _rotate([pitch, 0, 0]) @ _rotate([0, 0, roll])


def _rotate(rotvec: list[float]) -> np.ndarray:
    return cv2.Rodrigues(np.array(rotvec, float))[0]
