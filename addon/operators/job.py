"""What the operators share that give the worker a job."""
# The mixin's other half is bpy.types.Operator.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from pathlib import Path

import bpy

from ...core.config import CaptureConfig
from ...core.errors import VideoError
from .. import jobs
from ..interpreter import find_interpreter
from ..people import get_person
from ..preferences import get_preferences
from ..process import Interpreter
from ..properties import get_settings, status
from ..tasks import Capture, PeopleSearch
from .base import ReportsErrors


class RunsJob(ReportsErrors):
    """Lets the worker work beside Blender, or waits for it where Blender has no window."""

    job_type: type[Capture] | type[PeopleSearch]

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if status.is_running:
            cls.poll_message_set("Reelrig is at work")
            return False
        return cls.poll_object_mode(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if bpy.app.background:
            return self.execute(context)
        outcome = self.guard(self.start, context)
        # Under way, not finished: the undo step comes with the result.
        return {"INTERFACE"} if outcome == {"FINISHED"} else outcome

    def start(self, context: bpy.types.Context) -> None:
        jobs.start(self.job_type(*_gather_inputs(context)))

    def run(self, context: bpy.types.Context) -> None:
        jobs.run_to_end(context, self.job_type(*_gather_inputs(context)))
        for warning in status.warnings:
            self.warn(warning)


def _gather_inputs(
    context: bpy.types.Context,
) -> tuple[bpy.types.Scene, Path, CaptureConfig, Interpreter]:
    settings = get_settings(context.scene)
    if not settings.video_path:
        raise VideoError("No video is chosen. Choose one in the Reelrig panel.")
    preferences = get_preferences(context)
    start_s, end_s = settings.range_s
    config = CaptureConfig(
        start_s=start_s,
        end_s=end_s,
        method=settings.method,
        device=preferences.device,
        pose_model=settings.pose_model,
        person=get_person(settings),
        camera=settings.camera,
        center_px=settings.known_center_px,
        height_m=settings.known_height_m,
        body=str(preferences.body) if preferences.body else None,
    )
    video = Path(bpy.path.abspath(settings.video_path))
    return context.scene, video, config, find_interpreter(context)
