"""What makes objects a character: its shape, remembered on the data of armature and skins.

On the data, because that is what has the shape: objects that share it share it all. In a custom
property, because that needs no add-on: the command line builds characters as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import bpy
import numpy as np

from ...core.body.model import BodyModel

_PROPERTY = "reelrig_shape"


@dataclass(frozen=True)
class Shape:
    """The shape of a character, or of one of its skins."""

    body: str  # name of the body, as in addon/bodies.py
    betas: tuple[float, ...]  # 10
    sliders: Mapping[str, float] = field(default_factory=dict)  # about -1..1, those the body has

    def values(self, body: BodyModel) -> tuple[np.ndarray, np.ndarray]:
        """Betas [10] and sliders [S] in the order of ``body``."""
        sliders = [self.sliders.get(name, 0.0) for name in body.slider_names]
        return np.array(self.betas), np.array(sliders)


def read_shape(data: bpy.types.ID | None) -> Shape | None:
    """The shape of an armature or a mesh; None where it is no character's."""
    found = data.get(_PROPERTY) if data else None
    if found is None:
        return None
    return Shape(found["body"], tuple(found["betas"]), found["sliders"].to_dict())


def get_shape(data: bpy.types.ID | None) -> Shape:
    """The shape of an armature or a mesh that is known to be a character's."""
    shape = read_shape(data)
    assert shape is not None
    return shape


def write_shape(data: bpy.types.ID, shape: Shape) -> None:
    data[_PROPERTY] = {
        "body": shape.body,
        "betas": [float(beta) for beta in shape.betas],
        "sliders": dict(shape.sliders),
    }


def find_character(obj: bpy.types.Object | None) -> bpy.types.Object | None:
    """The armature object of the character that ``obj``, armature or skin, belongs to."""
    if obj is not None and obj.type == "MESH":
        obj = find_armature(obj)
    return obj if obj is not None and read_shape(obj.data) else None


def find_armature(skin: bpy.types.Object) -> bpy.types.Object | None:
    """The armature object that deforms a skin."""
    for modifier in skin.modifiers:
        if isinstance(modifier, bpy.types.ArmatureModifier) and modifier.object:
            return modifier.object
    return None


def find_skins(armature: bpy.types.Object) -> list[bpy.types.Object]:
    """The skins of a character, and of the objects that share its armature's data."""
    return [obj for obj in bpy.data.objects if _is_skin_of(obj, armature.data)]


def _is_skin_of(obj: bpy.types.Object, armature: bpy.types.ID | None) -> bool:
    if obj.type != "MESH" or read_shape(obj.data) is None:
        return False
    owner = find_armature(obj)
    return owner is not None and owner.data == armature
