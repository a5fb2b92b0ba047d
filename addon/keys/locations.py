"""A bone's location keys, scaled and moved together in every action that has some."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import bpy
import numpy as np

_COORDINATES = ("co", "handle_left", "handle_right")


@dataclass(frozen=True, eq=False)
class LocationKeys:
    """The location curves of a bone in one action."""

    action: bpy.types.Action
    slot: bpy.types.ActionSlot
    curves: dict[int, bpy.types.FCurve]  # by channel, 0 to 2
    is_added: bool  # to what lies below it in the NLA, where other keys replace that


def find_location_keys(obj: bpy.types.Object, bone: str) -> list[LocationKeys]:
    """Those of the object's own action first, then those of its NLA strips in order of time."""
    path = f'pose.bones["{bpy.utils.escape_identifier(bone)}"].location'
    found = []
    for action, slot, is_added in find_actions(obj):
        curves = {curve.array_index: curve for curve in find_curves(action, slot, path)}
        is_new = all((keys.action, keys.slot) != (action, slot) for keys in found)
        if curves and is_new:
            found.append(LocationKeys(action, slot, curves, is_added))
    return found


def first_location(keys: LocationKeys, unkeyed: np.ndarray) -> np.ndarray:
    """[3] m, the location at the first key; ``unkeyed`` [3] for the channels that have none."""
    frame = min(curve.keyframe_points[0].co.x for curve in keys.curves.values())
    location = np.array(unkeyed, dtype=np.float64)
    for channel, curve in keys.curves.items():
        location[channel] = curve.evaluate(frame)
    return location


def change_locations(keys: LocationKeys, scale: float, shift: np.ndarray) -> None:
    """Make every location ``scale * location + shift`` [3] m, with its curves' handles."""
    for channel, curve in keys.curves.items():
        points = curve.keyframe_points
        values = np.empty(2 * len(points), np.float32)
        for coordinates in _COORDINATES:
            points.foreach_get(coordinates, values)
            values[1::2] = scale * values[1::2].astype(np.float64)
            values[1::2] += 0.0 if keys.is_added else shift[channel]
            points.foreach_set(coordinates, values)
        curve.update()
    keys.action.update_tag()


def find_actions(
    obj: bpy.types.Object,
) -> Iterator[tuple[bpy.types.Action, bpy.types.ActionSlot, bool]]:
    """Each action that moves the object, its slot there, and whether it adds.

    The object's own action first, then those of its NLA strips in order of time.
    """
    animation = obj.animation_data
    if animation is None:
        return
    # While a strip is tweaked, its action stands in the place of the object's own.
    if animation.action and animation.action_slot and not animation.use_tweak_mode:
        yield animation.action, animation.action_slot, animation.action_blend_type != "REPLACE"
    strips = [strip for track in animation.nla_tracks for strip in _flat(track.strips)]
    for strip in sorted(strips, key=lambda strip: strip.frame_start):
        if strip.action and strip.action_slot:
            yield strip.action, strip.action_slot, strip.blend_type != "REPLACE"


def _flat(strips: Iterable[bpy.types.NlaStrip]) -> Iterator[bpy.types.NlaStrip]:
    """The strips with those inside meta strips."""
    for strip in strips:
        yield strip
        yield from _flat(strip.strips)


def read_frames(curve: bpy.types.FCurve) -> np.ndarray:
    """[N] the frames of a curve's keys."""
    points = np.empty(2 * len(curve.keyframe_points), np.float32)
    curve.keyframe_points.foreach_get("co", points)
    return points[0::2].astype(np.float64)


def find_curves(
    action: bpy.types.Action, slot: bpy.types.ActionSlot, path: str
) -> Iterator[bpy.types.FCurve]:
    """The curves with keys of the slot's property at ``path``."""
    for layer in action.layers:
        for strip in layer.strips:
            assert isinstance(strip, bpy.types.ActionKeyframeStrip)
            channels = strip.channelbag(slot)
            for curve in channels.fcurves if channels else ():
                if curve.data_path == path and len(curve.keyframe_points):
                    yield curve
