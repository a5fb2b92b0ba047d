"""The hands' pose space: components and a relaxed mean, from made-up grasps.

Local axes of SMPL-X's rest pose: the left hand's fingers curl about -z, spread about y.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_FINGERS = ("index", "middle", "pinky", "ring", "thumb")  # SMPL-X's order
_NUM_GRASPS, _SEED = 2000, 5
_CURL_SHARES = (1.0, 1.15, 0.75)  # of a finger's three joints
_SPREAD = {"index": 1.0, "middle": 0.2, "ring": -0.5, "pinky": -1.1}
_THUMB_AXES = np.array([[0.5, 0.35, -0.15], [0.25, 0.1, -0.1], [0.35, 0.05, -0.15]])  # a full bend
# Rest of a hand that hangs, rad: by eye.
_RELAXED_CURL = {
    "index": (0.22, 0.38, 0.22),
    "middle": (0.30, 0.45, 0.26),
    "ring": (0.36, 0.50, 0.28),
    "pinky": (0.38, 0.48, 0.28),
}
_RELAXED_THUMB = np.array([[0.30, 0.15, -0.08], [0.10, 0.05, -0.05], [0.12, 0.0, -0.1]])
_MIRROR = np.tile([1.0, -1.0, -1.0], 15)  # of rotation vectors


@dataclass(frozen=True, eq=False)
class HandSpace:
    """Rows of the left hand's pose [45] rad; the right hand's are mirrored."""

    components: np.ndarray  # [45, 45] orthonormal rows, the strongest first
    mean: np.ndarray  # [45] rad

    def mirrored(self) -> HandSpace:
        return HandSpace(self.components * _MIRROR, self.mean * _MIRROR)


def left_hand_space() -> HandSpace:
    """Principal components of drawn grasps, and the relaxed hand."""
    rng = np.random.default_rng(_SEED)
    grasps = np.stack([_draw_grasp(rng) for _ in range(_NUM_GRASPS)])
    centred = grasps - grasps.mean(0)
    # A little of its own on each axis orders the directions in which no grasp differs.
    own = 1e-9 * np.diag(rng.random(45))
    _, vectors = np.linalg.eigh(centred.T @ centred / _NUM_GRASPS + own)
    components = vectors[:, ::-1].T
    strongest = np.abs(components).argmax(1)
    components *= np.sign(components[np.arange(45), strongest])[:, None]
    return HandSpace(components, _relaxed())


def _draw_grasp(rng: np.random.Generator) -> np.ndarray:
    """[45] rad: fingers curl together, more or less."""
    grip, spread = rng.beta(1, 1.2) * 1.2, rng.normal(0, 0.12)
    pose = np.zeros((5, 3, 3))
    for i_finger, finger in enumerate(_FINGERS):
        if finger == "thumb":
            bends = np.clip(0.6 * grip + rng.normal(0, 0.2, 3), -0.2, 1)
            pose[i_finger] = _THUMB_AXES * bends[:, None]
            continue
        curl = np.clip(grip + rng.normal(0, 0.25), -0.1, 1.4)
        pose[i_finger, :, 2] = -curl * np.array(_CURL_SHARES)
        pose[i_finger, 0, 1] = spread * _SPREAD[finger] + rng.normal(0, 0.04)
    return pose.ravel()


def _relaxed() -> np.ndarray:
    pose = np.zeros((5, 3, 3))
    for i_finger, finger in enumerate(_FINGERS):
        if finger == "thumb":
            pose[i_finger] = _RELAXED_THUMB
        else:
            pose[i_finger, :, 2] = -np.array(_RELAXED_CURL[finger])
    return pose.ravel()
