"""Upright, on the floor, with contacts."""

import numpy as np
import pytest
import torch

from core.body.measures import MEASURE_NAMES, measure_body
from core.body.model import load_body
from core.body.skinning import Skin, joints_from_pose
from core.config import CaptureConfig
from core.frames import WORLD_FROM_BODY, WORLD_FROM_LEVEL_CAMERA
from core.people_solver import solve_motion
from core.rotation import rotvec_to_matrix
from core.skeletons import JOINT_INDEX
from tests.core.synthetic import DISTANCE_M, FOCAL_PX, landmarks_of, rotations_from

BODY = load_body()
CONFIG = CaptureConfig(method="analytic", focal_px=FOCAL_PX)  # which is exact where landmarks are


def solve(rotations):
    return solve_motion(landmarks_of(rotations), CONFIG, BODY, "clip.mp4")


def test_changes_of_basis_are_rotations_that_do_what_they_say():
    for matrix in (WORLD_FROM_BODY, WORLD_FROM_LEVEL_CAMERA):
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(3))
        assert np.linalg.det(matrix) == pytest.approx(1.0)
    np.testing.assert_array_equal(WORLD_FROM_BODY @ [0, 1, 0], [0, 0, 1])  # up
    np.testing.assert_array_equal(WORLD_FROM_LEVEL_CAMERA @ [0, -1, 0], [0, 0, 1])  # up
    np.testing.assert_array_equal(WORLD_FROM_LEVEL_CAMERA @ [0, 0, 1], [0, 1, 0])  # ahead


def test_a_standing_person_stands_upright_on_the_floor_and_faces_the_camera():
    motion = solve(rotations_from(12))
    joints = motion.joints_world
    assert joints[:, JOINT_INDEX["head"], 2].min() > 1.3
    trunk = joints[:, JOINT_INDEX["neck"]] - joints[:, JOINT_INDEX["pelvis"]]
    rest = BODY.template_joints[JOINT_INDEX["neck"]] - BODY.template_joints[0]
    rest = WORLD_FROM_BODY @ rest / np.linalg.norm(rest)
    cosine = trunk @ rest / np.linalg.norm(trunk, axis=1)
    assert np.degrees(np.arccos(cosine.clip(-1, 1))).max() < 2
    # Faces the camera, which looks along +y: the left side is at +x.
    assert np.all(joints[:, JOINT_INDEX["left_hip"], 0] > joints[:, JOINT_INDEX["right_hip"], 0])
    rotations = rotvec_to_matrix(torch.from_numpy(motion.rotvecs))
    vertices, _ = Skin(BODY).pose_vertices(
        torch.from_numpy(motion.betas).float(),
        torch.zeros(12, 10),
        rotations.float(),
        torch.from_numpy(motion.trans).float(),
    )
    assert abs(float(vertices[..., 2].min())) < 0.03


def test_the_files_numbers_agree_with_each_other():
    walk = torch.linspace(-0.5, 0.5, 12)
    rotvecs = torch.stack([walk, torch.zeros(12), torch.zeros(12)], -1).numpy()
    motion = solve(rotations_from(12, left_hip=rotvecs, right_hip=-rotvecs))
    joints, _ = joints_from_pose(
        BODY,
        motion.betas,
        rotvec_to_matrix(torch.from_numpy(motion.rotvecs)),
        torch.from_numpy(motion.trans),
    )
    np.testing.assert_allclose(joints, motion.joints_world, atol=1e-5)
    camera = np.einsum("tij,tkj->tki", motion.camera_from_world[:, :3, :3], joints)
    camera += motion.camera_from_world[:, None, :3, 3]
    np.testing.assert_allclose(camera[:, 0, 2], DISTANCE_M, atol=0.3)
    measures = dict(zip(motion.measure_names, motion.measures, strict=True))
    truth = dict(zip(MEASURE_NAMES, measure_body(BODY, np.zeros(10)), strict=True))
    assert measures["stature"] == pytest.approx(truth["stature"], abs=0.02)
