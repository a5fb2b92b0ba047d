"""The banks of motion, on mocap made here: a few slow random movements of made-up subjects."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from reelrig.core.body.skinning import pose_joints
from reelrig.core.errors import ReelrigError
from reelrig.core.lift.face import jaw_rotation
from reelrig.core.rotation import rotvec_to_matrix
from reelrig.core.skeletons import JOINT_INDEX, NUM_JOINTS
from training.bank import quaternions
from training.bank.arms import SIDES, solve_arm
from training.bank.bank import Bank
from training.bank.cameras import SENSOR_MM, draw_camera
from training.bank.curves import wander
from training.bank.faces import Faces
from training.bank.figure import ground, lowest, pose, rest_joints, skin
from training.bank.hands import Hands, finger_matrices, grip_angles, sign_angles
from training.bank.hinges import straighten_hinges
from training.bank.joint_angles import JointLimits, from_angles, to_angles
from training.bank.liveliness import enliven
from training.bank.mocap import HELD_OUT_SUBJECTS, Takes, mirrored
from training.bank.pool import draw_shard, write_pool
from training.bank.postures import KINDS
from training.bank.sampled import draw_sampled
from training.bank.shapes import draw_betas, stature_m

_RATE_HZ, _TAKE_ROWS = 30.0, 400
_PELVIS_M = 0.95


def _made_up_takes() -> Takes:
    rng = np.random.default_rng(0)
    time_s = np.arange(_TAKE_ROWS) / _RATE_HZ
    subjects = ("1", HELD_OUT_SUBJECTS[0], "7")
    poses, trans = [], []
    for _ in subjects:
        pose_rad = 0.2 * wander(rng, time_s, 66, 0.5).reshape(-1, 22, 3)
        pose_rad[:, 0, 1] += 2.0  # about the vertical: y in the file
        poses.append(pose_rad)
        trans.append([0, _PELVIS_M, 0] + 0.2 * wander(rng, time_s, 3, 0.3) * [1, 0.1, 1])
    starts = np.arange(len(subjects)) * _TAKE_ROWS
    lengths = np.full(len(subjects), _TAKE_ROWS)
    return Takes.from_rotvecs(
        np.concatenate(poses), np.concatenate(trans), starts, lengths, subjects, _RATE_HZ
    )


@pytest.fixture(scope="module")
def takes():
    return _made_up_takes()


@pytest.fixture(scope="module")
def bank(takes):
    rng = np.random.default_rng(1)
    time_s = np.arange(300) / 30
    scores = np.clip(0.3 + 0.3 * wander(rng, time_s, 52, 1.0), 0, 1)
    fingers = np.radians(30 + 10 * wander(rng, time_s, 20, 1.0)).reshape(-1, 5, 4)
    return Bank.of(takes, Hands((fingers,)), Faces.from_scores((scores,)))


def _draw(bank: Bank, seed: int, held_out: bool = False):
    return bank.draw(np.random.default_rng(seed), 48, 25.0, held_out)


def test_a_seed_gives_the_same_clip_again(bank):
    for seed in range(6):
        first, second = _draw(bank, seed), _draw(bank, seed)
        np.testing.assert_array_equal(first.rotations, second.rotations)
        np.testing.assert_array_equal(first.pelvis, second.pelvis)
        assert (first.kind, first.subject) == (second.kind, second.subject)


def test_clips_are_whole(bank):
    for seed in range(30):
        clip = _draw(bank, seed)
        assert clip.rotations.shape == (48, NUM_JOINTS, 3, 3)
        gram = clip.rotations @ clip.rotations.transpose(0, 1, 3, 2)
        np.testing.assert_allclose(gram, np.broadcast_to(np.eye(3), gram.shape), atol=1e-5)
        assert clip.contacts.shape == (48, 4)
        assert clip.arkit.min() >= 0
        assert clip.arkit.max() <= 1
        jaw = jaw_rotation(torch.from_numpy(np.float32(clip.arkit))).numpy()
        np.testing.assert_allclose(clip.rotations[:, JOINT_INDEX["jaw"]], jaw, atol=1e-5)


def test_held_out_subjects_are_drawn_only_when_asked(bank):
    trained = {_draw(bank, seed).subject for seed in range(60)}
    held_out = {_draw(bank, seed, held_out=True).subject for seed in range(10)}
    assert trained == {"1", "7", "sampled"}
    assert held_out == {HELD_OUT_SUBJECTS[0]}


def test_the_figure_agrees_with_the_body(bank):
    clip = _draw(bank, 3)
    joints, _ = pose(quaternions.from_matrix(clip.rotations[:, :22].astype(float)), clip.pelvis)
    rest = torch.from_numpy(np.float32(rest_joints()))
    trans = torch.from_numpy(np.float32(clip.pelvis - rest_joints()[0]))
    wanted, _ = pose_joints(rest, torch.from_numpy(clip.rotations), trans)
    np.testing.assert_allclose(joints, wanted[:, :22].numpy(), atol=1e-4)


def test_a_mirrored_movement_is_the_mirror_image(takes):
    movement = takes.draw(np.random.default_rng(2), 20, 30.0)
    joints, _ = pose(movement.local, movement.pelvis)
    image = mirrored(movement)
    seen, _ = pose(image.local, image.pelvis)
    left, right = JOINT_INDEX["left_wrist"], JOINT_INDEX["right_wrist"]
    # The mean body is symmetric.
    np.testing.assert_allclose(seen[:, left], joints[:, right] * [-1, 1, 1], atol=1e-3)


def test_mocap_keeps_its_height_over_the_floor(takes):
    movement = takes.draw(np.random.default_rng(4), 30, 20.0)
    assert np.abs(movement.pelvis[:, 2] - _PELVIS_M).max() < 0.15
    up = quaternions.to_matrix(movement.local[:, 0]) @ [0, 1, 0]
    assert up[:, 2].min() > 0.5


def test_another_rate_shows_the_same_path(takes):
    """Drawn alike, a window of twice the rows at twice the rate passes the same poses."""
    coarse = takes.draw(np.random.default_rng(8), 15, 15.0)
    fine = takes.draw(np.random.default_rng(8), 29, 30.0)
    cosine = np.abs((coarse.local * fine.local[::2]).sum(-1))
    assert np.degrees(2 * np.arccos(cosine.min())) < 6


def test_angles_describe_the_turns(takes):
    local = takes.local[::10].astype(float)
    again = from_angles(to_angles(local))
    np.testing.assert_allclose(np.abs((again * local[:, 1:]).sum(-1)), 1, atol=1e-6)


def test_limits_hold_a_knee_and_leave_what_is_within(takes):
    limits = JointLimits.learn(takes.local.astype(float))
    angles = np.zeros((1, 21, 3))
    knee = JOINT_INDEX["left_knee"] - 1
    angles[0, knee, 0] = np.radians(90)
    np.testing.assert_array_equal(limits.clamp(angles), angles)
    angles[0, knee, 0] = np.radians(-60)
    assert np.degrees(limits.clamp(angles)[0, knee, 0]) > -11


@pytest.mark.parametrize("side", SIDES)
def test_an_arm_reaches_its_target(side):
    sign = 1 if side == "left" else -1
    targets = np.array([[0.3, 0.2, 0.3], [0.1, -0.2, 0.3], [0.4, 0.3, -0.1]]) * [sign, 1, 1]
    pole = np.broadcast_to([0.5 * sign, -0.8, -0.3], targets.shape)
    shoulder, elbow, _ = solve_arm(side, targets, pole)
    local = np.tile(quaternions.IDENTITY, (3, 22, 1))
    local[:, JOINT_INDEX[f"{side}_shoulder"]] = shoulder
    local[:, JOINT_INDEX[f"{side}_elbow"]] = elbow
    joints, _ = pose(local)
    wrist = joints[:, JOINT_INDEX[f"{side}_wrist"]] - joints[:, JOINT_INDEX["spine3"]]
    np.testing.assert_allclose(wrist, targets, atol=1e-3)
    bend = to_angles(local)[:, JOINT_INDEX[f"{side}_elbow"] - 1, 1] * -sign
    assert bend.min() > 0


def test_a_body_on_the_ground_touches_it_and_does_not_slide():
    share = np.linspace(0, 1, 20)
    angles = np.zeros((20, 21, 3))
    for side in SIDES:
        hip, knee, ankle = (JOINT_INDEX[f"{side}_{j}"] - 1 for j in ("hip", "knee", "ankle"))
        angles[:, hip, 0], angles[:, knee, 0], angles[:, ankle, 0] = -share, 2 * share, -share
    local = np.concatenate([np.zeros((20, 1, 4)), from_angles(angles)], 1)
    upright = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
    local[:, 0] = quaternions.from_matrix(upright)
    pelvis = ground(local)
    np.testing.assert_allclose(lowest(local, pelvis), 0, atol=1e-9)
    ankles = pose(local, pelvis)[0][:, JOINT_INDEX["left_ankle"], :2]
    assert np.linalg.norm(ankles[-1] - ankles[0]) < 0.02
    assert pelvis[0, 2] - pelvis[-1, 2] > 0.2


@pytest.mark.parametrize("kind", KINDS)
def test_sampled_bodies_touch_the_floor_and_bend_the_right_way(kind, takes, monkeypatch):
    monkeypatch.setattr("training.bank.sampled.KINDS", {kind: KINDS[kind]})
    limits = JointLimits.learn(takes.local.astype(float))
    for seed in range(3):
        movement, name = draw_sampled(np.random.default_rng(seed), 30, 20.0, limits)
        assert name == kind
        height = lowest(movement.local, movement.pelvis)
        assert np.abs(height.min()) < 1e-6
        assert height.max() < KINDS[kind].leap_m + 1e-6
        angles = to_angles(movement.local)
        for i_side, side in enumerate(SIDES):
            knee, elbow = (JOINT_INDEX[f"{side}_{j}"] - 1 for j in ("knee", "elbow"))
            assert angles[:, knee, 0].min() > np.radians(-11)
            assert ((-1) ** (i_side + 1) * angles[:, elbow, 1]).min() > np.radians(-12)


def test_clavicles_move_and_arms_keep_their_direction(takes):
    limits = JointLimits.learn(takes.local.astype(float))
    local = takes.local[:40].astype(float)
    raised = quaternions.from_rotvec(np.array([0, 0, np.radians(70)]))
    local[:, JOINT_INDEX["left_shoulder"]] = raised
    local[:, JOINT_INDEX["left_collar"]] = quaternions.IDENTITY
    after = enliven(np.random.default_rng(3), np.arange(40) / 30, local, limits)
    lift = np.degrees(to_angles(after)[:, JOINT_INDEX["left_collar"] - 1, 2])
    assert lift.mean() > 3
    bones = []
    for turns in (local, after):
        joints, _ = pose(turns)
        bones.append(joints[:, JOINT_INDEX["left_elbow"]] - joints[:, JOINT_INDEX["left_shoulder"]])
    np.testing.assert_allclose(*bones, atol=0.01)


def _fingertips(side: str, angles: np.ndarray) -> np.ndarray:
    """[5, 3] m, the fingers' last joints in the wrist's axes."""
    rotations = torch.eye(3).repeat(1, NUM_JOINTS, 1, 1)
    first = JOINT_INDEX[f"{side}_index1"]
    rotations[0, first : first + 15] = torch.from_numpy(
        np.float32(finger_matrices(side, angles[None])[0])
    )
    rest = torch.from_numpy(np.float32(rest_joints()))
    joints, _ = pose_joints(rest, rotations, torch.zeros(1, 3))
    joints = joints[0].numpy() - joints[0, JOINT_INDEX[f"{side}_wrist"]].numpy()
    return joints[[first + 2 + 3 * i for i in range(5)]]


def test_a_fist_is_a_fist_on_both_hands():
    flat, fist = (
        {side: _fingertips(side, sign_angles(name)) for side in SIDES} for name in ("flat", "fist")
    )
    for side in SIDES:
        # Palms face the floor at rest: fingers come under the palm and back to the wrist.
        assert (fist[side][:4, 1] < flat[side][:4, 1] - 0.015).all()
        assert (np.abs(fist[side][:4, 0]) < np.abs(flat[side][:4, 0]) - 0.02).all()
    np.testing.assert_allclose(fist["left"] * [-1, 1, 1], fist["right"], atol=1e-3)


def test_a_thick_handle_opens_the_grip():
    thin, thick = grip_angles(0.01), grip_angles(0.05)
    assert (thick[:4, 2] < thin[:4, 2] - 0.3).all()


def test_splayed_fingers_spread_and_thumbs_point_away():
    flat, splay = (_fingertips("left", sign_angles(name)) for name in ("flat", "splay"))
    index, pinky, thumb = 0, 2, 4
    assert splay[index, 2] > flat[index, 2]
    assert splay[pinky, 2] < flat[pinky, 2]
    assert splay[thumb, 2] > flat[thumb, 2]


def test_shapes_are_of_plausible_stature():
    rng = np.random.default_rng(0)
    statures = np.array([stature_m(draw_betas(rng)) for _ in range(200)])
    assert statures.min() > 1.44
    assert statures.max() < 2.06
    assert statures.std() > 0.05


def test_cameras_see_the_person_within_their_ranges(bank):
    in_picture = []
    for seed in range(60):
        clip = _draw(bank, seed)
        local = quaternions.from_matrix(clip.rotations[:, :22].astype(float))
        points = skin(*pose(local, clip.pelvis))
        size = (640, 480) if seed % 2 else (480, 854)
        camera = draw_camera(np.random.default_rng(seed), points, size, 25.0)
        seen, pixels = camera.to_camera(points), camera.project(points)
        turn = camera.camera_from_world[:, :3, :3]
        assert np.abs(turn @ turn.transpose(0, 2, 1) - np.eye(3)).max() < 1e-6
        assert np.linalg.det(turn).min() > 0.9
        by_hand = camera.focal_px[:, None] * seen[..., 1] / seen[..., 2] + size[1] / 2
        np.testing.assert_allclose(pixels[..., 1], by_hand)
        focal_mm = camera.focal_px / max(size) * SENSOR_MM
        assert focal_mm.min() > 15
        assert focal_mm.max() < 300
        assert np.degrees(np.arcsin(turn[:, 2, 2])).min() > -85  # looks along -z: down
        inside = ((pixels > 0) & (pixels < np.array(size))).all(-1) & (seen[..., 2] > 0)
        in_picture.append(inside.mean())
    assert np.median(in_picture) > 0.9
    assert np.mean(np.array(in_picture) < 0.1) < 0.1
    assert min(in_picture) < 0.8  # some show a part only


def test_a_level_camera_has_the_head_on_top(bank):
    clip = _draw(bank, 1, held_out=True)
    local = quaternions.from_matrix(clip.rotations[:, :22].astype(float))
    joints, turns = pose(local, clip.pelvis)
    for seed in range(10):
        camera = draw_camera(np.random.default_rng(seed), skin(joints, turns), (640, 480))
        pixels = camera.project(joints)
        assert (pixels[:, JOINT_INDEX["head"], 1] < pixels[:, JOINT_INDEX["pelvis"], 1]).all()


def test_a_pool_is_what_was_drawn_and_is_not_drawn_twice(bank, tmp_path):
    write_pool(bank, tmp_path, 30)
    path = tmp_path / "pool_00000.npz"
    written = path.stat().st_mtime_ns
    write_pool(bank, tmp_path, 30)
    assert path.stat().st_mtime_ns == written
    assert sorted(p.name for p in tmp_path.iterdir()) == ["held_out.npz", "pool_00000.npz"]
    with np.load(path) as shard:
        again = draw_shard(bank, 0, 30, held_out=False)
        np.testing.assert_array_equal(shard["rotvecs"], again["rotvecs"])
        assert shard["rotvecs"].shape == (30, 48, NUM_JOINTS, 3)
    rng = np.random.default_rng(0)
    rates = np.exp(rng.uniform(*np.log((10.0, 60.0)), 30))
    clip = bank.draw(rng, 48, float(rates[0]), held_out=False)
    matrices = rotvec_to_matrix(torch.from_numpy(again["rotvecs"][0].astype(np.float32)))
    np.testing.assert_allclose(matrices.numpy(), clip.rotations, atol=5e-3)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ReelrigError, match=r"cmu_smplx_30fps\.npz"):
        Bank.load(tmp_path)


@pytest.mark.parametrize("side", SIDES)
def test_elbows_come_to_bend_forward_and_share_the_twist(side):
    """A forearm that bends about a tilted axis; the hand keeps where it points."""
    sign = 1 if side == "left" else -1
    local = np.tile(quaternions.IDENTITY, (50, 22, 1))
    shoulder, elbow, wrist = (JOINT_INDEX[f"{side}_{j}"] for j in ("shoulder", "elbow", "wrist"))
    bend = quaternions.about("y", -sign * np.linspace(0.2, 1.5, 50))
    tilt = quaternions.about("x", 0.5)
    bend = quaternions.multiply(quaternions.multiply(tilt, bend), quaternions.conjugate(tilt))
    local[:, elbow] = quaternions.multiply(bend, quaternions.about("x", 0.3))
    after = straighten_hinges(local, np.zeros(50, int))
    hands = [pose(turns)[1][:, wrist] for turns in (local, after)]
    np.testing.assert_allclose(*hands, atol=1e-6)
    angles = to_angles(after)
    np.testing.assert_allclose(angles[:, elbow - 1, 2], 0, atol=0.02)
    np.testing.assert_allclose(angles[:, elbow - 1, 0], angles[:, wrist - 1, 0], atol=1e-6)
    assert not np.allclose(after[:, shoulder], local[:, shoulder])
