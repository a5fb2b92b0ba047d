from __future__ import annotations

import bpy

from ..tasks import PeopleSearch
from .job import RunsJob


class REELRIG_OT_find_people(RunsJob, bpy.types.Operator):
    """Look who is in the video, to choose whom to capture"""

    bl_idname = "reelrig.find_people"
    bl_label = "Find People"
    bl_options = {"REGISTER", "UNDO"}

    job_type = PeopleSearch
