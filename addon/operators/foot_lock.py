# Blender's properties are calls in the place of types, and make the attributes.
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false
from __future__ import annotations

import bpy

from ...core.motion import Motion
from ..change_words import describe_lock
from ..world_words import LOCK_MODES
from .world import CorrectsWorld


class REELRIG_OT_foot_lock(CorrectsWorld, bpy.types.Operator):
    """Choose where feet are held on the floor, and how firmly"""

    bl_idname = "reelrig.foot_lock"
    bl_label = "Foot Lock"
    bl_options = {"REGISTER", "UNDO"}

    mode: bpy.props.EnumProperty(name="Feet", items=LOCK_MODES, options={"SKIP_SAVE"})
    strength: bpy.props.FloatProperty(
        name="Strength",
        description="At 0 feet move as they were measured",
        min=0.0,
        max=1.0,
        default=1.0,
        subtype="FACTOR",
        options={"SKIP_SAVE"},
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return self.guard_dialog(self.fill, context)

    def fill(self, context: bpy.types.Context) -> None:
        settings = self.get_settings(context)
        self.mode, self.strength = settings.foot_lock, settings.lock_strength

    def run(self, context: bpy.types.Context) -> None:

        def describe(_old: Motion, _new: Motion) -> str:
            return describe_lock(self.mode, self.strength)

        self.correct(context, describe, foot_lock=self.mode, lock_strength=self.strength)
