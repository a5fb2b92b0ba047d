"""What nobody can do is flagged and left in place; what people do is not flagged."""

import numpy as np
import pytest

from core.detect.jumps import changeover_times_s, flag_jumps
from core.skeletons import BODY_LANDMARKS, LANDMARK_PARTS
from tests.core.synthetic import DISTANCE_M, FOCAL_PX, landmarks_of, rotations_from

T = 60
TRUST = 0.1
BODY, LEFT_HAND = LANDMARK_PARTS["body"], LANDMARK_PARTS["left_hand"]
WRIST = BODY_LANDMARKS.index("left_wrist")
PX_PER_METRE = FOCAL_PX / DISTANCE_M


def moving(fps=30.0, beats_a_second=1.0):
    """Waves and kicks; at two beats a second wrists and toes move at 7 metres a second."""
    seconds = np.arange(T) / fps
    wave = np.sin(2 * np.pi * beats_a_second * seconds)
    none = 0 * wave
    landmarks = landmarks_of(
        rotations_from(
            T,
            left_hip=np.stack([0.6 * wave, none, none], -1),
            right_hip=np.stack([-0.6 * wave, none, none], -1),
            left_shoulder=np.stack([none, none, wave], -1),
            right_shoulder=np.stack([none, none, -wave], -1),
        ),
        fps=fps,
    )
    return tremble(landmarks)


def tremble(landmarks):
    rng = np.random.default_rng(0)
    landmarks.points_px[:] += rng.normal(0, 0.01 * PX_PER_METRE, landmarks.points_px.shape)
    return landmarks


def jumped(landmarks):
    """[T, K] bool, after flag_jumps, which touches nothing but the confidence."""
    before = landmarks.points_px.copy(), landmarks.hints.copy(), landmarks.confidence.copy()
    flag_jumps(landmarks)
    np.testing.assert_array_equal(landmarks.points_px, before[0])
    np.testing.assert_array_equal(landmarks.hints, before[1])
    is_lower = landmarks.confidence < before[2]
    expected = np.where(is_lower, TRUST * before[2], before[2])
    np.testing.assert_allclose(landmarks.confidence, expected)
    return is_lower


@pytest.mark.parametrize("beats_a_second", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("fps", [6.0, 30.0, 60.0])
def test_what_people_do_is_not_flagged(fps, beats_a_second):
    assert not jumped(moving(fps, beats_a_second)).any()


@pytest.mark.parametrize("direction", [(1, 0), (0, -1)])
@pytest.mark.parametrize(("metres", "num_frames"), [(0.4, 1), (0.6, 2), (1.0, 4)])
def test_a_wrist_that_is_elsewhere_for_a_moment_is_flagged(metres, num_frames, direction):
    landmarks = moving()
    rows = slice(30, 30 + num_frames)
    landmarks.points_px[rows, WRIST] += metres * PX_PER_METRE * np.array(direction)
    expected = np.zeros(landmarks.confidence.shape, bool)
    expected[rows, WRIST] = True
    np.testing.assert_array_equal(jumped(landmarks), expected)


def test_it_goes_by_the_time_that_has_passed():
    """Half a metre to and fro is a jump at 60 frames a second, and a wave of the hand at 6."""
    for fps, is_jump in ((60.0, True), (6.0, False)):
        landmarks = moving(fps, 0.0)
        landmarks.points_px[30, WRIST, 1] -= 0.5 * PX_PER_METRE
        assert jumped(landmarks)[30, WRIST] == is_jump


def test_a_hand_jumps_as_a_whole():
    landmarks = moving()
    landmarks.points_px[30, LEFT_HAND, 0] += 0.6 * PX_PER_METRE
    expected = np.zeros(landmarks.confidence.shape, bool)
    expected[30, LEFT_HAND] = True
    np.testing.assert_array_equal(jumped(landmarks), expected)


def test_a_body_that_is_elsewhere_for_a_moment_is_flagged_as_a_whole():
    landmarks = moving()
    landmarks.points_px[30:33, :, 0] += 1.5 * PX_PER_METRE
    is_lower = jumped(landmarks)
    assert is_lower[30:33].all()
    assert not is_lower[:30].any()
    assert not is_lower[33:].any()
    assert changeover_times_s(landmarks) == []


def test_a_change_that_lasts_is_a_change_over_to_somebody_else():
    landmarks = moving()
    landmarks.points_px[40:, :, 0] += 1.5 * PX_PER_METRE
    assert changeover_times_s(landmarks) == pytest.approx([40 / 30])
    is_lower = jumped(landmarks)
    assert is_lower[39:41].all()  # either side may be the other one
    assert not is_lower[:39].any()
    assert not is_lower[41:].any()


def test_a_person_who_runs_through_the_picture_does_not_jump():
    landmarks = moving()
    landmarks.points_px[..., 0] += 5.0 * PX_PER_METRE * landmarks.time_s[:, None]
    assert changeover_times_s(landmarks) == []
    assert not jumped(landmarks).any()


def test_a_person_who_was_out_of_sight_may_be_elsewhere():
    landmarks = moving()
    landmarks.points_px[50:, :, 0] += 1.5 * PX_PER_METRE
    landmarks.confidence[30:50] = 0
    assert changeover_times_s(landmarks) == []
    assert not jumped(landmarks).any()


def test_a_hand_that_was_not_seen_stays_unseen():
    landmarks = moving()
    landmarks.points_px[20:40, LEFT_HAND] = 0
    landmarks.confidence[20:40, LEFT_HAND] = 0
    assert not jumped(landmarks).any()


@pytest.mark.parametrize("num_seen", [0, 1, 2])
def test_hardly_anything_seen_is_left_alone(num_seen):
    landmarks = moving()
    landmarks.confidence[num_seen:] = 0
    assert not jumped(landmarks).any()
    assert changeover_times_s(landmarks) == []
