"""The face's scores against expressions whose truth is known, as the detector sees them."""

import dataclasses

import numpy as np
import pytest
import torch

from core.lift.analytic import AnalyticLifter
from core.rotation import rotvec_to_matrix
from core.skeletons import ARKIT_INDEX, ARKIT_NAMES, JOINT_INDEX, LANDMARK_PARTS
from tests.core.synthetic import FOCAL_PX, angle_deg, landmarks_of, rotations_from, scores

CALM, RISING = 12, 6
WAVE = np.concatenate([np.zeros(CALM), np.linspace(0, 1, RISING)]).astype(np.float32)
MESH_SHARE = 0.75  # of a movement, that the face mesh shows
FACE = LANDMARK_PARTS["face"]


def see(moved=None, network=None, **joints):
    """Landmarks of a large face: the scores that its skin moved by, and those of the network."""
    still = scores(len(WAVE))
    landmarks = landmarks_of(rotations_from(len(WAVE), **joints), still if moved is None else moved)
    near = landmarks.points_px.copy()
    middle = near[:, FACE].mean((0, 1))
    near[:, FACE] = middle + 4 * (near[:, FACE] - middle)
    return dataclasses.replace(
        landmarks, points_px=near, face_scores=still if network is None else network
    )


def lift(landmarks):
    return AnalyticLifter().lift(landmarks, 30.0, FOCAL_PX)


@pytest.mark.parametrize(
    ("name", "slack"),
    [
        ("jawOpen", 0.15),
        ("mouthSmileLeft", 0.15),
        ("eyeBlinkRight", 0.15),
        ("mouthPucker", 0.15),
        # Solved from landmarks alone: the ridge and the head's rigid fit take a part of it.
        ("browInnerUp", 0.3),
    ],
)
def test_a_face_unit_is_found_and_found_alone(name, slack):
    truth = scores(len(WAVE), **{name: WAVE})
    found = lift(see(MESH_SHARE * truth, truth)).arkit.numpy()
    np.testing.assert_allclose(found[:, ARKIT_INDEX[name]], WAVE, atol=slack)
    others = np.delete(found, ARKIT_INDEX[name], 1).max(0)
    assert others.max() < 0.2, ARKIT_NAMES[others.argmax()]


def test_landmarks_and_network_count_alike():
    truth = scores(len(WAVE), mouthSmileLeft=WAVE)
    by_landmarks = lift(see(moved=MESH_SHARE * truth)).arkit[:, ARKIT_INDEX["mouthSmileLeft"]]
    by_network = lift(see(network=truth)).arkit[:, ARKIT_INDEX["mouthSmileLeft"]]
    np.testing.assert_allclose(by_network, WAVE / 2, atol=1e-3)
    np.testing.assert_allclose(by_landmarks, WAVE / 2, atol=0.1)


def test_what_the_network_sees_in_the_calm_face_is_no_expression():
    network = scores(len(WAVE), eyeSquintLeft=0.6, mouthPressRight=1.0, jawOpen=0.2 + 0.8 * WAVE)
    found = lift(see(network=network)).arkit.numpy()
    assert np.delete(found, ARKIT_INDEX["jawOpen"], 1).max() < 1e-3
    np.testing.assert_allclose(found[:, ARKIT_INDEX["jawOpen"]], WAVE / 2, atol=1e-3)


def test_brows_and_gaze_are_not_the_networks():
    names = [name for name in ARKIT_NAMES if name.startswith(("brow", "eyeLook"))]
    network = scores(len(WAVE), **dict.fromkeys(names, WAVE))
    assert lift(see(network=network)).arkit.max() < 1e-3


@pytest.mark.parametrize("name", ["eyeLookDown", "eyeLookUp"])
def test_lids_that_follow_the_gaze_are_no_blink(name):
    turn = np.zeros((len(WAVE), 3), np.float32)
    turn[:, 0] = WAVE * (0.35 if name == "eyeLookDown" else -0.35)
    eyes = {f"{side}_eye_smplhf": turn for side in ("left", "right")}
    lids = {f"{name}{side}": WAVE for side in ("Left", "Right")}
    motion = lift(see(scores(len(WAVE), **lids), **eyes))
    for side, eye in (("Left", "left_eye_smplhf"), ("Right", "right_eye_smplhf")):
        found = motion.arkit[:, ARKIT_INDEX[f"{name}{side}"]]
        # The corners of the eyes move a little with the lids, and the gaze is counted from them.
        np.testing.assert_allclose(found, WAVE, atol=0.25)
        for unit in ("eyeBlink", "eyeWide"):
            assert motion.arkit[:, ARKIT_INDEX[f"{unit}{side}"]].max() < 0.25
        error = angle_deg(
            motion.rotations[:, JOINT_INDEX[eye]], rotvec_to_matrix(torch.from_numpy(turn))
        )
        assert error.max() < 5


def test_the_jaw_joint_opens_with_the_score():
    truth = scores(len(WAVE), jawOpen=WAVE)
    motion = lift(see(MESH_SHARE * truth, truth))
    opened = angle_deg(motion.rotations[:, JOINT_INDEX["jaw"]], torch.eye(3))
    assert opened[:CALM].max() < 1
    assert opened[-1] > 12
    assert (opened.diff() > -0.1).all()


def test_small_faces_give_no_expression():
    landmarks = see(scores(len(WAVE), jawOpen=WAVE), scores(len(WAVE), jawOpen=WAVE))
    tiny = landmarks.points_px.copy()
    middle = tiny[:, FACE].mean((0, 1))
    tiny[:, FACE] = middle + 0.01 * (tiny[:, FACE] - middle)
    motion = lift(dataclasses.replace(landmarks, points_px=tiny))
    assert motion.arkit.max() == 0
    assert motion.confidence[:, JOINT_INDEX["jaw"]].max() == 0
