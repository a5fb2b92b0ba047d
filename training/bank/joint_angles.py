"""Body joints as swing and twist, and the limits that mocap and anatomy set to them.

Angles [..., 21, 3] rad of the joints 1 to 21: along the bone's axis (x in arms and collars, y
elsewhere) the twist, on the other two the rotation vector of the swing that follows it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reelrig.core.skeletons import JOINT_INDEX, JOINT_NAMES

from . import quaternions
from .figure import NUM_BODY, OTHER_SIDE

_ALONG_X = ("collar", "shoulder", "elbow", "wrist")
_AXIS = np.array([0 if n.endswith(_ALONG_X) else 1 for n in JOINT_NAMES[1:NUM_BODY]])
_IS_TWIST = np.eye(3, dtype=bool)[_AXIS]
_SLACK = np.radians(8)  # beyond the limits, where angles are held back more and more

# Limits in degrees of the left side as (x, y, z). Kapandji, "Physiology of the Joints" vol. 1-3,
# rounded. Legs: x negative bends the hip, positive the knee; y positive turns outward; z positive
# spreads. Arms: x twists (negative supinates), y negative reaches forward and bends the elbow, z
# positive raises. Pronation, 85 degrees either way from the T pose's palm down (where the elbow's
# pit faces forward), is shared by elbow and wrist.
_ANATOMY = {
    "left_hip": ((-125, 30), (-55, 100), (-28, 60)),
    "left_knee": ((-2, 150), (-15, 15), (-6, 6)),
    "left_ankle": ((-30, 50), (-25, 25), (-20, 20)),
    "left_foot": ((-45, 30), (-5, 5), (-8, 8)),
    "spine1": ((-15, 40), (-10, 10), (-16, 16)),
    "spine2": ((-15, 30), (-15, 15), (-14, 14)),
    "spine3": ((-15, 22), (-14, 14), (-12, 12)),
    "neck": ((-30, 35), (-38, 38), (-22, 22)),
    "head": ((-28, 30), (-40, 40), (-22, 22)),
    "left_collar": ((-15, 15), (-25, 15), (-12, 38)),
    "left_shoulder": ((-90, 80), (-125, 45), (-90, 95)),
    "left_elbow": ((-46, 44), (-150, 3), (-12, 12)),
    "left_wrist": ((-46, 44), (-25, 32), (-72, 75)),
}
# The mocap may widen these joints' limits: its hinges are its skeleton's, not a body's.
_FROM_MOCAP = ("hip", "shoulder", "ankle", "spine1", "spine2", "spine3", "neck", "head")
_PERCENTILES, _WIDEN = (0.3, 99.7), np.radians(3)
_MIRROR = np.array([1.0, -1.0, -1.0])


def to_angles(local: np.ndarray) -> np.ndarray:
    """[..., 21, 3] rad of local turns [..., 22, 4]; the root is left out."""
    q = local[..., 1:, :]
    along = np.where(_IS_TWIST, q[..., 1:], 0)
    half = np.arctan2(along.sum(-1), q[..., 0])
    half = (half + np.pi / 2) % np.pi - np.pi / 2  # q and -q are one turn
    twist = np.concatenate([np.cos(half)[..., None], np.sin(half)[..., None] * _IS_TWIST], -1)
    swing = quaternions.to_rotvec(quaternions.multiply(q, quaternions.conjugate(twist)))
    return np.where(_IS_TWIST, 2 * half[..., None], swing)


def course_of_angles(local: np.ndarray) -> np.ndarray:
    """[T, 21, 3] rad of rows in time [T, 22, 4]: without the jumps of whole turns."""
    return np.unwrap(to_angles(local), axis=0)


def from_angles(angles: np.ndarray) -> np.ndarray:
    """[..., 21, 4] local turns of the joints 1 to 21."""
    twist = quaternions.from_rotvec(np.where(_IS_TWIST, angles, 0))
    return quaternions.multiply(quaternions.from_rotvec(np.where(_IS_TWIST, 0, angles)), twist)


def mirror_angles(angles: np.ndarray) -> np.ndarray:
    """The other side's angles: left and right changed, [..., 21, 3]."""
    return (angles * _MIRROR)[..., np.array(OTHER_SIDE[1:]) - 1, :]


@dataclass(frozen=True, eq=False)
class JointLimits:
    """Box of each joint's angles, and how they vary in the mocap."""

    low: np.ndarray  # [21, 3] rad
    high: np.ndarray  # [21, 3] rad
    spread: np.ndarray  # [21, 3, 3] lower factor of the angles' covariance, joint by joint

    @classmethod
    def learn(cls, local: np.ndarray) -> JointLimits:
        """Of mocap poses [N, 22, 4] and of anatomy, whichever allows more; both sides alike."""
        angles = to_angles(local)
        angles = np.concatenate([angles, mirror_angles(angles)])
        low, high = _anatomy()
        is_free = [name.endswith(_FROM_MOCAP) for name in JOINT_NAMES[1:NUM_BODY]]
        seen_low, seen_high = np.percentile(angles, _PERCENTILES, axis=0)
        low[is_free] = np.minimum(low, seen_low - _WIDEN)[is_free]
        high[is_free] = np.maximum(high, seen_high + _WIDEN)[is_free]
        centred = np.clip(angles, low, high) - angles.mean(0)
        covariance = np.einsum("nja,njb->jab", centred, centred) / len(centred)
        return cls(low, high, np.linalg.cholesky(covariance + 1e-4 * np.eye(3)))

    def clamp(self, angles: np.ndarray) -> np.ndarray:
        """Unchanged within the limits, softly held back beyond: never more than the slack over."""
        over = angles - np.clip(angles, self.low, self.high)
        return angles - over + _SLACK * np.tanh(over / _SLACK)


def _anatomy() -> tuple[np.ndarray, np.ndarray]:
    """[21, 3] rad each, the least and the largest angles."""
    box = np.zeros((NUM_BODY - 1, 3, 2))
    for name, limits in _ANATOMY.items():
        box[JOINT_INDEX[name] - 1] = np.radians(limits)
        if name.startswith("left_"):
            other = np.radians(limits) * _MIRROR[:, None]
            box[JOINT_INDEX[name.replace("left_", "right_")] - 1] = np.sort(other, 1)
    return box[..., 0], box[..., 1]
