"""A small software renderer: triangles with textures, lights and one shadow, and rooms behind them.

Everything is in camera axes (x right, y down, z forward; metres); colours are RGB 0..1 as they are
shown, not linear. Compiled by numba: on a CPU faster than OpenGL in software, whose pictures would
have to be sent and read back (figures in docs/training.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from .kernels import (
    average,
    bounds,
    cast_room,
    extent,
    floats,
    project,
    rasterise,
    rasterise_depth,
    shade,
    vertex_normals,
)

_SHADOW_SIDE = 320  # pixels of the shadow's map
_MARGIN_PX = 3
_COARSE = 3  # pixels a side of those of the shadow on the floor


@dataclass(frozen=True, eq=False)
class Mesh:
    """What does not change while things move."""

    faces: np.ndarray  # [F, 3] int32, counterclockwise from outside
    materials: np.ndarray  # [F] int32, rows of the textures
    uv: np.ndarray  # [V, 2] float32 m, places on the cloth
    shade: np.ndarray  # [V] float32, light that reaches a vertex, 0..1
    is_open: np.ndarray  # [F] bool, seen from both sides


@dataclass(frozen=True, eq=False)
class Lights:
    """Directions are towards the lights, in camera axes. The first light throws a shadow."""

    directions: np.ndarray  # [L, 3] float32, unit
    colors: np.ndarray  # [L, 3] float32
    up: np.ndarray  # [3] float32, unit
    sky: np.ndarray  # [3] float32, light from above
    ground: np.ndarray  # [3] float32, light from below


@dataclass(frozen=True, eq=False)
class Surfaces:
    """What materials look like."""

    textures: np.ndarray  # [M, S, S, 3] uint8
    repeat_m: np.ndarray  # [M] float32, length of a texture's repetition
    gloss: np.ndarray  # [M] float32


@dataclass(frozen=True, eq=False)
class Room:
    """Six planes about the camera: pairs that face each other, the world's axes one after another.

    ``materials`` are those of low and high x, y, z.
    """

    low: np.ndarray  # [3] m world
    high: np.ndarray  # [3] m world
    materials: np.ndarray  # [6] int32, rows of the surfaces


@dataclass(frozen=True, eq=False)
class Canvas:
    """A picture while it is drawn."""

    colors: np.ndarray  # [H, W, 3] float32
    nearness: np.ndarray  # [H, W] float32, 1 / depth of what is nearest; 0 for the room

    def copy(self) -> Canvas:
        return Canvas(self.colors.copy(), self.nearness.copy())


def merge_meshes(meshes: list[Mesh]) -> Mesh:
    """All in one, vertices one after another."""
    starts = np.cumsum([0, *(len(mesh.uv) for mesh in meshes[:-1])])
    return Mesh(
        np.concatenate([m.faces + s for m, s in zip(meshes, starts, strict=True)]).astype(np.int32),
        *(
            np.concatenate([getattr(mesh, name) for mesh in meshes])
            for name in ("materials", "uv", "shade", "is_open")
        ),
    )


def draw_room(
    room: Room,
    surfaces: Surfaces,
    world_from_camera: np.ndarray,
    focal_px: float,
    size: tuple[int, int],
    lights: Lights,
    shrink: int = 1,
) -> np.ndarray:
    """[H, W, 3] float32, the room seen from within, by ray casting.

    With ``shrink`` > 1 each so-many-th pixel is cast and the rest is interpolated.
    """
    width, height = size
    small = np.empty((-(-height // shrink), -(-width // shrink), 3), np.float32)
    shades = _plane_shades(world_from_camera[:3, :3], lights)
    cast_room(
        small,
        world_from_camera.astype(np.float32),
        np.float32(focal_px),
        np.float32(width / 2),
        np.float32(height / 2),
        shrink,
        np.stack([room.low, room.high]).astype(np.float32),
        room.materials,
        surfaces.repeat_m,
        surfaces.textures,
        shades,
    )
    return small if shrink == 1 else cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)


def _plane_shades(world_from_camera: np.ndarray, lights: Lights) -> np.ndarray:
    """[6, 3] float32, light on the room's planes, which all face inwards."""
    inward = np.concatenate([[axis, -axis] for axis in np.eye(3)]) @ world_from_camera
    direct = (inward @ lights.directions.T).clip(0) @ lights.colors * 0.6
    share = (inward @ lights.up + 1)[:, None] / 2
    return floats(direct + 1.2 * (lights.sky * share + lights.ground * (1 - share)) + 0.15)


def draw_mesh(
    canvas: Canvas,
    mesh: Mesh,
    vertices: np.ndarray,
    surfaces: Surfaces,
    focal_px: float,
    lights: Lights,
    samples: int = 1,
) -> None:
    """Draw the mesh with ``vertices`` [V, 3] m in camera axes over the canvas, in place.

    Each pixel is ``samples`` squared samples.
    """
    height, width = canvas.nearness.shape
    vertices = np.ascontiguousarray(vertices, np.float32)
    points = project(vertices, np.float32(focal_px), np.float32(width / 2), np.float32(height / 2))
    box = _box(points, vertices, width, height)
    if box is None:
        return
    part, size = box, (box[1].stop - box[1].start, box[0].stop - box[0].start)
    points = (points - floats((part[1].start, part[0].start))) * np.float32(samples)
    fine = (size[0] * samples, size[1] * samples)
    nearness = cv2.resize(canvas.nearness[part], fine, interpolation=cv2.INTER_NEAREST)
    index = np.full(nearness.shape, -1, np.int32)
    depth = np.ascontiguousarray(vertices[:, 2])
    rasterise(points, depth, mesh.faces, mesh.is_open, nearness, index)
    # A pixel that is one sample is painted where it is.
    colors = canvas.colors[part]
    drawn = colors if samples == 1 else np.empty((*nearness.shape, 3), np.float32)
    light_from_camera = _turn_to(lights.directions[0])
    shadow, shadow_frame = _draw_shadow(vertices, mesh, light_from_camera)
    shade(
        drawn,
        index,
        points,
        vertices,
        vertex_normals(vertices, mesh.faces),
        mesh.faces,
        mesh.materials,
        mesh.uv,
        mesh.shade,
        surfaces.textures,
        surfaces.repeat_m,
        surfaces.gloss,
        lights.directions,
        lights.colors,
        lights.up,
        lights.sky,
        lights.ground,
        light_from_camera,
        shadow,
        shadow_frame,
    )
    if samples > 1:
        average(colors, drawn, index, samples)
    else:
        canvas.nearness[part] = nearness


def draw_floor_shadow(
    canvas: Canvas, mesh: Mesh, flat: np.ndarray, focal_px: float, strength: float, soft_px: float
) -> None:
    """Darken what lies behind the mesh's vertices ``flat`` [V, 3] m on the floor, camera axes."""
    height, width = canvas.nearness.shape
    flat = np.ascontiguousarray(flat, np.float32)
    middle = np.float32(width / 2), np.float32(height / 2)
    points = project(flat, np.float32(focal_px), *middle)
    part = _box(points, flat, width, height, math.ceil(3 * soft_px) + _MARGIN_PX)
    if part is None:
        return
    near = canvas.nearness[part][::_COARSE, ::_COARSE]
    points = (points - floats((part[1].start, part[0].start))) / np.float32(_COARSE)
    on_floor, index = np.zeros(near.shape, np.float32), np.full(near.shape, -1, np.int32)
    depth = np.ascontiguousarray(flat[:, 2])
    rasterise(points, depth, mesh.faces, np.ones(len(mesh.faces), bool), on_floor, index)
    # What stands on the floor before the shadow is not darkened.
    is_dark = floats((index >= 0) & (near <= 1.1 * on_floor))
    is_dark = cv2.GaussianBlur(is_dark, (0, 0), max(soft_px / _COARSE, 0.4))
    colors = canvas.colors[part]
    left = cv2.resize(1 - strength * is_dark, colors.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    colors *= left[..., None]


def _box(
    points: np.ndarray, vertices: np.ndarray, width: int, height: int, margin_px: int = _MARGIN_PX
) -> tuple[slice, slice] | None:
    """The rows and columns of the picture that points [V, 2] cover; None for none."""
    left, top, right, bottom = bounds(points, vertices)
    columns = slice(max(int(left) - margin_px, 0), min(int(right) + margin_px, width))
    rows = slice(max(int(top) - margin_px, 0), min(int(bottom) + margin_px, height))
    return None if rows.stop <= rows.start or columns.stop <= columns.start else (rows, columns)


def _turn_to(direction: np.ndarray) -> np.ndarray:
    """[3, 3] float32 rotation whose last row looks along the light."""
    forward = -direction / np.linalg.norm(direction)
    side = np.cross(forward, np.eye(3)[np.argmin(np.abs(forward))])
    side /= np.linalg.norm(side)
    return floats([side, np.cross(forward, side), forward])


def _draw_shadow(
    vertices: np.ndarray, mesh: Mesh, light_from_camera: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The nearness to the light [S, S], and left, top, pixels per metre, depth of the far end."""
    seen = vertices @ light_from_camera.T
    low, high = extent(seen)
    scale = (_SHADOW_SIDE - 2) / max(float((high - low)[:2].max()), 1e-3)
    points = (seen[:, :2] - low[:2]) * np.float32(scale)
    far = high[2] + 1.0
    nearness = np.zeros((_SHADOW_SIDE, _SHADOW_SIDE), np.float32)
    rasterise_depth(points, far - seen[:, 2], mesh.faces, nearness)
    return nearness, floats([low[0], low[1], scale, far])
