"""What can be told of a person's landmarks before anything is solved."""

import dataclasses

import numpy as np
import pytest

from tests.core.synthetic import landmarks_of, rotations_from


def test_a_sudden_change_of_place_is_told_and_a_walk_is_not():
    landmarks = landmarks_of(rotations_from(60))
    points = landmarks.points_px.copy()
    points[..., 0] += 5.0 * np.arange(60)[:, None]
    walking = dataclasses.replace(landmarks, points_px=points)
    assert walking.jump_times_s == []
    points = points.copy()
    points[40:, :, 0] += 900.0
    jumping = dataclasses.replace(landmarks, points_px=points)
    assert jumping.jump_times_s == pytest.approx([40 / 30])
