"""People who walk about before a camera at rest, with nothing else to be seen."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from reelrig.core.landmarks import Landmarks
from reelrig.core.skeletons import ARKIT_NAMES, BODY_LANDMARK_INDEX, NUM_LANDMARKS
from reelrig.core.world.shot import ShotSightings

from .scenes import look
from .seen_shots import SENSOR_MM, SeenShot

_SIZE = (1280, 720)
_FOCAL_MM = (24.0, 135.0)
_SECONDS, _RATE_HZ = 10.0, 4.0
_AREA_M = (1.0, 2.5)  # they walk so far to each side
_FILL = (0.3, 0.6)  # of the picture's height, by a person in the middle
_STATURE_M, _FEET_M = 1.75, 0.05
_REACH_M, _REACH_SIGMA = 1.33, 0.06  # from feet to shoulders; of its logarithm between people
# Of one person's lean and height, and from step to step; of what is seen, in heights.
_LEAN, _STEP_LEAN, _STEP_HEIGHT, _SEEN = 0.03, 0.03, 0.02, 0.012
_PARTS = {"ankle": 0.0, "heel": 0.0, "foot_index": 0.0, "knee": 0.33, "hip": 0.67, "shoulder": 1.0}


def draw_walkers(count: int, num_people: int) -> Iterator[SeenShot]:
    for number in range(count):
        rng = np.random.default_rng([number, num_people])
        focal_px = float(np.exp(rng.uniform(*np.log(_FOCAL_MM)))) / SENSOR_MM * max(_SIZE)
        pitch = np.radians(np.clip(rng.normal(-10, 15), -45, 10))
        turn = look(float(pitch), float(np.radians(rng.normal(0, 5))), 0.0)
        area = rng.uniform(*_AREA_M)
        far = area + focal_px * _STATURE_M / (rng.uniform(*_FILL) * min(_SIZE))
        middle = np.array([0.0, 0.0, _STATURE_M / 2])
        place = middle - far * np.array([0.0, np.cos(pitch), np.sin(pitch)])
        place[2] = max(place[2], 0.3)
        people = tuple(_walk(rng, area, place, turn, focal_px) for _ in range(num_people))
        up = turn.T @ [0.0, 0.0, 1.0]
        yield SeenShot("", people, _see_nothing(), np.full((1, 1, 4), np.nan), focal_px, up)


def _walk(
    rng: np.random.Generator, area: float, origin: np.ndarray, turn: np.ndarray, focal_px: float
) -> Landmarks:
    time_s = np.arange(0, _SECONDS, 1 / _RATE_HZ)
    phase = rng.uniform(0, 2 * np.pi, 2)
    way = area * np.sin(np.outer(time_s, [0.5, 0.35]) + phase)
    feet = np.column_stack([way, np.full(len(time_s), _FEET_M)])
    ahead = np.gradient(way, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    height = _REACH_M * np.exp(rng.normal(0, _REACH_SIGMA))
    height = height * (1 + rng.normal(0, _STEP_HEIGHT, (len(time_s), 1)))
    lean = rng.normal(_LEAN, _LEAN) * ahead + rng.normal(0, _STEP_LEAN, way.shape)
    low, top = (
        _project(at - origin, turn, focal_px)
        for at in (feet, feet + height * np.column_stack([lean, np.ones(len(time_s))]))
    )
    size = np.linalg.norm(top - low, axis=1, keepdims=True)
    low, top = (at + _SEEN * size * rng.normal(size=at.shape) for at in (low, top))
    points_px = np.zeros((len(time_s), NUM_LANDMARKS, 2))
    hints = np.zeros((len(time_s), NUM_LANDMARKS, 3))
    confidence = np.zeros((len(time_s), NUM_LANDMARKS))
    for part, share in _PARTS.items():
        rows = [BODY_LANDMARK_INDEX[f"{side}_{part}"] for side in ("left", "right")]
        points_px[:, rows] = (low + share * (top - low))[:, None]
        hints[:, rows, 1] = -share * height
        confidence[:, rows] = 0.9
    return Landmarks(
        frame_index=np.arange(len(time_s)),
        time_s=time_s,
        image_size=_SIZE,
        points_px=points_px,
        hints=hints,
        confidence=confidence,
        face_scores=np.zeros((len(time_s), len(ARKIT_NAMES))),
    )


def _project(from_origin: np.ndarray, turn: np.ndarray, focal_px: float) -> np.ndarray:
    seen = from_origin @ turn
    return focal_px * seen[:, :2] / seen[:, 2:] + (np.array(_SIZE) - 1) / 2


def _see_nothing() -> ShotSightings:
    none, nowhere = np.zeros(0, int), np.zeros((0, 2))
    return ShotSightings(
        image_size=_SIZE,
        frame_index=np.zeros(1, int),
        time_s=np.zeros(1),
        match_key=none,
        match_look=none,
        match_point=none,
        key_px=nowhere,
        look_px=nowhere,
        line_look=none,
        line_px=np.zeros((0, 2, 2)),
    )
