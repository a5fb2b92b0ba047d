"""The Reelrig tab in the sidebar of the 3D viewport. Draws, decides nothing."""
# Whatever is drawn has a layout.
# pyright: reportOptionalMemberAccess=false, reportArgumentType=false

from __future__ import annotations

import textwrap

import bpy

from .properties import ReelrigSettings, get_active_result, get_settings, status


class SidebarPanel:
    bl_category = "Reelrig"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"


class REELRIG_PT_capture(SidebarPanel, bpy.types.Panel):
    bl_label = "Capture"

    def draw(self, context: bpy.types.Context) -> None:
        _draw_inputs(self.layout, get_settings(context.scene))
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
        layout.enabled = not status.is_running
        layout.prop(get_settings(context.scene), "method")


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
        column.prop(settings, "timing")
        column.prop(settings, "start_frame")
        layout.operator("reelrig.build", icon="OUTLINER_OB_ARMATURE")


class REELRIG_UL_results(bpy.types.UIList):
    def draw_item(
        self, context, layout, data, item, icon, active_data, active_property, index=0, flt_flag=0
    ) -> None:
        layout.prop(item, "name", text="", emboss=False, icon="ARMATURE_DATA")


def _draw_inputs(layout: bpy.types.UILayout, settings: ReelrigSettings) -> None:
    column = layout.column()
    column.enabled = not status.is_running
    row = column.row(align=True)
    row.prop(settings, "video_path", text="", icon="FILE_MOVIE", placeholder="Video")
    row.operator("reelrig.choose_video", text="", icon="FILEBROWSER")
    column.prop(settings, "use_range")
    if settings.use_range:
        ends = column.row(align=True)
        ends.prop(settings, "start_s")
        ends.prop(settings, "end_s")


def _draw_progress(layout: bpy.types.UILayout) -> None:
    layout.progress(factor=status.progress, text=status.stage)
    row = layout.row()
    row.label(text=status.eta)
    row.operator("reelrig.cancel", icon="X")


def _draw_messages(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    if status.message:
        icon = "ERROR" if status.is_error else "INFO"
        _draw_text(layout, status.message, icon, context)
    for warning in status.warnings:
        _draw_text(layout, warning, "ERROR", context)


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


def _draw_text(
    layout: bpy.types.UILayout, text: str, icon: str, context: bpy.types.Context
) -> None:
    """A text in as many lines as the sidebar's width asks for: labels do not wrap."""
    letter_px = 7.0 * context.preferences.system.ui_scale
    letters = max(int(context.region.width / letter_px) - 6, 12)
    column = layout.column(align=True)
    column.scale_y = 0.8
    for i, line in enumerate(textwrap.wrap(text, letters)):
        column.label(text=line, icon=icon if i == 0 else "BLANK1")
