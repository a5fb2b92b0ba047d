from __future__ import annotations

import time
from typing import ClassVar

import bpy

from ...core.errors import WorkerError
from ..interpreter import NEEDED_PACKAGES, ImportCheck, find_interpreter
from .base import ReportsErrors

_TICK_S = 0.1


class REELRIG_OT_check_installation(ReportsErrors, bpy.types.Operator):
    """Try whether the worker's Python has all that a capture needs: some seconds, Esc stops it"""

    bl_idname = "reelrig.check_installation"
    bl_label = "Test the Installation"
    bl_options = {"INTERNAL"}

    _check: ClassVar[ImportCheck | None] = None  # the one under way
    _timer: bpy.types.Timer

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("The test is under way")
        return cls._check is None

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if bpy.app.background:
            return self.execute(context)
        outcome = self.guard(self.start, context)
        return {"RUNNING_MODAL"} if outcome == {"FINISHED"} else outcome

    def start(self, context: bpy.types.Context) -> None:
        type(self)._check = ImportCheck(find_interpreter(context))
        manager = context.window_manager
        self._timer = manager.event_timer_add(_TICK_S, window=context.window)
        manager.modal_handler_add(self)

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        check = self._check
        assert check is not None
        if event.type == "ESC":
            self.cancel(context)
            return {"CANCELLED"}
        if not check.is_over():
            return {"PASS_THROUGH"}
        try:
            return self.guard(lambda _: self.tell(check), context)
        finally:
            self.cancel(context)

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender calls it too, when the window is closed."""
        context.window_manager.event_timer_remove(self._timer)
        assert self._check is not None
        self._check.close()
        type(self)._check = None

    def run(self, context: bpy.types.Context) -> None:
        check = ImportCheck(find_interpreter(context))
        try:
            while not check.is_over():
                time.sleep(_TICK_S)
            self.tell(check)
        finally:
            check.close()

    def tell(self, check: ImportCheck) -> None:
        problems = check.find_problems()
        path = check.interpreter.path
        if problems:
            lines = [f"{name}: {problem}" for name, problem in problems.items()]
            raise WorkerError(
                f"{path} cannot use all packages. Choose a Python that has "
                f"{', '.join(NEEDED_PACKAGES)}.\n" + "\n".join(lines)
            )
        self.report({"INFO"}, f"All is well: {path} can run captures.")
