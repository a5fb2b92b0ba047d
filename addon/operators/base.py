"""What all operators share."""
# The mixin's other half is bpy.types.Operator.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Callable

import bpy

from ...core.errors import ReelrigError
from ..rig.shape import find_character


def get_character(context: bpy.types.Context) -> bpy.types.Object:
    """The armature object of the active character, which the operator's poll asked for."""
    armature = find_character(context.object)
    assert armature is not None
    return armature


class ReportsErrors:
    """Turns a ReelrigError into an error report. Anything else is a bug: its traceback shows."""

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self.guard(self.run, context)

    def guard(self, action: Callable[[bpy.types.Context], None], context) -> set[str]:
        try:
            action(context)
        except ReelrigError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def warn(self, text: str) -> None:
        self.report({"WARNING"}, text)

    @classmethod
    def poll_object_mode(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("Go to Object Mode first")
        return context.mode == "OBJECT"

    @classmethod
    def poll_character(cls, context: bpy.types.Context) -> bool:
        if context.mode not in ("OBJECT", "POSE"):
            cls.poll_message_set("Go to Object Mode or Pose Mode first")
            return False
        cls.poll_message_set("Select a character that Reelrig built")
        return find_character(context.object) is not None
