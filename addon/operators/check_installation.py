from __future__ import annotations

import bpy

from ...core.errors import WorkerError
from ..interpreter import NEEDED_PACKAGES, find_import_problems, find_interpreter
from .base import ReportsErrors


class REELRIG_OT_check_installation(ReportsErrors, bpy.types.Operator):
    """Try whether the worker's Python has all that a capture needs. Takes some seconds"""

    bl_idname = "reelrig.check_installation"
    bl_label = "Test the Installation"
    bl_options = {"INTERNAL"}

    def run(self, context: bpy.types.Context) -> None:
        interpreter = find_interpreter(context)
        problems = find_import_problems(interpreter)
        if problems:
            found = "; ".join(f"{name} ({problem})" for name, problem in problems.items())
            raise WorkerError(
                f"{interpreter.path} cannot use {found}. Choose a Python that has "
                f"{', '.join(NEEDED_PACKAGES)}."
            )
        self.report({"INFO"}, f"All is well: {interpreter.path} can run captures.")
