# Blender's properties are calls in the place of types, and make the attributes.
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false
# pyright: reportOptionalMemberAccess=false
from __future__ import annotations

import bpy

from ...core.body.model import NUM_BETAS
from ..bodies import get_named_body
from ..preferences import get_preferences
from ..rig.reshape import reshape
from ..rig.shape import get_shape
from .base import ReportsErrors, get_character


def _slider(name: str, description: str):
    return bpy.props.FloatProperty(
        name=name,
        description=description,
        min=-2.0,
        max=2.0,
        soft_min=-1.0,
        soft_max=1.0,
        options={"SKIP_SAVE"},  # the values are the character's, not those used last
    )


_SLIDERS = (
    *("stature", "weight", "muscle", "gender", "age"),
    *("leg_length", "arm_length", "shoulder_width", "hip_width"),
)


class REELRIG_OT_reshape(ReportsErrors, bpy.types.Operator):
    """Change the shape of the character. Its animation stays, and its feet stay on the floor"""

    bl_idname = "reelrig.reshape"
    bl_label = "Shape"
    bl_options = {"REGISTER", "UNDO"}

    stature: _slider("Stature", "Taller or shorter, in proportion")
    weight: _slider("Weight", "Heavier or lighter, on the same bones")
    muscle: _slider("Muscle", "Muscle in the place of fat, or fat in the place of muscle")
    gender: _slider("Gender", "The build of a woman above zero, of a man below")
    age: _slider("Age", "Older or younger: 80 years at 1, 18 at -1")
    leg_length: _slider("Leg Length", "Longer or shorter thighs and shanks")
    arm_length: _slider("Arm Length", "Longer or shorter upper arms and forearms")
    shoulder_width: _slider("Shoulder Width", "Shoulders further apart or closer together")
    hip_width: _slider("Hip Width", "A broader or narrower pelvis")
    betas: bpy.props.FloatVectorProperty(
        name="Betas",
        description="SMPL-X's shape components, in standard deviations from the mean shape",
        size=NUM_BETAS,
        min=-10.0,
        max=10.0,
        soft_min=-3.0,
        soft_max=3.0,
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return cls.poll_character(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self._fill(context)
        return context.window_manager.invoke_props_popup(self, event)

    def run(self, context: bpy.types.Context) -> None:
        self._fill(context)
        own = get_preferences(context).body
        sliders = {name: getattr(self, name) for name in _known_sliders(context)}
        reshape(get_character(context), self.betas, sliders, lambda name: get_named_body(name, own))

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        column = layout.column(align=True)
        for name in _known_sliders(context):
            column.prop(self, name, slider=True)
        column = layout.column(align=True)
        for i_beta in range(NUM_BETAS):
            column.prop(self, "betas", index=i_beta, text=f"Beta {i_beta + 1}", slider=True)

    def _fill(self, context: bpy.types.Context) -> None:
        """Give what was not asked for the value that the character has."""
        shape = get_shape(get_character(context).data)
        for name in _known_sliders(context):
            if not self.properties.is_property_set(name):
                setattr(self, name, shape.sliders[name])
        if not self.properties.is_property_set("betas"):
            self.betas = shape.betas


def _known_sliders(context: bpy.types.Context) -> list[str]:
    """The sliders of the character's body."""
    shape = get_shape(get_character(context).data)
    return [name for name in _SLIDERS if name in shape.sliders]
