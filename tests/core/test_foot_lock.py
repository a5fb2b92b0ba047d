"""Feet that stand stay where they are, and legs change little for it."""

from __future__ import annotations

import numpy as np
import pytest

from core.body.model import load_body
from core.skeletons import JOINT_INDEX
from core.world.foot_lock import lock_feet
from core.world.kinematics import RestBody
from core.world.turns import rotvec_to_matrix
from tests.core.standing import RATE, contacts_of, pose, stand


@pytest.fixture(scope="module")
def rest():
    return RestBody.of(load_body(), np.zeros(10))


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


def test_foot_rolls_off_over_its_toe(rest):
    """The heel rises from row 45 on, the toe stays, while the whole body slides."""
    rotations, pelvis = stand(rest, 90)
    pitch = 0.6 * np.clip((np.arange(90) - 45) / 25, 0, 1)
    roll = rotvec_to_matrix(np.stack([pitch, 0 * pitch, 0 * pitch], 1))
    rotations[:, JOINT_INDEX["left_ankle"]] = rotations[:, JOINT_INDEX["left_ankle"]] @ roll
    toe = pose(rest, rotations, pelvis)[1][:, 1]
    pelvis = pelvis + toe[0] - toe + 0.02 * np.sin(np.arange(90) / 9)[:, None] * [1, 0, 0]
    contacts = contacts_of(90, np.array([1, 1, 0, 0, 0, 0, 0, 0, 0.0]))
    contacts[45:, 0] = 0
    locked = lock_feet(rotations, pelvis, rest, contacts, np.zeros((90, 4)), RATE)
    soles = pose(rest, *locked)[1]
    assert np.ptp(soles[:, 1], axis=0).max() < 0.006
    assert np.ptp(soles[:40, 0], axis=0).max() < 0.006
    assert soles[-1, 0, 2] - soles[0, 0, 2] > 0.05


def test_cut_between_two_stances_is_no_way_to_go(rest):
    rotations, pelvis = stand(rest, 60)
    pelvis[30:] += [1.5, 1.0, 0.0]
    pelvis[30:, 2] += 0.01
    locked = lock_feet(rotations, pelvis, rest, contacts_of(60), np.zeros((60, 4)), RATE)
    soles = pose(rest, *locked)[1]
    for rows in (slice(0, 30), slice(30, 60)):
        assert np.ptp(soles[rows, :, :2], axis=0).max() < 0.003
        assert np.ptp(soles[rows, :, 2], axis=0).max() < 0.006
