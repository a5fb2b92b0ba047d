"""How the root of a character moves when its legs get another length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import bpy
import numpy as np

from ...core.body.model import BodyModel
from ...core.skeletons import JOINT_INDEX, JOINT_NAMES
from ..keys.locations import LocationKeys, change_locations, first_location

ROOT = JOINT_NAMES[0]


@dataclass(frozen=True)
class Stance:
    """What of a shape carries the pelvis."""

    leg: float  # m, hip to knee to ankle, mean of both sides
    height: float  # m, the pelvis above the soles at rest

    @classmethod
    def of(cls, body: BodyModel, betas: np.ndarray, sliders: np.ndarray) -> Stance:
        joints = body.rest_joints(betas, sliders)
        chains = [
            [JOINT_INDEX[f"{side}_{part}"] for part in ("hip", "knee", "ankle")]
            for side in ("left", "right")
        ]
        leg = np.linalg.norm(np.diff(joints[chains], axis=1), axis=-1).sum() / len(chains)
        sole = body.rest_vertices(betas, sliders)[:, 1].min()
        return cls(float(leg), float(joints[JOINT_INDEX[ROOT], 1] - sole))


@dataclass(frozen=True, eq=False)
class RootMove:
    """Where the pelvis goes when the legs change: an affine map of armature space.

    A leg bent by the same angles carries the pelvis over the floor in proportion to its length.
    Hip, ankle and sole are there whatever the pose: they lift the pelvis by a constant.
    """

    old: Stance
    new: Stance
    head_before: np.ndarray  # [3] m, the pelvis bone at rest, armature space
    head_after: np.ndarray  # [3] m
    axes: np.ndarray  # [3, 3] the pelvis bone at rest, armature from bone

    @property
    def scale(self) -> float:
        return self.new.leg / self.old.leg

    def shift_from(self, location: np.ndarray) -> np.ndarray:
        """[3] m to add to the scaled locations (bone axes), so that the point of the floor
        (z = 0) under the pelvis at ``location`` [3] stays where it is."""
        floor = (self.head_before + self.axes @ location) * (1.0, 1.0, 0.0)
        lift = np.array([0.0, 0.0, self.new.height - self.scale * self.old.height])
        head = floor + self.scale * (self.head_before - floor) + lift
        return (head - self.head_after) @ self.axes


def move_roots(move: RootMove, keys: Mapping[bpy.types.Object, list[LocationKeys]]) -> None:
    """Move the root of each armature object, with its location keys, which are given."""
    changes = {}
    for obj, location_keys in keys.items():
        assert obj.pose is not None
        bone = obj.pose.bones[ROOT]
        location = np.array(bone.location)
        start = first_location(location_keys[0], location) if location_keys else location
        shift = move.shift_from(start)
        bone.location = (move.scale * location + shift).tolist()
        # Objects may share an action and its slot, which must move once.
        changes |= {(entry.action, entry.slot): (entry, shift) for entry in location_keys}
    for entry, shift in changes.values():
        change_locations(entry, move.scale, shift)
