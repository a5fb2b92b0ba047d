"""Evenly spaced rows out of frames at their true times."""

from __future__ import annotations

import numpy as np

from .errors import VideoError
from .landmarks import Landmarks
from .skeletons import LANDMARK_PARTS

# Frame times are rounded by containers (milliseconds in Matroska, 1/600 s in QuickTime); steps
# that agree to this share of a step, or to a millisecond, are one rate.
_EVEN_SHARE = 0.1
_EVEN_S = 0.0011


def even_rows(landmarks: Landmarks) -> tuple[Landmarks, float]:
    """The landmarks at a constant rate, and that rate in rows per second.

    A video of constant rate keeps its frames. One of variable rate is resampled at its usual
    rate, linearly between the frames around each moment.
    """
    time_s = landmarks.time_s
    if len(time_s) < 2:
        raise VideoError(
            f"The video has {len(time_s)} frame in the chosen range, motion needs at least 2. "
            "Choose a longer range or another video."
        )
    steps = np.diff(time_s)
    usual = float(np.median(steps))
    mean = float((time_s[-1] - time_s[0]) / (len(time_s) - 1))
    even_times = time_s[0] + mean * np.arange(len(time_s))
    if np.abs(time_s - even_times).max() <= max(_EVEN_SHARE * usual, _EVEN_S):
        return landmarks, 1.0 / mean
    rate = _tidy_rate(1.0 / usual)
    num_rows = int(np.floor((time_s[-1] - time_s[0]) * rate + 1e-6)) + 1
    return _resample(landmarks, time_s[0] + np.arange(num_rows) / rate), rate


def _tidy_rate(rate: float) -> float:
    """A whole number of frames per second, or one of NTSC's, where ``rate`` is close to it."""
    for tidy in (round(rate), round(rate) * 1000 / 1001):
        if tidy > 0 and abs(rate - tidy) < 0.01 * tidy:
            return float(tidy)
    return rate


def _resample(landmarks: Landmarks, moments: np.ndarray) -> Landmarks:
    after = np.clip(np.searchsorted(landmarks.time_s, moments), 1, len(landmarks.time_s) - 1)
    before = after - 1
    width = landmarks.time_s[after] - landmarks.time_s[before]
    share = np.clip((moments - landmarks.time_s[before]) / width, 0, 1).astype(np.float32)
    nearest = np.where(share < 0.5, before, after)
    # Where a landmark was seen on one side only, that side counts whole.
    weight = np.stack([1 - share, share])[..., None]
    weight = weight * (landmarks.confidence[np.stack([before, after])] > 0)
    total = weight.sum(0)
    weight = np.divide(weight, total, out=np.zeros_like(weight), where=total > 0)

    def blend(values: np.ndarray, shares: np.ndarray) -> np.ndarray:
        return (shares[0] * values[before] + shares[1] * values[after]).astype(np.float32)

    return Landmarks(
        frame_index=landmarks.frame_index[nearest],
        time_s=moments,
        image_size=landmarks.image_size,
        points_px=blend(landmarks.points_px, weight[..., None]),
        hints=blend(landmarks.hints, weight[..., None]),
        confidence=blend(landmarks.confidence, weight),
        face_scores=blend(landmarks.face_scores, weight[..., [LANDMARK_PARTS["face"].start]]),
    )
