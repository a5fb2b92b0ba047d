from __future__ import annotations

import bpy

from ..change_words import describe_lift
from .world import CorrectsWorld


class REELRIG_OT_floor_here(CorrectsWorld, bpy.types.Operator):
    """Put the floor under the lower foot of the current frame. Choose one where it stands"""

    bl_idname = "reelrig.floor_here"
    bl_label = "Floor Here"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: bpy.types.Context) -> None:
        row = self.get_row(context, self.get_motion(context))
        self.correct(context, describe_lift, floor_row=row)
