"""New movements out of the mocap's: halves and limbs of different takes, and smooth deviations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reelrig.core.skeletons import JOINT_INDEX

from . import quaternions
from .curves import wander
from .figure import ground, lowest
from .joint_angles import JointLimits, course_of_angles, from_angles
from .mocap import Movement, Takes

MIXED = "mixed"
_ARMS = {
    side: [JOINT_INDEX[f"{side}_{joint}"] for joint in ("collar", "shoulder", "elbow", "wrist")]
    for side in ("left", "right")
}
_LEGS = {
    side: [JOINT_INDEX[f"{side}_{joint}"] for joint in ("hip", "knee", "ankle", "foot")]
    for side in ("left", "right")
}
_SPINE = [JOINT_INDEX[f"spine{i}"] for i in (1, 2, 3)]
_UPPER = [*_ARMS["left"], *_ARMS["right"], JOINT_INDEX["neck"], JOINT_INDEX["head"]]
_FASTEST_NOISE_HZ = 0.9
_LEG_NOISE = 0.5  # of the noise of other joints: feet show every degree
_DEEPEST = 0.02  # m, how far a body that the take sinks into the floor may stay in it


def mix(rng: np.random.Generator, takes: Takes, num_rows: int, rate_hz: float) -> Movement:
    """The lower body of one take under the upper body of another; sometimes a limb of a third."""
    lower, upper = (takes.draw(rng, num_rows, rate_hz) for _ in range(2))
    local = lower.local.copy()
    local[:, _UPPER] = upper.local[:, _UPPER]
    # The spine bends as the upper body's, the nearer to the pelvis the less.
    share = np.clip(np.array([0.4, 0.75, 1.0]) + rng.normal(0, 0.2), 0, 1)
    local[:, _SPINE] = quaternions.slerp(lower.local[:, _SPINE], upper.local[:, _SPINE], share)
    if rng.random() < 0.5:
        side = rng.choice(["left", "right"])
        other = takes.draw(rng, num_rows, rate_hz)
        local[:, _ARMS[side]] = other.local[:, _ARMS[side]]
    if rng.random() < 0.2:
        side = rng.choice(["left", "right"])
        other = takes.draw(rng, num_rows, rate_hz)
        local[:, _LEGS[side]] = other.local[:, _LEGS[side]]
        return replace(lower, local=local, pelvis=_on_ground(lower, local))
    return replace(lower, local=local, pelvis=_lifted(lower, local))


def perturb(
    rng: np.random.Generator, movement: Movement, limits: JointLimits, rate_hz: float, size: float
) -> Movement:
    """The movement with slow noise on every joint, ``size`` in standard deviations of the mocap."""
    time_s = np.arange(len(movement.local)) / rate_hz
    angles = course_of_angles(movement.local)
    waves = wander(rng, time_s, angles.shape[1] * 3, _FASTEST_NOISE_HZ).reshape(angles.shape)
    noise = size * rng.uniform(0.3, 1.0) * np.einsum("jab,tjb->tja", limits.spread, waves)
    legs = np.array([*_LEGS["left"], *_LEGS["right"]]) - 1
    noise[:, legs] *= _LEG_NOISE
    local = movement.local.copy()
    local[:, 1:] = from_angles(limits.clamp(angles + noise))
    tilt = np.radians(4) * size * wander(rng, time_s, 3, _FASTEST_NOISE_HZ)
    local[:, 0] = quaternions.multiply(quaternions.from_rotvec(tilt), local[:, 0])
    return replace(movement, local=local, pelvis=_lifted(movement, local))


def lift(movement: Movement) -> Movement:
    """Raised where it stands in the floor, by one step for all rows."""
    depth = float(np.quantile(lowest(movement.local, movement.pelvis), 0.05))
    step = np.array([0.0, 0.0, max(-_DEEPEST - depth, 0.0)])
    return replace(movement, pelvis=movement.pelvis + step)


def _lifted(movement: Movement, local: np.ndarray) -> np.ndarray:
    """The pelvis' path [T, 3], as far off the floor as the original body was."""
    before = np.maximum(lowest(movement.local, movement.pelvis), -_DEEPEST)
    pelvis = movement.pelvis.copy()
    pelvis[:, 2] += before - lowest(local, movement.pelvis)
    return pelvis


def _on_ground(movement: Movement, local: np.ndarray) -> np.ndarray:
    """The pelvis' path [T, 3] of changed legs: rolled over the floor, jumps kept."""
    pelvis = ground(local)
    pelvis[:, 2] += np.maximum(lowest(movement.local, movement.pelvis), 0)
    pelvis[:, :2] -= pelvis[:, :2].mean(0)
    return pelvis
