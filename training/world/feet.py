"""The soles of a body on its way, and how well they stand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from reelrig.core.motion import Motion
from reelrig.core.rotation import rotvec_to_matrix
from reelrig.core.world.kinematics import RestBody

from ..posed import free_figure


@dataclass(frozen=True, eq=False)
class Walker:
    """T rows of the free body; axes with z up, its floor at z = 0."""

    joints: np.ndarray  # [T, 55, 3] m
    soles: np.ndarray  # [T, 4, 3] m, heels and toe tips, CONTACT_NAMES
    clearance: np.ndarray  # [4] m, the height of those on a body that stands

    @classmethod
    def of(cls, rotations: np.ndarray, pelvis: np.ndarray, betas: np.ndarray) -> Walker:
        """``rotations`` [T, 55, 3, 3] parent from joint, ``pelvis`` [T, 3] m, ``betas`` [10]."""
        rest = RestBody.of(free_figure().body, betas)
        joints, turns = rest.pose_joints(rotations, pelvis)
        return cls(joints, rest.pose_soles(joints, turns), rest.clearance)

    @classmethod
    def of_motion(cls, motion: Motion) -> Walker:
        assert motion.joints_world is not None  # it was captured
        rotations = rotvec_to_matrix(torch.from_numpy(motion.rotvecs)).numpy().astype(float)
        return cls.of(rotations, motion.joints_world[:, 0], motion.betas)


def score_feet(walker: Walker, touching: np.ndarray) -> dict[str, float]:
    """mm, of rows in which a sole point touches (``touching`` [T, 4] bool); NaN without any.

    How far the lowest of the four is over and under the floor, and how far along it those step that
    touch in the row before as well.
    """
    lowest = (walker.soles[..., 2] - walker.clearance).min(1)[touching.any(1)]
    resting = touching[1:] & touching[:-1]
    steps = np.diff(walker.soles[..., :2], axis=0)[resting]
    return {
        "float": mean_mm(np.maximum(lowest, 0)),
        "sunk": mean_mm(np.maximum(-lowest, 0)),
        "skate": mean_mm(np.linalg.norm(steps, axis=-1)),
    }


def mean_mm(metres: np.ndarray) -> float:
    return 1e3 * float(metres.mean()) if metres.size else np.nan
