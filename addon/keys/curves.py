"""The only writer of actions and F-curves, in bulk.

One action holds everything a character does: a slot for the armature's pose, a slot for its skin's
shape keys. Another holds what its camera does. What is written where keys stand already changes
their values: keys that were moved in time stay there, if none was added or taken away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import bpy
import numpy as np

# eBezTriple_Interpolation: BEZT_IPO_CONST and BEZT_IPO_LIN (Blender, DNA_curve_types.h)
CONSTANT, LINEAR = 0, 1
_COORDINATES = ("handle_left", "handle_right", "co")


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
    _write_bones(_channels(armature, action), frames, quats, locations)


def rewrite_pose(
    action: bpy.types.Action,
    slot: bpy.types.ActionSlot,
    frames: np.ndarray,
    quats: Mapping[str, np.ndarray],
    locations: Mapping[str, np.ndarray],
) -> None:
    """As write_pose, in an action that has the armature's slot already; other bones stay."""
    _write_bones(_slot_channels(action, slot), frames, quats, locations)
    action.update_tag()


def read_turns(
    action: bpy.types.Action, slot: bpy.types.ActionSlot, bone: str, num_keys: int
) -> np.ndarray | None:
    """[N, 4] wxyz at a bone's keys; None where there are not ``num_keys`` of each channel."""
    return _read(action, slot, _bone_path(bone, "rotation_quaternion"), 4, num_keys)


def read_places(
    action: bpy.types.Action, slot: bpy.types.ActionSlot, bone: str, num_keys: int
) -> np.ndarray | None:
    """[N, 3] m, as read_turns."""
    return _read(action, slot, _bone_path(bone, "location"), 3, num_keys)


def _read(
    action: bpy.types.Action,
    slot: bpy.types.ActionSlot,
    path: str,
    num_channels: int,
    num_keys: int,
) -> np.ndarray | None:
    fcurves = _slot_channels(action, slot).fcurves
    columns = []
    for index in range(num_channels):
        fcurve = fcurves.find(path, index=index)
        if fcurve is None or len(fcurve.keyframe_points) != num_keys:
            return None
        coordinates = np.empty(2 * num_keys, np.float32)
        fcurve.keyframe_points.foreach_get("co", coordinates)
        columns.append(coordinates[1::2].astype(np.float64))
    return np.stack(columns, 1)


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


def write_object(
    obj: bpy.types.Object,
    action: bpy.types.Action,
    frames: np.ndarray,
    quats: np.ndarray,
    locations: np.ndarray,
) -> None:
    """Key an object at ``frames`` [N]: quaternions [N, 4] wxyz and locations [N, 3] m."""
    curves = [*_columns("location", locations), *_columns("rotation_quaternion", quats)]
    _write_curves(_channels(obj, action), frames, curves, "Object Transforms")


def write_value(
    id_block: bpy.types.ID,
    action: bpy.types.Action,
    frames: np.ndarray,
    path: str,
    values: np.ndarray,
    interpolation: int = LINEAR,
) -> None:
    """Key one number of a data-block, found at ``path``, with ``values`` [N] at ``frames`` [N]."""
    channels = _channels(id_block, action)
    _write_curves(channels, frames, [_Curve(path, 0, values)], "Video", interpolation)


def _write_bones(
    channels: bpy.types.ActionChannelbag,
    frames: np.ndarray,
    quats: Mapping[str, np.ndarray],
    locations: Mapping[str, np.ndarray],
) -> None:
    for bone, values in locations.items():
        _write_curves(channels, frames, _columns(_bone_path(bone, "location"), values), bone)
    for bone, values in quats.items():
        path = _bone_path(bone, "rotation_quaternion")
        _write_curves(channels, frames, _columns(path, values), bone)


def _bone_path(bone: str, channel: str) -> str:
    return f'pose.bones["{bpy.utils.escape_identifier(bone)}"].{channel}'


def _columns(path: str, values: np.ndarray) -> list[_Curve]:
    """A curve for each column of ``values`` [N, C]."""
    return [_Curve(path, index, column) for index, column in enumerate(values.T)]


def _channels(id_block: bpy.types.ID, action: bpy.types.Action) -> bpy.types.ActionChannelbag:
    """The curves' container of ``id_block`` in ``action``, which then animates it."""
    animation = id_block.animation_data_create()
    assert animation is not None
    if animation.action != action:
        slot = action.slots.new(id_type=id_block.id_type, name=id_block.name)
        animation.action = action
        animation.action_slot = slot
    assert animation.action_slot is not None
    return _slot_channels(action, animation.action_slot)


def _slot_channels(
    action: bpy.types.Action, slot: bpy.types.ActionSlot
) -> bpy.types.ActionChannelbag:
    layer = action.layers[0] if action.layers else action.layers.new("Layer")
    strip = layer.strips[0] if layer.strips else layer.strips.new(type="KEYFRAME")
    assert isinstance(strip, bpy.types.ActionKeyframeStrip)
    channels = strip.channelbag(slot, ensure=True)
    assert channels is not None
    return channels


def _write_curves(
    channels: bpy.types.ActionChannelbag,
    frames: np.ndarray,
    curves: list[_Curve],
    group_name: str,
    interpolation: int = LINEAR,
) -> None:
    group = channels.groups.get(group_name) or channels.groups.new(group_name)
    for curve in curves:
        fcurve = channels.fcurves.find(curve.data_path, index=curve.index)
        if fcurve is None:
            fcurve = channels.fcurves.new(curve.data_path, index=curve.index)
            fcurve.group = group
        if len(fcurve.keyframe_points) == len(frames):
            _change_keys(fcurve.keyframe_points, curve.values)
        else:
            _make_keys(fcurve.keyframe_points, frames, curve.values, interpolation)
        fcurve.update()


def _make_keys(
    points: bpy.types.FCurveKeyframePoints,
    frames: np.ndarray,
    values: np.ndarray,
    interpolation: int,
) -> None:
    points.clear()
    points.add(len(frames))
    points.foreach_set("co", np.column_stack([frames, values]).astype(np.float32).ravel())
    points.foreach_set("interpolation", np.full(len(frames), interpolation, np.int32))


def _change_keys(points: bpy.types.FCurveKeyframePoints, values: np.ndarray) -> None:
    """Other values at the same moments; the handles move along."""
    coordinates = {name: np.empty((len(values), 2), np.float32) for name in _COORDINATES}
    for name, array in coordinates.items():
        points.foreach_get(name, array.ravel())
    change = values - coordinates["co"][:, 1]
    for array in coordinates.values():
        array[:, 1] += change
    coordinates["co"][:, 1] = values  # exactly, so that what is taken back is as it was
    for name, array in coordinates.items():
        points.foreach_set(name, array.ravel())
