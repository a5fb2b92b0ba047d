"""The mocap's elbows bend about an axis of their own; here they come to bend as the body's do.

The skeleton of the recordings twists its upper arms by a constant angle against the body's, whose
elbow bends about the vertical in the T-pose. Nothing that is seen of a stick figure changes; the
skin does, and what a network is to say of it. The forearm's twist is then shared anew by elbow and
wrist, half and half, as the lifter has it (split_forearm_twist in core/lift/limbs.py).
"""

from __future__ import annotations

import numpy as np

from reelrig.core.skeletons import JOINT_INDEX

from . import quaternions
from .joint_angles import to_angles

_BENT = 0.4  # sine of the bend from which an elbow tells its axis


def straighten_hinges(local: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """``local`` [N, 22, 4] with the elbows' bends forward, by a twist for each ``owner`` [N]."""
    local = local.copy()
    for side, sign in (("left", 1.0), ("right", -1.0)):
        shoulder, elbow = JOINT_INDEX[f"{side}_shoulder"], JOINT_INDEX[f"{side}_elbow"]
        forearm = sign * quaternions.to_matrix(local[:, elbow])[..., 0]
        bend = np.hypot(forearm[:, 1], forearm[:, 2])
        angle = np.arctan2(forearm[:, 1], forearm[:, 2])
        twist = np.zeros(len(local))
        for each in np.unique(owner):
            rows = owner == each
            bent = rows & (bend > _BENT)
            if bent.any():
                twist[rows] = np.median(angle[bent])
        about = np.zeros((len(local), 3))
        about[:, 0] = twist
        turn = quaternions.from_rotvec(about)
        local[:, elbow] = quaternions.multiply(turn, local[:, elbow])
        local[:, shoulder] = quaternions.multiply(
            local[:, shoulder], quaternions.from_rotvec(-about)
        )
        _share_twist(local, elbow, JOINT_INDEX[f"{side}_wrist"])
    return local


def _share_twist(local: np.ndarray, elbow: int, wrist: int) -> None:
    """Turns elbow and wrist [N, 22, 4] against each other, in place: the hand stays as it is."""
    angles = to_angles(local)
    at_elbow, at_wrist = angles[:, elbow - 1, 0], angles[:, wrist - 1, 0]
    turn = quaternions.about("x", 0.5 * (at_wrist - at_elbow))
    local[:, elbow] = quaternions.multiply(local[:, elbow], turn)
    local[:, wrist] = quaternions.multiply(quaternions.conjugate(turn), local[:, wrist])
