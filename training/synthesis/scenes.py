"""A sequence to be drawn: people in a room with furniture, lights, a camera and its faults."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from reelrig.core.body.model import BodyModel
from reelrig.core.body.skinning import Skin, pose_joints
from reelrig.core.skeletons import ARKIT_INDEX, LANDMARK_PARTS

from ..bank.cameras import CameraPath
from ..bank.clip import Clip
from . import textures
from .kernels import floats
from .looks import Look, draw_look
from .renderer import (
    Canvas,
    Lights,
    Mesh,
    Room,
    Surfaces,
    draw_floor_shadow,
    draw_mesh,
    draw_room,
    merge_meshes,
)
from .spoiling import Spoiling

_JAW_UNITS = [ARKIT_INDEX[name] for name in ("jawOpen", "jawLeft", "jawRight")]
_FINE_UP_TO_PX = 240  # people's size up to which each pixel is four samples
_BODY = LANDMARK_PARTS["body"]


@dataclass(frozen=True, eq=False)
class Posed:
    """A body over T frames. World axes, metres."""

    vertices: np.ndarray  # [T, V, 3]
    joints: np.ndarray  # [T, 55, 3]
    turns: np.ndarray  # [T, 55, 3, 3] world from joint


@dataclass(frozen=True, eq=False)
class Actor:
    """One person who is drawn."""

    look: Look
    posed: Posed
    points: np.ndarray  # [T, 553, 3] m world, the true landmarks

    def dressed(self, frame: int) -> np.ndarray:
        """[V', 3] of the look's mesh."""
        posed = self.posed
        return self.look.dress(posed.vertices[frame], posed.joints[frame], posed.turns[frame])


class Figures:
    """One body file, ready to be posed."""

    def __init__(self, body: BodyModel) -> None:
        assert body.arkit_dirs is not None
        self.body = body
        self.skin = Skin(replace(body, expression_dirs=body.arkit_dirs))

    def points(self, posed: Posed) -> np.ndarray:
        """[T, 553, 3] m world, the landmarks."""
        return self.body.landmark_points(posed.vertices, posed.joints)

    def dress(
        self, rng: np.random.Generator, clip: Clip, posed: Posed, points: np.ndarray
    ) -> Actor:
        """The clip's person, whose landmarks are ``points`` [T, 553, 3], in an outfit."""
        return Actor(draw_look(rng, self.body, floats(clip.betas)), posed, points)

    def pose(self, clip: Clip) -> Posed:
        """The clip's person, undressed."""
        betas, rotations = floats(clip.betas), torch.from_numpy(floats(clip.rotations))
        rest = self.body.rest_joints(betas).astype(np.float32)
        trans = torch.from_numpy(floats(clip.pelvis - rest[0]))
        scores = floats(clip.arkit)
        scores[:, _JAW_UNITS] = 0  # the jaw joint makes them
        vertices, joints = self.skin.pose_vertices(
            torch.from_numpy(betas), torch.from_numpy(scores), rotations, trans
        )
        _, turns = pose_joints(torch.from_numpy(rest), rotations, trans)
        return Posed(vertices.numpy(), joints.numpy(), turns.numpy())


@dataclass(frozen=True, eq=False)
class _Stage:
    """What is there besides the people."""

    room: Room
    surfaces: Surfaces
    boxes: Mesh | None
    box_vertices: np.ndarray  # [n, 3] m world
    key: np.ndarray  # [3] towards the first light, world
    other_lights: np.ndarray  # [L - 1, 3]
    colors: np.ndarray  # [L, 3]
    sky: np.ndarray
    ground: np.ndarray
    shadow: float  # strength of the shadow on the floor

    def lights(self, camera_from_world: np.ndarray) -> Lights:
        turn = floats(camera_from_world[:3, :3])
        directions = np.concatenate([self.key[None], self.other_lights])
        return Lights(
            floats(directions @ turn.T), self.colors, turn[:, 2].copy(), self.sky, self.ground
        )


class Scene:
    """Draws the frames of a sequence; ``actors[0]`` is the person in question."""

    def __init__(
        self,
        rng: np.random.Generator,
        actors: list[Actor],
        camera: CameraPath,
        *,
        sits: bool,
        exposure: float,
        hides: bool = True,
    ) -> None:
        """``sits`` puts a seat under the person; ``exposure`` in frames, 0 for a sharp picture.

        ``hides``: sometimes things are in the way.
        """
        self.actors, self.camera, self.exposure = actors, camera, exposure
        self.stage = _set_stage(rng, actors[0], camera, sits=sits, hides=hides)
        self.mesh = merge_meshes([actor.look.mesh for actor in actors])
        self.surfaces, rows = _merge_surfaces([actor.look.surfaces for actor in actors])
        starts = np.repeat(rows, [len(actor.look.mesh.faces) for actor in actors])
        self.mesh = replace(self.mesh, materials=np.int32(self.mesh.materials + starts))
        still = np.abs(np.diff(camera.camera_from_world, axis=0)).max(initial=0) < 1e-6
        self.is_still = bool(still and np.ptp(camera.focal_px) < 1e-6)
        px = camera.project(actors[0].points[:, _BODY])
        # The median height or width of the person in the pictures.
        self.size_px = float(np.median(np.ptp(px, axis=1).max(-1)))
        self.spoiling = Spoiling.draw(rng, camera.image_size, self.size_px)
        self._backdrop: Canvas | None = None

    def draw(self, frame: int) -> np.ndarray:
        """[H, W, 3] uint8 RGB"""
        moments = [frame]
        if self.exposure > 0:
            moments = [frame - self.exposure / 2, frame, frame + self.exposure / 2]
        backdrop = self._draw_backdrop(frame)
        total = self._draw_people(backdrop.copy(), frame, moments[0])
        for moment in moments[1:]:
            total += self._draw_people(backdrop.copy(), frame, moment)
        return self.spoiling.spoil(total / len(moments), frame)

    def _draw_backdrop(self, frame: int) -> Canvas:
        if self._backdrop is not None:
            return self._backdrop
        stage, camera = self.stage, self.camera
        matrix, focal_px = camera.camera_from_world[frame], float(camera.focal_px[frame])
        lights = stage.lights(matrix)
        shrink = 1 if self.is_still else 2
        size = camera.image_size
        colors = draw_room(
            stage.room, stage.surfaces, np.linalg.inv(matrix), focal_px, size, lights, shrink
        )
        canvas = Canvas(colors, np.zeros(colors.shape[:2], np.float32))
        if stage.boxes is not None:
            seen = to_camera(stage.box_vertices, matrix)
            draw_mesh(canvas, stage.boxes, seen, stage.surfaces, focal_px, lights)
        if self.is_still:
            self._backdrop = canvas
        return canvas

    def _draw_people(self, canvas: Canvas, frame: int, moment: float) -> np.ndarray:
        matrix = self.camera.camera_from_world[frame]
        focal_px = float(self.camera.focal_px[frame])
        world = self._dressed(moment)
        seen, lights = to_camera(world, matrix), self.stage.lights(matrix)
        if self.stage.shadow > 0:
            flat = world - self.stage.key * (world[:, 2:] / self.stage.key[2])
            soft_px = self.size_px * 0.012
            flat_seen = to_camera(flat, matrix)
            draw_floor_shadow(canvas, self.mesh, flat_seen, focal_px, self.stage.shadow, soft_px)
        samples = 2 if self.size_px < _FINE_UP_TO_PX else 1
        draw_mesh(canvas, self.mesh, seen, self.surfaces, focal_px, lights, samples)
        return canvas.colors

    def _dressed(self, moment: float) -> np.ndarray:
        """[V', 3] m world, between two frames as on a straight line."""
        last = len(self.camera.focal_px) - 1
        low = int(np.clip(np.floor(moment), 0, max(last - 1, 0)))
        share = np.float32(moment - low)
        now = np.concatenate([actor.dressed(low) for actor in self.actors])
        if share == 0:
            return now
        after = np.concatenate([actor.dressed(min(low + 1, last)) for actor in self.actors])
        return now * (1 - share) + after * share


def to_camera(points: np.ndarray, camera_from_world: np.ndarray) -> np.ndarray:
    """[..., 3] float32 m of world points [..., 3]."""
    matrix = floats(camera_from_world)
    return floats(points) @ matrix[:3, :3].T + matrix[:3, 3]


def _merge_surfaces(all_surfaces: list[Surfaces]) -> tuple[Surfaces, np.ndarray]:
    """All in one, and the row at which each starts."""
    names = ("textures", "repeat_m", "gloss")
    merged = Surfaces(*(np.concatenate([getattr(s, name) for s in all_surfaces]) for name in names))
    return merged, np.cumsum([0, *(len(s.gloss) for s in all_surfaces[:-1])])


def _set_stage(
    rng: np.random.Generator, actor: Actor, camera: CameraPath, *, sits: bool, hides: bool
) -> _Stage:
    places = np.linalg.inv(camera.camera_from_world)[:, :3, 3]
    room = _draw_room_size(rng, actor, places)
    is_outdoors = rng.random() < 0.35
    make_wall = textures.clutter if is_outdoors else textures.wall
    tiles = [make_wall(rng), make_wall(rng), textures.floor(rng), textures.wall(rng)]
    if is_outdoors:
        tiles[3] = textures.plain(rng.uniform((0.5, 0.6, 0.7), (0.9, 0.95, 1)), 0.03, rng)
    tiles += [textures.cloth(rng) for _ in range(4)]
    repeat_m = [*rng.uniform(1.5, 8, 2), rng.uniform(0.5, 4), 8.0, *rng.uniform(0.3, 2, 4)]
    surfaces = Surfaces(np.stack(tiles), floats(repeat_m), np.full(8, 0.05, np.float32))
    boxes = _draw_boxes(rng, actor, places, sits=sits, hides=hides)
    elevation, azimuth = rng.uniform(0.35, 1.3), rng.uniform(0, 2 * np.pi)
    across = np.cos(elevation)
    key = np.array([across * np.cos(azimuth), across * np.sin(azimuth), np.sin(elevation)])
    others = rng.normal((0, 0, 0.5), 1, (rng.integers(0, 3), 3))
    others /= np.linalg.norm(others, axis=1, keepdims=True)
    tint = 1 + rng.normal(0, 0.06, (1 + len(others), 3))
    colors = tint * rng.uniform(0.15, 0.75, (1 + len(others), 1))
    sky = rng.uniform(0.3, 0.7) * (1 + rng.normal(0, 0.05, 3))
    # What falls on a surface in the middle is what the camera is set for.
    exposure = rng.uniform(0.85, 1.15) / (0.8 * sky.mean() + 0.5 * colors.mean(1).sum())
    colors, sky = colors * exposure, sky * exposure
    return _Stage(
        room,
        surfaces,
        merge_meshes([mesh for mesh, _ in boxes]) if boxes else None,
        np.concatenate([vertices for _, vertices in boxes]) if boxes else np.zeros((0, 3)),
        floats(key),
        floats(others),
        floats(colors),
        floats(sky),
        floats(sky * rng.uniform(0.3, 0.8)),
        float(rng.uniform(0.1, 0.6) * (room.low[2] > -0.01)),
    )


def _draw_room_size(rng: np.random.Generator, actor: Actor, places: np.ndarray) -> Room:
    """Room for the people and the camera, whose ``places`` are [T, 3]."""
    inside = np.concatenate([actor.points[:, _BODY].reshape(-1, 3), places])
    low, high = inside.min(0), inside.max(0)
    margin = np.exp(rng.uniform(np.log(0.5), np.log(8), 4))
    low[:2] -= margin[:2]
    high[:2] += margin[2:]
    low[2] = min(0.0, places[:, 2].min() - 0.1)
    high[2] = max(high[2] + rng.uniform(0.3, 3), 2.4)
    return Room(low, high, np.array([0, 1, 0, 1, 2, 3], np.int32))


def _draw_boxes(
    rng: np.random.Generator, actor: Actor, places: np.ndarray, *, sits: bool, hides: bool
) -> list[tuple[Mesh, np.ndarray]]:
    """A seat, furniture, and things that hide parts of the person."""
    pelvis = actor.posed.joints[:, 0]
    middle, camera = pelvis.mean(0), places.mean(0)
    boxes = []
    if sits:
        size = np.array([*rng.uniform(0.4, 0.9, 2), max(pelvis[:, 2].min() - 0.11, 0.1)])
        boxes.append(_box(rng, np.array([*pelvis[:, :2].mean(0), size[2] / 2]), size))
    ahead = (middle - camera)[:2]
    ahead = ahead / (np.linalg.norm(ahead) + 1e-6)
    for _ in range(rng.integers(0, 6)):
        size = rng.uniform((0.3, 0.3, 0.3), (1.4, 1.0, 1.9))
        side = np.array([-ahead[1], ahead[0]])
        place = middle[:2] + ahead * rng.uniform(-0.5, 4) + side * rng.normal(0, 2)
        reach = np.linalg.norm(size[:2]) / 2
        clear = np.linalg.norm(pelvis[:, :2] - place, axis=1).min() > reach + 0.45
        clear &= bool(np.linalg.norm(places[:, :2] - place, axis=1).min() > reach + 0.3)
        if clear:
            boxes.append(_box(rng, np.array([*place, size[2] / 2]), size))
    for _ in range(rng.integers(1, 3) if hides and rng.random() < 0.2 else 0):
        frame = rng.integers(len(places))
        target = actor.posed.joints[frame, rng.integers(22)]
        share = rng.uniform(0.4, 0.85)
        place = places[frame] * (1 - share) + target * share
        size = rng.uniform(0.08, 0.5, 3) * share
        boxes.append(_box(rng, place, size))
    return boxes


# The corners of a cube's six sides, counterclockwise from outside.
_SIDES = (*((0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)),)


def _box(rng: np.random.Generator, place: np.ndarray, size: np.ndarray) -> tuple[Mesh, np.ndarray]:
    """A box about ``place`` [3] of ``size`` [3] m, turned about the vertical; its vertices."""
    corners = np.array([(x, y, z) for z in (-1, 1) for y in (-1, 1) for x in (-1, 1)]) * size / 2
    angle = rng.uniform(0, np.pi)
    cos, sin = np.cos(angle), np.sin(angle)
    turned = corners @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    order = np.array(_SIDES).ravel()
    flat = corners[order].reshape(6, 4, 3)
    uv = np.concatenate([np.delete(side, np.argmin(np.ptp(side, axis=0)), axis=1) for side in flat])
    quads = np.arange(24).reshape(6, 4)
    faces = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)
    mesh = Mesh(
        faces,
        np.full(12, rng.integers(4, 8), np.int32),
        floats(uv),
        np.ones(24, np.float32),
        np.ones(12, bool),
    )
    return mesh, turned[order] + place
