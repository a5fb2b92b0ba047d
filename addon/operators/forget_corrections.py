from __future__ import annotations

from dataclasses import asdict

import bpy

from ...core.motion import Motion
from ...core.world.resolve import WorldSettings
from .world import CorrectsWorld


class REELRIG_OT_forget_corrections(CorrectsWorld, bpy.types.Operator):
    """Take back all corrections of this world: up, floor, height, focal length and feet"""

    bl_idname = "reelrig.forget_corrections"
    bl_label = "Forget Corrections"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: bpy.types.Context) -> None:

        def describe(_old: Motion, _new: Motion) -> str:
            return "The world is as estimated again."

        self.correct(context, describe, **asdict(WorldSettings()))
