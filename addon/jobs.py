"""The job under way: a worker process outside, a timer inside Blender.

All of this runs in Blender's main thread. One job at a time.
"""

from __future__ import annotations

import shutil
import textwrap
import time
from abc import ABC, abstractmethod
from pathlib import Path

import bpy

from ..core.config import CaptureJob
from ..core.errors import ReelrigError, WorkerError
from ..core.protocol import Done, Failed, Message, Progress, Seen, Warn
from . import live_view, viewports
from .process import Interpreter, WorkerProcess
from .properties import status

_TICK_S = 0.1

_running: Job | None = None


class Job(ABC):
    """One task of the core: its worker, the folder of its results, and the scene it is for."""

    name: str  # what the undo history calls it

    def __init__(
        self, scene: bpy.types.Scene, job: CaptureJob, folder: Path, interpreter: Interpreter
    ) -> None:
        # Neither undo nor renaming changes a session_uid, and no other file's scene ever has it.
        self._scene_uid = scene.session_uid
        self._folder = folder
        self._stage = ""
        self.outputs: list[Path] | None = None  # the result files, once they are complete
        try:
            self._worker = WorkerProcess(interpreter, job)
        except WorkerError:
            self._remove_folder()
            raise
        status.begin()

    @abstractmethod
    def deliver(self, context: bpy.types.Context) -> None:
        """Put the result into the context's scene, and say so; on failure leave it as it was."""

    @abstractmethod
    def describe_orphan(self) -> str:
        """What the user is told when the job's scene is gone by now."""

    def step(self) -> None:
        """Take in what the worker said; a failed one raises its ReelrigError."""
        for message in self._worker.read():
            self.take(message)

    def take(self, message: Message) -> None:
        match message:
            case Progress(stage):
                if stage != self._stage:
                    live_view.hide()  # what it shows belongs to the stage before
                self._stage = stage
                _show_progress(message)
            case Seen():
                live_view.show(message)
            case Warn(text):
                status.warnings.append(text)
            case Done(outputs):
                self._worker.end()
                self.outputs = [Path(path) for path in outputs]
            case Failed():
                raise self._worker.explain(message)

    def close(self) -> None:
        """End the worker; what it has not completed goes with it."""
        self._worker.end()
        if self.outputs is None:
            self._remove_folder()

    def find_scene(self) -> bpy.types.Scene:
        for scene in bpy.data.scenes:
            if scene.session_uid == self._scene_uid:
                return scene
        raise WorkerError(self.describe_orphan())

    def _remove_folder(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def run_to_end(context: bpy.types.Context, job: Job) -> None:
    """Wait for a job and deliver its result: for background Blender, where no timer fires."""
    try:
        while job.outputs is None:
            job.step()
            time.sleep(_TICK_S)
        job.deliver(context)
    except ReelrigError as error:
        status.end(str(error), is_error=True)
        raise
    finally:
        _close(job)  # also after Ctrl-C


def start(job: Job) -> None:
    """Let a job run beside Blender; a timer brings its result into the scene."""
    global _running
    _running = job
    # Persistent: opening another file does not lose minutes of work.
    bpy.app.timers.register(_tick, first_interval=_TICK_S, persistent=True)


def cancel() -> None:
    """End the running job, if there is one. The scene and the captures stay as they were."""
    if _running is None:
        return
    bpy.app.timers.unregister(_tick)
    _finish()
    status.end("Cancelled. The scene was not changed.")
    viewports.redraw("UI")


def _tick() -> float | None:
    if _running is None:
        return None
    is_over = True
    try:
        is_over = _advance(_running)
    except ReelrigError as error:
        status.end(str(error), is_error=True)
        _show_popup(str(error))
    except BaseException:
        status.end("Reelrig hit a bug, see Blender's system console.", is_error=True)
        raise
    finally:
        if is_over:
            _finish()
        viewports.redraw("UI")
    return None if is_over else _TICK_S


def _advance(job: Job) -> bool:
    """One look at the job; True when its result is in the scene."""
    if job.outputs is None:
        job.step()
    if job.outputs is None:
        return False
    live_view.hide()
    status.progress, status.eta = 1.0, ""
    scene = job.find_scene()
    if bpy.app.is_job_running("RENDER"):
        status.stage = "Done. Waiting for the render to end"
        return False
    window = _find_free_window(scene)
    if window is None:
        status.stage = f"Done. Go to Object Mode in {scene.name}"
        return False
    with bpy.context.temp_override(window=window):
        job.deliver(bpy.context)
        bpy.ops.ed.undo_push(message=job.name)
    return True


def _find_free_window(scene: bpy.types.Scene) -> bpy.types.Window | None:
    """A window on the scene whose user is in no other mode and not dragging anything.

    What appears in the middle of an edit would not be part of its undo steps.
    """
    for window in bpy.context.window_manager.windows:
        is_dragging = any(op.bl_idname.startswith("TRANSFORM_OT") for op in window.modal_operators)
        with bpy.context.temp_override(window=window):
            is_free = bpy.context.mode == "OBJECT" and not is_dragging
        if is_free and window.scene == scene:
            return window
    return None


def _finish() -> None:
    global _running
    if _running is not None:
        _close(_running)
    _running = None


def _close(job: Job) -> None:
    status.is_running = False
    live_view.hide()
    job.close()


def _show_progress(progress: Progress) -> None:
    is_known = progress.total > 0
    counts = f" {progress.done} / {progress.total}" if is_known else ""
    status.stage = progress.stage + counts
    status.progress = min(progress.done / progress.total, 1.0) if is_known else 0.0
    status.eta = "" if progress.eta_s is None else f"{_format_duration(progress.eta_s)} left"


def _format_duration(seconds: float) -> str:
    if seconds < 60:
        return f"{max(round(seconds), 1)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _show_popup(text: str) -> None:
    """A report that comes from a timer: there is no operator to make it."""

    def draw(popup: bpy.types.UIPopupMenu, context: bpy.types.Context) -> None:
        for line in textwrap.wrap(text, 80):
            popup.layout.label(text=line)  # pyright: ignore[reportOptionalMemberAccess]

    for window in bpy.context.window_manager.windows[:1]:
        with bpy.context.temp_override(window=window):
            bpy.context.window_manager.popup_menu(draw, title="Reelrig", icon="ERROR")
