"""The body's network: what it is told, what it can say, and how a take becomes windows."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from core.body.measures import measure_body
from core.body.skinning import joints_from_pose
from core.lift.rest import reference_body
from core.lift.sts.body_network import BodyNetwork, BodyNetworkConfig
from core.lift.sts.d2s import D2SCamera
from core.lift.sts.lifter import StsLifter
from core.lift.sts.network_file import load_network, save_network
from core.lift.sts.observation import observe, picture_features, view_of
from core.lift.sts.points import POINT_NAMES, bones_of, place_points
from core.lift.sts.temporal import TemporalEncoder
from core.lift.sts.windows import WINDOW_ROWS, join_rows, split_rows, stack_rows
from core.rotation import rotvec_to_matrix, six_to_matrix
from core.skeletons import JOINT_INDEX, LANDMARK_PARTS
from tests.core.synthetic import FOCAL_PX, landmarks_of, rotations_from

T = 6
SMALL = BodyNetworkConfig(
    width=32, num_layers=1, num_second_layers=1, num_heads=2, widening=2, bilinear_rank=8
)
POSE = {
    "left_shoulder": (0.3, -0.2, -1.1),
    "right_elbow": (0.0, 1.3, 0.0),
    "left_knee": (0.9, 0.0, 0.0),
    "head": (0.2, 0.5, 0.0),
}


@pytest.fixture
def landmarks():
    return landmarks_of(rotations_from(T, **POSE))


@pytest.fixture
def network():
    torch.manual_seed(0)
    return BodyNetwork(SMALL).eval()


def test_six_to_matrix_keeps_what_is_a_rotation():
    matrices = torch.from_numpy(Rotation.random(20, random_state=1).as_matrix())
    six = torch.cat([matrices[..., 0], matrices[..., 1]], -1)
    np.testing.assert_allclose(six_to_matrix(six), matrices, atol=1e-12)


def test_six_to_matrix_makes_rotations_of_anything():
    matrices = six_to_matrix(torch.randn(50, 6, generator=torch.Generator().manual_seed(2)))
    np.testing.assert_allclose(
        matrices @ matrices.mT, np.eye(3).repeat(50).reshape(3, 3, 50).T, atol=1e-5
    )
    np.testing.assert_allclose(torch.linalg.det(matrices), np.ones(50), atol=1e-5)


def test_d2s_is_a_pinhole_for_a_body_in_the_middle():
    points = torch.randn(1, 9, 3, generator=torch.Generator().manual_seed(3)) * 0.4
    root, focal = torch.tensor([[0.2, -0.3, 2.5]]), 1.4
    camera = D2SCamera(focal / root[:, 2], focal * root[:, :2] / root[:, 2], root[:, 2])
    places = points + root[:, None]
    np.testing.assert_allclose(
        camera.project(points), focal * places[..., :2] / places[..., 2:], atol=1e-5
    )


def test_d2s_far_away_is_weak_perspective():
    points = torch.randn(1, 9, 3, generator=torch.Generator().manual_seed(4))
    camera = D2SCamera(torch.tensor([1.3]), torch.tensor([[0.1, -0.2]]), torch.tensor([1e6]))
    flat = 1.3 * points[..., :2] + torch.tensor([0.1, -0.2])
    np.testing.assert_allclose(camera.project(points), flat, atol=1e-4)


def test_a_person_looks_the_same_wherever_the_camera_points(landmarks):
    """A turned camera changes the place in the picture, hardly what is told of the body."""
    turn = Rotation.from_euler("xy", [7, -12], degrees=True).as_matrix()
    size = np.array(landmarks.image_size)
    rays = np.concatenate(
        [(landmarks.points_px - size / 2) / FOCAL_PX, np.ones((*landmarks.points_px.shape[:2], 1))],
        -1,
    )
    turned = rays @ turn.T
    points_px = turned[..., :2] / turned[..., 2:] * FOCAL_PX + size / 2
    other = dataclasses.replace(landmarks, points_px=np.float32(points_px))
    pictures = []
    for each in (landmarks, other):
        observation = observe(each, FOCAL_PX)
        pictures.append(view_of(observation).to_picture(observation.slopes))
    # Not exactly: the middle is that of slopes, and a turn about the line of sight remains.
    assert (pictures[0] - pictures[1]).abs().max() < 0.1
    moved = np.abs(points_px - landmarks.points_px)[:, :33].mean()
    assert moved > 100


def test_the_picture_does_not_change_with_its_resolution(landmarks):
    double = dataclasses.replace(
        landmarks,
        points_px=2 * landmarks.points_px,
        image_size=(2 * landmarks.image_size[0], 2 * landmarks.image_size[1]),
    )
    features = []
    for each, focal_px in ((landmarks, FOCAL_PX), (double, 2 * FOCAL_PX)):
        observation = observe(each, focal_px)
        features.append(picture_features(observation, view_of(observation)))
    np.testing.assert_allclose(features[0], features[1], atol=1e-4)


def test_place_points_agrees_with_forward_kinematics():
    rotations = rotations_from(1, **POSE)
    rotations[:, 0] = rotvec_to_matrix(torch.tensor([[0.3, 2.0, -0.2]]))
    body = reference_body()
    joints, turns = joints_from_pose(body, np.zeros(10), rotations, torch.zeros(1, 3))
    bones = bones_of(torch.from_numpy(np.float32(np.log(measure_body(body, np.zeros(10))))))
    points = place_points(turns[:, None, :22], bones[None])[0, 0]
    rows = [i for i, name in enumerate(POINT_NAMES) if name in JOINT_INDEX]
    expected = joints[0, [JOINT_INDEX[POINT_NAMES[i]] for i in rows]] - joints[0, 0]
    np.testing.assert_allclose(points[rows], expected, atol=1e-4)


def test_longer_measures_make_longer_bones():
    measures = torch.from_numpy(np.float32(np.log(measure_body(reference_body(), np.zeros(10)))))
    bones = [bones_of(each).norm(dim=-1) for each in (measures, measures + np.log(1.2))]
    np.testing.assert_allclose(bones[1], 1.2 * bones[0], rtol=1e-5)


@pytest.mark.parametrize("num_rows", [1, 2, 31, 32, 33, 75, 300])
@pytest.mark.parametrize("rate", [6.0, 29.97, 60.0, 240.0])
def test_windows_cover_every_row_and_join_to_what_they_were(num_rows, rate):
    windows = split_rows(num_rows, rate)
    assert all(0 < len(rows) <= WINDOW_ROWS for rows in windows)
    assert all(len(rows.diff().unique()) <= 1 for rows in windows)
    values = torch.arange(num_rows, dtype=torch.float32)[:, None] * torch.tensor([1.0, -2.0])
    stacked = [rows for stack in stack_rows(windows) for rows in stack]
    assert all(torch.equal(a, b) for a, b in zip(stacked, windows, strict=True))
    joined = join_rows([values[rows] for rows in windows], windows, num_rows)
    np.testing.assert_allclose(joined, values, rtol=1e-5)


def test_attention_knows_only_differences_of_time():
    torch.manual_seed(5)
    encoder = TemporalEncoder(16, 2, 2, 2).eval()
    rows, time_s = torch.randn(1, 7, 16), torch.linspace(0, 1, 7)[None]
    with torch.no_grad():
        np.testing.assert_allclose(encoder(rows, time_s), encoder(rows, time_s + 50), atol=1e-3)
        assert (encoder(rows, time_s) - encoder(rows, 3 * time_s)).abs().max() > 1e-3


def test_network_answers_one_row_and_rows_in_which_nothing_is_seen(landmarks, network):
    nothing = dataclasses.replace(
        landmarks,
        points_px=np.zeros_like(landmarks.points_px),
        hints=np.zeros_like(landmarks.hints),
        confidence=np.zeros_like(landmarks.confidence),
    )
    for each in (landmarks.at_rows(slice(0, 1)), nothing):
        estimate = network(observe(each, FOCAL_PX))
        for values in (estimate.rotations, estimate.sigma, estimate.up, estimate.log_measures):
            assert torch.isfinite(values).all()


def test_an_unseen_landmark_does_not_matter(landmarks, network):
    hidden = LANDMARK_PARTS["body"].stop - 1
    answers = []
    for place in (0.0, 300.0):
        points_px, hints = landmarks.points_px.copy(), landmarks.hints.copy()
        confidence = landmarks.confidence.copy()
        points_px[:, hidden], hints[:, hidden], confidence[:, hidden] = place, place, 0.0
        each = dataclasses.replace(
            landmarks, points_px=points_px, hints=hints, confidence=confidence
        )
        answers.append(network(observe(each, FOCAL_PX)).rotations.detach())
    np.testing.assert_allclose(answers[0], answers[1], atol=1e-5)


def test_a_saved_network_says_the_same(landmarks, network, tmp_path):
    save_network(network, tmp_path / "body.safetensors", {"commit": "abc"})
    again = load_network(tmp_path / "body.safetensors")
    observation = observe(landmarks, FOCAL_PX)
    np.testing.assert_allclose(
        again(observation).rotations.detach(), network(observation).rotations.detach(), atol=0.02
    )


def test_lifter_fills_every_row(landmarks, network):
    motion = StsLifter(network).lift(landmarks, 30.0, FOCAL_PX)
    assert motion.rotations.shape == (T, 55, 3, 3)
    eye = torch.eye(3).expand(T, 55, 3, 3)
    np.testing.assert_allclose(motion.rotations @ motion.rotations.mT, eye, atol=1e-4)
    assert 0 <= motion.confidence.min() <= motion.confidence.max() <= 1
