from __future__ import annotations

from collections.abc import Callable

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
        look_through(context, camera)


def look_through(context: bpy.types.Context, camera: bpy.types.Object) -> None:
    """Make ``camera`` the scene's, and give the viewport that was clicked in its view."""
    use_camera(context.scene, camera)
    space = context.space_data
    if isinstance(space, bpy.types.SpaceView3D) and space.region_3d is not None:
        space.use_local_camera = False
        space.region_3d.view_perspective = "CAMERA"


def remember_view(context: bpy.types.Context) -> Callable[[], None]:
    """What puts back all that look_through changes."""
    scene, space = context.scene, context.space_data
    assert isinstance(space, bpy.types.SpaceView3D)
    assert space.region_3d is not None
    owners = (
        (scene, ("camera",)),
        (scene.render, ("resolution_x", "resolution_y", "pixel_aspect_x", "pixel_aspect_y")),
        (space, ("use_local_camera",)),
        (space.region_3d, ("view_perspective",)),
    )
    before = [(owner, name, getattr(owner, name)) for owner, names in owners for name in names]

    def put_back() -> None:
        for owner, name, value in before:
            setattr(owner, name, value)

    return put_back
