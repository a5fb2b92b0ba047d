"""What the operators share that correct the world of a take."""
# The mixin's other half is bpy.types.Operator.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bpy
import numpy as np

from ...core.errors import ReelrigError
from ...core.motion import Motion
from ...core.world.resolve import WorldSettings
from .. import corrections
from ..change_words import describe_keys
from ..preferences import get_preferences
from ..take import find_subject, find_take
from .base import ReportsErrors


def get_subject(context: bpy.types.Context) -> bpy.types.Object:
    """The character of the take, which the operator's poll asked for."""
    armature = find_subject(context.object)
    assert armature is not None
    return armature


class CorrectsWorld(ReportsErrors):
    """Acts on the take of the active character, camera or world."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.mode not in ("OBJECT", "POSE"):
            cls.poll_message_set("Go to Object Mode or Pose Mode first")
            return False
        armature = find_subject(context.object)
        keyed = find_take(armature) if armature is not None else None
        cls.poll_message_set("Select a character that was captured with its camera")
        return keyed is not None and bool(keyed.take.world)

    def correct(
        self,
        context: bpy.types.Context,
        describe: Callable[[Motion, Motion], str],
        **changes: Any,
    ) -> None:
        """Solve and key the take anew with changed WorldSettings, and say what that did.

        ``describe`` makes a sentence of the motions before and after.
        """
        own_body = get_preferences(context).body
        outcome = corrections.correct(get_subject(context), own_body, **changes)
        keys = describe_keys(outcome.rekeyed, outcome.num_people)
        self.report({"INFO"}, f"{describe(outcome.old, outcome.new)} {keys}")

    def get_motion(self, context: bpy.types.Context) -> Motion:
        """The motion as it is keyed now."""
        keyed = corrections.get_take(get_subject(context))
        return corrections.solved_motion(keyed.take, get_preferences(context).body)

    def get_settings(self, context: bpy.types.Context) -> WorldSettings:
        """The WorldSettings of the take."""
        return corrections.read_settings(corrections.get_take(get_subject(context)).take.world)

    def get_row(self, context: bpy.types.Context, motion: Motion) -> int:
        """The row of ``motion`` nearest to the scene's current frame."""
        keyed = corrections.get_take(get_subject(context))
        times = keyed.take.key_times(motion.num_frames)
        frames = keyed.key_frames(times)
        frame = context.scene.frame_current_final
        if not frames[0] - 0.5 <= frame <= frames[-1] + 0.5:
            raise ReelrigError(
                f"Frame {frame:g} is not in this take, which goes from {frames[0]:g} to "
                f"{frames[-1]:g}. Go to one of its frames."
            )
        return round(float(np.interp(frame, frames, times.rows)))
