from __future__ import annotations

from dataclasses import asdict

import bpy

from ...core.world.resolve import WorldSettings
from .world import CorrectsWorld


class REELRIG_OT_forget_corrections(CorrectsWorld, bpy.types.Operator):
    """Take back all corrections of this world: up, floor, height, focal length and feet"""

    bl_idname = "reelrig.forget_corrections"
    bl_label = "As Estimated"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: bpy.types.Context) -> None:
        self.correct(context, **asdict(WorldSettings()))
