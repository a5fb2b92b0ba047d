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

    def guard_dialog(self, fill: Callable[[bpy.types.Context], None], context) -> set[str]:
        """Ask in a dialog for the properties, which ``fill`` gives their first values."""
        if bpy.app.background:
            return self.execute(context)
        outcome = self.guard(fill, context)
        if outcome != {"FINISHED"}:
            return outcome
        return context.window_manager.invoke_props_dialog(self)

    def guard_modal(self, start: Callable[[bpy.types.Context], None], context) -> set[str]:
        """Run ``start``, which adds a modal handler."""
        outcome = self.guard(start, context)
        return {"RUNNING_MODAL"} if outcome == {"FINISHED"} else outcome

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
