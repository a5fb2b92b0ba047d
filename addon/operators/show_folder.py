from __future__ import annotations

import bpy

from ...core.errors import MotionFileError
from .. import results
from ..properties import get_active_result
from .base import ReportsErrors


class REELRIG_OT_show_folder(ReportsErrors, bpy.types.Operator):
    """Show the motion file in its folder"""

    bl_idname = "reelrig.show_folder"
    bl_label = "Show Folder"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return get_active_result(context.scene) is not None

    def run(self, context: bpy.types.Context) -> None:
        folder = results.get_active_path(context.scene).parent
        if not folder.is_dir():
            raise MotionFileError(f"{folder} was not found. Was it moved or deleted?")
        bpy.ops.wm.path_open(filepath=str(folder))
