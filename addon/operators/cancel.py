from __future__ import annotations

import bpy

from .. import jobs
from ..properties import status


class REELRIG_OT_cancel(bpy.types.Operator):
    """Stop the work. The scene stays as it is"""

    bl_idname = "reelrig.cancel"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return status.is_running

    def execute(self, context: bpy.types.Context) -> set[str]:
        jobs.cancel()
        return {"FINISHED"}
