from __future__ import annotations

import bpy

from ...core.motion import read_motion
from .. import results
from ..properties import get_active_result
from .base import ReportsErrors


class REELRIG_OT_build(ReportsErrors, bpy.types.Operator):
    """Build a new character that plays the chosen motion"""

    bl_idname = "reelrig.build"
    bl_label = "Build Character"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return get_active_result(context.scene) is not None and cls.poll_object_mode(context)

    def run(self, context: bpy.types.Context) -> None:
        path = results.get_active_path(context.scene)
        results.build_characters(context, [read_motion(path, self.warn)], [path], self.warn)
