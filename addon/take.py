"""What an action remembers of the motion that its keys came from, and whom it belongs to.

On the action, because that is what holds the keys: whoever plays it, it can be solved anew. In a
custom property, because that needs no add-on: the command line builds characters as well.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..core.motion import Motion
from .keys import timing
from .keys.locations import find_actions, find_curves, read_frames
from .rig.root import ROOT
from .rig.shape import find_character

_PROPERTY, _WORLD = "reelrig_take", "reelrig_world"
_ROOT_ROTATION = f'pose.bones["{ROOT}"].rotation_quaternion'


@dataclass(frozen=True)
class Take:
    """The motion of an action: its file, its place in time, what is known of its world."""

    motion: str  # path of the motion file
    start_frame: float  # scene frame of the first row
    rows_per_frame: float
    resample: bool  # keys on whole scene frames, not on rows
    world: str  # Motion.world_json of what is keyed, with its corrections; "" where unknown
    # m, what was added to places as solved, so that all people of a video stand in one world
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def path(self) -> Path:
        return Path(bpy.path.abspath(self.motion))

    def key_times(self, num_rows: int) -> timing.KeyTimes:
        place = timing.whole_frame_times if self.resample else timing.exact_times
        return place(num_rows, self.rows_per_frame, self.start_frame)


@dataclass(frozen=True, eq=False)
class KeyedTake:
    """A take with the action that has its keys, and the slot of the armature there."""

    action: bpy.types.Action
    slot: bpy.types.ActionSlot
    take: Take

    def key_frames(self, times: timing.KeyTimes) -> np.ndarray:
        """[N] the frames on which the keys of ``times`` stand now, wherever they were moved."""
        for curve in find_curves(self.action, self.slot, _ROOT_ROTATION):
            if len(curve.keyframe_points) == len(times.frames):
                return read_frames(curve)
        return times.frames


def plan_take(
    scene: bpy.types.Scene, motion: Motion, path: Path, start_frame: float, resample: bool
) -> Take:
    """How ``motion``, read from ``path``, is going to stand in the scene's time."""
    scene_fps = scene.render.fps / scene.render.fps_base
    ratio = timing.rows_per_frame(motion.mocap_frame_rate, scene_fps)
    return Take(os.path.abspath(path), start_frame, ratio, resample, motion.world_json)


def write_take(action: bpy.types.Action, take: Take) -> None:
    action[_PROPERTY] = asdict(take)


def find_take(armature: bpy.types.Object) -> KeyedTake | None:
    """The take that a character plays, of its own action or the first NLA strip that has one."""
    for action, slot, _ in find_actions(armature):
        found = action.get(_PROPERTY)
        if found is not None:
            return KeyedTake(action, slot, _take_from(found.to_dict()))
    return None


def _take_from(values: dict[str, Any]) -> Take:
    values["shift"] = tuple(values["shift"])
    return Take(**values)


def find_subject(obj: bpy.types.Object | None) -> bpy.types.Object | None:
    """The character that ``obj`` belongs to: armature, skin, or the world or camera of a take."""
    character = find_character(obj)
    if character is not None or obj is None:
        return character
    world = obj if obj.type == "EMPTY" else obj.parent
    return next(find_people(world), None)


def mark_world(world: bpy.types.Object) -> None:
    """Remember that an empty is the world of a take, unlike those that the animator adds."""
    world[_WORLD] = True


def find_people(world: bpy.types.Object | None) -> Iterator[bpy.types.Object]:
    """The characters that hang under ``world``, where that is the world of a take."""
    if world is None or _WORLD not in world:
        return
    for child in world.children:
        if child.type == "ARMATURE" and find_character(child) is not None and find_take(child):
            yield child
