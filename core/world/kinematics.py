"""A posed body's joints and soles, in numpy: what Blender's process needs to solve a take anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..body.model import BodyModel
from ..body.surface import surface_point
from ..skeletons import CONTACT_NAMES, JOINT_INDEX, NUM_JOINTS, PARENTS
from .turns import turn

# The joint that carries each sole point, in CONTACT_NAMES' order: the toe's tip rides on the toes.
SOLE_JOINTS = tuple(
    JOINT_INDEX[name.replace("_heel", "_ankle").replace("_toe", "_foot")] for name in CONTACT_NAMES
)
_LEG = ("hip", "knee", "ankle")
# Hands, knees and pelvis, in lengths of the leg: medians of synthetic people who crawl and lie.
_CLEARANCE_SHARES = np.array([0.06, 0.06, 0.08, 0.08, 0.16])


@dataclass(frozen=True, eq=False)
class RestBody:
    """A body at rest, as far as the ground needs it."""

    joints: np.ndarray  # [55, 3] m
    soles: np.ndarray  # [4, 3] m, heels and toe tips from the joints that carry them
    clearance: np.ndarray  # [4] m, their height over the floor that the body stands on

    @property
    def touch_clearance(self) -> np.ndarray:
        """[9] m over the ground of what touches it (CONTACT_POINTS), after the soles by the leg."""
        hip, knee, ankle = (self.joints[JOINT_INDEX[f"left_{name}"]] for name in _LEG)
        leg = np.linalg.norm(knee - hip) + np.linalg.norm(ankle - knee)
        return np.concatenate([self.clearance, leg * _CLEARANCE_SHARES])

    @classmethod
    def of(cls, body: BodyModel, betas: np.ndarray) -> RestBody:
        joints = body.rest_joints(betas).astype(np.float64)
        names = [name.replace("_toe", "_foot_index") for name in CONTACT_NAMES]
        points = np.stack([surface_point(body, name, betas) for name in names]).astype(np.float64)
        lowest = body.rest_vertices(betas)[:, 1].min()
        return cls(joints, points - joints[list(SOLE_JOINTS)], points[:, 1] - lowest)

    def pose_joints(
        self, rotations: np.ndarray, pelvis: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Joints [T, 55, 3] m and turns [T, 55, 3, 3] (joint to the axes of ``pelvis``).

        ``rotations`` [T, 55, 3, 3] parent from joint; ``pelvis`` [T, 3] m, the pelvis joint.
        """
        joints = np.empty((len(rotations), NUM_JOINTS, 3))
        turns = np.empty((len(rotations), NUM_JOINTS, 3, 3))
        joints[:, 0], turns[:, 0] = pelvis, rotations[:, 0]
        for joint in range(1, NUM_JOINTS):
            parent = PARENTS[joint]
            bone = self.joints[joint] - self.joints[parent]
            joints[:, joint] = joints[:, parent] + turns[:, parent] @ bone
            turns[:, joint] = turns[:, parent] @ rotations[:, joint]
        return joints, turns

    def pose_soles(self, joints: np.ndarray, turns: np.ndarray) -> np.ndarray:
        """[T, 4, 3] m, heels and toe tips, of posed ``joints`` [T, 55, 3] and their ``turns``."""
        carriers = list(SOLE_JOINTS)
        return joints[:, carriers] + turn(turns[:, carriers], self.soles)
