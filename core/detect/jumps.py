"""Movement that nobody can make: flagged by a low confidence, never smoothed and never removed.

The course of a landmark is the likeliest chain of frames through what was seen: to leave a frame
out costs its time, to move too fast costs what is too far, and a leap that lasts is believed
(dynamic programming). What the chain leaves out has jumped.
"""

from __future__ import annotations

import numpy as np

from ..landmarks import Landmarks
from ..skeletons import BODY_LANDMARKS, LANDMARK_PARTS

# Metres a second, and metres a second squared: one and a half times the 99.9th percentiles of 56
# minutes of the CMU motion capture database at 30 frames a second (mocap.cs.cmu.edu).
_TRUNK, _MIDDLES, _ENDS = (6.0, 85.0), (9.0, 120.0), (13.0, 190.0)
_FAR = ("wrist", "pinky", "index", "thumb", "ankle", "heel", "foot_index")
_LIMITS_OF: dict[str, tuple[float, float]] = {"elbow": _MIDDLES, "knee": _MIDDLES}
_LIMITS_OF |= {name: _ENDS for name in _FAR}
_BODY_LIMITS = [_LIMITS_OF.get(name.partition("_")[2], _TRUNK) for name in BODY_LANDMARKS]
# Hands and face jump as a whole, if at all.
_PART_LIMITS = {"left_hand": _ENDS, "right_hand": _ENDS, "face": _TRUNK}

_NOISE_M = 0.05  # landmarks tremble by this
_LEFT_OUT_S_PER_M = 0.33  # so much time is left out rather than moving a metre too far
_LEAP_S = 0.3  # and so much rather than believing a leap, after which it stays there
_LOOK_BACK_S = 0.4  # how long an outlier may last
_SCALE_FRAMES = 9  # of the running median of the body's scale
_MIN_FRAMES = 3
_JUMPED_TRUST = 0.1


def flag_jumps(landmarks: Landmarks) -> None:
    """Lower the confidence of landmarks, whole hands, faces and bodies that jumped, in place."""
    rows = np.flatnonzero(landmarks.is_seen)
    if len(rows) < _MIN_FRAMES:
        return
    time_s, confidence = landmarks.time_s[rows], landmarks.confidence[rows]
    body = LANDMARK_PARTS["body"]
    of_body = _find_jumps(time_s, _body_course_m(landmarks, rows), [_TRUNK])
    has_jumped = np.repeat(of_body, confidence.shape[1], axis=1)
    limbs_m, is_seen = _limb_courses_m(landmarks, rows)
    of_limbs = _find_jumps(time_s, limbs_m, [*_BODY_LIMITS, *_PART_LIMITS.values()], is_seen)
    has_jumped[:, body] |= of_limbs[:, body]
    for i_part, name in enumerate(_PART_LIMITS, start=body.stop):
        has_jumped[:, LANDMARK_PARTS[name]] |= of_limbs[:, i_part, None]
    landmarks.confidence[rows] = np.where(has_jumped, _JUMPED_TRUST * confidence, confidence)


def changeover_times_s(landmarks: Landmarks) -> list[float]:
    """Moments from which on the body is elsewhere: most likely another person's."""
    rows = np.flatnonzero(landmarks.is_seen)
    if len(rows) < _MIN_FRAMES:
        return []
    time_s = landmarks.time_s[rows]
    _, leaps = _follow(time_s, _body_course_m(landmarks, rows), np.array([_TRUNK[0]]))
    return time_s[leaps[:, 0]].tolist()


def _body_course_m(landmarks: Landmarks, rows: np.ndarray) -> np.ndarray:
    """[T, 1, 2] metres, the body's way across the picture in its own scale."""
    middle_px = np.median(landmarks.points_px[rows, LANDMARK_PARTS["body"]], axis=1)
    scale = _px_per_metre(landmarks, rows)
    steps_m = np.diff(middle_px, axis=0) / np.minimum(scale[1:], scale[:-1])[:, None]
    return np.concatenate([np.zeros((1, 2)), steps_m.cumsum(0)])[:, None]


def _limb_courses_m(landmarks: Landmarks, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[T, L, 2] metres from the body's middle, of its landmarks, hands and face; [T, L] if seen."""
    points_px, confidence = landmarks.points_px[rows], landmarks.confidence[rows]
    body = LANDMARK_PARTS["body"]
    parts = [LANDMARK_PARTS[name] for name in _PART_LIMITS]
    limbs_px = [points_px[:, body], *(points_px[:, part].mean(1, keepdims=True) for part in parts)]
    is_seen = [confidence[:, body] > 0, *(confidence[:, part][:, :1] > 0 for part in parts)]
    middle_px = np.median(points_px[:, body], axis=1)[:, None]
    scale = _px_per_metre(landmarks, rows)[:, None, None]
    return (np.concatenate(limbs_px, 1) - middle_px) / scale, np.concatenate(is_seen, 1)


def _px_per_metre(landmarks: Landmarks, rows: np.ndarray) -> np.ndarray:
    """[T] scale of the body in the picture against its hints, free of single frames' errors."""
    body = LANDMARK_PARTS["body"]
    spreads = (
        np.linalg.norm(values[rows, body, :2].std(1), axis=1)
        for values in (landmarks.points_px, landmarks.hints)
    )
    spread_px, spread_m = spreads
    scale = np.maximum(spread_px, 1.0) / np.maximum(spread_m, 1e-3)
    half = _SCALE_FRAMES // 2
    padded = np.pad(scale, half, mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, _SCALE_FRAMES), axis=1)


def _find_jumps(
    time_s: np.ndarray,
    courses_m: np.ndarray,
    limits: list[tuple[float, float]],
    is_seen: np.ndarray | None = None,
) -> np.ndarray:
    """[T, L] bool, for courses [T, L, 2] with their limits of speed and acceleration."""
    speeds, accelerations = np.array(limits).T
    is_kept, leaps = _follow(time_s, courses_m, speeds, is_seen)
    has_jumped = ~is_kept | leaps
    has_jumped[:-1] |= leaps[1:]  # either side of a leap may be the wrong one
    for i_limb, acceleration in enumerate(accelerations):
        rows = np.flatnonzero(is_kept[:, i_limb])
        is_spike = _find_spikes(time_s[rows], courses_m[rows, i_limb], acceleration)
        has_jumped[rows[is_spike], i_limb] = True
    return has_jumped


def _follow(
    time_s: np.ndarray, courses_m: np.ndarray, speeds: np.ndarray, is_seen: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """[T, L] bool each: the frames on the likeliest chain, and those of them leapt to.

    The value of a chain is in seconds: those of its frames, less the costs of its steps.
    """
    num_frames, num_limbs = courses_m.shape[:2]
    if is_seen is None:
        is_seen = np.ones((num_frames, num_limbs), bool)
    frame_s = np.diff(time_s, append=time_s[-1] + np.median(np.diff(time_s))).clip(max=_LOOK_BACK_S)
    look_back = max(_MIN_FRAMES, int(np.ceil(_LOOK_BACK_S / np.median(frame_s))))
    limbs = np.arange(num_limbs)
    value = np.full((num_frames, num_limbs), -np.inf)
    came_from = np.full((num_frames, num_limbs), -1)
    leaps = np.zeros((num_frames, num_limbs), bool)
    oldest = np.zeros(num_limbs, np.int64)  # the best frame before those looked back to
    for i in range(num_frames):
        value[i, is_seen[i]] = frame_s[i]
        if i == 0:
            continue
        window = np.arange(max(0, i - look_back), i)
        if window[0] > 0:
            is_better = value[window[0] - 1] >= value[oldest, limbs]
            oldest[is_better] = window[0] - 1
        before = np.concatenate([oldest[None], np.tile(window[:, None], num_limbs)])
        way_m = np.linalg.norm(courses_m[i] - courses_m[before, limbs], axis=2)
        too_far_m = (way_m - _NOISE_M - speeds * (time_s[i] - time_s[before])).clip(min=0)
        cost_s = (_LEFT_OUT_S_PER_M * too_far_m).clip(max=_LEAP_S)
        gain = value[before, limbs] - cost_s
        best = gain.argmax(0)
        goes_on = is_seen[i] & (gain[best, limbs] > 0)
        value[i, goes_on] += gain[best, limbs][goes_on]
        came_from[i, goes_on] = before[best, limbs][goes_on]
        leaps[i] = goes_on & (cost_s[best, limbs] >= _LEAP_S)
    return _trace(value, came_from, leaps)


def _trace(
    value: np.ndarray, came_from: np.ndarray, leaps: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Back along the best chain of each limb: the frames on it, and the leaps on it."""
    limbs = np.arange(value.shape[1])
    is_kept = np.zeros(value.shape, bool)
    at = value.argmax(0)
    is_on = np.isfinite(value.max(0))
    while is_on.any():
        is_kept[at[is_on], limbs[is_on]] = True
        at = np.where(is_on, came_from[at, limbs], at)
        is_on &= at >= 0
    return is_kept, leaps & is_kept


def _find_spikes(time_s: np.ndarray, course_m: np.ndarray, acceleration: float) -> np.ndarray:
    """[T] bool, single frames out of which and back nobody gets so fast; ``course_m`` [T, 2].

    Between two moments a steady acceleration leads no further from the straight way than
    a / 2 (t - t0) (t1 - t).
    """
    is_spike = np.zeros(len(time_s), bool)
    if len(time_s) < _MIN_FRAMES:
        return is_spike
    since, until = np.diff(time_s)[:-1], np.diff(time_s)[1:]
    share = (since / (since + until))[:, None]
    straight = course_m[:-2] * (1 - share) + course_m[2:] * share
    off = np.linalg.norm(course_m[1:-1] - straight, axis=1)
    off -= _NOISE_M + acceleration / 2 * since * until
    # The neighbours of an outlier seem to be off too, by half as much.
    around = np.pad(off, 1, constant_values=-np.inf)
    is_spike[1:-1] = (off > 0) & (off >= around[:-2]) & (off >= around[2:])
    return is_spike
