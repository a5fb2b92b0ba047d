# Blender's properties are calls in the place of types, and make the attributes.
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false
from __future__ import annotations

import bpy

from ..rig.correctives import find_correctives, switch_correctives
from ..rig.shape import find_skins
from .base import ReportsErrors, get_character


class REELRIG_OT_switch_correctives(ReportsErrors, bpy.types.Operator):
    """Let joints keep their volume as they bend. Without, the character plays faster"""

    bl_idname = "reelrig.switch_correctives"
    bl_label = "Pose Correctives"
    bl_options = {"REGISTER", "UNDO"}

    use: bpy.props.BoolProperty(name="Pose Correctives", default=True)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not cls.poll_character(context):
            return False
        cls.poll_message_set("The character's skin has no pose correctives")
        return any(find_correctives(skin) for skin in find_skins(get_character(context)))

    def run(self, context: bpy.types.Context) -> None:
        for skin in find_skins(get_character(context)):
            switch_correctives(skin, self.use)
