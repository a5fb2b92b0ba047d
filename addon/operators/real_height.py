# Blender's properties are calls in the place of types, and make the attributes.
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false
from __future__ import annotations

import bpy

from ...core.motion import Motion
from ..change_words import describe_growth, stature
from .world import CorrectsWorld


class REELRIG_OT_real_height(CorrectsWorld, bpy.types.Operator):
    """Make the person as tall as they really are, and their way as long as it really was"""

    bl_idname = "reelrig.real_height"
    bl_label = "Real Height"
    bl_options = {"REGISTER", "UNDO"}

    height_m: bpy.props.FloatProperty(
        name="Height (m)",
        description="The person's height in metres; 0: that of a typical body",
        min=0.0,
        max=2.5,
        step=1,
        precision=2,
        options={"SKIP_SAVE"},  # the person's, not the one used last
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return self.guard_dialog(self.fill, context)

    def fill(self, context: bpy.types.Context) -> None:
        motion = self.get_motion(context)
        self.height_m = self.get_settings(context).height_m or round(stature(motion), 2)

    def run(self, context: bpy.types.Context) -> None:
        height_m = self.height_m or None

        def describe(old: Motion, new: Motion) -> str:
            return describe_growth(old, new, height_m)

        self.correct(context, describe, height_m=height_m)
