"""True motions made as wrong as a lifter's: slow errors of pose, tilt, depth, some jitter."""

from __future__ import annotations

import numpy as np

from reelrig.core.skeletons import JOINT_INDEX, JOINT_NAMES
from reelrig.core.world.filters import blur
from reelrig.core.world.turns import rotvec_to_matrix

from ..bank.curves import wander

# Standard deviations. Of a pose's error half lasts the whole take and half wanders, slower than
# that frequency; jitter is what the smoothing of the pipeline leaves.
_SLOW_HZ, _DEPTH_HZ = 1.2, 0.6
_JITTER_RAD, _JITTER_SIGMA_S = np.radians(0.3), 0.05
_POSE_RAD = {"hip": 3.5, "knee": 4.5, "ankle": 6.0, "foot": 4.0, "pelvis": 2.5}  # degrees
_OTHER_RAD = np.radians(4.5)
_TILT_RAD = np.radians(2.0)  # of the whole take's vertical
_DEPTH_SHARE, _ACROSS_SHARE = (0.025, 0.0015), (0.003, 0.0004)  # slow, jitter; of the distance
_SIZES = (0.5, 1.4)  # of all errors together, drawn for each take


def _joint_errors() -> np.ndarray:
    """[55] rad."""
    errors = np.full(len(JOINT_NAMES), _OTHER_RAD)
    for name, joint in JOINT_INDEX.items():
        part = name.removeprefix("left_").removeprefix("right_")
        if part in _POSE_RAD:
            errors[joint] = np.radians(_POSE_RAD[part])
    return errors


_JOINT_ERRORS = _joint_errors()


def spoil(
    rng: np.random.Generator,
    rotations: np.ndarray,
    pelvis: np.ndarray,
    rate: float,
    unrest: float = 1.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rotations [T, 55, 3, 3] and pelvis [T, 3] as a lifter might give them, and the camera [3].

    Both in axes with z up. The camera stands around, four metres or so away. ``unrest`` is
    the share of the pose's errors that change: somebody who does not move is misread in one way.
    """
    size = draw_size(rng)
    spoiled = spoil_pose(rng, size, rotations, rate, unrest)
    camera = _draw_camera(rng, pelvis)
    moved = spoil_place(rng, size, pelvis, camera, rate)
    tilt = rotvec_to_matrix(np.append(size * _TILT_RAD * rng.standard_normal(2) / np.sqrt(2), 0.0))
    spoiled[:, 0] = tilt @ spoiled[:, 0]
    return spoiled, camera + (moved - camera) @ tilt.T, camera


def draw_size(rng: np.random.Generator) -> float:
    """Of all errors of a take together; 1 is usual."""
    return float(np.exp(rng.uniform(*np.log(_SIZES))))


def spoil_pose(
    rng: np.random.Generator, size: float, rotations: np.ndarray, rate: float, unrest: float = 1.0
) -> np.ndarray:
    """Rotations [T, 55, 3, 3] as a lifter might give them; ``unrest`` as of ``spoil``."""
    num_rows, time_s = len(rotations), np.arange(len(rotations)) / rate
    count = 3 * len(_JOINT_ERRORS)
    slow = unrest * wander(rng, time_s, count, _SLOW_HZ) + rng.standard_normal(count)
    slow /= np.sqrt(2)
    slow, jitter = (each.reshape(num_rows, -1, 3) for each in (slow, _jitter(rng, time_s, count)))
    error = size / np.sqrt(3) * (_JOINT_ERRORS[:, None] * slow + _JITTER_RAD * jitter)
    return rotations @ rotvec_to_matrix(error)


def spoil_place(
    rng: np.random.Generator, size: float, pelvis: np.ndarray, camera: np.ndarray, rate: float
) -> np.ndarray:
    """Pelvis [T, 3] m as seen by a ``camera`` at [3] or [T, 3] m: worst along the ray."""
    time_s = np.arange(len(pelvis)) / rate
    ray = pelvis - camera
    distance = np.linalg.norm(ray, axis=1, keepdims=True)
    ray /= distance
    along = distance * _course(rng, time_s, 1, _DEPTH_SHARE)
    across = distance * _course(rng, time_s, 3, _ACROSS_SHARE)
    across -= (across * ray).sum(1, keepdims=True) * ray
    return pelvis + size * (along * ray + across)


def _course(
    rng: np.random.Generator, time_s: np.ndarray, channels: int, sizes: tuple[float, float]
) -> np.ndarray:
    slow, jitter = sizes
    drift = slow * wander(rng, time_s, channels, _DEPTH_HZ)
    return drift + jitter * _jitter(rng, time_s, channels)


def _jitter(rng: np.random.Generator, time_s: np.ndarray, channels: int) -> np.ndarray:
    """[T, C] of variance 1 but at the ends."""
    noise = rng.standard_normal((len(time_s), channels))
    if len(time_s) < 2:
        return noise
    sigma = max(_JITTER_SIGMA_S / (time_s[1] - time_s[0]), 0.3)
    return blur(noise, sigma) * np.sqrt(max(1.0, 2 * np.sqrt(np.pi) * sigma))


def _draw_camera(rng: np.random.Generator, pelvis: np.ndarray) -> np.ndarray:
    """[3] m, outside of the person's path."""
    middle = 0.5 * (pelvis.min(0) + pelvis.max(0))
    reach = 0.5 * np.linalg.norm(np.ptp(pelvis[:, :2], axis=0))
    heading = 2 * np.pi * rng.random()
    distance = reach + rng.uniform(2.5, 5.5)
    place = middle + distance * np.array([np.cos(heading), np.sin(heading), 0.0])
    place[2] = rng.uniform(0.5, 2.5)
    return place
