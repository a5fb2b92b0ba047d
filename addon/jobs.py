"""The capture under way: a worker process outside, a timer inside Blender.

All of this runs in Blender's main thread. One capture at a time.
"""

from __future__ import annotations

import shutil
import textwrap
import time
from pathlib import Path

import bpy

from ..core.config import CaptureConfig, CaptureJob
from ..core.errors import ReelrigError, WorkerError
from ..core.protocol import Done, Failed, Progress, Warn
from . import results
from .process import Interpreter, WorkerProcess
from .properties import status

_TICK_S = 0.1

_running: Capture | None = None


class Capture:
    """One capture: its worker, the folder of its result, and the scene it is for."""

    def __init__(
        self,
        scene: bpy.types.Scene,
        video: Path,
        config: CaptureConfig,
        interpreter: Interpreter,
    ) -> None:
        # Neither undo nor renaming changes a session_uid, and no other file's scene ever has it.
        self._scene_uid = scene.session_uid
        self._output = results.new_motion_path(video)
        self.outputs: list[Path] | None = None  # the motion files, once they are complete
        try:
            job = CaptureJob(video=video, output=self._output, config=config)
            self._worker = WorkerProcess(interpreter, job)
        except WorkerError:
            self._remove_folder()
            raise
        status.begin()

    def step(self) -> None:
        """Take in what the worker said; a failed one raises its ReelrigError."""
        for message in self._worker.read():
            match message:
                case Progress():
                    _show_progress(message)
                case Warn(text):
                    status.warnings.append(text)
                case Done(outputs):
                    self._worker.end()
                    self.outputs = [Path(path) for path in outputs]
                case Failed():
                    raise self._worker.explain(message)

    def deliver(self, context: bpy.types.Context) -> None:
        """Put the characters of the finished capture into the context's scene."""
        for path in self.outputs or ():
            try:
                motion = results.add_motion(context, path, status.warnings.append)
            except ReelrigError as error:
                raise WorkerError(f"{error} The motion is kept: {path}.") from error
            status.end(f"{path.stem}: {motion.num_frames} frames captured.")

    def close(self) -> None:
        """End the worker; what it has not completed goes with it."""
        self._worker.end()
        if self.outputs is None:
            self._remove_folder()

    def find_scene(self) -> bpy.types.Scene:
        for scene in bpy.data.scenes:
            if scene.session_uid == self._scene_uid:
                return scene
        kept = ", ".join(str(path) for path in self.outputs or ())
        raise WorkerError(
            f"The scene of this capture is no longer open. Its motion is kept: {kept}. "
            "Add it to another scene with Open Motion."
        )

    def _remove_folder(self) -> None:
        shutil.rmtree(self._output.parent, ignore_errors=True)


def run_to_end(context: bpy.types.Context, capture: Capture) -> None:
    """Wait for a capture and build its character: for background Blender, where no timer fires."""
    try:
        while capture.outputs is None:
            capture.step()
            time.sleep(_TICK_S)
        capture.deliver(context)
    except ReelrigError as error:
        status.end(str(error), is_error=True)
        raise
    finally:
        status.is_running = False  # also after Ctrl-C
        capture.close()


def start(capture: Capture) -> None:
    """Let a capture run beside Blender; a timer brings its character into the scene."""
    global _running
    _running = capture
    # Persistent: opening another file does not lose minutes of work.
    bpy.app.timers.register(_tick, first_interval=_TICK_S, persistent=True)


def cancel() -> None:
    """End the running capture, if there is one. The scene and the captures stay as they were."""
    if _running is None:
        return
    bpy.app.timers.unregister(_tick)
    _finish()
    status.end("Cancelled. The scene was not changed.")
    _redraw_panels()


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
        _redraw_panels()
    return None if is_over else _TICK_S


def _advance(capture: Capture) -> bool:
    """One look at the capture; True when its character stands in the scene."""
    if capture.outputs is None:
        capture.step()
    if capture.outputs is None:
        return False
    status.progress, status.eta = 1.0, ""
    scene = capture.find_scene()
    if bpy.app.is_job_running("RENDER"):
        status.stage = "Done. Waiting for the render to end"
        return False
    window = _find_free_window(scene)
    if window is None:
        status.stage = f"Done. Go to Object Mode in {scene.name}"
        return False
    with bpy.context.temp_override(window=window):
        capture.deliver(bpy.context)
        bpy.ops.ed.undo_push(message="Capture Motion")
    return True


def _find_free_window(scene: bpy.types.Scene) -> bpy.types.Window | None:
    """A window on the scene whose user is in no other mode and not dragging anything.

    Objects that appear in the middle of an edit would not be part of its undo steps.
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
        _running.close()
    _running = None
    status.is_running = False


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


def _redraw_panels() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()


def _show_popup(text: str) -> None:
    """A report that comes from a timer: there is no operator to make it."""

    def draw(popup: bpy.types.UIPopupMenu, context: bpy.types.Context) -> None:
        for line in textwrap.wrap(text, 80):
            popup.layout.label(text=line)  # pyright: ignore[reportOptionalMemberAccess]

    for window in bpy.context.window_manager.windows[:1]:
        with bpy.context.temp_override(window=window):
            bpy.context.window_manager.popup_menu(draw, title="Reelrig", icon="ERROR")
