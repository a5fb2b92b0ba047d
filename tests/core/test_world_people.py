"""People of one shot share one world: one origin, one floor, and their places in it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from core.motion import Motion, read_motion, write_motion
from core.world.kinematics import RestBody
from core.world.resolve import resolve
from core.world.shot_ground import Actor, share_ground
from core.world.solve import WorldSettings
from core.world.turns import rotvec_to_matrix
from tests.core.filmed import (
    BODY,
    FOCAL_PX,
    RATE,
    STATURE_M,
    UP_CAMERA,
    film,
    stand,
)

T = 50
NEAR, FAR = (0.3, 0.4), (-0.8, 2.5)
FEET = np.array([1.0] * 4 + [0.0] * 5)
SETTINGS = WorldSettings()
OTHERWISE = np.array([0.05, 0.0, 0.08])


def standing(place: tuple[float, float], rise: float | np.ndarray = 0.0, **changes) -> Motion:
    """Somebody who stands ``rise`` m over the floor, [T] where that changes, in the air then."""
    rotations, pelvis = stand(T, place)
    pelvis[:, 2] += rise
    contacts = np.tile(FEET, (T, 1))
    if isinstance(rise, np.ndarray):
        contacts[rise > 0] = 0
    return film(rotations, pelvis, contacts, **changes)


def together(*takes: Motion, height_m: float | None = None) -> list[Motion]:
    """The takes, told of each other."""
    actors = []
    for take in takes:
        assert take.measured is not None
        actors.append(Actor(take.measured, take.confidence, RATE, height_m))
    shared = share_ground(actors, BODY)
    return [dataclasses.replace(t, measured=m) for t, m in zip(takes, shared, strict=True)]


def soles_of(motion: Motion) -> np.ndarray:
    """[T] m, the lowest sole point over the floor."""
    rest = RestBody.of(BODY, motion.betas)
    assert motion.joints_world is not None
    turns = rotvec_to_matrix(motion.rotvecs.astype(float))
    soles = rest.pose_soles(*rest.pose_joints(turns, motion.joints_world[:, 0]))
    return (soles[..., 2] - rest.clearance).min(1)


def way_between(first: Motion, second: Motion) -> np.ndarray:
    assert first.joints_world is not None
    assert second.joints_world is not None
    return second.joints_world[:, 0] - first.joints_world[:, 0]


def test_two_people_stand_on_one_floor_at_their_places():
    near, far = (resolve(t, SETTINGS, BODY) for t in together(standing(NEAR), standing(FAR)))
    assert np.abs(near.joints_world[0, 0, :2]).max() < 0.01  # the origin is where the first starts
    expected = np.append(np.subtract(FAR, NEAR), 0.0)
    np.testing.assert_allclose(way_between(near, far), np.tile(expected, (T, 1)), atol=0.02)
    for motion in (near, far):
        assert np.abs(soles_of(motion)).max() < 0.006


@pytest.mark.parametrize(
    "settings",
    [
        WorldSettings(up_camera=tuple(UP_CAMERA + OTHERWISE)),
        WorldSettings(focal_px=1.4 * FOCAL_PX),
        WorldSettings(foot_lock="never"),
    ],
)
def test_each_solved_anew_alone_they_stay_together(settings):
    near, far = (resolve(t, settings, BODY) for t in together(standing(NEAR), standing(FAR)))
    np.testing.assert_allclose(near.camera_from_world, far.camera_from_world, atol=1e-6)
    again = resolve(resolve(near, SETTINGS, BODY), settings, BODY)
    np.testing.assert_allclose(again.joints_world, near.joints_world, atol=1e-6)


def test_a_jump_leaves_the_floor_and_the_other_there():
    flight_s = np.clip(np.arange(T) - 20, 0, 12) / RATE
    jump = 0.5 * 9.81 * flight_s * (12 / RATE - flight_s)
    takes = together(standing(NEAR), standing(FAR, jump))
    near, far = (resolve(take, SETTINGS, BODY) for take in takes)
    assert np.abs(soles_of(near)).max() < 0.006
    assert np.abs(soles_of(far)[:20]).max() < 0.01
    assert soles_of(far).max() == pytest.approx(jump.max(), abs=0.03)


@pytest.mark.parametrize("order", [1, -1])
def test_a_box_is_another_height_and_no_other_floor(order):
    takes = together(*[standing(NEAR), standing(FAR, 0.5)][::order])
    floor, box = [resolve(take, SETTINGS, BODY) for take in takes][::order]
    assert np.abs(soles_of(floor)).max() < 0.01
    np.testing.assert_allclose(soles_of(box), 0.5, atol=0.02)
    assert box.measures[0] == pytest.approx(STATURE_M)


def test_somebody_whose_feet_are_out_of_sight_shares_the_floor():
    hidden = standing(FAR)
    assert hidden.measured is not None
    hidden.measured.contacts[:] = 0
    near, far = (resolve(take, SETTINGS, BODY) for take in together(standing(NEAR), hidden))
    np.testing.assert_allclose(near.camera_from_world, far.camera_from_world, atol=1e-6)
    assert np.abs(soles_of(far)).max() < 0.03


def test_adults_of_nearly_one_size_share_the_difference():
    takes = together(standing(NEAR), standing(FAR, taken_for=1.08))
    near, far = (resolve(take, SETTINGS, BODY) for take in takes)
    assert np.abs(soles_of(near)).max() < 0.015
    assert np.abs(soles_of(far)).max() < 0.015
    assert far.measures[0] / near.measures[0] == pytest.approx(1.0, abs=0.05)


def test_a_child_taken_for_a_small_adult_stands_on_the_floor():
    """The camera sees somebody of 1.27 m and takes them for a person of 1.6 m."""
    rotations, pelvis = stand(T, FAR)
    child = 0.75
    pelvis *= [1.0, 1.0, child]  # as if the body were so much smaller
    take = film(rotations, pelvis, np.tile(FEET, (T, 1)), taken_for=1 / child)
    assert take.measured is not None
    measures = take.measured.measures * child * 0.93  # the body that is fitted to it
    take = dataclasses.replace(take, measured=dataclasses.replace(take.measured, measures=measures))
    near, far = (resolve(each, SETTINGS, BODY) for each in together(standing(NEAR), take))
    assert np.abs(soles_of(near)).max() < 0.02
    assert np.abs(soles_of(far)).max() < 0.05
    assert far.measures[0] < 0.8 * STATURE_M
    expected = np.append(np.subtract(FAR, NEAR), 0.0)
    assert np.linalg.norm(way_between(near, far)[0, :2] - expected[:2]) < 0.3


def test_the_told_height_of_all_keeps_them_together():
    takes = together(standing(NEAR), standing(FAR, taken_for=1.1), height_m=1.7)
    settings = WorldSettings(height_m=1.7)
    near, far = (resolve(take, settings, BODY) for take in takes)
    np.testing.assert_allclose(near.camera_from_world, far.camera_from_world, atol=1e-5)
    assert near.measures[0] == pytest.approx(far.measures[0], abs=0.01)
    for motion in (near, far):
        assert np.abs(soles_of(motion)).max() < 0.015


def test_one_alone_is_as_measured():
    take = standing(NEAR)
    (alone,) = together(take)
    assert alone.measured is take.measured


def test_what_is_shared_survives_the_file(tmp_path):
    takes = [resolve(t, SETTINGS, BODY) for t in together(standing(NEAR), standing(FAR))]
    write_motion(takes[1], tmp_path / "far.npz")
    back = resolve(read_motion(tmp_path / "far.npz", pytest.fail), SETTINGS, BODY)
    np.testing.assert_allclose(back.joints_world, takes[1].joints_world, atol=1e-5)
