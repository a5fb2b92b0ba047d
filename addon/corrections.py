"""What the animator knows better: the world of a take solved anew, and its keys with it.

Only what comes out otherwise than before is keyed anew: root, legs and camera, and of them only the
bones that differ. What the animator changed of these keys is carried over, unless keys were added
or taken away. All other keys, and keys in other layers, stay as the animator made them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..core.body.model import BodyModel
from ..core.errors import MotionFileError, ReelrigError
from ..core.motion import Motion, read_motion
from ..core.skeletons import JOINT_NAMES
from ..core.world.resolve import WorldSettings, resolve
from .bodies import FULL, get_named_body
from .camera import find_camera, place_camera
from .change_words import stature
from .character import betas_for_body, bone_quats, root_locations, rotvecs_for_body
from .edits import carry_places, carry_turns
from .keys import curves
from .rig.reshape import reshape
from .rig.root import ROOT
from .rig.shape import get_shape
from .take import KeyedTake, Take, find_people, find_take, write_take

# Differences of a motion that nobody sees.
_SAME_ANGLE = 1e-5  # rad
_SAME_PLACE = 1e-5  # m
_SAME_BETA = 1e-6

# Told of one person of a take, whatever the others do.
_OF_ONE_PERSON = ("floor_row", "height_m")


def solved_motion(take: Take, own_body: Path | None) -> Motion:
    """The motion that the keys of a take came from, with the corrections made so far."""
    return _shift(_solve(take, read_settings(take.world), own_body), np.array(take.shift))


def get_take(armature: bpy.types.Object) -> KeyedTake:
    """The take of a character, which can be corrected."""
    keyed = find_take(armature)
    if keyed is None:
        raise ReelrigError(
            f"{armature.name} plays no motion of Reelrig's. Give it its action back, or build it "
            "again from its motion."
        )
    if not keyed.take.world:
        raise MotionFileError(
            f"{keyed.take.path.name} does not hold what the camera saw, so its world cannot be "
            "corrected. Capture the video again, or turn the armature by hand."
        )
    return keyed


def read_settings(world_json: str) -> WorldSettings:
    """The corrections that a world was solved with."""
    values = dict(json.loads(world_json)["settings"])
    if values.get("up_camera") is not None:
        values["up_camera"] = tuple(values["up_camera"])
    return WorldSettings(**values)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a correction."""

    old: Motion  # of the person whom it was about
    new: Motion
    rekeyed: set[str]  # bones of everybody that got new keys
    num_people: int


def correct(armature: bpy.types.Object, own_body: Path | None, **changes: Any) -> Outcome:
    """Solve the world of the character's take anew with changed WorldSettings, and key it.

    Other people of the take share its camera and its floor, and follow. ``own_body`` is the body of
    the preferences. Nothing has moved when an error is raised.
    """
    people = list(find_people(armature.parent))
    corrections = [
        _Correction.of(person, changes if person == armature else _shared(changes), own_body)
        for person in people or [armature]
    ]
    corrections = _in_one_world(corrections)
    # First whom it is about: only that one may get another shape, which can be refused.
    in_order = sorted(corrections, key=lambda entry: entry.armature != armature)
    rekeyed = [correction.apply(own_body) for correction in in_order]
    camera = find_camera(armature)
    new = corrections[0].new
    if camera is not None:
        place_camera(camera, new, corrections[0].keyed.take.key_times(new.num_frames))
    about = in_order[0]
    return Outcome(about.old, about.new, set().union(*rekeyed), len(corrections))


def _shared(changes: dict[str, Any]) -> dict[str, Any]:
    """What of the changes holds for the others too."""
    shared = {name: value for name, value in changes.items() if name not in _OF_ONE_PERSON}
    # One floor a video: whoever showed it before does no longer.
    return shared | ({"floor_row": None} if "floor_row" in changes else {})


def _in_one_world(corrections: list[_Correction]) -> list[_Correction]:
    """The first person starts where they started before, the floor is where it was shown.

    All were seen by one camera, and stand on one floor. The two agree as long as they are of one
    scale: who was told to be taller stands farther off, and the camera is not above that floor as
    high as above everybody's. Told nothing, they stand as they were captured.
    """
    first = corrections[0]
    shown = [entry for entry in corrections if entry.settings.floor_row is not None]
    of_floor = (shown or corrections)[0]
    start = _start(first.old) - _start(first.new)
    moved = (_camera_place(first.new) + start - _camera_place(first.captured))[:2]
    raised = _camera_place(of_floor.new)[2] / of_floor.growth - _camera_place(of_floor.captured)[2]
    change = np.array([*moved, raised])
    return [
        entry.with_camera_at((_camera_place(entry.captured) + change) * (1, 1, entry.growth))
        for entry in corrections
    ]


@dataclass(frozen=True, eq=False)
class _Correction:
    """A character, and its motion before and after."""

    armature: bpy.types.Object
    keyed: KeyedTake
    settings: WorldSettings
    old: Motion
    new: Motion
    captured: Motion  # as its file has it
    shift: np.ndarray  # [3] m, of the new one as solved

    @classmethod
    def of(
        cls, armature: bpy.types.Object, changes: dict[str, Any], own_body: Path | None
    ) -> _Correction:
        keyed = get_take(armature)
        settings = replace(read_settings(keyed.take.world), **changes)
        old = solved_motion(keyed.take, own_body)
        new = _solve(keyed.take, settings, own_body)
        return cls(armature, keyed, settings, old, new, _captured(keyed.take), np.zeros(3))

    @property
    def growth(self) -> float:
        """How much larger the new one is than was captured."""
        return stature(self.new) / stature(self.captured)

    def with_camera_at(self, place: np.ndarray) -> _Correction:
        shift = place - _camera_place(self.new)
        return replace(self, new=_shift(self.new, shift), shift=shift)

    def apply(self, own_body: Path | None) -> set[str]:
        """Shape and key the character; the bones that got new keys come back."""
        shape = get_shape(self.armature.data)
        body = get_named_body(shape.body, own_body)
        keyed, times = self.keyed, self.keyed.take.key_times(self.new.num_frames)
        turns_before = bone_quats(self.armature, self.old, body, times.rows)
        places_before = root_locations(self.armature, self.old, body, times.rows)
        played = curves.read_places(keyed.action, keyed.slot, ROOT, len(times.frames))
        growth = betas_for_body(self.new, body) - betas_for_body(self.old, body)
        is_grown = np.abs(growth).max() > _SAME_BETA
        if is_grown:
            betas = np.array(shape.betas) + growth
            reshape(self.armature, betas, {}, lambda name: get_named_body(name, own_body))
        turns = bone_quats(self.armature, self.new, body, times.rows)
        quats, locations = {}, {}
        for bone in self._turned_bones(body):
            turned = curves.read_turns(keyed.action, keyed.slot, bone, len(times.frames))
            quats[bone] = carry_turns(turns[bone], turns_before[bone], turned)
        if is_grown or np.abs(self.new.trans - self.old.trans).max() > _SAME_PLACE:
            places = root_locations(self.armature, self.new, body, times.rows)
            locations[ROOT] = carry_places(places, places_before, played)
        curves.rewrite_pose(keyed.action, keyed.slot, times.frames, quats, locations)
        shift = tuple(self.shift.tolist())
        write_take(keyed.action, replace(keyed.take, world=self.new.world_json, shift=shift))
        return {*quats, *locations}

    def _turned_bones(self, body: BodyModel) -> list[str]:
        """The bones that play other angles than before."""
        before, after = (rotvecs_for_body(motion, body) for motion in (self.old, self.new))
        angles = np.abs(after - before).max(axis=(0, 2))
        return [JOINT_NAMES[i] for i in np.flatnonzero(angles > _SAME_ANGLE)]


def _start(motion: Motion) -> np.ndarray:
    """[3] m, the pelvis in the first row."""
    assert motion.joints_world is not None
    return motion.joints_world[0, 0]


def _camera_place(motion: Motion) -> np.ndarray:
    """[3] m, where the camera stands first."""
    assert motion.camera_from_world is not None
    return np.linalg.inv(motion.camera_from_world[0].astype(np.float64))[:3, 3]


def _shift(motion: Motion, shift: np.ndarray) -> Motion:
    """``motion`` with everything, the camera too, moved by ``shift`` [3] m."""
    assert motion.camera_from_world is not None
    camera = motion.camera_from_world.copy()
    camera[:, :3, 3] -= camera[:, :3, :3] @ shift
    joints = motion.joints_world
    return replace(
        motion,
        trans=motion.trans + shift,
        joints_world=None if joints is None else joints + shift,
        camera_from_world=camera,
    )


def _solve(take: Take, settings: WorldSettings, own_body: Path | None) -> Motion:
    name = json.loads(_captured(take).settings_json).get("body") or FULL
    return _solve_file(take.path, _changed_ns(take), settings, get_named_body(name, own_body))


def _captured(take: Take) -> Motion:
    """The motion as its file has it."""
    return _read(take.path, _changed_ns(take))


def _changed_ns(take: Take) -> int:
    try:
        return take.path.stat().st_mtime_ns
    except OSError:
        return 0  # reading it says what is the matter


# A correction needs the motion before and after, and the next one starts where this one ended.
@lru_cache(maxsize=16)  # of several people
def _solve_file(path: Path, changed_ns: int, settings: WorldSettings, body: BodyModel) -> Motion:
    motion = _read(path, changed_ns)
    return (
        motion if settings == read_settings(motion.world_json) else resolve(motion, settings, body)
    )


@lru_cache(maxsize=8)
def _read(path: Path, _changed_ns: int) -> Motion:
    return read_motion(path, lambda _: None)
