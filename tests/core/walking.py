"""Somebody who walks, runs, climbs and jumps, drawn with analytic legs; faces and goes along -y."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.frames import WORLD_FROM_BODY
from core.skeletons import JOINT_INDEX
from core.world.kinematics import RestBody
from core.world.turns import rotvec_to_matrix

_SIDES = ("left", "right")


@dataclass(frozen=True, eq=False)
class Walk:
    """T rows, z up, the lowest ground at z = 0."""

    rotations: np.ndarray  # [T, 55, 3, 3] parent from joint
    pelvis: np.ndarray  # [T, 3] m
    ground: np.ndarray  # [T, 2] m under the left and the right foot, where that stands
    is_standing: np.ndarray  # [T, 2]


def take_steps(
    rest: RestBody,
    places: np.ndarray,
    rate: float,
    step_s: float = 0.6,
    stance_share: float = 1.2,
    reach: float = 0.93,
) -> Walk:
    """Steps [N, 2] m (ahead, height), left foot first, each held ``stance_share`` of ``step_s``.

    Below a share of 1 there is a flight between two steps. ``reach``: of the leg's length, the
    pelvis over the lower foot.
    """
    time_s = np.arange(round(len(places) * step_s * rate)) / rate
    feet = [
        _foot_path(places[side::2], time_s - side * step_s, step_s, stance_share) for side in (0, 1)
    ]
    ankle_height = rest.joints[JOINT_INDEX["left_ankle"], 1] - (
        (rest.joints[JOINT_INDEX["left_ankle"]] + rest.soles[0])[1] - rest.clearance[0]
    )
    legs = _leg_lengths(rest)
    middles_s = (np.arange(len(places)) + 0.5 * stance_share) * step_s
    knots = np.linspace(0, time_s[-1], 4 * len(places))
    path = np.stack([np.interp(knots, middles_s, places[:, axis]) for axis in (0, 1)], 1)
    pelvis = np.zeros((len(time_s), 3))
    pelvis[:, 1] = -_soften(np.interp(time_s, knots, path[:, 0]), rate)
    pelvis[:, 2] = _soften(np.interp(time_s, knots, path[:, 1]), rate)
    hip_drop = rest.joints[0, 1] - rest.joints[JOINT_INDEX["left_hip"], 1]
    pelvis[:, 2] += hip_drop + ankle_height + reach * sum(legs)
    if stance_share < 1:
        pelvis[:, 2] += _bounce(time_s, step_s, stance_share)
    rotations = np.tile(np.eye(3), (len(time_s), 55, 1, 1))
    rotations[:, 0] = WORLD_FROM_BODY
    for side, (foot, _, _) in enumerate(feet):
        _reach(rest, rotations, pelvis, _SIDES[side], foot + np.array([0.0, ankle_height]))
    return Walk(
        rotations,
        pelvis,
        np.stack([ground for _, ground, _ in feet], 1),
        np.stack([stands for _, _, stands in feet], 1),
    )


def _foot_path(
    places: np.ndarray, time_s: np.ndarray, step_s: float, stance_share: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """[T, 2] m of a foot, [T] m its ground, [T] bool whether it stands."""
    phase = np.clip(time_s / (2 * step_s), 0, len(places) - 1e-6)
    step = phase.astype(int)
    after = np.minimum(step + 1, len(places) - 1)
    swing = np.clip((phase - step - stance_share / 2) / (1 - stance_share / 2), 0, 1)
    swing[time_s < 0] = 0
    ease = (swing * swing * swing * (10 - 15 * swing + 6 * swing * swing))[:, None]
    foot = places[step] + ease * (places[after] - places[step])
    foot[:, 1] += (0.08 + 0.5 * np.abs(places[after] - places[step])[:, 1]) * np.sin(
        np.pi * ease[:, 0]
    ) ** 2
    return foot, places[step, 1], (swing == 0) | (step == after)


def _soften(values: np.ndarray, rate: float) -> np.ndarray:
    width = max(1, round(0.3 * rate))
    padded = np.pad(values, (width // 2, width - 1 - width // 2), mode="edge")
    return np.convolve(padded, np.ones(width) / width, mode="valid")


def _bounce(time_s: np.ndarray, step_s: float, stance_share: float) -> np.ndarray:
    """[T] m: a fall in each flight, and as much bent away on the ground."""
    flight_s = (1 - stance_share) * step_s
    since = time_s % step_s - stance_share * step_s
    up = 0.5 * 9.81 * np.maximum(since, 0) * (flight_s - np.maximum(since, 0))
    share = np.clip(time_s % step_s / (stance_share * step_s), 0, 1)
    speed = 0.5 * 9.81 * flight_s
    down = -speed * stance_share * step_s / np.pi * np.sin(np.pi * share)
    return np.where(since > 0, up, down)


def _leg_lengths(rest: RestBody) -> tuple[float, float]:
    hip, knee, ankle = (rest.joints[JOINT_INDEX[f"left_{n}"]] for n in ("hip", "knee", "ankle"))
    return float(np.linalg.norm((knee - hip)[1:])), float(np.linalg.norm((ankle - knee)[1:]))


def _reach(
    rest: RestBody, rotations: np.ndarray, pelvis: np.ndarray, side: str, ankle: np.ndarray
) -> None:
    """Bend one leg so that the ankle is at [T, 2] m (ahead, height), the foot level."""
    rows = [JOINT_INDEX[f"{side}_{name}"] for name in ("hip", "knee", "ankle")]
    hip, knee, foot = (rest.joints[row] for row in rows)
    start = np.stack([-pelvis[:, 1] + hip[2] - rest.joints[0, 2], pelvis[:, 2]], 1)
    start[:, 1] += hip[1] - rest.joints[0, 1]
    way = ankle - start
    thigh, shin = knee - hip, foot - knee
    lengths = np.hypot(thigh[1], thigh[2]), np.hypot(shin[1], shin[2])
    distance = np.minimum(np.hypot(*way.T), 0.999 * sum(lengths))
    cosine = (distance**2 - lengths[0] ** 2 - lengths[1] ** 2) / (2 * lengths[0] * lengths[1])
    bend = np.arccos(np.clip(cosine, -1, 1))
    lead = np.arctan2(lengths[1] * np.sin(bend), lengths[0] + lengths[1] * np.cos(bend))
    aim = np.arctan2(way[:, 0], -way[:, 1]) + lead  # of the thigh, ahead of straight down
    at_rest = [np.arctan2(bone[2], -bone[1]) for bone in (thigh, shin)]
    hip_turn = aim - at_rest[0]
    knee_turn = aim - bend - at_rest[1] - hip_turn
    zero = np.zeros_like(aim)
    for row, angle in zip(rows, (hip_turn, knee_turn, -hip_turn - knee_turn), strict=True):
        rotations[:, row] = rotvec_to_matrix(np.stack([-angle, zero, zero], 1))
