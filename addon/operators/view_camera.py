from __future__ import annotations

import bpy

from ..camera import find_camera, use_camera
from ..take import find_subject
from .base import ReportsErrors


class REELRIG_OT_view_camera(ReportsErrors, bpy.types.Operator):
    """Look through the video's camera, and render in the video's size"""

    bl_idname = "reelrig.view_camera"
    bl_label = "Video Camera"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        armature = find_subject(context.object)
        cls.poll_message_set("Select a character that was captured with its camera")
        return armature is not None and find_camera(armature) is not None

    def run(self, context: bpy.types.Context) -> None:
        armature = find_subject(context.object)
        camera = find_camera(armature) if armature is not None else None
        assert camera is not None
        use_camera(context.scene, camera)
        look_through_scene_camera(context)


def look_through_scene_camera(context: bpy.types.Context) -> None:
    """Give the viewport that was clicked in the view of the scene's camera."""
    space = context.space_data
    if isinstance(space, bpy.types.SpaceView3D) and space.region_3d is not None:
        space.use_local_camera = False
        space.region_3d.view_perspective = "CAMERA"
