# Blender's properties are calls in the place of types, and make the attributes.
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false
from __future__ import annotations

import bpy
from bpy_extras.io_utils import ImportHelper

from ..properties import get_settings


class REELRIG_OT_choose_video(ImportHelper, bpy.types.Operator):
    """Choose the video to capture"""

    bl_idname = "reelrig.choose_video"
    bl_label = "Choose Video"
    bl_options = {"UNDO", "INTERNAL"}

    filter_movie: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    filter_image: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        get_settings(context.scene).video_path = self.filepath
        return {"FINISHED"}
