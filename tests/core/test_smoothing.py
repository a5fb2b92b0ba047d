"""Gaps bridged and noise taken out: without lag, without NaN, raw at strength zero."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation, Slerp

from core.camera_motion import CameraMotion
from core.config import CaptureConfig
from core.lift.hands import resting_pose
from core.rotation import rotvec_to_matrix
from core.skeletons import ARKIT_INDEX
from core.smoothing import fill_gaps, smooth
from tests.core.synthetic import angle_deg

RATE = 30.0
KNEE, FINGER, JAW_OPEN = 4, 25, ARKIT_INDEX["jawOpen"]


def make_motion(num_frames=60):
    """A knee and a finger that swing evenly, a pelvis that walks, a jaw that opens."""
    rotvecs = torch.zeros(num_frames, 55, 3)
    wave = torch.sin(torch.arange(num_frames) / 8.0)
    rotvecs[:, KNEE, 0] = 0.8 + 0.5 * wave
    rotvecs[:, FINGER, 2] = -0.5 + 0.3 * wave
    pelvis = torch.stack([torch.arange(num_frames) * 0.02, wave * 0.1, 4 + wave * 0.2], -1)
    arkit = torch.zeros(num_frames, 52)
    arkit[:, JAW_OPEN] = 0.5 + 0.5 * wave
    return CameraMotion(
        rate=RATE,
        rotations=rotvec_to_matrix(rotvecs),
        pelvis=pelvis,
        arkit=arkit,
        confidence=torch.ones(num_frames, 55),
        focal_px=1000.0,
        measures=np.zeros(0),
        measure_names=(),
    )


def hide(motion, start, end, joints=slice(None)):
    """The motion with rubbish in rows that were not seen."""
    motion.confidence[start:end, joints] = 0
    motion.rotations[start:end, joints] = rotvec_to_matrix(torch.tensor([2.0, 1.0, 0.5]))
    if joints == slice(None):
        motion.pelvis[start:end] = 99.0
        motion.arkit[start:end] = 1.0
    return motion


def test_a_gap_is_bridged_by_slerp():
    motion, truth = hide(make_motion(), 20, 30), make_motion()
    filled = fill_gaps(motion, resting_pose())
    ends = Rotation.from_matrix(truth.rotations[[19, 30], KNEE].numpy())
    expected = Slerp([19, 30], ends)(np.arange(20, 30)).as_matrix()
    np.testing.assert_allclose(filled.rotations[20:30, KNEE], expected, atol=1e-5)
    expected_x = np.linspace(truth.pelvis[19, 0], truth.pelvis[30, 0], 12)[1:-1]
    np.testing.assert_allclose(filled.pelvis[20:30, 0], expected_x, atol=1e-5)
    assert filled.confidence[20:30].max() == 0


def test_rows_that_were_seen_are_untouched():
    motion = hide(make_motion(), 20, 30)
    filled = fill_gaps(motion, resting_pose())
    seen = torch.tensor([*range(20), *range(30, 60)])
    np.testing.assert_array_equal(filled.rotations[seen], motion.rotations[seen])
    np.testing.assert_array_equal(filled.arkit[seen], motion.arkit[seen])


@pytest.mark.parametrize(("start", "end", "source"), [(0, 10, 10), (50, 60, 49)])
def test_the_body_is_held_where_it_is_seen_on_one_side_only(start, end, source):
    filled = fill_gaps(hide(make_motion(), start, end), resting_pose())
    expected = make_motion().rotations[source, KNEE].expand(end - start, 3, 3)
    np.testing.assert_allclose(filled.rotations[start:end, KNEE], expected, atol=1e-5)
    assert filled.pelvis.max() < 10


def test_a_hand_long_out_of_sight_comes_to_rest():
    motion = hide(make_motion(120), 20, 100, slice(25, 40))
    filled = fill_gaps(motion, resting_pose())
    rest = resting_pose()[FINGER]
    assert angle_deg(filled.rotations[60, FINGER], rest) < 0.5
    steps = angle_deg(filled.rotations[1:, FINGER], filled.rotations[:-1, FINGER])
    assert steps.max() < 6  # it glides there and back


def test_a_hand_never_seen_rests_all_the_time():
    filled = fill_gaps(hide(make_motion(), 0, 60, slice(40, 55)), resting_pose())
    expected = resting_pose()[40:55].expand(60, 15, 3, 3)
    np.testing.assert_allclose(filled.rotations[:, 40:55], expected, atol=1e-4)


def test_hands_and_face_rest_half_a_second_after_they_were_lost():
    motion = hide(make_motion(120), 20, 100, slice(22, 55))
    motion.arkit[20:100] = 1.0
    steady = smooth(fill_gaps(motion, resting_pose()), 0.06)
    at_rest = slice(20 + 15, 100 - 15)
    assert angle_deg(steady.rotations[at_rest, FINGER], resting_pose()[FINGER]).max() < 0.5
    assert steady.arkit[at_rest].max() < 0.01
    assert torch.diff(steady.arkit[:, JAW_OPEN]).abs().max() < 0.15  # it glides, it does not drop


@pytest.mark.parametrize(("confidence", "num_rows"), [(0.1, 20), (0.9, 2)])
def test_a_guess_of_a_hand_that_is_out_of_sight_is_no_sight(confidence, num_rows):
    """Networks find a hand here and there in the folds of a jacket."""
    motion = hide(make_motion(120), 10, 110, slice(25, 40))
    motion.confidence[50 : 50 + num_rows, 25:40] = confidence
    filled = fill_gaps(motion, resting_pose())
    assert angle_deg(filled.rotations[50 : 50 + num_rows, FINGER], resting_pose()[FINGER]).max() < 1
    assert filled.confidence[10:110, 25:40].max() == 0


def test_a_clip_of_a_moment_keeps_its_hands():
    motion = replace(make_motion(5), rate=60.0)
    filled = fill_gaps(motion, resting_pose())
    np.testing.assert_array_equal(filled.rotations, motion.rotations)


def test_a_hand_seen_briefly_but_well_is_kept():
    motion = hide(make_motion(120), 10, 110, slice(25, 40))
    motion.confidence[50:55, 25:40] = 0.9
    filled = fill_gaps(motion, resting_pose())
    np.testing.assert_array_equal(filled.rotations[50:55, FINGER], motion.rotations[50:55, FINGER])


@pytest.mark.parametrize("rate", [24.0, 30.0, 60.0])
@pytest.mark.parametrize("blink", [(1.0, 1.0, 1.0), (0.5, 1.0, 0.5)])
def test_a_blink_of_a_tenth_of_a_second_survives_smoothing(rate, blink):
    motion = replace(make_motion(), rate=rate)
    motion.arkit.zero_()
    num_rows = round(len(blink) * rate / 30)
    rows = np.interp(np.linspace(0, 2, num_rows), range(3), blink)
    lids = [ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]
    motion.arkit[20 : 20 + num_rows, lids] = torch.from_numpy(np.float32(rows))[:, None]
    smoothed = smooth(motion, CaptureConfig().smooth_s).arkit[:, lids]
    assert smoothed.max() > 0.8 * motion.arkit.max()
    assert smoothed[:10].max() == 0


def test_strength_zero_is_the_raw_motion():
    motion = make_motion()
    assert smooth(motion, 0.0) is motion


def test_smoothing_takes_noise_out():
    motion, truth = make_motion(), make_motion()
    torch.manual_seed(0)
    noise = rotvec_to_matrix(0.1 * torch.randn(60, 55, 3))
    noisy = CameraMotion(
        **{name: getattr(motion, name) for name in CameraMotion.__slots__}
        | {"rotations": motion.rotations @ noise}
    )
    before = angle_deg(noisy.rotations, truth.rotations).mean()
    after = angle_deg(smooth(noisy, 0.06).rotations, truth.rotations).mean()
    assert after < 0.5 * before


def test_smoothing_has_no_lag():
    """A symmetric peak stays where it is, and time turned round gives the same result."""
    motion = make_motion(61)
    back = CameraMotion(
        **{name: getattr(motion, name) for name in CameraMotion.__slots__}
        | {name: getattr(motion, name).flip(0) for name in ("rotations", "pelvis", "arkit")}
    )
    smoothed, smoothed_back = smooth(motion, 0.1), smooth(back, 0.1)
    np.testing.assert_allclose(smoothed.rotations, smoothed_back.rotations.flip(0), atol=1e-5)
    np.testing.assert_allclose(smoothed.pelvis, smoothed_back.pelvis.flip(0), atol=1e-5)


def test_a_steadier_depth_leaves_the_person_where_they_were_seen():
    """Beside the picture's middle a jump in depth alone must not move them across the picture."""
    motion = make_motion()
    depth = torch.full((60,), 4.0)
    depth[30:] = 5.0
    motion.pelvis[:] = torch.stack([0.4 * depth, -0.2 * depth, depth], -1)
    pelvis = smooth(motion, 0.06).pelvis
    assert torch.diff(pelvis[:, 2]).max() < 0.15
    np.testing.assert_allclose(pelvis[:, 0] / pelvis[:, 2], 0.4, atol=1e-5)
    np.testing.assert_allclose(pelvis[:, 1] / pelvis[:, 2], -0.2, atol=1e-5)


def test_what_is_not_trusted_hardly_counts():
    motion = make_motion()
    motion.confidence[30, KNEE] = 0.0
    motion.rotations[30, KNEE] = rotvec_to_matrix(torch.tensor([-2.0, 0.0, 0.0]))
    smoothed = smooth(motion, 0.06)
    expected = smooth(make_motion(), 0.06)
    assert angle_deg(smoothed.rotations[:, KNEE], expected.rotations[:, KNEE]).max() < 1
