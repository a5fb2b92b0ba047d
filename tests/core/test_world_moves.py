"""The ground under those who climb, run, jump, sit, lie and go on all fours."""

from __future__ import annotations

import numpy as np
import pytest

from core.frames import WORLD_FROM_BODY
from core.motion import Motion
from core.skeletons import JOINT_INDEX
from core.world.contacts import find_contacts
from core.world.kinematics import RestBody
from core.world.resolve import resolve
from core.world.solve import WorldSettings
from core.world.turns import rotvec_to_matrix
from tests.core.filmed import BETAS, BODY, RATE, film
from tests.core.walking import Walk, take_steps

REST = RestBody.of(BODY, BETAS)
STAIRS = [0.0, 0.0, 0.0, 0.17, 0.34, 0.51, 0.68, 0.68, 0.51, 0.34, 0.17, 0.0, 0.0, 0.0]


def soles(rotations: np.ndarray, pelvis: np.ndarray) -> np.ndarray:
    """[T, 4, 3] m, less the points' own height over the ground."""
    points = REST.pose_soles(*REST.pose_joints(rotations, pelvis))
    points[..., 2] -= REST.clearance
    return points


def solve_seen(rotations: np.ndarray, pelvis: np.ndarray, rate: float = RATE) -> Motion:
    """The take solved with what the contact network tells, its depth seen 2 % wrong, wavering."""
    joints, turns = REST.pose_joints(rotations, pelvis)
    points = REST.pose_soles(joints, turns)
    contacts = find_contacts(joints, points, np.ones((len(joints), 55)), rate)
    motion = film(rotations, pelvis + np.array([0.0, 3.0, 0.0]), contacts, rate=rate)
    assert motion.measured is not None
    wave = np.sin(1.7 * np.arange(len(pelvis)) / rate)
    motion.measured.pelvis[:] *= 1 + 0.02 * wave[:, None]
    return resolve(motion, WorldSettings(), BODY)


def solved_pose(motion: Motion) -> tuple[np.ndarray, np.ndarray]:
    assert motion.joints_world is not None
    return rotvec_to_matrix(motion.rotvecs.astype(float)), motion.joints_world[:, 0].astype(float)


def float_of(motion: Motion, walk: Walk) -> np.ndarray:
    """[N] m, how far standing sole points are over the true ground."""
    height = soles(*solved_pose(motion))[..., 2] - np.repeat(walk.ground, 2, 1)
    return height[np.repeat(walk.is_standing, 2, 1)]


def skate_of(motion: Motion, walk: Walk, rate: float) -> float:
    """m a second that standing sole points move across the ground, in the mean."""
    stands = np.repeat(walk.is_standing, 2, 1)
    steps = np.linalg.norm(np.diff(soles(*solved_pose(motion))[..., :2], axis=0), axis=-1)
    return float(steps[stands[1:] & stands[:-1]].mean() * rate)


@pytest.mark.parametrize("rate", [15.0, 30.0, 60.0, 120.0])
def test_walk_is_the_same_at_any_rate(rate):
    walk = take_steps(REST, np.stack([0.6 * np.arange(10), np.zeros(10)], 1), rate, 0.55)
    motion = solve_seen(walk.rotations, walk.pelvis, rate)
    assert np.abs(np.median(float_of(motion, walk))) < 0.005
    assert np.abs(float_of(motion, walk)).mean() < 0.015
    assert skate_of(motion, walk, rate) < 0.08


@pytest.mark.parametrize("rate", [15.0, 30.0, 60.0, 120.0])
def test_run_has_a_floor_at_any_rate(rate):
    places = np.stack([0.9 * np.arange(12), np.zeros(12)], 1)
    walk = take_steps(REST, places, rate, 0.34, stance_share=0.7, reach=0.88)
    motion = solve_seen(walk.rotations, walk.pelvis, rate)
    assert np.abs(np.median(float_of(motion, walk))) < 0.01
    bends = [
        np.trace(turns[:, [JOINT_INDEX["left_knee"], JOINT_INDEX["right_knee"]]], axis1=2, axis2=3)
        for turns in (solved_pose(motion)[0], walk.rotations)
    ]
    angles = [np.arccos(np.clip((trace - 1) / 2, -1, 1)) for trace in bends]
    assert np.degrees(np.abs(angles[0] - angles[1]).max()) < 30  # no leg folds


def test_stairs_are_other_heights():
    places = np.stack([0.3 * np.arange(len(STAIRS)), STAIRS], 1)
    walk = take_steps(REST, places, 30.0, 0.6)
    motion = solve_seen(walk.rotations, walk.pelvis, 30.0)
    off = float_of(motion, walk)
    assert np.abs(np.median(off)) < 0.01
    assert np.quantile(np.abs(off), 0.9) < 0.03
    assert skate_of(motion, walk, 30.0) < 0.06


def test_jump_off_a_box_falls_and_lands_on_the_floor():
    walk = take_steps(REST, np.zeros((4, 2)), 30.0)
    pelvis = np.tile(walk.pelvis[:1], (90, 1))
    rotations = np.tile(walk.rotations[:1], (90, 1, 1, 1))
    time_s = np.clip((np.arange(90) - 40) / 30.0, 0, None)
    height = np.maximum(0.5 + 0.8 * time_s - 0.5 * 9.81 * time_s**2, 0.0)
    is_landed = (np.arange(90) > 45) & (height == 0)
    pelvis[:, 2] += np.where(is_landed, 0.0, height)
    pelvis[:, 1] -= 0.8 * np.minimum(time_s, time_s[is_landed][0])
    motion = solve_seen(rotations, pelvis, 30.0)
    lowest = soles(*solved_pose(motion))[..., 2].min(1)
    assert np.abs(lowest[60:]).max() < 0.015
    np.testing.assert_allclose(lowest[:38], 0.5, atol=0.05)
    fall = np.diff(solved_pose(motion)[1][42:52, 2], 2) * 30.0**2
    assert fall.mean() == pytest.approx(-9.81, abs=1.5)


def test_sitting_down_keeps_the_feet_on_the_floor_and_the_seat_above_it():
    share = np.clip((np.arange(120) - 30) / 45, 0, 1)
    share = share * share * (3 - 2 * share)
    rotvecs = np.zeros((120, 55, 3))
    for side in ("left", "right"):
        rotvecs[:, JOINT_INDEX[f"{side}_hip"], 0] = -0.1 - 1.35 * share
        rotvecs[:, JOINT_INDEX[f"{side}_knee"], 0] = 0.2 + 1.35 * share
        rotvecs[:, JOINT_INDEX[f"{side}_ankle"], 0] = -0.1
    rotations = rotvec_to_matrix(rotvecs)
    rotations[:, 0] = WORLD_FROM_BODY
    points = soles(rotations, np.zeros((120, 3)))
    pelvis = points[0].mean(0) - points.mean(1)  # the feet stay
    pelvis[:, 2] -= soles(rotations, pelvis)[..., 2].min()
    motion = solve_seen(rotations, pelvis, 30.0)
    found = soles(*solved_pose(motion))
    assert np.abs(found[..., 2]).max() < 0.02
    assert np.ptp(found[..., :2], axis=0).max() < 0.03
    np.testing.assert_allclose(solved_pose(motion)[1][-1, 2], pelvis[-1, 2], atol=0.03)


def lying() -> tuple[np.ndarray, float]:
    """On the back; rotation of the pelvis and its height."""
    return rotvec_to_matrix(np.array([-np.pi / 2, 0.0, 0.0])) @ WORLD_FROM_BODY, 0.13


def test_somebody_who_lies_is_on_the_floor():
    turn, height = lying()
    rotations = np.tile(np.eye(3), (90, 55, 1, 1))
    rotations[:, 0] = turn
    rotations[:, JOINT_INDEX["left_shoulder"]] = rotvec_to_matrix(np.array([0.0, 0.0, -1.2]))
    motion = solve_seen(rotations, np.tile([0.0, 0.0, height], (90, 1)), 30.0)
    assert solved_pose(motion)[1][:, 2].mean() == pytest.approx(height, abs=0.04)


def on_all_fours(lean: float) -> tuple[np.ndarray, np.ndarray]:
    """Rotations [55, 3, 3], the trunk pitched forward by ``lean`` rad, thighs and arms upright.

    And the heights [9] of what touches (CONTACT_POINTS) about the pelvis.
    """
    rotvecs = np.zeros((55, 3))
    for side, sign in (("left", 1), ("right", -1)):
        rotvecs[JOINT_INDEX[f"{side}_hip"], 0] = -lean
        rotvecs[JOINT_INDEX[f"{side}_knee"], 0] = np.pi / 2
        rotvecs[JOINT_INDEX[f"{side}_ankle"], 0] = 1.2  # the soles look up
        rotvecs[JOINT_INDEX[f"{side}_shoulder"], 1] = -sign * lean
    rotations = rotvec_to_matrix(rotvecs)
    rotations[0] = rotvec_to_matrix(np.array([lean, 0.0, 0.0])) @ WORLD_FROM_BODY
    joints, turns = REST.pose_joints(rotations[None], np.zeros((1, 3)))
    others = [
        JOINT_INDEX[f"{side}_{name}"] for name in ("middle1", "knee") for side in ("left", "right")
    ]
    points = [*REST.pose_soles(joints, turns)[0], *joints[0, others], np.zeros(3)]
    return rotations, np.array(points)[:, 2] - REST.touch_clearance


def test_hands_and_knees_tell_of_the_floor_where_no_foot_does():
    leans = np.linspace(0.8, 1.8, 200)
    uneven = [np.ptp(on_all_fours(lean)[1][[4, 6]]) for lean in leans]
    rotations, bottom = on_all_fours(leans[np.argmin(uneven)])
    height = -float(bottom[6])
    contacts = np.tile([0.0] * 4 + [1.0] * 4 + [0.0], (90, 1))
    pelvis = np.tile([0.0, 0.0, height], (90, 1))
    motion = film(np.tile(rotations, (90, 1, 1, 1)), pelvis, contacts)
    found = resolve(motion, WorldSettings(), BODY)
    assert "guess" not in found.world_json
    assert solved_pose(found)[1][:, 2].mean() == pytest.approx(height, abs=0.01)
