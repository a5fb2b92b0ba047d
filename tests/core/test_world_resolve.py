"""The world of a take solved anew from what was measured."""

import dataclasses
import json

import numpy as np
import pytest

from core.body.measures import measure_body
from core.body.model import load_body
from core.errors import MotionFileError
from core.frames import WORLD_FROM_BODY
from core.measured import Measured
from core.motion import Motion, read_motion, write_motion
from core.skeletons import JOINT_INDEX
from core.world.kinematics import RestBody
from core.world.resolve import WorldSettings, resolve
from core.world.solve import find_upright
from core.world.turns import matrix_to_rotvec, rotvec_to_matrix, turn
from tests.core.filmed import unsolved

T, RATE, FOCAL_PX = 40, 25.0, 1100.0
PITCH = np.radians(20)
UP_CAMERA = np.array([0.0, -np.cos(PITCH), -np.sin(PITCH)])  # the camera looks down
CAMERA_PLACE = np.array([0.5, -4.0, 2.2])
BODY = load_body()
BETAS = np.zeros(10)
PELVIS = (0.3, 0.4)  # its height comes from the feet


def stand() -> tuple[np.ndarray, np.ndarray]:
    """Rotations [T, 55, 3, 3] and pelvis [T, 3] of somebody who stands and waves, in the world."""
    rotvecs = np.zeros((T, 55, 3))
    rotvecs[:, JOINT_INDEX["left_shoulder"], 2] = -1.2 + 0.3 * np.sin(np.arange(T) / 5)
    rotvecs[:, JOINT_INDEX["right_shoulder"], 2] = 1.2
    rotations = rotvec_to_matrix(rotvecs)
    rotations[:, 0] = WORLD_FROM_BODY
    rest = RestBody.of(BODY, BETAS)
    lowest = BODY.rest_vertices(BETAS)[:, 1].min()
    height = rest.joints[0, 1] - lowest
    return rotations, np.tile([*PELVIS, height], (T, 1))


def make_motion(up_camera=UP_CAMERA, **changes) -> Motion:
    rotations, pelvis = stand()
    camera_from_world = find_upright(UP_CAMERA).T
    in_camera = rotations.copy()
    in_camera[:, 0] = camera_from_world @ rotations[:, 0]
    measures = measure_body(BODY, BETAS)
    values = {
        "poses": matrix_to_rotvec(in_camera).reshape(T, -1),
        "pelvis": turn(camera_from_world, pelvis - CAMERA_PLACE),
        "measures": measures,
        "focal_px": np.full(T, FOCAL_PX),
        "focal_sigma": 0.2,
        "first_from_camera": np.tile(np.eye(3), (T, 1, 1)),
        "camera_place": np.zeros((T, 3)),
        "up_camera": up_camera,
        "up_sigma_deg": 4.0,
        "scale_sigma": 0.05,
        "contacts": np.tile([1.0] * 4 + [0.0] * 5, (T, 1)),
    }
    return unsolved(Measured(**values | changes), RATE)


def true_joints() -> np.ndarray:
    rotations, pelvis = stand()
    joints, _ = RestBody.of(BODY, BETAS).pose_joints(rotations, pelvis)
    return joints - [*PELVIS, 0]  # the person starts above the origin


def test_a_tilted_camera_gives_an_upright_person_on_the_floor():
    found = resolve(make_motion(), WorldSettings(), BODY)
    np.testing.assert_allclose(found.joints_world, true_joints(), atol=0.01)
    assert json.loads(found.world_json)["tilt_deg"] == pytest.approx(20, abs=1e-6)


def test_the_camera_sees_the_person_where_it_did():
    motion = make_motion()
    found = resolve(motion, WorldSettings(foot_lock="never"), BODY)
    seen = turn(found.camera_from_world[:, :3, :3], found.joints_world[:, 0])
    seen = seen + found.camera_from_world[:, :3, 3]
    expected = motion.measured.pelvis
    miss_px = FOCAL_PX * (seen[:, :2] / seen[:, 2:] - expected[:, :2] / expected[:, 2:])
    assert np.abs(miss_px).max() < 1


def test_a_camera_that_goes_about_leaves_the_person_where_they_stand():
    motion = make_motion()
    measured = motion.measured
    share = np.linspace(0, 1, T)
    first_from_camera = rotvec_to_matrix(np.outer(share, [0.1, 0.4, -0.05]))
    places = np.outer(share, [1.2, -0.1, 0.5])
    camera_from_first = first_from_camera.swapaxes(-1, -2)
    rotations = rotvec_to_matrix(measured.poses.reshape(T, -1, 3))
    rotations[:, 0] = camera_from_first @ rotations[:, 0]
    moving = make_motion(
        poses=matrix_to_rotvec(rotations).reshape(T, -1),
        pelvis=turn(camera_from_first, measured.pelvis - places),
        first_from_camera=first_from_camera,
        camera_place=places,
    )
    found = resolve(moving, WorldSettings(), BODY)
    np.testing.assert_allclose(found.joints_world, true_joints(), atol=0.01)
    assert json.loads(found.world_json)["camera"] == "moving"
    seen = turn(found.camera_from_world[:, :3, :3], found.joints_world[:, 0])
    seen = seen + found.camera_from_world[:, :3, 3]
    np.testing.assert_allclose(seen, moving.measured.pelvis, atol=0.02)


def test_the_animators_vertical_wins_over_the_estimate():
    level = make_motion(up_camera=np.array([0.0, -1.0, 0.0]))
    leaning = resolve(level, WorldSettings(), BODY).joints_world
    upright = resolve(level, WorldSettings(up_camera=tuple(UP_CAMERA)), BODY).joints_world

    spines = [joints[0, JOINT_INDEX["neck"]] - joints[0, 0] for joints in (leaning, upright)]
    cosine = spines[0] @ spines[1] / np.prod(np.linalg.norm(spines, axis=1))
    assert np.degrees(np.arccos(cosine)) == pytest.approx(20, abs=0.5)
    np.testing.assert_allclose(upright, true_joints(), atol=0.01)


def test_the_floor_is_under_the_row_that_was_chosen():
    motion = make_motion(contacts=np.zeros((T, 9)))
    motion.measured.pelvis[:, 1] += np.linspace(0, -0.5, T)  # carried upwards in the picture
    found = resolve(motion, WorldSettings(floor_row=T - 1), BODY)
    soles = found.joints_world[:, [JOINT_INDEX["left_ankle"], JOINT_INDEX["right_ankle"]], 2].min(1)
    standing = true_joints()[0, JOINT_INDEX["left_ankle"], 2]
    assert soles[-1] == pytest.approx(standing, abs=0.03)
    assert soles[0] < soles[-1] - 0.2


def test_the_real_height_sets_the_size_of_everything():
    motion = make_motion()
    tall = measure_body(BODY, BETAS)[0] * 1.1
    found = resolve(motion, WorldSettings(height_m=float(tall)), BODY)
    assert found.measures[0] == pytest.approx(tall, abs=0.02)
    camera = np.linalg.inv(found.camera_from_world[0])[:3, 3]
    assert camera[2] == pytest.approx(1.1 * CAMERA_PLACE[2], abs=0.1)
    back = resolve(found, WorldSettings(), BODY)
    np.testing.assert_allclose(back.joints_world, true_joints(), atol=0.01)


def test_a_longer_lens_puts_the_person_farther_off():
    found = resolve(make_motion(), WorldSettings(focal_px=2 * FOCAL_PX), BODY)
    camera = np.linalg.inv(found.camera_from_world[0])[:3, 3]
    plain = np.linalg.inv(resolve(make_motion(), WorldSettings(), BODY).camera_from_world[0])[:3, 3]
    distance, before = (np.linalg.norm(place - true_joints()[0, 0]) for place in (camera, plain))
    assert distance == pytest.approx(2 * before, rel=0.02)
    assert found.focal_px[0] == pytest.approx(2 * FOCAL_PX)


def test_what_was_measured_survives_the_file(tmp_path):
    motion = resolve(make_motion(), WorldSettings(foot_lock="ground", lock_strength=0.5), BODY)
    write_motion(motion, tmp_path / "a.npz")
    back = read_motion(tmp_path / "a.npz", pytest.fail)
    for field in dataclasses.fields(Measured):
        np.testing.assert_array_equal(
            getattr(back.measured, field.name), getattr(motion.measured, field.name)
        )
    assert back.world_json == motion.world_json
    settings = WorldSettings(**json.loads(back.world_json)["settings"])
    again = resolve(back, settings, BODY)
    np.testing.assert_allclose(again.joints_world, motion.joints_world, atol=1e-6)


def test_a_file_without_measured_poses_is_refused_in_a_sentence():
    foreign = dataclasses.replace(make_motion(), measured=None)
    with pytest.raises(MotionFileError, match="Capture the video again"):
        resolve(foreign, WorldSettings(), BODY)
