"""What the mocap lacks: shoulder blades, wrists and heads that move."""

from __future__ import annotations

import numpy as np

from reelrig.core.skeletons import JOINT_INDEX

from . import quaternions
from .curves import wander
from .figure import rest_joints
from .joint_angles import JointLimits, course_of_angles, from_angles

_RHYTHM_SHARE = 1 / 3  # of the arm's elevation: Inman, Saunders & Abbott 1944
_RHYTHM_START = np.radians(30)
_REST_ELEVATION = np.radians(90)  # of the T pose, where the collar joint is at zero
_PROTRACTION_SHARE = 0.22  # of how far the arm points forward
_LEAST_RAISE, _LARGEST_RAISE = np.radians(-14), np.radians(36)
_SHRUG_SHARE = 0.3
_PRONATION, _WRIST = np.radians(22), np.radians((14, 9))  # bending, sideways
_NECK = np.radians((6, 10, 4))  # nod, turn, tilt; as much in the head


def enliven(
    rng: np.random.Generator,
    time_s: np.ndarray,
    local: np.ndarray,
    limits: JointLimits,
) -> np.ndarray:
    """Turns [T, 22, 4] with clavicles that follow the arms, moving wrists and a head looking round.

    The arms' directions stay; every joint ends within its limits, softly.
    """
    local = local.copy()
    for side in ("left", "right"):
        _raise_collar(rng, time_s, local, side)
    angles = course_of_angles(local)
    strength = rng.uniform(0, 1, 3)
    for side in ("left", "right"):
        sign = 1.0 if side == "left" else -1.0
        elbow, wrist = (JOINT_INDEX[f"{side}_{joint}"] - 1 for joint in ("elbow", "wrist"))
        twist = _PRONATION * wander(rng, time_s, 1, 1.0)[:, 0] * strength[0]
        bend = _WRIST * wander(rng, time_s, 2, 1.5) * strength[1]
        # As split_forearm_twist in core/lift/limbs.py: half at the elbow, half at the wrist.
        angles[:, elbow, 0] += 0.5 * twist
        angles[:, wrist, 0] += 0.5 * twist
        angles[:, wrist, 2] += sign * bend[:, 0]
        angles[:, wrist, 1] += sign * bend[:, 1]
    looks = _NECK * wander(rng, time_s, 3, 0.6) * strength[2]
    angles[:, JOINT_INDEX["neck"] - 1] += looks
    angles[:, JOINT_INDEX["head"] - 1] += looks
    local[:, 1:] = from_angles(limits.clamp(angles))
    return local


def _raise_collar(
    rng: np.random.Generator, time_s: np.ndarray, local: np.ndarray, side: str
) -> None:
    """Turns the clavicle in place, and the shoulder back so that the arm keeps its direction."""
    sign = 1.0 if side == "left" else -1.0
    collar, shoulder, elbow = (JOINT_INDEX[f"{side}_{j}"] for j in ("collar", "shoulder", "elbow"))
    bone = rest_joints()[elbow] - rest_joints()[shoulder]
    arm = quaternions.rotate(local[:, shoulder], bone / np.linalg.norm(bone))
    elevation = np.arccos(np.clip(-arm[:, 1], -1, 1))
    rhythm = np.maximum(elevation - _RHYTHM_START, 0) * _RHYTHM_SHARE
    at_rest = (_REST_ELEVATION - _RHYTHM_START) * _RHYTHM_SHARE
    raised = rng.uniform(0.3, 1.2) * (rhythm - rng.random() * at_rest)
    forward = _PROTRACTION_SHARE * rng.uniform(0, 1.5) * np.arcsin(np.clip(arm[:, 2], -1, 1))
    waves = wander(rng, time_s, 2, 0.8)
    if rng.random() < _SHRUG_SHARE:
        raised = raised + np.radians(9) * np.abs(waves[:, 0])
    raised = np.clip(raised, _LEAST_RAISE, _LARGEST_RAISE)
    forward = forward + np.radians(3) * waves[:, 1]
    turn = quaternions.multiply(
        quaternions.about("y", -sign * forward), quaternions.about("z", sign * raised)
    )
    local[:, collar] = quaternions.multiply(turn, local[:, collar])
    local[:, shoulder] = quaternions.multiply(quaternions.conjugate(turn), local[:, shoulder])
