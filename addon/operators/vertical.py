# Blender's properties are calls in the place of types, and make the attributes.
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false
from __future__ import annotations

import bpy
import numpy as np
from bpy_extras.view3d_utils import region_2d_to_vector_3d

from ...core.errors import ReelrigError
from ..camera import find_camera, pixel_of_ray
from ..change_words import describe_turn
from ..drawn_line import DrawnLine, Place
from ..verticals import up_of_line, up_of_points
from .view_camera import look_through, remember_view
from .world import CorrectsWorld, get_subject

_ASK = (
    "Click the lower end of something vertical in the video",
    "Click its upper end",
)
_KEYS = "Left Mouse: choose    Esc or Right Mouse: leave all as it is"
# What goes on to Blender meanwhile: the view is moved and zoomed, and frames are stepped through.
_PASSED = ("MOUSEMOVE", "INBETWEEN_MOUSEMOVE", "TIMER", "MIDDLEMOUSE", "WHEEL", "TRACKPAD", "NDOF")
_PASSED += ("LEFT_ARROW", "RIGHT_ARROW")


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
        if not isinstance(context.space_data, bpy.types.SpaceView3D):
            raise ReelrigError(
                "The points are clicked in a 3D viewport. Press This Is Vertical in the Reelrig "
                "tab of one."
            )
        self._put_back = remember_view(context)
        look_through(context, camera)
        self._area = context.area
        self._line = DrawnLine(self._area)
        self._clicks: list[Place] = []
        self._ask(context)
        context.window_manager.modal_handler_add(self)

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type in ("ESC", "RIGHTMOUSE"):
            return self._leave(context)
        place = find_place(self._area, (event.mouse_x, event.mouse_y))
        if place is None:
            return {"PASS_THROUGH"}  # over a panel, the timeline or another editor
        if event.type == "MOUSEMOVE":
            self._line.draw_to(place)
        if event.type.startswith(_PASSED):
            return {"PASS_THROUGH"}
        if event.type != "LEFTMOUSE" or event.value != "PRESS":
            return {"RUNNING_MODAL"}
        return self._take_click(context, place)

    def _take_click(self, context: bpy.types.Context, place: Place) -> set[str]:
        region_3d = _view_of(self._area)
        if region_3d.view_perspective != "CAMERA":
            region_3d.view_perspective = "CAMERA"  # the view was turned off the video
            return {"RUNNING_MODAL"}
        frame = context.scene.frame_current_final
        if self._clicks and frame != self._frame:
            self._clicks.clear()  # both ends are those of one picture
        self._clicks.append(_find_pixel(context, self._area, place))
        if len(self._clicks) == 1:
            self._frame, self._line.start = frame, place
            self._ask(context)
            return {"RUNNING_MODAL"}
        self.lower_px, self.upper_px = self._clicks
        self._stop_asking(context)
        outcome = self.execute(context)
        if outcome == {"CANCELLED"}:
            self._put_back()
        return outcome

    def cancel(self, context: bpy.types.Context) -> None:
        """Called by Blender when a file is opened or the window is closed meanwhile."""
        self._stop_asking(context)

    def _leave(self, context: bpy.types.Context) -> set[str]:
        self._stop_asking(context)
        self._put_back()
        return {"CANCELLED"}

    def _ask(self, context: bpy.types.Context) -> None:
        self._area.header_text_set(_ASK[len(self._clicks)])
        context.workspace.status_text_set(_KEYS)
        context.window.cursor_modal_set("CROSSHAIR")

    def _stop_asking(self, context: bpy.types.Context) -> None:
        self._line.remove()
        self._area.header_text_set(None)
        context.workspace.status_text_set(None)
        context.window.cursor_modal_restore()

    def run(self, context: bpy.types.Context) -> None:
        motion = self.get_motion(context)
        if self.properties.is_property_set("lower_px"):
            row = self.get_row(context, motion)
            up = up_of_line(motion, row, tuple(self.lower_px), tuple(self.upper_px))
        else:
            up = up_of_points(motion, *_bone_points(context))
        self.correct(context, describe_turn, up_camera=up)


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


def find_place(area: bpy.types.Area, mouse: tuple[int, int]) -> Place | None:
    """Where in a viewport's main region the mouse is; None: not there, or over a panel on it.

    ``mouse`` in pixels of the window.
    """
    under = [region for region in area.regions if _is_over(region, mouse)]
    if [region.type for region in under] != ["WINDOW"]:
        return None
    return mouse[0] - under[0].x, mouse[1] - under[0].y


def _is_over(region: bpy.types.Region, mouse: tuple[int, int]) -> bool:
    x, y = mouse[0] - region.x, mouse[1] - region.y
    is_shown = min(region.width, region.height) > 1
    return is_shown and 0 <= x < region.width and 0 <= y < region.height


def _find_pixel(context: bpy.types.Context, area: bpy.types.Area, place: Place) -> Place:
    """Which pixel of the video a place in the camera's view shows."""
    region = next(region for region in area.regions if region.type == "WINDOW")
    ray = region_2d_to_vector_3d(region, _view_of(area), place)
    camera = find_camera(get_subject(context))
    assert camera is not None
    return pixel_of_ray(camera, ray)


def _view_of(area: bpy.types.Area) -> bpy.types.RegionView3D:
    space = area.spaces.active
    assert isinstance(space, bpy.types.SpaceView3D)
    assert space.region_3d is not None
    return space.region_3d
