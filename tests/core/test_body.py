"""The body layer: shape, skin, joints, landmarks and measures of a body."""

import dataclasses

import numpy as np
import pytest
import torch

from core.body.measures import MEASURE_NAMES, measure_body, solve_betas
from core.body.model import FREE_BODY_PATH, load_body
from core.body.skinning import Skin, joints_from_pose
from core.body.surface import surface_point
from core.errors import ModelFileError, ShapeError
from core.rotation import rotvec_to_matrix
from core.skeletons import ARKIT_NAMES, JOINT_INDEX, PARENTS
from tests.core.smplx_reference import pose_with_smplx, random_pose

T = 3


@pytest.fixture(scope="module")
def body():
    return load_body()


@pytest.mark.parametrize(("seed", "pose_scale"), [(0, 0.0), (1, 0.3), (2, 1.0)])
def test_vertices_and_joints_agree_with_smplx(body, seed, pose_scale):
    betas, expression, rotvecs, trans = random_pose(seed, pose_scale)
    expected, expected_joints = pose_with_smplx(FREE_BODY_PATH, betas, expression, rotvecs, trans)
    vertices, joints = Skin(body).pose_vertices(betas, expression, rotvec_to_matrix(rotvecs), trans)
    np.testing.assert_allclose(vertices, expected, atol=1e-5)
    np.testing.assert_allclose(joints, expected_joints, atol=1e-5)


def test_correctives_are_all_that_the_file_holds(body):
    with np.load(FREE_BODY_PATH, allow_pickle=False) as file:
        expected = file["posedirs"]
    found = np.zeros_like(expected).reshape(-1, 3, 54, 9)
    for corrective in body.pose_correctives:
        assert corrective.dirs.any((1, 2)).all()  # none is kept for nothing
        found[corrective.vertices, :, corrective.joint - 1] = corrective.dirs
    np.testing.assert_array_equal(found.reshape(expected.shape), expected)


def test_joints_alone_are_the_joints_of_the_skin(body):
    betas, _, rotvecs, trans = random_pose(3, 0.5)
    rotations = rotvec_to_matrix(rotvecs)
    _, with_skin = Skin(body).pose_vertices(betas, torch.zeros(T, 10), rotations, trans)
    joints, _ = joints_from_pose(body, betas.numpy(), rotations, trans)
    np.testing.assert_allclose(joints, with_skin, atol=1e-6)


def test_forward_kinematics_agrees_with_a_plain_walk_down_the_tree(body):
    betas, _, rotvecs, trans = random_pose(4, 1.0)
    rotations = rotvec_to_matrix(rotvecs)
    joints, turns = joints_from_pose(body, betas.numpy(), rotations, trans)
    rest = body.rest_joints(betas.numpy())
    for i_joint, parent in enumerate(PARENTS):
        if parent < 0:
            expected_turn, expected = rotations[:, 0], rest[0] + trans.numpy()
        else:
            expected_turn = turns[:, parent] @ rotations[:, i_joint]
            expected = joints[:, parent] + turns[:, parent] @ (rest[i_joint] - rest[parent])
        np.testing.assert_allclose(turns[:, i_joint], expected_turn, atol=1e-5)
        np.testing.assert_allclose(joints[:, i_joint], expected, atol=1e-5)


def test_the_rest_pose_has_the_axes_the_code_assumes(body):
    joints = body.template_joints
    assert joints[JOINT_INDEX["left_shoulder"], 0] > 0.1  # x to the person's left
    assert joints[JOINT_INDEX["head"], 1] > joints[JOINT_INDEX["left_foot"], 1] + 1.2  # y up
    nose, ear = surface_point(body, "nose", np.zeros(10)), surface_point(body, "left_ear", [0.0])
    assert nose[2] > ear[2] + 0.05  # z forward


@pytest.mark.parametrize("value", [-1.5, -0.5, 0.0, 0.25, 1.0])
def test_a_slider_has_a_shape_for_either_side(body, value):
    sliders = np.zeros(len(body.slider_names))
    i_slider = body.slider_names.index("weight")
    sliders[i_slider] = value
    betas = random_pose(5, 0.0)[0].numpy()
    shape = body.slider_dirs[:, :, i_slider, 0 if value > 0 else 1]
    expected = body.rest_vertices(betas) + abs(value) * shape
    found = body.rest_vertices(betas, sliders)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    joints = body.rest_joints(betas, sliders)
    np.testing.assert_allclose(joints, body.joint_regressor @ found, atol=1e-5)


def test_sliders_that_the_body_has_not_are_refused(body):
    with pytest.raises(ShapeError, match=r"`sliders` must have shape \(S\), S=\d+, got \(30,\)"):
        body.rest_vertices(np.zeros(10), np.zeros(30))


def test_landmarks_follow_the_posed_body(body):
    betas, expression, rotvecs, trans = random_pose(6, 0.3)
    posed = Skin(body).pose_vertices(betas, expression, rotvec_to_matrix(rotvecs), trans)
    vertices, joints = (points.numpy() for points in posed)
    points = body.landmark_points(vertices, joints)
    assert points.shape == (T, 553, 3)
    table = body.landmarks
    for i_landmark in (0, 11, 25, 40, 60, 75, 300, 552):
        if table.faces[i_landmark] >= 0:
            corners = vertices[:, body.faces[table.faces[i_landmark]]]
            expected = table.barycentric[i_landmark] @ corners
        else:
            expected = table.joint_weights[i_landmark] @ joints
        np.testing.assert_allclose(points[:, i_landmark], expected, atol=1e-5)
    at_rest = body.landmark_points(body.template, body.template_joints)
    np.testing.assert_allclose(at_rest[75:], body.face_points(), atol=1e-6)


def test_betas_are_recovered_from_measures(body):
    for seed in range(5):
        truth = np.random.default_rng(seed).normal(size=10)
        wanted = measure_body(body, truth)
        found = measure_body(body, solve_betas(body, MEASURE_NAMES, wanted))
        # The prior pulls odd bodies toward the mean, by about the trust in a measure.
        np.testing.assert_allclose(found, wanted, atol=0.02)


def test_few_measures_give_an_ordinary_body(body):
    betas = solve_betas(body, ("thigh", "unheard_of"), np.array([0.42, 99.0]))
    assert np.abs(betas).max() < 2.0
    measures = dict(zip(MEASURE_NAMES, measure_body(body, betas), strict=True))
    assert measures["thigh"] == pytest.approx(0.42, abs=0.012)


def test_the_first_beta_makes_a_taller_body(body):
    assert measure_body(body, np.eye(10)[0])[0] > measure_body(body, np.zeros(10))[0] + 0.05


def test_expression_from_arkit_is_the_closest_one(body):
    units = body.arkit_dirs.reshape(-1, 52)
    basis = body.expression_dirs.reshape(-1, 10)
    i_smile = ARKIT_NAMES.index("mouthSmileLeft")
    expected, *_ = np.linalg.lstsq(basis, units[:, i_smile], rcond=None)
    np.testing.assert_allclose(body.expression_from_arkit[:, i_smile], expected, atol=1e-3)
    assert not body.expression_from_arkit[:, ARKIT_NAMES.index("jawOpen")].any()


def test_a_body_without_landmarks_says_so(body):
    bare = dataclasses.replace(body, landmarks=None)
    with pytest.raises(ModelFileError, match="has no MediaPipe landmarks"):
        bare.face_points()
