"""How BlazePose's heading and lean follow the ray a person is seen along, on renders.

``python training/bench_rays.py``. The body stands in known places before a known camera; the
detector's trunk is compared with the true one. The slope of the error over the ray's angle says
whether the network reads the body against its own crop (slope 1) or against the picture (0).
"""

from __future__ import annotations

import itertools
import os
import sys
import tempfile
from pathlib import Path

import bpy
import cv2
import numpy as np
import torch

from reelrig.core.body.model import load_body
from reelrig.core.detect.engine import Engine, open_engine
from reelrig.core.detect.person import detect_people, regions_of_people
from reelrig.core.detect.pose import regions_of_poses, see_poses
from reelrig.core.detect.regions import upload
from reelrig.core.frames import WORLD_FROM_BODY
from reelrig.core.skeletons import BODY_LANDMARK_INDEX

WIDTH, HEIGHT, FOCAL_PX = 1280, 720, 1000.0
DISTANCE_M = 4.0
HEADINGS_DEG, ASIDE_M, ABOVE_M = (-40.0, 0.0, 40.0), (-1.6, 0.0, 1.6), (-0.6, -0.1, 0.4)


def main() -> None:
    scene, person = build_scene()
    engine = open_engine("cpu")
    rows = []
    for heading, aside, above in itertools.product(HEADINGS_DEG, ASIDE_M, ABOVE_M):
        person.rotation_euler = (0.0, 0.0, np.radians(heading))
        person.location = (aside, DISTANCE_M, above)
        seen = see_trunk(engine, render(scene))
        if seen is not None:
            ray = np.degrees(np.arctan2([aside, -above], DISTANCE_M))
            rows.append((*ray, seen[0] - heading, seen[1]))
    across, down, heading_error, lean = np.array(rows).T
    print(f"{len(rows)} renders in which the person was found")
    print(f"heading follows the ray by {np.polyfit(across, heading_error, 1)[0]:.2f} of its angle")
    print(f"lean follows the ray by {np.polyfit(down, lean, 1)[0]:.2f} of its angle")
    print(f"lean toward the camera {lean.mean():.0f} degrees on average, the truth is 0")


def build_scene() -> tuple[bpy.types.Scene, bpy.types.Object]:
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene = bpy.context.scene
    body = load_body()
    mesh = bpy.data.meshes.new("Person")
    mesh.from_pydata((body.template @ WORLD_FROM_BODY.T).tolist(), [], body.faces.tolist())
    mesh.shade_smooth()
    skin = bpy.data.materials.new("Skin")
    skin.diffuse_color = (0.8, 0.55, 0.45, 1.0)
    mesh.materials.append(skin)
    person = bpy.data.objects.new("Person", mesh)
    scene.collection.objects.link(person)
    lens = bpy.data.cameras.new("Camera")
    lens.lens = lens.sensor_width * FOCAL_PX / WIDTH
    scene.camera = bpy.data.objects.new("Camera", lens)
    scene.camera.rotation_euler = (np.pi / 2, 0.0, 0.0)
    scene.collection.objects.link(scene.camera)
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.render.resolution_x, scene.render.resolution_y = WIDTH, HEIGHT
    return scene, person


def render(scene: bpy.types.Scene) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        scene.render.filepath = str(Path(folder) / "render.png")
        bpy.ops.render.render(write_still=True)
        return cv2.cvtColor(cv2.imread(scene.render.filepath), cv2.COLOR_BGR2RGB)


def see_trunk(engine: Engine, image: np.ndarray) -> tuple[float, float] | None:
    """Heading to the person's left and lean toward the camera, in degrees, as detected."""
    pictures, first = upload(engine, [image]), torch.zeros(1, dtype=torch.long)
    (found,) = detect_people(engine, pictures)
    if not len(found.score):
        return None
    rough = see_poses(engine, pictures, first, regions_of_people(found.points[:1]), "heavy")
    poses = see_poses(engine, pictures, first, regions_of_poses(rough.points), "heavy")
    points = poses.world[0].numpy()

    def at(name: str) -> np.ndarray:
        return points[BODY_LANDMARK_INDEX[name]]

    across = at("left_hip") - at("right_hip") + at("left_shoulder") - at("right_shoulder")
    up = at("left_shoulder") + at("right_shoulder") - at("left_hip") - at("right_hip")
    heading = np.degrees(np.arctan2(across[2], across[0]))
    return heading, np.degrees(np.arctan2(-up[2], -up[1]))


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    # bpy 4.5 can hang for ever in its static destructors, so Python's way out is not taken.
    os._exit(0)
