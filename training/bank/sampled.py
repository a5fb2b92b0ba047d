"""Movements made up from drawn postures: keys, smooth ways between them, hands at targets."""

from __future__ import annotations

import numpy as np

from reelrig.core.frames import WORLD_FROM_BODY
from reelrig.core.skeletons import JOINT_INDEX

from . import quaternions
from .arms import move_arms
from .curves import draw_key_times, through_keys, wander
from .figure import NUM_BODY, ground
from .joint_angles import JointLimits, course_of_angles, from_angles, mirror_angles
from .liveliness import enliven
from .mocap import Movement
from .postures import KINDS, Kind, Posture

SUBJECT = "sampled"
_BREATH_HZ, _BREATH = (0.18, 0.4), np.radians(1.2)
_SWAY = np.radians((2.5, 2.0, 1.0))  # legs, trunk, pelvis
_LEGS = [JOINT_INDEX[f"{s}_{j}"] - 1 for s in ("left", "right") for j in ("hip", "knee", "ankle")]
_TRUNK = [JOINT_INDEX[name] - 1 for name in ("spine1", "spine2", "spine3", "neck", "head")]
_GRAVITY = 9.81


def draw_sampled(
    rng: np.random.Generator, num_rows: int, rate_hz: float, limits: JointLimits
) -> tuple[Movement, str]:
    """A movement and the name of its kind. It touches the floor at z = 0, but for leaps."""
    names = list(KINDS)
    shares = np.array([kind.share for kind in KINDS.values()])
    name = names[rng.choice(len(names), p=shares / shares.sum())]
    kind, time_s = KINDS[name], np.arange(num_rows) / rate_hz
    local = _move_trunk_and_legs(rng, time_s, kind)
    move_arms(rng, time_s, local, kind.arms, limits)
    local = enliven(rng, time_s, local, limits)
    pelvis = ground(local)
    pelvis[:, 2] += _draw_leaps(rng, time_s, kind)
    pelvis[:, :2] -= pelvis[:, :2].mean(0)
    heading = quaternions.about("z", 2 * np.pi * rng.random())
    local[:, 0] = quaternions.multiply(heading, local[:, 0])
    return Movement(local, quaternions.rotate(heading, pelvis), SUBJECT), name


def _move_trunk_and_legs(rng: np.random.Generator, time_s: np.ndarray, kind: Kind) -> np.ndarray:
    """[T, 22, 4]; the arms are still at rest."""
    times = draw_key_times(rng, time_s, kind.seconds * rng.uniform(0.7, 1.5))
    keys = np.stack([_to_turns(p) for p in _draw_keys(rng, kind, len(times))])
    local = through_keys(rng, time_s, times, keys)
    noise = np.zeros((len(time_s), NUM_BODY - 1, 3))
    strength = rng.uniform(0, 1)
    waves = wander(rng, time_s, 3 * (len(_LEGS) + len(_TRUNK)), 0.7).reshape(len(time_s), -1, 3)
    noise[:, _LEGS] = _SWAY[0] * strength * waves[:, : len(_LEGS)]
    noise[:, _TRUNK] = _SWAY[1] * strength * waves[:, len(_LEGS) :]
    breath = np.sin(2 * np.pi * (rng.uniform(*_BREATH_HZ) * time_s + rng.random()))
    noise[:, JOINT_INDEX["spine3"] - 1, 0] -= _BREATH * rng.random() * breath
    local[:, 1:] = from_angles(course_of_angles(local) + noise)
    tilt = quaternions.from_rotvec(_SWAY[2] * strength * wander(rng, time_s, 3, 0.5))
    local[:, 0] = quaternions.multiply(tilt, local[:, 0])
    return local


def _draw_keys(rng: np.random.Generator, kind: Kind, count: int) -> list[Posture]:
    """[K] the kind's postures in turn, each time a little different; half of them mirrored."""
    base = kind.keys(rng)
    first = int(rng.integers(len(base)))
    is_mirrored = rng.random() < 0.5
    keys = []
    drift = kind.drift * rng.random()
    for i in range(count):
        p = base[(first + i) % len(base)]
        noise = rng.normal(0, 1, p.angles.shape) * np.array([drift, 0.5 * drift, 0.4 * drift])
        angles = p.angles.copy()
        moving = _LEGS + _TRUNK
        angles[moving] += 0.5 * noise[moving]
        yaw = p.yaw + rng.normal(0, drift)
        changed = Posture(angles, p.pitch + rng.normal(0, 0.3 * drift), p.roll, yaw)
        keys.append(_mirrored(changed) if is_mirrored else changed)
    return keys


def _mirrored(p: Posture) -> Posture:
    return Posture(mirror_angles(p.angles), p.pitch, -p.roll, -p.yaw)


def _to_turns(p: Posture) -> np.ndarray:
    """[22, 4]"""
    upright = quaternions.from_matrix(WORLD_FROM_BODY)
    tilt = quaternions.multiply(quaternions.about("z", p.roll), quaternions.about("x", p.pitch))
    tilt = quaternions.multiply(tilt, quaternions.about("y", p.yaw))
    root = quaternions.multiply(upright, tilt)
    return np.concatenate([root[None], from_angles(p.angles)])


def _draw_leaps(rng: np.random.Generator, time_s: np.ndarray, kind: Kind) -> np.ndarray:
    """[T] m above the floor: flights of a thrown body, one after another with stands between."""
    height = np.zeros(len(time_s))
    if not kind.leap_m:
        return height
    start = rng.uniform(-0.3, 0.3)
    while start < time_s[-1]:
        peak = kind.leap_m * rng.uniform(0.2, 1.0)
        speed = np.sqrt(2 * _GRAVITY * peak)
        flight = time_s - start
        height = np.maximum(height, speed * flight - 0.5 * _GRAVITY * flight**2)
        start += 2 * speed / _GRAVITY + kind.seconds * rng.uniform(0.7, 2.5)
    return height
