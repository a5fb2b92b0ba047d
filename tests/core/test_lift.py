"""The analytic lifter against poses whose truth is known, and against bad evidence."""

import dataclasses

import numpy as np
import pytest
import torch

from core.body.skinning import joints_from_pose
from core.lift.analytic import AnalyticLifter
from core.lift.rest import reference_body
from core.rotation import rotvec_to_matrix
from core.skeletons import JOINT_INDEX, LANDMARK_PARTS
from tests.core.synthetic import FOCAL_PX, angle_deg, landmarks_of, rotations_from

T = 8
WALK = {
    "left_hip": (-0.5, 0.0, 0.1),
    "right_hip": (0.3, 0.0, -0.05),
    "left_knee": (0.9, 0.0, 0.0),
    "right_knee": (0.2, 0.0, 0.0),
    "left_shoulder": (0.3, -0.2, -1.1),
    "right_shoulder": (-0.2, 0.1, 1.0),
    "left_elbow": (0.0, -0.9, 0.0),
    "right_elbow": (0.0, 1.3, 0.0),
    "spine1": (0.1, 0.05, 0.0),
    "head": (0.2, 0.5, 0.0),
}
SIT = {
    "left_hip": (-1.5, 0.1, 0.1),
    "right_hip": (-1.4, -0.2, -0.1),
    "left_knee": (1.5, 0.0, 0.0),
    "right_knee": (1.2, 0.0, 0.0),
    "left_shoulder": (0.0, -0.9, -0.5),
    "right_shoulder": (0.3, 0.9, 0.5),
    "left_elbow": (0.0, -1.9, 0.0),
    "right_elbow": (0.0, 0.4, 0.0),
}
LIMBS = [
    (f"{side}_{start}", f"{side}_{end}")
    for side in ("left", "right")
    for start, end in (
        ("shoulder", "elbow"),
        ("elbow", "wrist"),
        ("hip", "knee"),
        ("knee", "ankle"),
        ("wrist", "middle1"),
        ("index1", "index2"),
    )
] + [("pelvis", "neck"), ("neck", "head")]


def lift(landmarks):
    return AnalyticLifter().lift(landmarks, 30.0, FOCAL_PX)


def bone_directions(rotations):
    joints, _ = joints_from_pose(
        reference_body(), np.zeros(10), rotations, torch.zeros(len(rotations), 3)
    )
    pairs = [[JOINT_INDEX[name] for name in limb] for limb in LIMBS]
    start, end = torch.tensor(pairs).T
    return torch.nn.functional.normalize(joints[:, end] - joints[:, start], dim=-1)


@pytest.mark.parametrize("pose", [{}, WALK, SIT], ids=["rest", "walk", "sit"])
@pytest.mark.parametrize("turn", [0.0, 0.8, -2.0, 3.1], ids=lambda turn: f"turn{turn}")
def test_every_limb_points_where_it_was_seen(pose, turn):
    truth = rotations_from(T, **pose)
    truth[:, 0] = truth[:, 0] @ rotvec_to_matrix(torch.tensor([0.0, turn, 0.0]))
    motion = lift(landmarks_of(truth))
    cosine = (bone_directions(motion.rotations) * bone_directions(truth)).sum(-1)
    error_deg = torch.rad2deg(torch.acos(cosine.clamp(-1, 1)))
    worst = dict(zip(LIMBS, error_deg.amax(0).tolist(), strict=True))
    assert max(worst.values()) < 6.0, worst


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_raised_arm_is_raised_on_its_own_side(side):
    sign = 1 if side == "left" else -1
    motion = lift(landmarks_of(rotations_from(T, **{f"{side}_shoulder": (0, 0, sign * 0.8)})))
    turn = angle_deg(motion.rotations, torch.eye(3))
    other = "right" if side == "left" else "left"
    assert turn[:, JOINT_INDEX[f"{side}_shoulder"]].min() > 40
    assert turn[:, JOINT_INDEX[f"{other}_shoulder"]].max() < 5


@pytest.mark.parametrize("joint", ["left_elbow", "right_elbow", "left_knee", "right_knee"])
@pytest.mark.parametrize("bend", [0.6, 1.6])
def test_hinges_bend_by_the_angle_and_the_bones_above_do_not_twist(joint, bend):
    axis = {"left_elbow": (0, -bend, 0), "right_elbow": (0, bend, 0)}.get(joint, (bend, 0, 0))
    truth = rotations_from(T, **{joint: axis})
    motion = lift(landmarks_of(truth))
    above = {"elbow": "shoulder", "knee": "hip"}[joint.split("_")[1]]
    above = f"{joint.split('_')[0]}_{above}"
    for name in (joint, above):
        error = angle_deg(motion.rotations[:, JOINT_INDEX[name]], truth[:, JOINT_INDEX[name]])
        assert error.max() < 8, name


@pytest.mark.parametrize("angle", [-0.4, 0.8, 1.6, 2.4])
@pytest.mark.parametrize("side", ["left", "right"])
def test_pronation_is_shared_by_elbow_and_wrist(side, angle):
    """Supination, palm up, is positive; it turns about the forearm, +x left and -x right."""
    truth = rotations_from(T, **{f"{side}_wrist": (-angle, 0, 0)})
    motion = lift(landmarks_of(truth))
    wrist = motion.rotations[:, JOINT_INDEX[f"{side}_wrist"]]
    elbow = motion.rotations[:, JOINT_INDEX[f"{side}_elbow"]]
    whole = elbow @ wrist
    assert angle_deg(whole, truth[:, JOINT_INDEX[f"{side}_wrist"]]).max() < 6
    np.testing.assert_allclose(angle_deg(elbow, torch.eye(3)), abs(np.rad2deg(angle)) / 2, atol=6)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("finger", ["index", "middle", "ring", "pinky"])
def test_fingers_curl_by_the_angle(side, finger):
    sign = -1 if side == "left" else 1
    bends = {
        f"{side}_{finger}{i}": (0, 0, sign * bend) for i, bend in ((1, 0.9), (2, 1.2), (3, 0.8))
    }
    motion = lift(landmarks_of(rotations_from(T, **bends)))
    for name, rotvec in bends.items():
        turned = angle_deg(motion.rotations[:, JOINT_INDEX[name]], torch.eye(3))
        np.testing.assert_allclose(turned, abs(np.rad2deg(rotvec[2])), atol=8)


def test_head_turns_as_the_face_does():
    truth = rotations_from(T, neck=(0.1, 0.3, 0.0), head=(-0.2, 0.4, 0.1))
    motion = lift(landmarks_of(truth))
    neck, head = JOINT_INDEX["neck"], JOINT_INDEX["head"]
    seen = motion.rotations[:, neck] @ motion.rotations[:, head]
    assert angle_deg(seen, truth[:, neck] @ truth[:, head]).max() < 2


def test_the_pelvis_is_placed_where_it_was():
    motion = lift(landmarks_of(rotations_from(T, **WALK)))
    np.testing.assert_allclose(motion.pelvis, np.tile([0, 0, 5.0], (T, 1)), atol=0.12)


def test_limb_lengths_are_measured():
    motion = lift(landmarks_of(rotations_from(T, **WALK)))
    measured = dict(zip(motion.measure_names, motion.measures, strict=True))
    joints = reference_body().template_joints
    thigh = np.linalg.norm(joints[JOINT_INDEX["left_hip"]] - joints[JOINT_INDEX["left_knee"]])
    assert measured["thigh"] == pytest.approx(thigh, abs=1e-3)


def test_unseen_parts_have_no_confidence_and_stay_finite():
    landmarks = landmarks_of(rotations_from(T, **WALK))
    confidence = landmarks.confidence.copy()
    confidence[2:5] = 0
    confidence[:, LANDMARK_PARTS["left_hand"]] = 0
    points, hints = landmarks.points_px.copy(), landmarks.hints.copy()
    points[confidence == 0], hints[confidence == 0] = 0, 0
    motion = lift(
        dataclasses.replace(landmarks, points_px=points, hints=hints, confidence=confidence)
    )
    assert torch.isfinite(motion.rotations).all()
    assert torch.isfinite(motion.pelvis).all()
    assert motion.confidence[2:5].max() == 0
    assert motion.confidence[:, JOINT_INDEX["left_index1"]].max() == 0
    assert motion.confidence[:, JOINT_INDEX["right_index1"]].max() > 0
