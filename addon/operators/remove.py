from __future__ import annotations

import bpy

from ..properties import get_active_result, get_settings


class REELRIG_OT_remove(bpy.types.Operator):
    """Take the motion off the list. Its file and its characters stay"""

    bl_idname = "reelrig.remove"
    bl_label = "Remove from List"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return get_active_result(context.scene) is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = get_settings(context.scene)
        settings.results.remove(settings.active_result)
        settings.active_result = max(min(settings.active_result, len(settings.results) - 1), 0)
        return {"FINISHED"}
