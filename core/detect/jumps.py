"""Movement that nobody can make: flagged by a low confidence, never smoothed and never removed.

The course of a landmark is the likeliest chain of frames through what was seen (dynamic
programming): to leave frames out costs their time, to speed up or to stop too fast costs what is
too far, and a leap that lasts is believed. What the chain leaves out has jumped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..landmarks import Landmarks
from ..skeletons import BODY_LANDMARKS, LANDMARK_PARTS
from .scale import px_per_metre

# Metres a second, and metres a second squared: one and a half times the 99.9th percentiles of 56
# minutes of the CMU motion capture database at 30 frames a second (mocap.cs.cmu.edu).
_TRUNK, _MIDDLES, _ENDS = (6.0, 85.0), (9.0, 120.0), (13.0, 190.0)
_LIMITS_OF = {
    **{name: _MIDDLES for name in ("elbow", "knee")},
    **{name: _ENDS for name in ("wrist", "pinky", "index", "thumb")},
    **{name: _ENDS for name in ("ankle", "heel", "foot_index")},
}
_BODY_LIMITS = [_LIMITS_OF.get(name.partition("_")[2], _TRUNK) for name in BODY_LANDMARKS]
# Hands and face jump as a whole, if at all.
_PART_LIMITS = {"left_hand": _ENDS, "right_hand": _ENDS, "face": _TRUNK}

_NOISE_M = 0.05  # landmarks tremble by this
_SECONDS_PER_METRE = 0.33  # so much time is left out rather than moving a metre too far
_GAP_S = 0.05  # and so much more for leaving anything out
_LEAP_S = 0.2  # believing a leap, after which the landmark stays there, costs no more
_LOOK_BACK_S = 0.4  # how long an outlier may last
_MIN_FRAMES = 3
_JUMPED_TRUST = 0.1


def flag_jumps(landmarks: Landmarks) -> None:
    """Lower the confidence of landmarks, whole hands, faces and bodies that jumped, in place."""
    rows = np.flatnonzero(landmarks.is_seen)
    if len(rows) < _MIN_FRAMES:
        return
    time_s, confidence = landmarks.time_s[rows], landmarks.confidence[rows]
    body_m = _body_course_m(landmarks, rows)
    of_body = _find_jumps(time_s, body_m, np.ones(body_m.shape[:2], bool), [_TRUNK])
    has_jumped = np.repeat(of_body, confidence.shape[1], axis=1)
    limits = [*_BODY_LIMITS, *_PART_LIMITS.values()]
    of_limbs = _find_jumps(time_s, *_limb_courses_m(landmarks, rows), limits)
    body = LANDMARK_PARTS["body"]
    has_jumped[:, body] |= of_limbs[:, body]
    for i_part, name in enumerate(_PART_LIMITS, start=body.stop):
        has_jumped[:, LANDMARK_PARTS[name]] |= of_limbs[:, i_part, None]
    landmarks.confidence[rows] = np.where(has_jumped, _JUMPED_TRUST * confidence, confidence)


def changeover_times_s(landmarks: Landmarks) -> list[float]:
    """Moments from which on the body is elsewhere: most likely another person's."""
    rows = np.flatnonzero(landmarks.is_seen)
    if len(rows) < _MIN_FRAMES:
        return []
    time_s, body_m = landmarks.time_s[rows], _body_course_m(landmarks, rows)
    chains = _follow(time_s, body_m, np.ones(body_m.shape[:2], bool), np.array([_TRUNK]))
    return time_s[chains.is_leap[:, 0]].tolist()


def _body_course_m(landmarks: Landmarks, rows: np.ndarray) -> np.ndarray:
    """[T, 1, 2] metres, the way of the body's middle across the picture, in its own scale."""
    body = LANDMARK_PARTS["body"]
    points_px = landmarks.points_px[rows, body]
    middle_px = np.median(points_px, axis=1)
    scale = px_per_metre(points_px, landmarks.hints[rows, body])
    steps_m = np.diff(middle_px, axis=0) / np.minimum(scale[1:], scale[:-1])[:, None]
    return np.concatenate([np.zeros((1, 2)), steps_m.cumsum(0)])[:, None]


def _limb_courses_m(landmarks: Landmarks, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[T, L, 2] metres of landmarks, hands and face from the body's middle; [T, L] if seen."""
    points_px, confidence = landmarks.points_px[rows], landmarks.confidence[rows]
    body = LANDMARK_PARTS["body"]
    parts = [LANDMARK_PARTS[name] for name in _PART_LIMITS]
    limbs_px = [points_px[:, body], *(points_px[:, part].mean(1, keepdims=True) for part in parts)]
    is_seen = [confidence[:, body] > 0, *(confidence[:, part][:, :1] > 0 for part in parts)]
    middle_px = np.median(points_px[:, body], axis=1)[:, None]
    scale = px_per_metre(points_px[:, body], landmarks.hints[rows, body])[:, None, None]
    return (np.concatenate(limbs_px, 1) - middle_px) / scale, np.concatenate(is_seen, 1)


def _find_jumps(
    time_s: np.ndarray,
    courses_m: np.ndarray,
    is_seen: np.ndarray,
    limits: list[tuple[float, float]],
) -> np.ndarray:
    """[T, L] bool, for courses [T, L, 2] with their limits of speed and acceleration."""
    chains = _follow(time_s, courses_m, is_seen, np.array(limits))
    has_jumped = is_seen & (~chains.is_on | chains.is_leap)
    has_jumped[:-1] |= chains.is_leap[1:]  # either side of a leap may be the wrong one
    return has_jumped


@dataclass(frozen=True, eq=False, slots=True)
class _Chains:
    is_on: np.ndarray  # [T, L] bool, the frames on the likeliest chain
    is_leap: np.ndarray  # [T, L] bool, those of them that were leapt to


def _follow(
    time_s: np.ndarray, courses_m: np.ndarray, is_seen: np.ndarray, limits: np.ndarray
) -> _Chains:
    """The likeliest chains through courses [T, L, 2]; ``limits`` [L, 2].

    The value of a chain is in seconds: those of its frames, less the costs of its steps. The speed
    at a frame is that of the best step to it, so the result is near to the best, not always it.
    """
    num_frames, num_limbs = is_seen.shape
    frame_s = np.diff(time_s, append=time_s[-1] + np.median(np.diff(time_s))).clip(max=_LOOK_BACK_S)
    look_back = max(_MIN_FRAMES, int(np.ceil(_LOOK_BACK_S / np.median(frame_s))))
    limbs = np.arange(num_limbs)
    value = np.where(is_seen, frame_s[:, None], -np.inf)
    came_from = np.full((num_frames, num_limbs), -1)
    is_leap = np.zeros((num_frames, num_limbs), bool)
    speeds = np.zeros_like(courses_m)
    # Metres a second squared; unlimited where no step led to a frame, so that its speed is unknown.
    accelerations = np.full((num_frames, num_limbs), np.inf)
    oldest = np.zeros(num_limbs, np.int64)  # the best frame before those that are looked back to
    for i_frame in range(1, num_frames):
        first = max(0, i_frame - look_back)
        if first > 0:
            is_better = value[first - 1] >= value[oldest, limbs]
            oldest[is_better] = first - 1
        before = np.concatenate(
            [oldest[None], np.tile(np.arange(first, i_frame)[:, None], num_limbs)]
        )
        step_s = time_s[i_frame] - time_s[before]
        way_m = courses_m[i_frame] - courses_m[before, limbs]
        off_m = np.linalg.norm(way_m - speeds[before, limbs] * step_s[..., None], axis=2)
        reach_m = np.minimum(limits[:, 0] * step_s, accelerations[before, limbs] / 2 * step_s**2)
        cost_s = (_SECONDS_PER_METRE * (off_m - reach_m - _NOISE_M)).clip(0, _LEAP_S)
        gain = value[before, limbs] - cost_s - _GAP_S * (before < i_frame - 1)
        best = gain.argmax(0)
        goes_on = np.flatnonzero(is_seen[i_frame] & (gain[best, limbs] > 0))
        best = best[goes_on]
        value[i_frame, goes_on] += gain[best, goes_on]
        came_from[i_frame, goes_on] = before[best, goes_on]
        has_leapt = cost_s[best, goes_on] >= _LEAP_S
        is_leap[i_frame, goes_on] = has_leapt
        steady = goes_on[~has_leapt]
        speeds[i_frame, steady] = (way_m / step_s[..., None])[best, goes_on][~has_leapt]
        accelerations[i_frame, steady] = limits[steady, 1]
    return _trace(value, came_from, is_leap)


def _trace(value: np.ndarray, came_from: np.ndarray, is_leap: np.ndarray) -> _Chains:
    """Back along each limb's best chain."""
    limbs = np.arange(value.shape[1])
    is_on = np.zeros(value.shape, bool)
    at = value.argmax(0)
    goes_on = np.isfinite(value.max(0))
    while goes_on.any():
        is_on[at[goes_on], limbs[goes_on]] = True
        at = np.where(goes_on, came_from[at, limbs], at)
        goes_on &= at >= 0
    return _Chains(is_on, is_leap & is_on)
