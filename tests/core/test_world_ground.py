"""Contacts, trajectory, floor and foot lock, on a body that stands, sways, jumps and is cut."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.body.model import load_body
from core.body.skinning import joints_from_pose
from core.errors import ReelrigError
from core.frames import WORLD_FROM_BODY
from core.rotation import rotvec_to_matrix as torch_rotvec_to_matrix
from core.skeletons import JOINT_INDEX
from core.world.block_solver import solve_block_tridiagonal
from core.world.contacts import CONTACT_POINTS, find_contacts
from core.world.filters import find_runs
from core.world.floor import find_floor
from core.world.foot_lock import lock_feet
from core.world.kinematics import RestBody
from core.world.stances import find_stances
from core.world.trajectory import PosedTake, fuse_trajectory
from core.world.turns import rotvec_to_matrix, swing_between, turn

RATE = 30.0
SOLES_DOWN = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0.0])


@pytest.fixture(scope="module")
def body():
    return load_body()


@pytest.fixture(scope="module")
def rest(body):
    return RestBody.of(body, np.zeros(10))


def stand(rest: RestBody, num_rows: int, knee: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Rotations and pelvis of somebody who stands on z = 0 with bent knees."""
    rotations = np.broadcast_to(np.eye(3), (num_rows, 55, 3, 3)).copy()
    rotations[:, 0] = WORLD_FROM_BODY
    for side in ("left", "right"):
        for name, angle in (("hip", -0.5 * knee), ("knee", knee), ("ankle", -0.5 * knee)):
            bend = rotvec_to_matrix(np.array([angle, 0.0, 0.0]))
            rotations[:, JOINT_INDEX[f"{side}_{name}"]] = bend
    soles = pose(rest, rotations, np.zeros((num_rows, 3)))[1]
    height = (soles[0, :, 2] - rest.clearance).min()
    return rotations, np.tile([0.0, 0.0, -height], (num_rows, 1))


def pose(rest, rotations, pelvis):
    joints, turns = rest.pose_joints(rotations, pelvis)
    return joints, rest.pose_soles(joints, turns)


def contacts_of(num_rows: int, values: np.ndarray = SOLES_DOWN) -> np.ndarray:
    return np.tile(values, (num_rows, 1))


def take_of(rest, rotations, measured, contacts, rate=RATE, confidence=1.0) -> PosedTake:
    joints, soles = pose(rest, rotations, np.zeros_like(measured))
    camera = np.tile([0.0, -4.0, 1.0], (len(measured), 1))
    sure = np.full((len(measured), 55), confidence)
    return PosedTake(measured, camera, joints, soles, contacts, sure, rate)


# Small parts


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


def test_joints_agree_with_the_skin_s(body, rest):
    rng = np.random.default_rng(2)
    rotations = rotvec_to_matrix(0.5 * rng.normal(size=(3, 55, 3)))
    pelvis = rng.normal(size=(3, 3))
    joints, turns = rest.pose_joints(rotations, pelvis)
    wanted, wanted_turns = joints_from_pose(
        body, np.zeros(10), torch.from_numpy(rotations), torch.from_numpy(pelvis - rest.joints[0])
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


# Trajectory


def test_immobile_person_does_not_drift_in_twenty_seconds(rest):
    rotations, pelvis = stand(rest, 600)
    time_s = np.arange(600) / RATE
    measured = pelvis.copy()
    measured[:, 1] += 0.1 * np.sin(0.7 * time_s) + 0.05 * np.sin(2.1 * time_s)  # along the ray
    fused = fuse_trajectory(take_of(rest, rotations, measured, contacts_of(600)))
    assert np.linalg.norm(fused - fused.mean(0), axis=1).max() < 0.005


def test_what_is_measured_without_error_is_kept(rest):
    rotations, pelvis = stand(rest, 90)
    pelvis[:, 0] += 0.3 * np.sin(np.arange(90) / RATE * 5)  # sways across, touches nothing
    fused = fuse_trajectory(take_of(rest, rotations, pelvis, np.zeros((90, 9))))
    off = np.abs(fused - pelvis).max(0)
    assert (off < [0.002, 0.01, 0.002]).all()  # the depth is the least certain


def test_legs_carry_a_walk_on_where_depth_is_wrong(rest):
    """One foot stays, the pelvis goes over it: what the leg tells, not what the depth tells."""
    rotations, pelvis = stand(rest, 60)
    lean = np.linspace(-0.3, 0.3, 60)
    tilt = rotvec_to_matrix(np.stack([-lean, 0 * lean, 0 * lean], 1))
    rotations[:, 0] = tilt @ rotations[:, 0]
    _, soles = pose(rest, rotations, np.zeros((60, 3)))
    true = -soles[:, 1] + soles[0, 1] + pelvis[0]  # about the left toe
    measured = true + np.stack([0 * lean, 0.3 * lean, 0 * lean], 1)
    contacts = contacts_of(60, np.array([0, 1, 0, 0, 0, 0, 0, 0, 0.0]))
    fused = fuse_trajectory(take_of(rest, rotations, measured, contacts))
    off = fused - true
    assert np.ptp(off[:, 1]) < 0.25 * np.ptp((measured - true)[:, 1])


def test_jump_is_ballistic(rest):
    num_rows, first, end = 60, 20, 36
    rotations, pelvis = stand(rest, num_rows)
    flight_s = (np.arange(first, end) - first + 0.5) / RATE
    length_s = (end - first) / RATE
    true = pelvis.copy()
    true[first:end, 2] += 0.5 * 9.81 * flight_s * (length_s - flight_s)
    rng = np.random.default_rng(3)
    measured = true + 0.012 * rng.standard_normal(true.shape)
    contacts = contacts_of(num_rows)
    contacts[first:end] = 0
    fused = fuse_trajectory(take_of(rest, rotations, measured, contacts))
    inside = slice(first + 2, end - 2)
    fall = np.diff(fused[inside, 2], 2) * RATE**2
    assert np.abs(fall + 9.81).mean() < 1.5
    assert np.abs(fused - true)[inside].mean() < np.abs(measured - true)[inside].mean()


def test_cut_is_neither_smoothed_nor_bridged(rest):
    rotations, pelvis = stand(rest, 60)
    measured = pelvis.copy()
    measured[30:] += [1.5, 1.0, 0.0]
    fused = fuse_trajectory(take_of(rest, rotations, measured, contacts_of(60)))
    np.testing.assert_allclose(fused, measured, atol=0.01)


def test_one_wild_row_is_not_followed(rest):
    rotations, pelvis = stand(rest, 61)
    measured = pelvis.copy()
    measured[30] += [0.05, 0.2, 0.0]
    fused = fuse_trajectory(take_of(rest, rotations, measured, contacts_of(61)))
    assert np.linalg.norm(fused[30] - pelvis[30]) < 0.01


@pytest.mark.parametrize("num_rows", [1, 2, 3, 4, 3000])
@pytest.mark.parametrize("confidence", [0.0, 1.0])
def test_trajectory_of_any_length(rest, num_rows, confidence):
    rotations, pelvis = stand(rest, num_rows)
    take = take_of(rest, rotations, pelvis, contacts_of(num_rows), confidence=confidence)
    fused = fuse_trajectory(take)
    np.testing.assert_allclose(fused, pelvis, atol=1e-4)


def test_feet_come_to_the_floor(rest):
    rotations, pelvis = stand(rest, 90)
    measured = pelvis.copy()
    measured[:, 2] += 0.02 * np.sin(np.arange(90) / 8)
    take = take_of(rest, rotations, measured, contacts_of(90))
    floor = find_floor(pose(rest, rotations, pelvis)[1], take.contacts, rest.clearance, RATE)
    fused = fuse_trajectory(take, floor, rest.clearance)
    assert np.abs(fused[:, 2] - pelvis[:, 2]).max() < 0.006


# Floor


def stances_at(heights: list[float], rows_each: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Soles and contacts of steps taken in turn at these heights, walking along x."""
    num_rows = rows_each * len(heights)
    soles, contacts = np.zeros((num_rows, 4, 3)), np.zeros((num_rows, 9))
    for i, height in enumerate(heights):
        rows, foot = slice(i * rows_each, (i + 1) * rows_each), slice(2 * (i % 2), 2 * (i % 2) + 2)
        soles[rows] = [0.3 * i, 0.0, height + 0.3]
        soles[rows, foot, 2] = height
        contacts[rows, foot] = 0.95
    return soles, contacts


def test_floor_is_where_most_steps_are():
    rng = np.random.default_rng(4)
    soles, contacts = stances_at((0.5 + 0.01 * rng.standard_normal(10)).tolist())
    floor = find_floor(soles, contacts, np.zeros(4), RATE)
    assert floor.height == pytest.approx(0.5, abs=0.01)
    assert floor.is_seen
    assert floor.sigma < 0.02
    np.testing.assert_allclose(floor.support, floor.height)


def test_box_is_another_height():
    soles, contacts = stances_at([0.0, 0.0, 0.0, 0.4, 0.4, 0.0, 0.0, 0.0])
    floor = find_floor(soles, contacts, np.zeros(4), RATE)
    assert floor.height == pytest.approx(0, abs=0.01)
    assert floor.support[70, 2] == pytest.approx(0.4, abs=0.02)
    assert floor.support[50, 2] == pytest.approx(0, abs=0.02)  # on its way up, the lower of both


def test_tilted_axes_make_a_leaning_floor_and_no_steps():
    lean = np.radians(2)
    soles, contacts = stances_at((0.3 * np.arange(12) * np.tan(lean)).tolist())
    floor = find_floor(soles, contacts, np.zeros(4), RATE)
    np.testing.assert_allclose(floor.support, floor.height)
    assert np.degrees(np.arcsin(-floor.normal[0])) == pytest.approx(2, abs=0.6)


def test_floor_of_feet_never_shown_is_a_steady_guess():
    soles = np.random.default_rng(5).normal(0.2, 0.02, (50, 4, 3))
    floor = find_floor(soles, np.zeros((50, 9)), np.zeros(4), RATE)
    assert not floor.is_seen
    assert floor.sigma > 0.1
    np.testing.assert_allclose(floor.support, floor.height)
    assert 0.1 < floor.height < 0.3


# Foot lock


def swaying(rest: RestBody, num_rows: int = 90) -> tuple[np.ndarray, np.ndarray]:
    """Somebody who stands, made to slide to and fro by 2 cm and to float by 1 cm."""
    rotations, pelvis = stand(rest, num_rows)
    time_s = np.arange(num_rows) / RATE
    pelvis = pelvis + 0.02 * np.stack([np.sin(3 * time_s), np.cos(2 * time_s), 0.5 + 0 * time_s], 1)
    return rotations, pelvis


def test_planted_feet_stay_on_the_floor(rest):
    rotations, pelvis = swaying(rest)
    locked = lock_feet(rotations, pelvis, rest, contacts_of(90), np.zeros((90, 4)), RATE)
    before, after = pose(rest, rotations, pelvis)[1], pose(rest, *locked)[1]
    assert np.ptp(before[..., 0], axis=0).min() > 0.03
    assert np.ptp(after, axis=0).max() < 0.003
    assert np.abs(after[..., 2].min(1) - rest.clearance.min()).max() < 0.006


@pytest.mark.parametrize("choice", [{"strength": 0.0}, {"mode": "never"}])
def test_lock_that_is_off_gives_the_very_input(rest, choice):
    rotations, pelvis = swaying(rest)
    ground = np.zeros((90, 4))
    found = lock_feet(rotations, pelvis, rest, contacts_of(90), ground, RATE, **choice)
    np.testing.assert_array_equal(found[0], rotations)
    np.testing.assert_array_equal(found[1], pelvis)


def test_half_the_strength_takes_half_the_slide(rest):
    rotations, pelvis = swaying(rest)
    found = lock_feet(
        rotations, pelvis, rest, contacts_of(90), np.zeros((90, 4)), RATE, strength=0.5
    )
    before, after = pose(rest, rotations, pelvis)[1], pose(rest, *found)[1]
    ratio = np.ptp(after[..., 0], axis=0) / np.ptp(before[..., 0], axis=0)
    np.testing.assert_allclose(ratio, 0.5, atol=0.08)


def test_lock_of_what_is_locked_changes_nearly_nothing(rest):
    rotations, pelvis = swaying(rest)
    arguments = (rest, contacts_of(90), np.zeros((90, 4)), RATE)
    once = lock_feet(rotations, pelvis, *arguments)
    twice = lock_feet(*once, *arguments)
    moved = pose(rest, *twice)[0] - pose(rest, *once)[0]
    assert np.abs(moved).max() < 0.003


def test_swinging_leg_keeps_its_pose(rest):
    rotations, pelvis = swaying(rest)
    rotations[:, JOINT_INDEX["left_knee"]] = rotvec_to_matrix(np.array([1.5, 0.0, 0.0]))
    contacts = contacts_of(90, np.array([0, 0, 1, 1, 0, 0, 0, 0, 0.0]))
    found, _ = lock_feet(rotations, pelvis, rest, contacts, np.zeros((90, 4)), RATE)
    left = [JOINT_INDEX[f"left_{name}"] for name in ("hip", "knee", "ankle", "foot")]
    np.testing.assert_array_equal(found[:, left], rotations[:, left])
    assert not np.array_equal(found, rotations)


def test_unseen_feet_are_not_locked(rest):
    rotations, pelvis = swaying(rest)
    pelvis[:, 2] += 0.3
    found = lock_feet(rotations, pelvis, rest, np.zeros((90, 9)), np.zeros((90, 4)), RATE)
    np.testing.assert_array_equal(found[0], rotations)
    np.testing.assert_array_equal(found[1], pelvis)


def test_lock_fades_in_and_out_without_a_jerk(rest):
    rotations, pelvis = swaying(rest)
    contacts = contacts_of(90)
    contacts[:30], contacts[60:] = 0, 0
    locked = lock_feet(rotations, pelvis, rest, contacts, np.zeros((90, 4)), RATE)
    shift = pose(rest, *locked)[1] - pose(rest, rotations, pelvis)[1]
    assert np.abs(np.diff(shift, axis=0)).max() < 0.012  # m a row, of up to 4 cm
    assert np.abs(shift[:15, :, :2]).max() < 1e-9


@pytest.mark.parametrize("knee", [0.0, 0.03, 0.15])
def test_straight_knees_do_not_pop(rest, knee):
    """Feet a little under the floor in turn: the pelvis takes it, not the knees."""
    rotations, pelvis = stand(rest, 90, knee)
    pelvis[:, 2] += 0.006 * np.sin(np.arange(90) / 2.5)
    found, _ = lock_feet(rotations, pelvis, rest, contacts_of(90), np.zeros((90, 4)), RATE)
    turns = found[:, [JOINT_INDEX["left_knee"], JOINT_INDEX["right_knee"]]]
    bend = np.arctan2(turns[..., 2, 1] - turns[..., 1, 2], turns[..., 1, 1] + turns[..., 2, 2])
    assert np.abs(np.diff(bend, axis=0)).max() < np.radians(4)
    assert bend.min() > min(0.0, knee) - np.radians(1)  # never backward


def test_pelvis_sinks_where_a_leg_is_too_short(rest):
    rotations, pelvis = stand(rest, 60, knee=0.02)
    pelvis[:, 2] += 0.03
    locked = lock_feet(rotations, pelvis, rest, contacts_of(60), np.zeros((60, 4)), RATE)
    assert locked[1][30, 2] - pelvis[30, 2] < -0.02
    lowest = (pose(rest, *locked)[1][..., 2] - rest.clearance).min(1)
    assert np.abs(lowest[30]) < 0.006


def test_ground_mode_sets_heights_only(rest):
    rotations, pelvis = swaying(rest)
    ground = np.zeros((90, 4))
    found = lock_feet(rotations, pelvis, rest, contacts_of(90), ground, RATE, mode="ground")
    before, after = pose(rest, rotations, pelvis)[1], pose(rest, *found)[1]
    np.testing.assert_allclose(after[..., :2], before[..., :2], atol=0.004)
    assert (after[..., 2] - rest.clearance).min(1).max() < 0.004


def test_always_locks_a_standing_foot_that_no_contact_was_found_of(rest):
    rotations, pelvis = swaying(rest)
    found = lock_feet(
        rotations, pelvis, rest, np.zeros((90, 9)), np.zeros((90, 4)), RATE, mode="always"
    )
    assert np.ptp(pose(rest, *found)[1], axis=0).max() < 0.004


def test_lock_keeps_float32(rest):
    rotations, pelvis = swaying(rest)
    single = lock_feet(
        rotations.astype(np.float32), pelvis, rest, contacts_of(90), np.zeros((90, 4)), RATE
    )
    assert single[0].dtype == np.float32
    assert np.isfinite(single[0]).all()
