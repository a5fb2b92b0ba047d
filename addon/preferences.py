"""What the user sets once, for all files."""
# Blender's properties are calls in the place of types.
# pyright: reportInvalidTypeForm=false

from __future__ import annotations

from pathlib import Path

import bpy

# `reelrig`, or `bl_ext.<repository>.reelrig` where Blender installed it.
ROOT_PACKAGE = (__package__ or "").rpartition(".")[0]


class ReelrigPreferences(bpy.types.AddonPreferences):
    bl_idname = ROOT_PACKAGE

    worker_python: bpy.props.StringProperty(
        name="Worker Python",
        description="Python that runs the capture, with Reelrig's packages in it. "
        "Empty: Blender's own Python with the packages that came in Reelrig's zip",
        subtype="FILE_PATH",
    )
    body_path: bpy.props.StringProperty(
        name="Body Model",
        description="Your own SMPL-X body (.npz). Empty: the free body that comes with Reelrig",
        subtype="FILE_PATH",
    )
    device: bpy.props.EnumProperty(
        name="Device",
        description="What computes the capture",
        items=(
            ("auto", "Automatic", "The graphics card where one can be used, else the processor"),
            ("cpu", "Processor", "Works everywhere"),
            ("cuda", "Graphics Card", "An NVIDIA card"),
        ),
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "worker_python", placeholder="Blender's own")
        layout.prop(self, "body_path", placeholder="The free body")
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
