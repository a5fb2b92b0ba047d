"""A picture of a capture at six moments: the video beside the rendered character.

``python tools/contact_sheet.py VIDEO MOTION.npz SCENE.blend SHEET.png``. Each moment shows the
video, the character from the video's own solved camera in the same crop, and the character from
its left side, on the floor of the world.
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import bpy
import cv2
import numpy as np
from mathutils import Matrix

from reelrig.core.motion import Motion, read_motion
from reelrig.core.video import open_video

NUM_MOMENTS = 6
MOMENTS_A_ROW = 2
TILE_PX = 360
MARGIN = 1.35  # side of the crop by the size of the person in the picture
SIDE_VIEW_M = 2.4  # height and width of the side view
SIDE_DISTANCE_M = 20.0
FLOOR = "Floor lines"
_SENSOR_MM = 36.0
# Blender's camera looks along its -z with y up, the solved one along z with y down.
_CAMERA_FROM_BLENDER = np.diag([1.0, -1.0, -1.0, 1.0])


def main(video_path: Path, motion_path: Path, scene_path: Path, sheet_path: Path) -> None:
    motion = read_motion(motion_path, print)
    rows = choose_rows(motion)
    frames = read_frames(video_path, [int(motion.frame_index[row]) for row in rows])
    bpy.ops.wm.open_mainfile(filepath=str(scene_path))
    prepare_scene()
    moments = []
    for row, image in zip(rows, frames, strict=True):
        bpy.context.scene.frame_set(bpy.context.scene.frame_start + row)
        centre_px, side_px = person_box(motion, row)
        crop = crop_square(image, centre_px, side_px)
        same_view = render(
            lambda camera, r=row, c=centre_px, s=side_px: aim_like_video(camera, motion, r, c, s)
        )
        side_view = render(lambda camera, r=row: aim_from_side(camera, motion, r))
        label(crop, f"frame {int(motion.frame_index[row])}  {motion.time_s[row]:.2f} s")
        moments.append(np.hstack([crop, same_view, side_view]))
    lines = [
        np.hstack(moments[i : i + MOMENTS_A_ROW]) for i in range(0, NUM_MOMENTS, MOMENTS_A_ROW)
    ]
    cv2.imwrite(str(sheet_path), cv2.cvtColor(np.vstack(lines), cv2.COLOR_RGB2BGR))


def choose_rows(motion: Motion) -> list[int]:
    """Evenly spread rows among those in which the person was seen."""
    seen = np.flatnonzero(motion.confidence[:, 0] > 0)
    return [int(seen[i]) for i in np.linspace(0, len(seen) - 1, NUM_MOMENTS + 2)[1:-1].astype(int)]


def read_frames(video_path: Path, indices: list[int]) -> list[np.ndarray]:
    wanted: dict[int, np.ndarray] = {}
    for frame in open_video(video_path).frames():
        if frame.index in indices:
            wanted[frame.index] = frame.image
        if frame.index >= max(indices):
            break
    return [wanted[index] for index in indices]


def person_box(motion: Motion, row: int) -> tuple[np.ndarray, float]:
    """Middle [2] and side of a square around the person, in pixels of the video."""
    assert motion.landmarks_px is not None
    assert motion.landmarks_confidence is not None
    shown = motion.landmarks_px[row][motion.landmarks_confidence[row] > 0]
    low, high = shown.min(0), shown.max(0)
    return (low + high) / 2, float((high - low).max() * MARGIN)


def crop_square(image: np.ndarray, centre_px: np.ndarray, side_px: float) -> np.ndarray:
    scale = TILE_PX / side_px
    shift = TILE_PX / 2 - scale * centre_px
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    return cv2.warpAffine(image, matrix, (TILE_PX, TILE_PX), flags=cv2.INTER_AREA)


def prepare_scene() -> None:
    """Workbench, a floor with lines each half metre, and a camera of its own."""
    scene = bpy.context.scene
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.render.resolution_x = scene.render.resolution_y = TILE_PX
    scene.render.resolution_percentage = 100
    scene.render.image_settings.file_format = "PNG"
    scene.display.shading.light = "STUDIO"
    scene.display.shading.show_cavity = True
    scene.camera = bpy.data.objects.new("Sheet", bpy.data.cameras.new("Sheet"))
    scene.collection.objects.link(scene.camera)
    bpy.ops.mesh.primitive_grid_add(
        x_subdivisions=80, y_subdivisions=80, size=40, location=(0, 0, 0)
    )
    floor = bpy.context.object
    floor.name = FLOOR
    floor.modifiers.new("Lines", "WIREFRAME").thickness = 0.012
    paint = bpy.data.materials.new("Floor")
    paint.diffuse_color = (0.15, 0.3, 0.5, 1.0)
    floor.data.materials.append(paint)


def render(aim: Callable[[bpy.types.Object], None]) -> np.ndarray:
    """[H, W, 3] uint8 RGB of the scene as the sheet's camera, once aimed, sees it."""
    scene = bpy.context.scene
    aim(scene.camera)
    # A camera below the floor, as before a stage, would see the person behind its lines.
    bpy.data.objects[FLOOR].hide_render = scene.camera.location.z < 0
    with tempfile.TemporaryDirectory() as folder:
        scene.render.filepath = str(Path(folder) / "tile.png")
        bpy.ops.render.render(write_still=True)
        return cv2.cvtColor(cv2.imread(scene.render.filepath), cv2.COLOR_BGR2RGB)


def aim_like_video(
    camera: bpy.types.Object, motion: Motion, row: int, centre_px: np.ndarray, side_px: float
) -> None:
    """The solved camera, its picture cut to the square crop by lens and shift."""
    world_from_camera = np.linalg.inv(motion.camera_from_world[row].astype(np.float64))
    camera.matrix_world = Matrix((world_from_camera @ _CAMERA_FROM_BLENDER).tolist())
    camera.data.type = "PERSP"
    camera.data.sensor_width = _SENSOR_MM
    camera.data.lens = _SENSOR_MM * float(motion.focal_px[row]) / side_px
    off_centre = (centre_px - motion.axis_px) / side_px
    camera.data.shift_x, camera.data.shift_y = float(off_centre[0]), float(-off_centre[1])
    camera.data.clip_end = 1000.0


def aim_from_side(camera: bpy.types.Object, motion: Motion, row: int) -> None:
    """Level, from the person's left, the floor near the lower edge."""
    hips = motion.joints_world[row, 1] - motion.joints_world[row, 2]
    angle = math.atan2(hips[1], hips[0])
    pelvis = motion.joints_world[row, 0]
    camera.data.type = "ORTHO"
    camera.data.ortho_scale = SIDE_VIEW_M
    camera.data.shift_x = camera.data.shift_y = 0.0
    camera.rotation_euler = (math.pi / 2, 0.0, angle + math.pi / 2)
    camera.location = (
        pelvis[0] + SIDE_DISTANCE_M * math.cos(angle),
        pelvis[1] + SIDE_DISTANCE_M * math.sin(angle),
        pelvis[2] + 0.15,
    )


def label(tile: np.ndarray, text: str) -> None:
    for colour, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(tile, text, (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, width, cv2.LINE_AA)


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:5]))
    sys.stdout.flush()
    # bpy 4.5 can hang for ever in its static destructors, so Python's way out is not taken.
    os._exit(0)
