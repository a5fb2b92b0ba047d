"""The two jobs: to capture motions, and to find the people there are to capture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy

from ..core.config import CaptureConfig, CaptureJob
from ..core.errors import ReelrigError, WorkerError
from ..core.protocol import FoundPerson, Message, People
from . import people, results
from .jobs import Job
from .process import Interpreter
from .properties import get_settings, status


class Capture(Job):
    """Brings a character of each asked person."""

    name = "Capture Motion"

    def __init__(
        self,
        scene: bpy.types.Scene,
        video: Path,
        config: CaptureConfig,
        interpreter: Interpreter,
    ) -> None:
        output = results.new_motion_path(video)
        job = CaptureJob(video=video, output=output, config=config)
        super().__init__(scene, job, output.parent, interpreter)

    def deliver(self, context: bpy.types.Context) -> None:
        assert self.outputs
        try:
            motions = results.add_motions(context, self.outputs, status.warnings.append)
        except ReelrigError as error:
            raise WorkerError(f"{error} {self._say_kept()}") from error
        who = f" of {len(motions)} people" if len(motions) > 1 else ""
        num_frames = max(motion.num_frames for motion in motions)
        status.end(f"{self.outputs[0].stem}: {num_frames} frames{who} captured.")

    def describe_orphan(self) -> str:
        return (
            f"The scene of this capture is no longer open. {self._say_kept()} "
            "Add it to another scene with Open Motion."
        )

    def _say_kept(self) -> str:
        return f"The motion is kept: {', '.join(str(path) for path in self.outputs or ())}."


class PeopleSearch(Job):
    """Brings the list of people, with their pictures."""

    name = "Find People"

    def __init__(
        self,
        scene: bpy.types.Scene,
        video: Path,
        config: CaptureConfig,
        interpreter: Interpreter,
    ) -> None:
        self._inputs = people.find_inputs(get_settings(scene))
        self._found: list[FoundPerson] = []
        folder = people.new_picture_folder()
        config = replace(config, person=None, height_m=None)  # whoever was chosen before
        job = CaptureJob(task="people", video=video, output=folder, config=config)
        super().__init__(scene, job, folder, interpreter)

    def take(self, message: Message) -> None:
        if isinstance(message, People):
            self._found = message.people
        else:
            super().take(message)

    def deliver(self, context: bpy.types.Context) -> None:
        settings = get_settings(context.scene)
        if people.find_inputs(settings) != self._inputs:
            raise WorkerError(
                "The video or its range was changed while the people in it were looked for. "
                "Press Find People again."
            )
        people.list_people(settings, self._found)
        count = len(self._found)
        status.end(f"{count} {'person' if count == 1 else 'people'} found.")

    def describe_orphan(self) -> str:
        return (
            "The scene in whose video people were looked for is no longer open. "
            "Open it and press Find People again."
        )
