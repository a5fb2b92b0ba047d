"""What the user sets once, for all files."""
# Blender's properties are calls in the place of types.
# pyright: reportInvalidTypeForm=false

from __future__ import annotations

from pathlib import Path

import bpy

from ..core.errors import ReelrigError
from .bodies import get_body
from .text import draw_text

# `reelrig`, or `bl_ext.<repository>.reelrig` where Blender installed it.
ROOT_PACKAGE = (__package__ or "").rpartition(".")[0]


def _check_body(preferences: ReelrigPreferences, _context: bpy.types.Context) -> None:
    """Say at once what is wrong with a chosen body."""
    ReelrigPreferences.body_problem = ""
    try:
        if preferences.body:
            get_body(preferences.body)
    except ReelrigError as error:
        ReelrigPreferences.body_problem = str(error)


class ReelrigPreferences(bpy.types.AddonPreferences):
    bl_idname = ROOT_PACKAGE

    worker_python: bpy.props.StringProperty(
        name="Worker Python",
        description="Python that runs the capture, with Reelrig's packages in it. "
        "Empty: Blender's own Python with the packages that came in Reelrig's zip",
        subtype="FILE_PATH",
    )
    body_path: bpy.props.StringProperty(
        name="Own Body",
        description="SMPLX_NEUTRAL.npz, SMPLX_MALE.npz or SMPLX_FEMALE.npz from your own copy of "
        "SMPL-X, whose licence is its maker's; Reelrig neither brings nor downloads it. "
        "Empty: the free body that comes with Reelrig",
        subtype="FILE_PATH",
        update=_check_body,
    )
    body_problem = ""  # of the chosen body; no Blender property, or an old one would be kept
    device: bpy.props.EnumProperty(
        name="Device",
        description="What computes the capture",
        items=(
            ("auto", "Automatic", "The graphics card where one can be used, else the processor"),
            ("cpu", "Processor", "Works everywhere"),
            ("cuda", "NVIDIA Graphics Card", "A card that CUDA can use"),
            ("mps", "Apple Graphics", "The graphics part of an Apple processor"),
        ),
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "worker_python", placeholder="Blender's own")
        layout.prop(self, "body_path", placeholder="The free body")
        if self.body_problem:
            draw_text(layout, self.body_problem, "ERROR", context)
        layout.prop(self, "device")
        layout.operator("reelrig.check_installation", icon="CHECKMARK")

    @property
    def body(self) -> Path | None:
        """Path of the chosen body; None for the free one."""
        return Path(bpy.path.abspath(self.body_path)) if self.body_path else None


def get_preferences(context: bpy.types.Context) -> ReelrigPreferences:
    preferences = context.preferences.addons[ROOT_PACKAGE].preferences
    assert isinstance(preferences, ReelrigPreferences)
    return preferences
