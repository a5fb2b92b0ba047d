from __future__ import annotations

import bpy

from ..tasks import Capture
from .job import RunsJob


class REELRIG_OT_capture(RunsJob, bpy.types.Operator):
    """Capture the motion in the video and build a character that plays it"""

    bl_idname = "reelrig.capture"
    bl_label = "Capture"
    bl_options = {"REGISTER", "UNDO"}

    job_type = Capture
