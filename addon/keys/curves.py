"""The only writer of actions and F-curves, in bulk.

One action holds everything a character does: a slot for the armature's pose, a slot for its skin's
shape keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import bpy
import numpy as np

_LINEAR = 1  # eBezTriple_Interpolation, BEZT_IPO_LIN (Blender, DNA_curve_types.h)


@dataclass(frozen=True, eq=False)
class _Curve:
    data_path: str
    index: int
    values: np.ndarray  # [N]


def write_pose(
    armature: bpy.types.Object,
    action: bpy.types.Action,
    frames: np.ndarray,
    quats: Mapping[str, np.ndarray],
    locations: Mapping[str, np.ndarray],
) -> None:
    """Key bones at ``frames`` [N]: quaternions [N, 4] wxyz and locations [N, 3] m by bone name."""
    channels = _channels(armature, action)
    for bone, bone_locations in locations.items():
        _write_curves(channels, frames, _bone_curves(bone, "location", bone_locations), bone)
    for bone, bone_quats in quats.items():
        _write_curves(channels, frames, _bone_curves(bone, "rotation_quaternion", bone_quats), bone)


def write_shape_keys(
    shape_keys: bpy.types.Key,
    action: bpy.types.Action,
    frames: np.ndarray,
    values: Mapping[str, np.ndarray],
) -> None:
    """Key the values [N] of shape keys, by their names, at ``frames`` [N]."""
    channels = _channels(shape_keys, action)
    for name, key_values in values.items():
        path = f'key_blocks["{bpy.utils.escape_identifier(name)}"].value'
        _write_curves(channels, frames, [_Curve(path, 0, key_values)], "Shape Keys")


def _bone_curves(bone: str, channel: str, values: np.ndarray) -> Iterator[_Curve]:
    path = f'pose.bones["{bpy.utils.escape_identifier(bone)}"].{channel}'
    for index, column in enumerate(values.T):
        yield _Curve(path, index, column)


def _channels(
    id_block: bpy.types.Object | bpy.types.Key, action: bpy.types.Action
) -> bpy.types.ActionChannelbag:
    """The curves' container of ``id_block`` in ``action``, which then animates it."""
    slot = action.slots.new(id_type=id_block.id_type, name=id_block.name)
    layer = action.layers[0] if action.layers else action.layers.new("Layer")
    strip = layer.strips[0] if layer.strips else layer.strips.new(type="KEYFRAME")
    animation = id_block.animation_data_create()
    assert animation is not None
    animation.action = action
    animation.action_slot = slot
    assert isinstance(strip, bpy.types.ActionKeyframeStrip)
    channels = strip.channelbag(slot, ensure=True)
    assert channels is not None
    return channels


def _write_curves(
    channels: bpy.types.ActionChannelbag,
    frames: np.ndarray,
    curves: Iterator[_Curve] | list[_Curve],
    group_name: str,
) -> None:
    group = channels.groups.get(group_name) or channels.groups.new(group_name)
    points = np.empty((len(frames), 2), np.float32)
    points[:, 0] = frames
    linear = np.full(len(frames), _LINEAR, np.int32)
    for curve in curves:
        fcurve = channels.fcurves.new(curve.data_path, index=curve.index)
        fcurve.group = group
        points[:, 1] = curve.values
        fcurve.keyframe_points.add(len(frames))
        fcurve.keyframe_points.foreach_set("co", points.ravel())
        fcurve.keyframe_points.foreach_set("interpolation", linear)
        fcurve.update()
