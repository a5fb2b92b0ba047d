"""Pose correctives in Blender: shape keys, each driven by the rotation of one bone.

The drivers are simple expressions, which Blender works out without Python: they need no permission
to run scripts, and cost next to nothing. They read a bone's rotation as it comes out of whatever
rotation mode and constraints the bone has.
"""

from __future__ import annotations

from typing import Literal

import bpy
import numpy as np

from ...core.body.model import BodyModel
from ...core.errors import ReelrigError
from ...core.frames import WORLD_FROM_BODY
from ...core.skeletons import JOINT_NAMES
from .build import bone_axes
from .corrective_shapes import reduce_corrective
from .shape_keys import SLIDER_LIMIT, add_key

_PREFIX = "corrective_"
_SLIDER = (-SLIDER_LIMIT, SLIDER_LIMIT)  # within 1 either way but for poses out of range
_Channel = Literal["ROT_W", "ROT_X", "ROT_Y", "ROT_Z"]
_CHANNELS: dict[str, _Channel] = {"w": "ROT_W", "x": "ROT_X", "y": "ROT_Y", "z": "ROT_Z"}


def add_correctives(skin: bpy.types.Object, body: BodyModel, armature: bpy.types.Object) -> None:
    """Add the pose correctives of ``body`` to the shape keys of ``skin``, which has a Basis."""
    bones_from_body = np.swapaxes(bone_axes(armature), 1, 2) @ WORLD_FROM_BODY
    for corrective in body.pose_correctives:
        joint_name = JOINT_NAMES[corrective.joint]
        bone_from_body = bones_from_body[corrective.joint]
        for i_shape, shape in enumerate(reduce_corrective(corrective)):
            name = f"{_PREFIX}{joint_name}_{i_shape + 1}"
            key = add_key(skin, name, shape.offsets, _SLIDER, shape.vertices)
            gains = bone_from_body @ shape.gains @ bone_from_body.T
            _drive(key, armature, joint_name, value_expression(gains))


def find_correctives(skin: bpy.types.Object) -> list[bpy.types.ShapeKey]:
    """The corrective shape keys of an object; none where it is no skin with correctives."""
    shape_keys = _get_shape_keys(skin)
    blocks = shape_keys.key_blocks if shape_keys else ()
    return [key for key in blocks if key.name.startswith(_PREFIX)]


def uses_correctives(skin: bpy.types.Object) -> bool:
    return any(not key.mute for key in find_correctives(skin))


def switch_correctives(skin: bpy.types.Object, use: bool) -> None:
    """Switch the keys and their drivers on or off. Off, they cost no time."""
    keys = find_correctives(skin)
    if not keys:
        return
    shape_keys = _get_shape_keys(skin)
    assert shape_keys is not None
    if not shape_keys.is_editable:
        raise ReelrigError(
            f"{skin.name} is linked from another file and cannot be changed here. "
            "Open that file, or make it local."
        )
    for key in keys:
        key.mute = not use
    paths = {key.path_from_id("value") for key in keys}
    animation = shape_keys.animation_data
    for driver in animation.drivers if animation else ():
        if driver.data_path in paths:
            driver.mute = not use


def value_expression(gains: np.ndarray) -> str:
    """A driver's expression for sum(gains * (R - I)) in the unit quaternion w, x, y, z of R.

    With v = (x, y, z): R - I = 2 (v v^T - |v|^2 I + w [v]x), so that the sum is v^T Q v + w a.v.
    """
    q = gains + gains.T - 2 * np.trace(gains) * np.eye(3)
    a = 2 * np.array(
        [gains[2, 1] - gains[1, 2], gains[0, 2] - gains[2, 0], gains[1, 0] - gains[0, 1]]
    )
    return (
        f"w*({a[0]:.4f}*x{a[1]:+.4f}*y{a[2]:+.4f}*z)"
        f"+x*({q[0, 0]:.4f}*x{2 * q[0, 1]:+.4f}*y{2 * q[0, 2]:+.4f}*z)"
        f"+y*({q[1, 1]:.4f}*y{2 * q[1, 2]:+.4f}*z){q[2, 2]:+.4f}*z*z"
    )


def _get_shape_keys(skin: bpy.types.Object) -> bpy.types.Key | None:
    return skin.data.shape_keys if isinstance(skin.data, bpy.types.Mesh) else None


def _drive(key: bpy.types.ShapeKey, armature: bpy.types.Object, bone: str, expression: str) -> None:
    curve = key.driver_add("value")
    assert isinstance(curve, bpy.types.FCurve)
    driver = curve.driver
    assert driver is not None
    for name, channel in _CHANNELS.items():
        variable = driver.variables.new()
        variable.name, variable.type = name, "TRANSFORMS"
        target = variable.targets[0]
        target.id, target.bone_target = armature, bone
        target.transform_type, target.transform_space = channel, "LOCAL_SPACE"
        target.rotation_mode = "QUATERNION"
    driver.type, driver.expression = "SCRIPTED", expression
