# Blender's properties are calls in the place of types, and make the attributes.
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false
from __future__ import annotations

import bpy
import numpy as np
from bpy_extras.view3d_utils import region_2d_to_vector_3d

from ...core.errors import ReelrigError
from ..camera import find_camera, pixel_of_ray, use_camera
from ..verticals import up_of_line, up_of_points
from .view_camera import look_through_scene_camera
from .world import CorrectsWorld, get_subject

_ASK = ("Click the lower end of something vertical", "Click its upper end")
_STOP = "Esc: leave it"


def _point(name: str, description: str):
    return bpy.props.FloatVectorProperty(
        name=name, description=description, size=2, options={"SKIP_SAVE"}
    )


class REELRIG_OT_vertical(CorrectsWorld, bpy.types.Operator):
    """Show what is vertical: click the two ends of a vertical edge in the video, or select two \
bones first that stand above each other in the current frame"""

    bl_idname = "reelrig.vertical"
    bl_label = "This Is Vertical"
    bl_options = {"REGISTER", "UNDO"}

    lower_px: _point("Lower End", "In pixels of the video, from its upper left corner")
    upper_px: _point("Upper End", "In pixels of the video, from its upper left corner")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if bpy.app.background or len(_selected_bones(context)) == 2:
            return self.execute(context)
        return self.guard_modal(self.start, context)

    def start(self, context: bpy.types.Context) -> None:
        camera = find_camera(get_subject(context))
        if camera is None:
            raise ReelrigError(
                "The take has no camera to look through. Select two bones that stand above each "
                "other in Pose Mode instead."
            )
        use_camera(context.scene, camera)
        look_through_scene_camera(context)
        self._clicks: list[tuple[float, float]] = []
        self._ask(context)
        context.window_manager.modal_handler_add(self)

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type in ("ESC", "RIGHTMOUSE"):
            context.workspace.status_text_set(None)
            return {"CANCELLED"}
        if event.type != "LEFTMOUSE" or event.value != "PRESS":
            return {"PASS_THROUGH"}  # zoom and pan the view, or step to another frame
        click = _find_pixel(context, event)
        if click is None:
            return {"PASS_THROUGH"}  # outside of the viewport
        self._clicks.append(click)
        if len(self._clicks) == 1:
            self._ask(context)
            return {"RUNNING_MODAL"}
        context.workspace.status_text_set(None)
        self.lower_px, self.upper_px = self._clicks
        return self.execute(context)

    def _ask(self, context: bpy.types.Context) -> None:
        context.workspace.status_text_set(f"{_ASK[len(self._clicks)]}    {_STOP}")

    def run(self, context: bpy.types.Context) -> None:
        motion = self.get_motion(context)
        if self.properties.is_property_set("lower_px"):
            row = self.get_row(context, motion)
            up = up_of_line(motion, row, tuple(self.lower_px), tuple(self.upper_px))
        else:
            up = up_of_points(motion, *_bone_points(context))
        self.correct(context, up_camera=up)


def _selected_bones(context: bpy.types.Context) -> list[bpy.types.PoseBone]:
    if context.mode != "POSE":
        return []
    return [bone for bone in context.selected_pose_bones if bone.id_data == get_subject(context)]


def _bone_points(context: bpy.types.Context) -> list[np.ndarray]:
    """[3] m each, the heads of the two selected bones in the take's world axes, the lower first."""
    bones = _selected_bones(context)
    if len(bones) != 2:
        raise ReelrigError(
            f"Two bones that stand above each other are needed, {len(bones)} are selected. Select "
            "two in Pose Mode, or click the two ends of something vertical in the video."
        )
    # The armature's own axes are the world of its motion, however it was turned since.
    return sorted((np.array(bone.head) for bone in bones), key=lambda head: head[2])


def _find_pixel(context: bpy.types.Context, event: bpy.types.Event) -> tuple[float, float] | None:
    """Where in the video's picture was clicked; None: not in the viewport."""
    region = next(region for region in context.area.regions if region.type == "WINDOW")
    place = event.mouse_x - region.x, event.mouse_y - region.y
    if not (0 <= place[0] < region.width and 0 <= place[1] < region.height):
        return None
    ray = region_2d_to_vector_3d(region, context.space_data.region_3d, place)
    camera = find_camera(get_subject(context))
    assert camera is not None
    return pixel_of_ray(camera, ray)
