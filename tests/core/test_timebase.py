"""Rows at a constant rate out of frames at their true times."""

import dataclasses

import numpy as np
import pytest

from core.errors import VideoError
from core.timebase import even_rows
from tests.core.synthetic import landmarks_of, rotations_from


def at_times(time_s):
    """Landmarks whose first body landmark lies at x = 100 t pixels."""
    landmarks = landmarks_of(rotations_from(len(time_s)))
    points = landmarks.points_px.copy()
    points[:, 0, 0] = 100.0 * np.asarray(time_s)
    return dataclasses.replace(landmarks, time_s=np.asarray(time_s, float), points_px=points)


@pytest.mark.parametrize("rate", [24.0, 25.0, 30000 / 1001, 60.0, 5.0])
def test_a_constant_rate_keeps_its_frames(rate):
    landmarks = at_times(2.0 + np.arange(50) / rate)
    rows, found = even_rows(landmarks)
    assert rows is landmarks
    assert found == pytest.approx(rate, rel=1e-9)


def test_times_rounded_to_milliseconds_are_a_constant_rate():
    landmarks = at_times(np.round(np.arange(200) / 29.97, 3))
    rows, rate = even_rows(landmarks)
    assert rows is landmarks
    assert rate == pytest.approx(29.97, rel=1e-4)


def test_a_variable_rate_is_resampled_at_its_usual_one():
    steps = np.where(np.arange(99) % 10 == 0, 3 / 30, 1 / 30)
    rows, rate = even_rows(at_times(np.r_[0, np.cumsum(steps)]))
    assert rate == 30.0
    np.testing.assert_allclose(np.diff(rows.time_s), 1 / 30, atol=1e-9)
    np.testing.assert_allclose(rows.points_px[:, 0, 0], 100 * rows.time_s, atol=1e-3)
    assert np.all(np.diff(rows.frame_index) >= 0)
    assert rows.time_s[-1] == pytest.approx(np.sum(steps), abs=1 / 30)


def test_a_landmark_seen_on_one_side_of_a_moment_counts_whole():
    time_s = np.r_[np.arange(10) / 30, 0.5 + np.arange(10) / 30]
    landmarks = at_times(time_s)
    confidence = landmarks.confidence.copy()
    confidence[9] = 0
    points = landmarks.points_px.copy()
    points[9] = 0
    rows, _ = even_rows(dataclasses.replace(landmarks, confidence=confidence, points_px=points))
    seen = rows.confidence[:, 0] > 0
    assert rows.points_px[seen, 0, 1].min() > 100  # never half way to the zeros


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_frames_are_refused(count):
    short = landmarks_of(rotations_from(2)).at_rows(slice(count))
    with pytest.raises(VideoError, match=f"has {count} frame.*at least 2"):
        even_rows(short)
