"""A body that stands on z = 0 with bent knees, for the tests of the ground."""

from __future__ import annotations

import numpy as np

from core.frames import WORLD_FROM_BODY
from core.skeletons import JOINT_INDEX
from core.world.kinematics import RestBody
from core.world.trajectory import PosedTake
from core.world.turns import rotvec_to_matrix

RATE = 30.0
SOLES_DOWN = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0.0])


def stand(rest: RestBody, num_rows: int, knee: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Rotations and pelvis of somebody who stands on z = 0 with bent knees."""
    rotations = np.broadcast_to(np.eye(3), (num_rows, 55, 3, 3)).copy()
    rotations[:, 0] = WORLD_FROM_BODY
    for side in ("left", "right"):
        for name, angle in (("hip", -0.5 * knee), ("knee", knee), ("ankle", -0.5 * knee)):
            bend = rotvec_to_matrix(np.array([angle, 0.0, 0.0]))
            rotations[:, JOINT_INDEX[f"{side}_{name}"]] = bend
    soles = pose(rest, rotations, np.zeros((num_rows, 3)))[1]
    height = (soles[0, :, 2] - rest.clearance).min()
    return rotations, np.tile([0.0, 0.0, -height], (num_rows, 1))


def pose(rest, rotations, pelvis):
    joints, turns = rest.pose_joints(rotations, pelvis)
    return joints, rest.pose_soles(joints, turns)


def contacts_of(num_rows: int, values: np.ndarray = SOLES_DOWN) -> np.ndarray:
    return np.tile(values, (num_rows, 1))


def take_of(rest, rotations, measured, contacts, rate=RATE, confidence=1.0) -> PosedTake:
    joints, soles = pose(rest, rotations, np.zeros_like(measured))
    camera = np.tile([0.0, -4.0, 1.0], (len(measured), 1))
    sure = np.full((len(measured), 55), confidence)
    return PosedTake(measured, camera, joints, soles, contacts, sure, rate)
