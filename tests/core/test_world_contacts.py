"""What touches and when, and the small parts that the ground is worked out with."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.body.model import load_body
from core.body.skinning import joints_from_pose
from core.errors import ReelrigError
from core.rotation import rotvec_to_matrix as torch_rotvec_to_matrix
from core.skeletons import JOINT_INDEX
from core.world.block_solver import solve_block_tridiagonal
from core.world.contacts import CONTACT_POINTS, find_contacts
from core.world.filters import find_runs
from core.world.kinematics import RestBody
from core.world.stances import find_stances
from core.world.turns import rotvec_to_matrix, swing_between, turn
from tests.core.standing import RATE, pose, stand


@pytest.fixture(scope="module")
def rest():
    return RestBody.of(load_body(), np.zeros(10))


@pytest.mark.parametrize("num_blocks", [1, 2, 3, 4, 7, 8])
def test_block_tridiagonal_is_solved_as_the_whole(num_blocks):
    rng = np.random.default_rng(0)
    diagonal = rng.normal(size=(num_blocks, 3, 3))
    diagonal = diagonal @ diagonal.transpose(0, 2, 1) + 9 * np.eye(3)
    upper, right = rng.normal(size=(num_blocks - 1, 3, 3)), rng.normal(size=(num_blocks, 3))
    whole = np.zeros((num_blocks, 3, num_blocks, 3))
    for i in range(num_blocks):
        whole[i, :, i] = diagonal[i]
    for i in range(num_blocks - 1):
        whole[i, :, i + 1], whole[i + 1, :, i] = upper[i], upper[i].T
    wanted = np.linalg.solve(whole.reshape(3 * num_blocks, -1), right.ravel())
    found = solve_block_tridiagonal(diagonal, upper, right)
    np.testing.assert_allclose(found.ravel(), wanted, atol=1e-12)


@pytest.mark.parametrize("angle", [0.0, 1e-9, 0.3, 3.1])
def test_turns_agree_with_torch(angle):
    rotvec = angle * np.array([[1.0, -2.0, 2.0]]) / 3
    expected = torch_rotvec_to_matrix(torch.from_numpy(rotvec)).numpy()
    np.testing.assert_allclose(rotvec_to_matrix(rotvec), expected, atol=1e-12)


def test_swing_turns_one_direction_into_the_other():
    rng = np.random.default_rng(1)
    source, target = rng.normal(size=(2, 5, 3))
    swung = turn(swing_between(source, target), source)
    lengths = np.linalg.norm(source, axis=1, keepdims=True)
    expected = target / np.linalg.norm(target, axis=1, keepdims=True) * lengths
    np.testing.assert_allclose(swung, expected, atol=1e-9)


def test_joints_agree_with_the_skin_s(rest):
    rng = np.random.default_rng(2)
    rotations = rotvec_to_matrix(0.5 * rng.normal(size=(3, 55, 3)))
    pelvis = rng.normal(size=(3, 3))
    joints, turns = rest.pose_joints(rotations, pelvis)
    wanted, wanted_turns = joints_from_pose(
        load_body(),
        np.zeros(10),
        torch.from_numpy(rotations),
        torch.from_numpy(pelvis - rest.joints[0]),
    )
    np.testing.assert_allclose(joints, wanted, atol=1e-5)
    np.testing.assert_allclose(turns, wanted_turns, atol=1e-5)


# Stances


def test_flicker_makes_one_stance_and_doubt_none():
    contacts = np.full((60, 4), 0.4)  # doubtful all the time
    contacts[10:50, 0] = 0.9
    contacts[[20, 21, 30], 0] = 0.1
    runs = find_stances(np.zeros((60, 4, 3)), contacts, RATE)
    assert [len(each) for each in runs] == [1, 0, 0, 0]
    first, end = runs[0][0]
    assert first <= 10
    assert end >= 50


def test_stance_ends_at_a_cut():
    soles = np.zeros((60, 4, 3))
    soles[30:] += [2.0, 0.0, 0.0]
    runs = find_stances(soles, np.ones((60, 4)), RATE)
    assert runs[0] == [(0, 30), (30, 60)]


def test_runs_are_found_at_the_ends():
    assert find_runs(np.array([True, False, True, True])) == [(0, 1), (2, 4)]


# Contacts


@pytest.mark.parametrize("rate", [15.0, 30.0, 59.94, 120.0])
def test_standing_feet_touch_at_any_rate(rest, rate):
    rotations, pelvis = stand(rest, int(3 * rate))
    joints, soles = pose(rest, rotations, pelvis + np.array([5.0, 7.0, 3.0]))
    found = find_contacts(joints, soles, np.ones((len(joints), 55)), rate)
    assert found.shape == (len(joints), len(CONTACT_POINTS))
    assert found[:, :4].max(1).min() > 0.6
    assert found[:, 4:8].max() < 0.4  # neither hands nor knees


def test_lifted_and_moving_foot_does_not_touch(rest):
    rotations, pelvis = stand(rest, 90)
    swing = 0.6 + 0.4 * np.sin(np.arange(90) / RATE * 2 * np.pi)
    lifted = rotvec_to_matrix(np.stack([-swing, 0 * swing, 0 * swing], 1))
    rotations[:, JOINT_INDEX["left_hip"]] = lifted
    rotations[:, JOINT_INDEX["left_knee"]] = rotvec_to_matrix(np.array([1.2, 0.0, 0.0]))
    found = find_contacts(*pose(rest, rotations, pelvis), np.ones((90, 55)), RATE)
    assert found[:, :2].mean() < 0.2
    assert found[:, 2:4].max(1).mean() > 0.6


def test_feet_out_of_sight_touch_nothing(rest):
    rotations, pelvis = stand(rest, 60)
    confidence = np.ones((60, 55))
    for side in ("left", "right"):
        confidence[:, [JOINT_INDEX[f"{side}_{name}"] for name in ("ankle", "foot", "knee")]] = 0.02
    found = find_contacts(*pose(rest, rotations, pelvis), confidence, RATE)
    assert found[:, :4].max() == 0


@pytest.mark.parametrize("num_rows", [1, 2, 3])
def test_contacts_of_a_few_rows(rest, num_rows):
    rotations, pelvis = stand(rest, num_rows)
    found = find_contacts(*pose(rest, rotations, pelvis), np.ones((num_rows, 55)), RATE)
    assert found.shape == (num_rows, 9)
    assert np.isfinite(found).all()


def test_contacts_say_which_shape_they_got(rest):
    rotations, pelvis = stand(rest, 4)
    joints, soles = pose(rest, rotations, pelvis)
    with pytest.raises(ReelrigError, match="`confidence` must have shape"):
        find_contacts(joints, soles, np.ones((4, 22)), RATE)
