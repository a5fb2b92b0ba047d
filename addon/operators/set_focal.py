# Blender's properties are calls in the place of types, and make the attributes.
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false
from __future__ import annotations

import bpy

from ...core.motion import Motion
from ..camera import focal_mm, focal_px, image_size
from ..change_words import describe_lens
from .world import CorrectsWorld


class REELRIG_OT_set_focal(CorrectsWorld, bpy.types.Operator):
    """Tell the focal length that the video was taken with"""

    bl_idname = "reelrig.set_focal"
    bl_label = "Focal Length"
    bl_options = {"REGISTER", "UNDO"}

    focal_mm: bpy.props.FloatProperty(
        name="Focal Length (mm)",
        description="As on a full-frame camera (35 mm equivalent), where the video starts. "
        "A phone's main camera has about 26 mm; 0: as estimated",
        min=0.0,
        soft_max=200.0,
        max=2000.0,
        step=100,
        precision=1,
        options={"SKIP_SAVE"},  # the video's, not the one used last
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return self.guard_dialog(self.fill, context)

    def fill(self, context: bpy.types.Context) -> None:
        motion = self.get_motion(context)
        assert motion.focal_px is not None
        self.focal_mm = focal_mm(motion.focal_px[0], image_size(motion))

    def run(self, context: bpy.types.Context) -> None:
        size = image_size(self.get_motion(context))

        def describe(old: Motion, new: Motion) -> str:
            assert new.focal_px is not None
            return describe_lens(old, new, focal_mm(new.focal_px[0], size))

        self.correct(context, describe, focal_px=focal_px(self.focal_mm, size) or None)
