"""The Reelrig tab in the sidebar of the 3D viewport. Draws, decides nothing."""
# Whatever is drawn has a layout.
# pyright: reportOptionalMemberAccess=false, reportArgumentType=false

from __future__ import annotations

import bpy

from .bodies import FULL, LIGHT
from .people import ALL, describe_share, describe_times, get_icon
from .properties import ReelrigSettings, get_active_result, get_settings, status
from .rig.correctives import uses_correctives
from .rig.detail import get_detail
from .rig.shape import find_character, find_skins
from .take import find_subject, find_take
from .text import draw_text
from .world_words import describe_world

_PICTURE_SCALE = 4.0  # of a person, in heights of a button


class SidebarPanel:
    bl_category = "Reelrig"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"


class REELRIG_PT_capture(SidebarPanel, bpy.types.Panel):
    bl_label = "Capture"

    def draw(self, context: bpy.types.Context) -> None:
        settings = get_settings(context.scene)
        column = self.layout.column()
        column.enabled = not status.is_running
        _draw_inputs(column, settings)
        _draw_people(column, settings)
        if status.is_running:
            _draw_progress(self.layout)
        else:
            row = self.layout.row()
            row.scale_y = 1.5
            row.operator("reelrig.capture", icon="ARMATURE_DATA")
        _draw_messages(self.layout, context)


class REELRIG_PT_options(SidebarPanel, bpy.types.Panel):
    bl_label = "Options"
    bl_parent_id = "REELRIG_PT_capture"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = get_settings(context.scene)
        column = layout.column()
        column.enabled = not status.is_running
        column.prop(settings, "method")
        column.prop(settings, "pose_model")
        column.prop(settings, "camera")
        row = column.row()
        row.enabled = settings.person != ALL
        row.prop(settings, "height_m")
        column.prop(settings, "is_cropped")
        if settings.is_cropped:
            column.prop(settings, "center_px")
        row = layout.row()
        row.use_property_split = False  # its name is long
        row.prop(settings, "show_landmarks")


class REELRIG_PT_motions(SidebarPanel, bpy.types.Panel):
    bl_label = "Motions"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = get_settings(context.scene)
        row = layout.row()
        row.template_list(
            "REELRIG_UL_results", "", settings, "results", settings, "active_result", rows=3
        )
        buttons = row.column(align=True)
        buttons.operator("reelrig.open_motion", icon="ADD", text="")
        buttons.operator("reelrig.remove", icon="REMOVE", text="")
        buttons.separator()
        buttons.operator("reelrig.show_folder", icon="FILE_FOLDER", text="")
        _draw_details(layout, context.scene)
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(settings, "detail")
        column.prop(settings, "timing")
        column.prop(settings, "start_frame")
        layout.operator("reelrig.build", icon="OUTLINER_OB_ARMATURE")


class REELRIG_PT_character(SidebarPanel, bpy.types.Panel):
    bl_label = "Character"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return find_character(context.object) is not None

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        armature = find_character(context.object)
        assert armature is not None
        layout.operator("reelrig.reshape", text="Shape...", icon="MOD_ARMATURE")
        row = layout.row(align=True)
        shown = get_detail(armature)
        for detail, label in ((FULL, "Full Skin"), (LIGHT, "Light Skin")):
            button = row.operator("reelrig.switch_detail", text=label, depress=shown == detail)
            button.detail = detail
        is_used = any(uses_correctives(skin) for skin in find_skins(armature))
        icon = "CHECKBOX_HLT" if is_used else "CHECKBOX_DEHLT"
        layout.operator("reelrig.switch_correctives", icon=icon).use = not is_used


class REELRIG_PT_world(SidebarPanel, bpy.types.Panel):
    bl_label = "World"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        armature = find_subject(context.object)
        return armature is not None and find_take(armature) is not None

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        armature = find_subject(context.object)
        keyed = find_take(armature) if armature is not None else None
        assert keyed is not None
        for sentence in describe_world(keyed.take.world):
            draw_text(layout, sentence, "DOT", context)
        layout.operator("reelrig.view_camera", icon="VIEW_CAMERA")
        column = layout.column(align=True)
        column.operator("reelrig.vertical", icon="EMPTY_SINGLE_ARROW")
        column.operator("reelrig.floor_here", icon="VIEW_PERSPECTIVE")
        column.operator("reelrig.real_height", text="Real Height...", icon="DRIVER_DISTANCE")
        column.operator("reelrig.set_focal", text="Focal Length...", icon="CAMERA_DATA")
        column.operator("reelrig.foot_lock", text="Foot Lock...", icon="CON_KINEMATIC")
        layout.operator("reelrig.forget_corrections", icon="LOOP_BACK")


class REELRIG_UL_results(bpy.types.UIList):
    def draw_item(
        self, context, layout, data, item, icon, active_data, active_property, index=0, flt_flag=0
    ) -> None:
        layout.prop(item, "name", text="", emboss=False, icon="ARMATURE_DATA")


def _draw_inputs(layout: bpy.types.UILayout, settings: ReelrigSettings) -> None:
    row = layout.row(align=True)
    row.prop(settings, "video_path", text="", icon="FILE_MOVIE", placeholder="Video")
    row.operator("reelrig.choose_video", text="", icon="FILEBROWSER")
    layout.prop(settings, "use_range")
    if settings.use_range:
        ends = layout.row(align=True)
        ends.prop(settings, "start_s")
        ends.prop(settings, "end_s")


def _draw_people(layout: bpy.types.UILayout, settings: ReelrigSettings) -> None:
    """Whom to capture: by name, or by picture once they were looked for."""
    row = layout.row(align=True)
    if not settings.people:
        row.prop(settings, "person", text="")
    row.operator("reelrig.find_people", icon="VIEWZOOM")
    if not settings.people:
        return
    for person in settings.people:
        row = layout.row()
        row.template_icon(get_icon(person.picture), scale=_PICTURE_SCALE)
        column = row.column(align=True)
        column.prop_enum(settings, "person", str(person.number))
        column.label(text=describe_times(person))
        column.label(text=describe_share(person))
    layout.prop_enum(settings, "person", ALL)


def _draw_progress(layout: bpy.types.UILayout) -> None:
    layout.progress(factor=status.progress, text=status.stage)
    row = layout.row()
    row.label(text=status.eta)
    row.operator("reelrig.cancel", icon="X")


def _draw_messages(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    if status.message:
        icon = "ERROR" if status.is_error else "INFO"
        draw_text(layout, status.message, icon, context)
    for warning in status.warnings:
        draw_text(layout, warning, "ERROR", context)


def _draw_details(layout: bpy.types.UILayout, scene: bpy.types.Scene) -> None:
    result = get_active_result(scene)
    if result is None:
        return
    column = layout.column(align=True)
    column.label(text=f"{result.num_frames} frames at {result.frame_rate:g} per second")
    column.label(
        text=f"Sure of the body {result.body_confidence:.0%}, "
        f"hands {result.hands_confidence:.0%}, face {result.face_confidence:.0%}"
    )
    column.label(text=result.date)
