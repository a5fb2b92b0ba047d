# Blender's properties are calls in the place of types, and make the attributes.
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false
from __future__ import annotations

from pathlib import Path

import bpy
from bpy_extras.io_utils import ImportHelper

from .. import results
from .base import ReportsErrors


class REELRIG_OT_open_motion(ReportsErrors, ImportHelper, bpy.types.Operator):
    """Build a character from a motion file: Reelrig's own, or an SMPL-X one in AMASS's layout"""

    bl_idname = "reelrig.open_motion"
    bl_label = "Open Motion"
    bl_options = {"REGISTER", "UNDO"}

    filename_ext = ".npz"
    filter_glob: bpy.props.StringProperty(default="*.npz", options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return cls.poll_object_mode(context)

    def run(self, context: bpy.types.Context) -> None:
        path = Path(bpy.path.abspath(self.filepath))
        results.add_motions(context, [path], self.warn)
