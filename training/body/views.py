"""The body posed, and pictures of it from known cameras.

bpy only draws: Workbench with studio light, which the networks take for a person. All points are in
the body's axes (y up, x to the person's left, z forward), metres.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import bpy
import cv2
import numpy as np
import torch
from mathutils.bvhtree import BVHTree

from reelrig.addon.rig import materials
from reelrig.core.body.model import BodyModel
from reelrig.core.body.skinning import Skin
from reelrig.core.frames import WORLD_FROM_BODY
from reelrig.core.skeletons import JOINT_INDEX, JOINT_NAMES

from .poses import Orbit, Pose, View

_BODY_SIZE, _CLOSE_UP_SIZE = (720, 1280), (640, 640)  # width, height in pixels
_FILL = 0.75  # of the picture, by what it shows
_BACKGROUND = (146, 150, 156)  # RGB


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole without distortion whose principal point is the middle of the picture."""

    place: np.ndarray  # [3] m
    body_from_camera: np.ndarray  # [3, 3]; camera axes x right, y down, z forward
    focal_px: float
    size: tuple[int, int]  # width, height in pixels

    def to_camera(self, points: np.ndarray) -> np.ndarray:
        """[..., 3] m, points in the camera's axes."""
        return (points - self.place) @ self.body_from_camera

    def project(self, points: np.ndarray) -> np.ndarray:
        """[..., 2] pixels of ``points`` [..., 3]."""
        seen = self.to_camera(points)
        return self.focal_px * seen[..., :2] / seen[..., 2:] + np.array(self.size) / 2


@dataclass(frozen=True, eq=False)
class Figure:
    """A body in a pose."""

    vertices: np.ndarray  # [V, 3] m
    faces: np.ndarray  # [F, 3]
    joints: np.ndarray  # [55, 3] m

    @cached_property
    def _tree(self) -> BVHTree:
        return BVHTree.FromPolygons(self.vertices.tolist(), self.faces.tolist(), all_triangles=True)

    def depths(self, points: np.ndarray) -> np.ndarray:
        """[N] m, how far ``points`` [N, 3] lie from the nearest skin."""
        return np.array([self._tree.find_nearest(point)[3] for point in points.tolist()])

    def is_seen(self, points: np.ndarray, place: np.ndarray, slack: np.ndarray) -> np.ndarray:
        """[N] bool, whether ``points`` [N, 3] are seen from ``place`` [3].

        Skin nearer to a point than its ``slack`` [N] m does not hide it.
        """
        rays = points - place
        reach = np.maximum(np.linalg.norm(rays, axis=1) - slack, 0)
        start = place.tolist()
        return np.array(
            [
                self._tree.ray_cast(start, ray, distance)[0] is None
                for ray, distance in zip(rays.tolist(), reach.tolist(), strict=True)
            ]
        )


@dataclass(frozen=True, eq=False)
class Shot:
    """A view of one body: what stands there, and who looks."""

    view: View
    figure: Figure
    camera: Camera


def take_shots(body: BodyModel, views: list[View]) -> list[Shot]:
    """The views of a body's mean shape; those in one pose share their figure."""
    figures: dict[str, Figure] = {}
    for view in views:
        if view.pose.name not in figures:
            figures[view.pose.name] = _pose_body(body, view.pose)
    return [
        Shot(view, figure, _aim(body, view, figure.vertices))
        for view in views
        for figure in [figures[view.pose.name]]
    ]


def _pose_body(body: BodyModel, pose: Pose) -> Figure:
    shapes = {name: score for name, score in pose.scores.items() if name != "jawOpen"}
    if shapes:
        assert body.arkit_dirs is not None
        columns = [body.arkit_names.index(name) for name in shapes]
        offsets = body.arkit_dirs[..., columns] @ np.array(list(shapes.values()), np.float32)
        body = replace(body, template=body.template + offsets)
    rotations = torch.from_numpy(np.float32(pose.rotations(body.jaw_open_angle)))[None]
    none = torch.zeros(1, 10)
    vertices, joints = Skin(body).pose_vertices(none[0], none, rotations, torch.zeros(1, 3))
    places, joint_places = (field[0].double().numpy() for field in (vertices, joints))
    return Figure(places, body.faces, joint_places)


def _aim(body: BodyModel, view: View, vertices: np.ndarray) -> Camera:
    """The camera whose picture the view's part fills."""
    shown = vertices[_vertices_of(body, view.part)]
    middle = (shown.min(0) + shown.max(0)) / 2
    outward, up = _directions(view.part, view.orbit)
    place = middle + view.orbit.distance * outward
    right = np.cross(-outward, up)
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(-outward, right), -outward], 1)
    size = _BODY_SIZE if view.part == "body" else _CLOSE_UP_SIZE
    offsets_px = Camera(place, axes, 1.0, (0, 0)).project(shown)
    focal_px = _FILL * (np.array(size) / (2 * np.abs(offsets_px).max(0))).min()
    return Camera(place, axes, float(focal_px), size)


def _vertices_of(body: BodyModel, part: str) -> np.ndarray:
    """[V] bool, the vertices that fill the picture."""
    if part == "body":
        return np.ones(body.num_vertices, bool)
    if part == "face":
        names = ["head", "jaw"]
    else:
        side = part.removesuffix("_hand")
        fingers = ("index", "middle", "pinky", "ring", "thumb")
        names = [n for n in JOINT_NAMES if n.startswith(tuple(f"{side}_{f}" for f in fingers))]
        names.append(f"{side}_wrist")
    return body.weights[:, [JOINT_INDEX[name] for name in names]].sum(1) > 0.9


def _directions(part: str, orbit: Orbit) -> tuple[np.ndarray, np.ndarray]:
    """Unit directions [3]: from what is looked at to the camera, and the picture's up."""
    azimuth, elevation = np.radians([orbit.azimuth, orbit.elevation])
    across = np.cos(elevation)
    if part in ("body", "face"):
        outward = [across * np.sin(azimuth), np.sin(elevation), across * np.cos(azimuth)]
        return np.array(outward), np.array([0.0, 1.0, 0.0])
    fingers = np.array([1.0 if part == "left_hand" else -1.0, 0.0, 0.0])  # from T-pose
    around = np.array([0.0, -np.cos(azimuth), np.sin(azimuth)])
    return across * around + np.sin(elevation) * fingers, fingers


class Studio:
    """Draws shots of one body. There is one at a time: Blender's scene is its stage."""

    def __init__(self, body: BodyModel, cache: Path) -> None:
        self._cache = cache
        cache.mkdir(parents=True, exist_ok=True)
        bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
        self._scene = bpy.context.scene
        self._mesh = _new_mesh(body)
        self._scene.collection.objects.link(bpy.data.objects.new("Person", self._mesh))
        self._lens = bpy.data.cameras.new("Camera")
        self._lens.sensor_fit = "HORIZONTAL"
        self._scene.camera = bpy.data.objects.new("Camera", self._lens)
        self._scene.collection.objects.link(self._scene.camera)
        _set_look(self._scene)
        self._surface = hashlib.sha1()  # of all that shows in a picture beside pose and camera
        for module in (__file__, materials.__file__):
            self._surface.update(Path(module).read_bytes())
        for polygons in (body.faces, body.quads, body.face_materials):
            self._surface.update(b"" if polygons is None else polygons.tobytes())

    def draw(self, shot: Shot) -> tuple[np.ndarray, str]:
        """The picture [H, W, 3] uint8 RGB and its key; drawn once and kept in the cache."""
        key = self._key(shot)
        path = self._cache / f"{key}.png"
        if not path.exists():
            self._draw_file(shot, path)
        pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED).astype(np.float32)
        cover = pixels[..., 3:] / 255
        mixed = cover * pixels[..., 2::-1] + (1 - cover) * np.array(_BACKGROUND)
        return np.round(mixed).astype(np.uint8), key

    def _key(self, shot: Shot) -> str:
        digest = self._surface.copy()
        camera = shot.camera
        for values in (shot.figure.vertices, camera.place, camera.body_from_camera):
            digest.update(np.float32(values).tobytes())
        digest.update(f"{camera.focal_px:.3f} {camera.size}".encode())
        return digest.hexdigest()

    def _draw_file(self, shot: Shot, path: Path) -> None:
        points = np.float32(shot.figure.vertices @ WORLD_FROM_BODY.T)
        self._mesh.vertices.foreach_set("co", points.ravel())
        self._mesh.update()
        width, height = shot.camera.size
        self._lens.lens = self._lens.sensor_width * shot.camera.focal_px / width
        matrix = np.eye(4)
        # Blender's camera looks along its -z and has y up.
        matrix[:3, :3] = WORLD_FROM_BODY @ shot.camera.body_from_camera @ np.diag([1, -1, -1])
        matrix[:3, 3] = WORLD_FROM_BODY @ shot.camera.place
        self._scene.camera.matrix_world = matrix.T.tolist()
        render = self._scene.render
        render.resolution_x, render.resolution_y = width, height
        render.filepath = str(path)
        bpy.ops.render.render(write_still=True)


def _new_mesh(body: BodyModel) -> bpy.types.Mesh:
    mesh = bpy.data.meshes.new("Person")
    mesh.from_pydata(body.template.tolist(), [], body.polygons.tolist())
    mesh.shade_smooth()
    materials.add_materials(mesh, body)
    return mesh


def _set_look(scene: bpy.types.Scene) -> None:
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.render.film_transparent = True
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"
    scene.view_settings.view_transform = "Standard"
    shading = scene.display.shading
    shading.light, shading.color_type = "STUDIO", "MATERIAL"
    shading.show_shadows, shading.shadow_intensity = True, 0.35
    # Without a graphics card every sample costs time; the networks shrink what they see anyway.
    scene.display.render_aa = "OFF"
