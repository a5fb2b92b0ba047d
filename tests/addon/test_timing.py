import numpy as np
import pytest
from scipy.spatial.transform import Rotation, Slerp

from reelrig.addon.keys.timing import (
    exact_times,
    lerp_rows,
    rows_per_frame,
    slerp_rows,
    whole_frame_times,
)
from reelrig.addon.rig.convert import align_signs


def test_exact_times_keep_every_row_at_its_moment():
    times = exact_times(4, rows_per_frame(30.0, 24.0), start_frame=10)
    np.testing.assert_allclose(times.frames, [10.0, 10.8, 11.6, 12.4])
    np.testing.assert_array_equal(times.rows, [0, 1, 2, 3])


@pytest.mark.parametrize(
    ("num_rows", "motion_fps", "frames"),
    [
        (31, 30.0, np.arange(5, 30)),  # one second of 24 frames, both ends keyed
        (30, 30.0, np.arange(5, 29)),  # the last row lies between two frames
        (13, 12.0, np.arange(5, 30)),  # fewer rows than frames
        (1, 30.0, [5]),
    ],
)
def test_whole_frame_times_reach_from_the_first_row_to_the_last(num_rows, motion_fps, frames):
    times = whole_frame_times(num_rows, rows_per_frame(motion_fps, 24.0), start_frame=5)
    np.testing.assert_array_equal(times.frames, frames)
    np.testing.assert_allclose(times.rows, (np.array(frames) - 5) * motion_fps / 24.0)


def test_the_same_rate_in_single_precision_is_the_same():
    scene_fps = 30 / float(np.float32(30 / 29.97))
    assert scene_fps != 29.97
    assert rows_per_frame(29.97, scene_fps) == 1.0
    assert rows_per_frame(30.0, 29.97) != 1.0


def test_lerp_rows_is_linear():
    values = np.array([[0.0, 1.0], [10.0, 3.0]])
    np.testing.assert_allclose(
        lerp_rows(values, np.array([0.0, 0.25, 1.0])), [[0, 1], [2.5, 1.5], [10, 3]]
    )


@pytest.mark.parametrize("step", [0.0, 1e-9, 1e-3, 1.0, 3.1])
def test_slerp_rows_agrees_with_scipy(step):
    """``step`` is the angle in radians between two rows."""
    axis = np.array([1.0, 2.0, -2.0]) / 3.0
    rotations = Rotation.from_rotvec(np.arange(31)[:, None] * step * axis)
    quats = align_signs(np.roll(rotations.as_quat(), 1, axis=-1))
    rows = whole_frame_times(31, 30 / 24, start_frame=0).rows
    found = Rotation.from_quat(np.roll(slerp_rows(quats, rows), -1, axis=-1))
    expected = Slerp(np.arange(31), rotations)(rows)
    assert (found * expected.inv()).magnitude().max() < 1e-7
