"""Pictures of a body as the add-on builds it: the contact sheet, and its bends before and after.

``python -m training.body_sheet SHEET.jpg [--body BODY.npz]`` draws poses, faces and shapes;
``python -m training.body_sheet SHEET.jpg --before OLD.npz`` the bends of two bodies side by side.
Cycles renders on the processor, about two seconds a tile.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import bpy
import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from reelrig.addon.rig import convert
from reelrig.addon.rig.build import bone_axes, build_armature
from reelrig.addon.rig.rest import rest_bones
from reelrig.addon.rig.skin import build_skin, skin_shape_keys
from reelrig.core.body.model import BodyModel, load_body
from reelrig.core.frames import WORLD_FROM_BODY
from reelrig.core.skeletons import JOINT_INDEX, JOINT_NAMES

from .bench_body import POSES
from .body.poses import Pose, Turns

SAMPLES = 24
DISTANCE_M = 6.0
ARMS_DOWN: Turns = {"shoulder": (0, 0, -70), "elbow": (0, -12, 0)}
WALK = ARMS_DOWN | {
    **{"left_hip": (-28, 0, 0), "left_knee": (12, 0, 0), "right_hip": (18, 0, 0)},
    **{"right_knee": (32, 0, 0), "right_ankle": (12, 0, 0)},
    **{"left_shoulder": (25, 0, -70), "right_shoulder": (-28, 0, 70), "elbow": (0, -28, 0)},
}


@dataclass(frozen=True)
class Tile:
    """One picture: who, how and seen from where."""

    title: str
    turns: Turns = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    sliders: dict[str, float] = field(default_factory=dict)
    azimuth: float = 25.0  # degrees, to the person's left
    elevation: float = 5.0
    middle: str | None = None  # joint in the middle of the picture; None: the whole body
    size_m: float = 2.0
    is_clay: bool = False  # one grey for all, which shows form best


def _face(title: str, **scores: float) -> Tile:
    return Tile(title, ARMS_DOWN, scores, azimuth=12, elevation=0, middle="head", size_m=0.34)


def _both(name: str, score: float = 1.0) -> dict[str, float]:
    return {f"{name}Left": score, f"{name}Right": score}


POSE_TILES = (
    Tile("T-pose", azimuth=0),
    Tile("back", ARMS_DOWN, azimuth=155),
    Tile("walk", WALK, azimuth=40),
    Tile("squat", POSES["squat"], azimuth=40),
    Tile("arms up", POSES["arms up"], azimuth=20, size_m=2.3),
    Tile("fist", POSES["fist"], azimuth=20, elevation=30, middle="left_middle1", size_m=0.32),
)
FACE_TILES = (
    _face("neutral"),
    _face("jawOpen", jawOpen=1.0),
    _face("jawOpen + mouthClose", jawOpen=1.0, mouthClose=1.0),
    _face("mouthSmile", **_both("mouthSmile")),
    _face("mouthFrown", **_both("mouthFrown")),
    _face("mouthPucker", mouthPucker=1.0),
    _face("mouthFunnel", mouthFunnel=1.0),
    _face("cheekPuff", cheekPuff=1.0),
    _face("browDown", **_both("browDown")),
    _face("browInnerUp", browInnerUp=1.0),
    _face("eyeBlink", **_both("eyeBlink")),
    _face("eyeWide", **_both("eyeWide")),
    _face("noseSneer", **_both("noseSneer")),
    _face("smile, jaw a little open", jawOpen=0.3, **_both("mouthSmile", 0.8)),
)
SHAPE_TILES = tuple(
    Tile(title, ARMS_DOWN, sliders=sliders, size_m=2.1)
    for title, sliders in (
        ("gender +1", {"gender": 1.0}),
        ("gender -1, muscle +1", {"gender": -1.0, "muscle": 1.0}),
        ("weight +1", {"weight": 1.0}),
        ("weight -1", {"weight": -1.0}),
        ("age +1", {"age": 1.0}),
        ("stature +1, legs +1", {"stature": 1.0, "leg_length": 1.0}),
    )
)


def _bend(pose: str, azimuth: float, middle: str, size_m: float) -> Tile:
    return Tile(pose, POSES[pose], azimuth=azimuth, middle=middle, size_m=size_m, is_clay=True)


BEND_TILES = (
    _bend("squat", 25, "pelvis", 0.9),
    _bend("squat", 110, "pelvis", 0.9),
    _bend("sit", 60, "pelvis", 0.8),
    _bend("sit", 150, "pelvis", 0.8),
    _bend("knee 120", 70, "left_knee", 0.6),
    _bend("knee 120", 150, "left_knee", 0.6),
    _bend("arms up", 15, "neck", 0.75),
    _bend("arms up", 160, "neck", 0.75),
)
MOUTH_TILES = (
    _face("jawOpen", jawOpen=1.0),
    _face("jawOpen + mouthClose", jawOpen=1.0, mouthClose=1.0),
    _face("looking to the left", **{"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0}),
    _face("looking down", **_both("eyeLookDown")),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--body", type=Path, help="default: the free body")
    parser.add_argument("--before", type=Path, help="an older body, whose bends stand beside")
    args = parser.parse_args()
    body = load_body(args.body)
    if args.before is None:
        rows = [
            draw_row(body, POSE_TILES, 300),
            draw_row(body, FACE_TILES[:7], 257),
            draw_row(body, FACE_TILES[7:], 257),
            draw_row(body, SHAPE_TILES, 300),
        ]
    else:
        before = load_body(args.before)
        rows = [
            draw_row(who, tiles, size, mark)
            for tiles, size in ((BEND_TILES[:4], 400), (BEND_TILES[4:], 400), (MOUTH_TILES, 400))
            for who, mark in ((before, "before: "), (body, "after: "))
        ]
    width = min(row.shape[1] for row in rows)
    sheet = np.vstack([row[:, :width] for row in rows])
    cv2.imwrite(str(args.sheet), sheet, [cv2.IMWRITE_JPEG_QUALITY, 88])


def draw_row(body: BodyModel, tiles: tuple[Tile, ...], size_px: int, mark: str = "") -> np.ndarray:
    """[size_px, W, 3] uint8 BGR"""
    pictures = []
    for tile in tiles:
        picture = draw(body, tile, size_px)
        at = (6, size_px - 8)
        cv2.putText(picture, mark + tile.title, at, 0, 0.42, (40, 40, 40), 1, cv2.LINE_AA)
        pictures.append(picture)
    return np.hstack(pictures)


def draw(body: BodyModel, tile: Tile, size_px: int) -> np.ndarray:
    """[size_px, size_px, 3] uint8 BGR"""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    armature = build(body, tile)
    if tile.is_clay:
        paint_clay()
    depsgraph = bpy.context.evaluated_depsgraph_get()
    if tile.middle is None:
        ends = np.array(armature.children[0].evaluated_get(depsgraph).bound_box)
        middle = (ends.min(0) + ends.max(0)) / 2 * [0.5, 0.5, 1.0]
    else:
        bone = armature.evaluated_get(depsgraph).pose.bones[tile.middle]
        middle = np.array(bone.head)
        middle[2] += 0.04 if tile.middle == "head" else 0
    aim_camera(middle, tile)
    add_lights(math.radians(tile.azimuth))
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples = SAMPLES
    scene.cycles.use_denoising = True
    scene.render.resolution_x = scene.render.resolution_y = size_px
    scene.view_settings.view_transform = "Standard"
    with tempfile.TemporaryDirectory() as folder:
        scene.render.filepath = str(Path(folder) / "tile.png")
        bpy.ops.render.render(write_still=True)
        return cv2.imread(scene.render.filepath)


def build(body: BodyModel, tile: Tile) -> bpy.types.Object:
    """The character in the tile's shape and pose, in the scene."""
    sliders = np.array([tile.sliders.get(name, 0.0) for name in body.slider_names])
    betas = np.zeros(10)
    armature = build_armature("body", rest_bones(body, betas, sliders))
    skin = build_skin("skin", body, betas, sliders, armature)
    for obj in (armature, skin):
        bpy.context.scene.collection.objects.link(obj)
    rotations = Pose("", tile.turns, tile.scores).rotations(body.jaw_open_angle)
    rotations[0] = WORLD_FROM_BODY
    turn_eyes(rotations, tile.scores)
    rotvecs = Rotation.from_matrix(rotations).as_rotvec()
    quats = convert.bone_quats(rotvecs[None], bone_axes(armature))[0]
    for name, quat in zip(JOINT_NAMES, quats, strict=True):
        armature.pose.bones[name].rotation_quaternion = quat
    for name, score in tile.scores.items():
        if name != "jawOpen":
            skin_shape_keys(skin).key_blocks[name].value = score
    return armature


def paint_clay() -> None:
    for material in bpy.data.materials:
        shader = next(n for n in material.node_tree.nodes if n.type == "BSDF_PRINCIPLED")
        shader.inputs["Base Color"].default_value = (0.30, 0.31, 0.33, 1.0)
        shader.inputs["Subsurface Weight"].default_value = 0.0
        shader.inputs["Roughness"].default_value = 0.6


def turn_eyes(rotations: np.ndarray, scores: dict[str, float]) -> None:
    """Gaze as the capture turns it, for looks both eyes share."""
    side, down = scores.get("eyeLookOutLeft", 0.0), scores.get("eyeLookDownLeft", 0.0)
    for name in ("left_eye_smplhf", "right_eye_smplhf"):
        turn = Rotation.from_rotvec([0.35 * down, 0.5 * side, 0.0])
        rotations[JOINT_INDEX[name]] = turn.as_matrix()


def aim_camera(middle: np.ndarray, tile: Tile) -> None:
    lens = bpy.data.cameras.new("Camera")
    camera = bpy.data.objects.new("Camera", lens)
    scene = bpy.context.scene
    scene.collection.objects.link(camera)
    scene.camera = camera
    azimuth, elevation = math.radians(tile.azimuth), math.radians(tile.elevation)
    away = (
        math.sin(azimuth) * math.cos(elevation),
        -math.cos(azimuth) * math.cos(elevation),
        math.sin(elevation),
    )
    camera.location = [m + DISTANCE_M * a for m, a in zip(middle, away, strict=True)]
    camera.rotation_euler = (math.pi / 2 - elevation, 0.0, azimuth)
    lens.angle = 2 * math.atan(tile.size_m / 2 / DISTANCE_M)


def add_lights(azimuth: float) -> None:
    """A key light from the camera's left, a weaker one from behind, a light grey sky."""
    for energy, tilt, aside, size in ((3.2, 50, -40, 0.2), (1.2, 65, 150, 0.4)):
        sun = bpy.data.lights.new("Sun", "SUN")
        sun.energy, sun.angle = energy, size
        obj = bpy.data.objects.new("Sun", sun)
        obj.rotation_euler = (math.radians(tilt), 0.0, azimuth + math.radians(aside))
        bpy.context.scene.collection.objects.link(obj)
    world = bpy.data.worlds.new("World")
    bpy.context.scene.world = world
    if world.node_tree is None:  # before Blender 5.0
        world.use_nodes = True
    background = next(node for node in world.node_tree.nodes if node.type == "BACKGROUND")
    background.inputs["Color"].default_value = (0.62, 0.64, 0.67, 1.0)
    background.inputs["Strength"].default_value = 0.8


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    # bpy 4.5 can hang for ever in its static destructors, so Python's way out is not taken.
    os._exit(0)
