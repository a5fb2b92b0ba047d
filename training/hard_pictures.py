"""Pictures of the free body that are hard to read, with the places of its landmarks.

People in poses of a motion library and in random clothes, seen from all sides; in front of frames
of a video or made-up backgrounds, small or near, cut by the picture's edge, behind things and other
people, blurred, dark and noisy: so that the networks err as they do on real video.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import bpy
import cv2
import numpy as np
import torch
from scipy.spatial.transform import Rotation

from reelrig.core.body.model import BodyModel
from reelrig.core.body.skinning import Skin
from reelrig.core.skeletons import BODY_LANDMARK_INDEX, JOINT_INDEX, JOINT_NAMES, NUM_JOINTS
from reelrig.core.video import open_video

from .body.poses import Orbit, Pose, View
from .body.views import Camera, Figure, Shot, Studio

_NUM_OUTFITS = 16
_RENDER_SIZE = (900, 900)
_FILL = 0.9  # of the picture, by the person
_STATURE_M = 1.7
_SIZES = ((1280, 720), (1280, 720), (720, 1280), (640, 480))  # width, height in pixels
_SMALLEST_PX, _LARGEST_PX = 60.0, 1000.0  # a standing person's height
_HIPS, _EARS = (
    [BODY_LANDMARK_INDEX[f"{side}_{name}"] for side in ("left", "right")] for name in ("hip", "ear")
)
_LIGHTS = ("Default", "basic.sl", "outdoor.sl", "paint.sl", "rim.sl", "studio.sl")
_FINGERS = ("index", "middle", "ring", "pinky")


@dataclass(frozen=True, eq=False)
class Cutout:
    """A person drawn alone."""

    path: Path  # of the drawing, with its cover
    points_px: np.ndarray  # [553, 2] the true landmarks
    trunk_px: float  # the length from head to hips at the hips' distance, not foreshortened
    stature_px: float

    def pixels(self) -> np.ndarray:
        """[h, w, 4] RGB times its cover, and the cover; 0..1"""
        pixels = _floats(cv2.imread(str(self.path), cv2.IMREAD_UNCHANGED)) / 255
        cover = pixels[..., 3:]
        return np.concatenate([pixels[..., 2::-1] * cover, cover], -1)


@dataclass(frozen=True, eq=False)
class HardPicture:
    image: np.ndarray  # [H, W, 3] uint8 RGB
    points_px: np.ndarray  # [553, 2] the true landmarks of the person in question
    trunk_px: float
    others_px: np.ndarray  # [P, 553, 2] those of the other people
    person: int  # which cutout


def draw_people(body: BodyModel, motion: Path, cache: Path, count: int, seed: int) -> list[Cutout]:
    """People in random poses of the ``motion`` file (SMPL-X rotations ``poses`` [T, 22, 3])."""
    rng = np.random.default_rng(seed)
    rotations = _pick_rotations(rng, motion, count)
    skin = Skin(body)
    shots = [_shoot(rng, skin, body.faces, each) for each in rotations]
    cutouts = []
    for outfit, rows in enumerate(np.array_split(np.arange(count), _NUM_OUTFITS)):
        folder = cache / f"outfit{outfit}"
        studio = Studio(_dress(rng, body), folder)
        _paint(rng)
        for row in rows:
            _, key = studio.draw(shots[row])
            cutouts.append(_cut_out(body, shots[row], folder / f"{key}.png"))
    return cutouts


def _pick_rotations(rng: np.random.Generator, motion: Path, count: int) -> np.ndarray:
    """[count, 55, 3, 3], parent from joint: frames of different takes, half of them mirrored."""
    with np.load(motion, allow_pickle=False) as file:
        starts, lengths, poses = file["starts"], file["lengths"], file["poses"]
    takes = np.concatenate([rng.permutation(len(starts)) for _ in range(count // len(starts) + 1)])
    frames = [starts[take] + rng.integers(lengths[take]) for take in takes[:count]]
    rotvecs = np.zeros((count, NUM_JOINTS, 3))
    rotvecs[:, :22] = poses[frames]
    mirrored = rng.random(count) < 0.5
    swap = [
        JOINT_INDEX[name.replace("left", "?").replace("right", "left").replace("?", "right")]
        for name in JOINT_NAMES
    ]
    rotvecs[mirrored] = rotvecs[mirrored][:, swap] * (1, -1, -1)
    rotations = Rotation.from_rotvec(rotvecs.reshape(-1, 3)).as_matrix().reshape(-1, 55, 3, 3)
    return np.stack([_move_hands(rng, each) for each in rotations])


def _move_hands(rng: np.random.Generator, rotations: np.ndarray) -> np.ndarray:
    """Bent fingers and wrists, which the motion library lacks."""
    for sign, side in ((1, "left"), (-1, "right")):
        bend, spread = rng.uniform(0, 70) * rng.random(4) ** 0.3, rng.normal(0, 6)
        for i, finger in enumerate(_FINGERS):
            for joint, share in ((1, 0.9), (2, 1.2), (3, 0.8)):
                fan = spread * (1.5 - i) / 1.5 if joint == 1 else 0.0
                angles = -sign * share * bend[i], -sign * fan
                turn = Rotation.from_euler("zy", angles, degrees=True)
                rotations[JOINT_INDEX[f"{side}_{finger}{joint}"]] = turn.as_matrix()
        for name, spread_deg in (("wrist", 20), ("thumb1", 10)):
            turn = Rotation.from_rotvec(rng.normal(0, spread_deg, 3), degrees=True)
            rotations[JOINT_INDEX[f"{side}_{name}"]] @= turn.as_matrix()
    return rotations


def _shoot(rng: np.random.Generator, skin: Skin, faces: np.ndarray, rotations: np.ndarray) -> Shot:
    betas = torch.from_numpy(_floats(rng.normal(0, 0.8, 10)))
    turns, none = torch.from_numpy(_floats(rotations))[None], torch.zeros(1, 10)
    vertices, joints = skin.pose_vertices(betas, none, turns, torch.zeros(1, 3))
    figure = Figure(vertices[0].double().numpy(), faces, joints[0].double().numpy())
    azimuth, elevation = rng.uniform(0, 360), np.clip(rng.normal(8, 15), -25, 60)
    distance = np.exp(rng.uniform(np.log(2.0), np.log(8.0)))
    view = View("body", Pose("", {}, {}), Orbit(round(azimuth), round(elevation), distance))
    return Shot(view, figure, _aim(figure, np.radians(azimuth), np.radians(elevation), distance))


def _aim(figure: Figure, azimuth: float, elevation: float, distance: float) -> Camera:
    """The camera whose picture the figure fills."""
    low, high = figure.vertices.min(0), figure.vertices.max(0)
    across = np.cos(elevation)
    outward = np.array([across * np.sin(azimuth), np.sin(elevation), across * np.cos(azimuth)])
    place = (low + high) / 2 + distance * outward
    right = np.cross(-outward, (0.0, 1.0, 0.0))
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(-outward, right), -outward], 1)
    reach = np.abs(Camera(place, axes, 1.0, (0, 0)).project(figure.vertices)).max()
    return Camera(place, axes, float(_FILL * _RENDER_SIZE[0] / 2 / reach), _RENDER_SIZE)


def _dress(rng: np.random.Generator, body: BodyModel) -> BodyModel:
    """The body in other clothes: its polygons' materials by where they lie at rest."""
    assert body.face_materials is not None
    joints = dict(zip(JOINT_NAMES, body.template_joints, strict=True))
    middle = body.template[body.faces].mean(1)
    is_cloth = np.isin(
        body.face_materials, [body.material_names.index(name) for name in ("Skin", "Suit")]
    )
    x, y, z = middle.T
    hem = rng.uniform(joints["left_ankle"][1] + 0.05, joints["left_knee"][1] + 0.2)
    cuff = rng.uniform(joints["left_shoulder"][0] + 0.1, joints["left_wrist"][0] - 0.02)
    is_hair = (y > joints["left_eye_smplhf"][1] + 0.06) | (
        (z < joints["head"][2]) & (y > joints["head"][1])
    )
    clothes = {
        "Skin": np.ones(len(middle), bool),
        "Trousers": y < joints["spine1"][1],
        "Calves": y < hem,
        "Shirt": (y > joints["spine1"][1]) & (y < joints["neck"][1] - 0.01),
        "Arms": (y > joints["spine1"][1]) & (np.abs(x) > cuff),
        "Shoes": y < joints["left_ankle"][1],
        "Hair": is_hair & (rng.random() < 0.8) & (np.abs(x) < joints["left_shoulder"][0]),
    }
    names = list(body.material_names)
    materials = body.face_materials.copy()
    for name, where in clothes.items():
        material = {"Calves": "Skin", "Arms": "Skin"}.get(name, name)
        if material not in names:
            names.append(material)
        materials[is_cloth & where] = names.index(material)
    return replace(body, face_materials=materials, material_names=tuple(names))


def _paint(rng: np.random.Generator) -> None:
    """Random colours for the clothes of the body that stands in the studio."""
    tones = np.array([[1.0, 0.7, 0.55], [0.6, 0.36, 0.25], [0.2, 0.1, 0.07]])
    for name in ("Trousers", "Shirt", "Shoes", "Hair", "Skin"):
        color = rng.uniform(0.03, 1.0) * rng.uniform(0.4, 1.0, 3)
        if name == "Skin":
            color = rng.dirichlet((1.5, 0.8, 0.5)) @ tones
        elif name == "Hair":
            color *= 0.3
        bpy.data.materials[name].diffuse_color = (*color, 1.0)
    shading = bpy.context.scene.display.shading
    shading.studio_light = _LIGHTS[rng.integers(len(_LIGHTS))]


def _cut_out(body: BodyModel, shot: Shot, path: Path) -> Cutout:
    figure, camera = shot.figure, shot.camera
    points = body.landmark_points(figure.vertices, figure.joints)
    hips = points[_HIPS].mean(0)
    px_per_m = camera.focal_px / camera.to_camera(hips)[2]
    trunk_m = np.linalg.norm(points[_EARS].mean(0) - hips)
    return Cutout(
        path, camera.project(points), float(trunk_m * px_per_m), float(_STATURE_M * px_per_m)
    )


def compose_pictures(
    cutouts: list[Cutout], video: Path, each: int, seed: int
) -> Iterator[HardPicture]:
    """``each`` pictures of every person."""
    rng = np.random.default_rng(seed)
    frames = [frame.image for frame in open_video(video).frames(every=20)]
    for person in range(len(cutouts)):
        for _ in range(each):
            yield _compose(rng, cutouts, person, frames)


def _compose(
    rng: np.random.Generator, cutouts: list[Cutout], person: int, frames: list[np.ndarray]
) -> HardPicture:
    size = _SIZES[rng.integers(len(_SIZES))]
    canvas = _background(rng, size, frames)
    height_px = np.exp(rng.uniform(np.log(_SMALLEST_PX), np.log(_LARGEST_PX)))
    scale = height_px / cutouts[person].stature_px
    center = _place(rng, size, scale * _RENDER_SIZE[0] * _FILL)
    others = []

    def add_other(spread: float) -> None:
        other = cutouts[rng.integers(len(cutouts))]
        beside = center + rng.normal(0, spread * height_px, 2) * (1, 0.3)
        zoom = height_px / other.stature_px * rng.uniform(0.7, 1.4)
        others.append(_paste(canvas, other, zoom, rng.normal(0, 3), beside))

    if rng.random() < 0.3:
        add_other(0.5)
    points_px = _paste(canvas, cutouts[person], scale, rng.normal(0, 8), center)
    if rng.random() < 0.15:
        add_other(0.3)
    if rng.random() < 0.3:
        _put_things(rng, canvas, points_px[:33])
    image = _spoil(rng, canvas, height_px)
    trunk_px = cutouts[person].trunk_px * scale
    return HardPicture(
        image, points_px, trunk_px, np.array(others).reshape(-1, *points_px.shape), person
    )


def _place(rng: np.random.Generator, size: tuple[int, int], extent: float) -> np.ndarray:
    """[2] px, where the person stands: mostly inside the picture, else cut by its edge."""
    room = np.maximum(np.array(size) - extent, 0) / 2
    center = np.array(size) / 2 + rng.uniform(-1, 1, 2) * room
    if rng.random() < 0.25:
        axis, sign = rng.integers(2), rng.choice((-1, 1))
        center[axis] = size[axis] / 2 + sign * (size[axis] / 2 + rng.uniform(-0.45, 0.1) * extent)
    return center


def _paste(
    canvas: np.ndarray, cutout: Cutout, scale: float, roll: float, center: np.ndarray
) -> np.ndarray:
    """Lay the person, turned by ``roll`` degrees, over the canvas; [553, 2] px, the landmarks."""
    side = max(round(scale * _RENDER_SIZE[0]), 8)
    scale = side / _RENDER_SIZE[0]
    shrink = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(cutout.pixels(), (side, side), interpolation=shrink)
    turn = cv2.getRotationMatrix2D((0, 0), roll, 1.0)[:, :2]
    shift = center - turn @ (side / 2, side / 2)
    # OpenCV's pixels have their middles at whole numbers.
    matrix = np.column_stack([turn, shift + turn @ (0.5, 0.5) - 0.5])
    laid = cv2.warpAffine(small, matrix, canvas.shape[1::-1])
    canvas *= 1 - laid[..., 3:]
    canvas += laid[..., :3]
    return cutout.points_px * scale @ turn.T + shift


def _background(
    rng: np.random.Generator, size: tuple[int, int], frames: list[np.ndarray]
) -> np.ndarray:
    """[H, W, 3] 0..1, a part of a frame, or wall and floor with coarse and fine patches."""
    if rng.random() < 0.6:
        frame = frames[rng.integers(len(frames))]
        wide = int(rng.uniform(0.25, 0.9) * min(frame.shape[:2]))
        y, x = (rng.integers(length - wide + 1) for length in frame.shape[:2])
        part = frame[y : y + wide, x : x + wide][:, :: rng.choice((-1, 1))]
        return cv2.resize(_floats(part) / 255, size)
    wall, floor = rng.uniform(0.1, 0.9, (2, 3)) * 0.5 + rng.uniform(0.1, 0.9, (2, 1)) * 0.5
    is_floor = np.linspace(0, 1, size[1]) > rng.uniform(0.4, 1.0)
    canvas = np.where(is_floor[:, None, None], floor, wall) * np.ones((1, size[0], 1))
    for cells in (4, 12, 60):
        patches = rng.random((cells, cells, 1)) + 0.3 * rng.random((cells, cells, 3)) - 0.65
        how = cv2.INTER_NEAREST if rng.random() < 0.3 else cv2.INTER_CUBIC
        shade = cv2.resize(_floats(patches), size, interpolation=how)
        canvas = canvas + rng.uniform(0, 0.5) * rng.random() * shade
    return _floats(np.clip(canvas, 0, 1))


def _put_things(rng: np.random.Generator, canvas: np.ndarray, body_px: np.ndarray) -> None:
    """One or two boxes or discs in front of parts of the body."""
    low, high = body_px.min(0), body_px.max(0)
    for _ in range(rng.integers(1, 3)):
        center = rng.uniform(low, high)
        extent = (high - low).max() * rng.uniform(0.08, 0.35, 2) * (1, rng.choice((1, 2)))
        box = (tuple(center), tuple(extent), rng.normal(0, 25))
        mask = np.zeros(canvas.shape[:2], np.uint8)
        if rng.random() < 0.6:
            cv2.fillPoly(mask, [cv2.boxPoints(box).astype(np.int32)], (1,))
        else:
            cv2.ellipse(mask, box, (1,), -1)
        shade = rng.random(3) * np.linspace(1, rng.uniform(0.5, 1.0), len(canvas))[:, None, None]
        np.copyto(canvas, _floats(shade), where=mask[..., None] > 0)


def _spoil(rng: np.random.Generator, canvas: np.ndarray, height_px: float) -> np.ndarray:
    """[H, W, 3] uint8: less light, out of focus or moved, noise, and what a codec leaves."""
    canvas = canvas * rng.uniform(0.75, 1.1)
    if rng.random() < 0.15:
        canvas = canvas * rng.uniform(0.2, 0.8)
    if rng.random() < 0.25:
        width = rng.uniform(0.001, 0.012) * height_px
        canvas = cv2.GaussianBlur(canvas, (0, 0), max(width, 0.3))
    if rng.random() < 0.15:
        length = max(round(rng.uniform(0.01, 0.05) * height_px), 2)
        line = np.zeros((length, length), np.float32)
        line[length // 2] = 1 / length
        around = cv2.getRotationMatrix2D(
            (length / 2 - 0.5, length / 2 - 0.5), rng.uniform(0, 180), 1
        )
        line = cv2.warpAffine(line, around, (length, length))
        canvas = cv2.filter2D(canvas, -1, line / line.sum())
    if rng.random() < 0.3:
        canvas = canvas + rng.normal(0, rng.uniform(0.005, 0.06), canvas.shape)
    image = (np.clip(canvas, 0, 1) * 255).astype(np.uint8)
    quality = int(rng.uniform(25, 95))
    _, packed = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(packed, cv2.IMREAD_COLOR)[..., ::-1].copy()


def _floats(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, np.float32)
