from __future__ import annotations

from pathlib import Path

import bpy

from ...core.config import CaptureConfig
from ...core.errors import VideoError
from .. import jobs
from ..interpreter import find_interpreter
from ..preferences import get_preferences
from ..properties import get_settings, status
from .base import ReportsErrors


class REELRIG_OT_capture(ReportsErrors, bpy.types.Operator):
    """Capture the motion in the video and build a character that plays it"""

    bl_idname = "reelrig.capture"
    bl_label = "Capture"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if status.is_running:
            cls.poll_message_set("A capture is running")
            return False
        return cls.poll_object_mode(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if bpy.app.background:
            return self.execute(context)
        outcome = self.guard(self.start, context)
        # Under way, not finished: the undo step comes with the character.
        return {"INTERFACE"} if outcome == {"FINISHED"} else outcome

    def start(self, context: bpy.types.Context) -> None:
        jobs.start(_prepare_capture(context))

    def run(self, context: bpy.types.Context) -> None:
        jobs.run_to_end(context, _prepare_capture(context))
        for warning in status.warnings:
            self.warn(warning)


def _prepare_capture(context: bpy.types.Context) -> jobs.Capture:
    settings = get_settings(context.scene)
    if not settings.video_path:
        raise VideoError("No video is chosen. Choose one in the Reelrig panel.")
    preferences = get_preferences(context)
    config = CaptureConfig(
        start_s=settings.start_s if settings.use_range else 0.0,
        end_s=settings.end_s if settings.use_range else None,
        method=settings.method,
        device=preferences.device,
        body=str(preferences.body) if preferences.body else None,
    )
    video = Path(bpy.path.abspath(settings.video_path))
    return jobs.Capture(context.scene, video, config, find_interpreter(context))
