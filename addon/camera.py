"""The camera of a take in Blender, which sees the characters where the video shows the people.

Blender's camera looks along its -z with y up, a motion's along z with y down (OpenCV).
"""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Matrix, Vector

from ..core.motion import Motion
from .keys import curves, timing
from .rig.convert import align_signs

# The longer side of the picture stands for the width of full-frame film, so that Blender's focal
# length is what photographers call the 35 mm equivalent.
SENSOR_MM = 36.0
_CAMERA_FROM_BLENDER = np.diag([1.0, -1.0, -1.0])
_SIZE = "reelrig_picture_size"
_DISPLAY_SIZE = 0.5  # m, of the camera as it is drawn
_SAME_PLACE = 1e-6  # m, and as the elements of a turn
_SAME_LENS = 1e-3  # mm


def has_camera(motion: Motion) -> bool:
    """Whether ``motion`` knows its camera; those of other tools do not."""
    parts = (motion.camera_from_world, motion.focal_px, motion.image_size)
    return all(part is not None for part in parts)


def build_camera(name: str, motion: Motion) -> bpy.types.Object:
    """A new camera object for pictures of the motion's size, linked to no scene."""
    width, height = image_size(motion)
    lens = bpy.data.cameras.new(name)
    # Named, and not left to AUTO, which would change sides with the scene's render size.
    lens.sensor_fit = "HORIZONTAL" if width >= height else "VERTICAL"
    lens.sensor_width = lens.sensor_height = SENSOR_MM
    lens.display_size = _DISPLAY_SIZE
    # Blender moves the picture over the axis, by shares of the side that the sensor fits.
    right, down = (motion.axis_px - (width / 2, height / 2)) / max(width, height)
    lens.shift_x, lens.shift_y = -right, down
    lens[_SIZE] = [width, height]
    camera = bpy.data.objects.new(name, lens)
    camera.rotation_mode = "QUATERNION"
    return camera


def find_camera(armature: bpy.types.Object) -> bpy.types.Object | None:
    """The camera of the take that a character plays."""
    world = armature.parent
    siblings = world.children if world is not None else ()
    cameras = (child for child in siblings if child.type == "CAMERA")
    return next((camera for camera in cameras if _SIZE in lens_of(camera)), None)


def lens_of(camera: bpy.types.Object) -> bpy.types.Camera:
    assert isinstance(camera.data, bpy.types.Camera)
    return camera.data


def picture_size(camera: bpy.types.Object) -> tuple[int, int]:
    """Width and height in pixels of the video that the camera took."""
    width, height = lens_of(camera)[_SIZE]
    return width, height


def image_size(motion: Motion) -> tuple[int, int]:
    """Width and height in pixels of the pictures of a motion that knows its camera."""
    assert motion.image_size is not None
    width, height = motion.image_size
    return int(width), int(height)


def focal_mm(focal_px: float, size: tuple[int, int]) -> float:
    """What Blender, and a full-frame camera, call the focal length, for pictures of a size."""
    return float(focal_px) * SENSOR_MM / max(size)


def focal_px(focal_mm: float, size: tuple[int, int]) -> float:
    return focal_mm * max(size) / SENSOR_MM


def place_camera(camera: bpy.types.Object, motion: Motion, times: timing.KeyTimes) -> None:
    """Put the camera where the motion's stood, with keys where it moves or zooms."""
    assert motion.camera_from_world is not None
    assert motion.focal_px is not None
    world_from_camera = np.linalg.inv(motion.camera_from_world.astype(np.float64))
    locations = world_from_camera[:, :3, 3]
    turns = world_from_camera[:, :3, :3] @ _CAMERA_FROM_BLENDER
    if max(np.ptp(locations, axis=0).max(), np.ptp(turns, axis=0).max()) < _SAME_PLACE:
        camera.location = locations[0].tolist()
        camera.rotation_quaternion = _quaternion(turns[0])
    else:
        quats = align_signs(np.array([_quaternion(turn) for turn in turns]))
        curves.write_object(
            camera,
            get_action(camera),
            times.frames,
            timing.slerp_rows(quats, times.rows),
            timing.lerp_rows(locations, times.rows),
        )
    lenses = np.array([focal_mm(focal, picture_size(camera)) for focal in motion.focal_px])
    lens = lens_of(camera)
    if np.ptp(lenses) < _SAME_LENS:
        lens.lens = lenses[0]
    else:
        values = timing.lerp_rows(lenses, times.rows)
        curves.write_value(lens, get_action(camera), times.frames, "lens", values)


def _quaternion(turn: np.ndarray) -> list[float]:
    return list(Matrix(turn.tolist()).to_quaternion()[:])


def get_action(camera: bpy.types.Object) -> bpy.types.Action:
    """The action of camera object and lens, new where they have none."""
    for block in (camera, lens_of(camera)):
        if block.animation_data and block.animation_data.action:
            return block.animation_data.action
    return bpy.data.actions.new(camera.name)


def use_camera(scene: bpy.types.Scene, camera: bpy.types.Object) -> None:
    """Let the scene see and render through the camera, in the size of its video."""
    scene.camera = camera
    scene.render.resolution_x, scene.render.resolution_y = picture_size(camera)
    scene.render.pixel_aspect_x = scene.render.pixel_aspect_y = 1.0


def pixel_of_ray(camera: bpy.types.Object, ray: Vector) -> tuple[float, float]:
    """Where in the video's picture, in pixels, ``ray`` from the camera (scene axes) passes."""
    right, up, back = camera.matrix_world.to_3x3().normalized().inverted() @ ray
    size, lens = picture_size(camera), lens_of(camera)
    focal = focal_px(lens.lens, size)
    axis = size[0] / 2 - lens.shift_x * max(size), size[1] / 2 + lens.shift_y * max(size)
    return axis[0] - focal * right / back, axis[1] + focal * up / back
