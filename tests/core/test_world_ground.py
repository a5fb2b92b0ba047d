"""The way through space and the floor, of a body that stands, sways, jumps and is cut."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from core.body.model import load_body
from core.skeletons import JOINT_INDEX
from core.world.floor import find_floor
from core.world.kinematics import RestBody
from core.world.trajectory import fuse_trajectory
from core.world.turns import rotvec_to_matrix
from tests.core.standing import RATE, contacts_of, pose, stand, take_of


@pytest.fixture(scope="module")
def rest():
    return RestBody.of(load_body(), np.zeros(10))


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


@pytest.mark.parametrize(("feet", "is_pulled"), [(0.3, True), (0.01, False)])
def test_nobody_hovers_whose_feet_are_seen(rest, feet, is_pulled):
    """Two seconds without a contact, the camera's tilt makes a wandering depth a rise."""
    rotations, pelvis = stand(rest, 60)
    measured = pelvis + np.outer(0.8 * np.sin(np.pi * np.arange(60) / 59), [0, 0.7, 0.7])
    take = take_of(rest, rotations, measured, np.zeros((60, 9)), confidence=0.3)
    take.confidence[:, [JOINT_INDEX["left_ankle"], JOINT_INDEX["right_ankle"]]] = feet
    take = dataclasses.replace(take, camera=np.tile([0.0, -4.0, -3.1], (60, 1)))
    floor = find_floor(take.soles + pelvis[:, None], contacts_of(60), rest.clearance, RATE)
    free = fuse_trajectory(take)
    held = fuse_trajectory(take, floor, rest.clearance)
    assert np.ptp(free[:, 2]) > 0.4
    if is_pulled:
        assert np.ptp(held[:, 2]) < 0.6 * np.ptp(free[:, 2])
    else:
        np.testing.assert_allclose(held, free, atol=0.02)


def test_somebody_far_under_the_floor_is_on_other_ground(rest):
    rotations, pelvis = stand(rest, 60)
    take = take_of(rest, rotations, pelvis, np.zeros((60, 9)), confidence=0.3)
    heights = take.soles + pelvis[:, None] + [0.0, 0.0, 2.0]
    roof = find_floor(heights, contacts_of(60), rest.clearance, RATE)
    np.testing.assert_allclose(
        fuse_trajectory(take, roof, rest.clearance), fuse_trajectory(take), atol=1e-6
    )


def test_a_jump_of_a_moment_is_not_held_down(rest):
    rotations, pelvis = stand(rest, 60)
    contacts = contacts_of(60)
    contacts[20:40] = 0
    flight_s = (np.arange(20) + 0.5) / RATE
    pelvis[20:40, 2] += 0.5 * 9.81 * flight_s * (20 / RATE - flight_s)
    take = take_of(rest, rotations, pelvis, contacts)
    floor = find_floor(take.soles + pelvis[:, None], contacts, rest.clearance, RATE)
    off = fuse_trajectory(take, floor, rest.clearance) - pelvis
    assert np.abs(off[:, 2]).max() < 0.03


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
