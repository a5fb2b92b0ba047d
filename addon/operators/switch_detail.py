# Blender's properties are calls in the place of types, and make the attributes.
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false
# pyright: reportOptionalMemberAccess=false
from __future__ import annotations

import bpy

from ..bodies import FULL, LIGHT, get_shipped_body
from ..rig.detail import show_detail
from ..rig.shape import get_shape
from .base import ReportsErrors, get_character


class REELRIG_OT_switch_detail(ReportsErrors, bpy.types.Operator):
    """Show the character's skin in full or light detail. Renders always have the full one"""

    bl_idname = "reelrig.switch_detail"
    bl_label = "Switch Detail"
    bl_options = {"REGISTER", "UNDO"}

    detail: bpy.props.EnumProperty(
        name="Detail",
        items=(
            (FULL, "Full", "Show the full skin"),
            (LIGHT, "Light", "Show a skin of few vertices, which plays faster"),
        ),
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not cls.poll_character(context):
            return False
        cls.poll_message_set("Your own body has one detail only")
        return get_shape(get_character(context).data).body in (FULL, LIGHT)

    @classmethod
    def description(cls, context: bpy.types.Context, properties) -> str:
        if properties.detail == LIGHT:
            return "Show a skin of few vertices, which plays faster. Renders keep the full one"
        return "Show the full skin"

    def run(self, context: bpy.types.Context) -> None:
        armature = get_character(context)
        show_detail(armature, self.detail, get_shipped_body)
        if context.object.hide_viewport:
            objects = context.view_layer.objects
            objects.active = objects.get(armature.name)
