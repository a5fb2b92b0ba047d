"""What the bench of the recoverers counts as an error, and that it reads its inputs rightly."""

import importlib

import numpy as np
import pytest
import torch

from reelrig.core.body.model import load_body
from reelrig.core.frames import WORLD_FROM_LEVEL_CAMERA
from reelrig.core.overlay import project_points
from reelrig.core.rotation import rotvec_to_matrix
from reelrig.core.skeletons import BODY_LANDMARK_INDEX, LANDMARK_PARTS
from training import bench_held_out, bench_lift
from training.eval_sets import Clip, Reference, find_clips, load_landmarks
from training.posed import free_figure
from training.scores import align, pa_errors

T = 32
SIZE, FOCAL_PX = (1280, 720), 1468.6  # the focal length that a capture guesses
CAMERA_PLACE = np.array([0.3, -4.0, 1.2])
TO_CAMERA = WORLD_FROM_LEVEL_CAMERA.T
LIMBS = ("left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist")


def turned_points(rng):
    points = rng.normal(size=(4, 12, 3))
    turn = rotvec_to_matrix(torch.from_numpy(rng.normal(size=(4, 3)))).numpy()
    return points, 1.3 * points @ turn.swapaxes(1, 2) + rng.normal(size=(4, 1, 3))


def test_alignment_takes_off_turn_size_and_place():
    points, moved = turned_points(np.random.default_rng(0))
    np.testing.assert_allclose(align(points, moved), moved, atol=1e-9)


def test_alignment_does_not_mirror():
    points, moved = turned_points(np.random.default_rng(0))
    assert pa_errors(points * [-1, 1, 1], moved).mean() > 100


def test_errors_of_points_that_are_not_known_are_left_out():
    points, moved = turned_points(np.random.default_rng(1))
    moved[0, 3], points[1, :10] = np.nan, np.nan
    errors = pa_errors(points, moved)
    assert np.isnan(errors[0, 3])
    assert np.isnan(errors[1]).all()  # two points fit anything
    assert np.nanmax(errors) < 1e-6


def walker_shard():
    """A shard as training.synthesis.detected writes it: a perfect detector, a figure that walks."""
    figure, body = free_figure(), load_body()
    swing = 0.5 * np.sin(np.linspace(0, 6, T))
    rotvecs = np.zeros((2, T, 55, 3), np.float32)
    rotvecs[:, :, 0, 0] = np.pi / 2
    rotvecs[:, :, 1, 0], rotvecs[:, :, 2, 0] = swing, -swing
    rotvecs[:, :, 16, 2], rotvecs[:, :, 17, 2] = -1.1, 1.1
    pelvis = np.tile([0.0, 0.0, 0.95], (2, T, 1))
    pelvis[..., 0] = np.linspace(-0.2, 0.2, T)
    camera_from_world = np.eye(4)
    camera_from_world[:3, :3] = TO_CAMERA
    camera_from_world[:3, 3] = -TO_CAMERA @ CAMERA_PLACE
    camera_from_world = np.tile(camera_from_world, (2, T, 1, 1))
    vertices, joints = figure.pose(
        np.zeros(10),
        np.zeros((T, 52), np.float32),
        rotvec_to_matrix(torch.from_numpy(rotvecs[0])),
        pelvis[0],
    )
    points = body.landmark_points(vertices, joints)
    focal_px = np.full((2, T), FOCAL_PX)
    points_px = project_points(points, camera_from_world[0], focal_px[0], SIZE)
    in_camera = (points - CAMERA_PLACE) @ TO_CAMERA.T
    hips = [BODY_LANDMARK_INDEX["left_hip"], BODY_LANDMARK_INDEX["right_hip"]]
    hints = in_camera - in_camera[:, hips].mean(1, keepdims=True)
    seen = np.ones((2, T, 553), np.float16)
    seen[0, :, LANDMARK_PARTS["left_hand"]] = 0

    def twice(values):
        return np.float32(np.stack([values, values]))

    return {
        "points_px": twice(points_px),
        "hints": twice(hints),
        "confidence": seen,
        "face_scores": np.zeros((2, T, 52), np.float16),
        "rotvecs": rotvecs,
        "pelvis": np.float32(pelvis),
        "betas": np.zeros((2, 10), np.float32),
        "arkit": np.zeros((2, T, 52), np.float16),
        "contacts": np.zeros((2, T, 4), bool),
        "camera_from_world": np.float32(camera_from_world),
        "focal_px": np.float32(focal_px),
        "image_size": np.array([SIZE, SIZE]),
        "time_s": np.float32(np.tile(np.arange(T) / 15.0, (2, 1))),
        "true_px": twice(points_px),
        "true_points": twice(in_camera[:, :75]),
        "subject": np.array(["14", "14"]),
        "kind": np.array(["mocap", "mocap"]),
        "pose_model": np.array(["heavy", "full"]),
    }


@pytest.fixture(scope="module")
def sequences(tmp_path_factory):
    folder = tmp_path_factory.mktemp("detected")
    shard = walker_shard()
    np.savez(folder / "shard_00009.npz", **shard)
    np.savez(folder / "shard_00010.npz", **shard)  # trained on, so not read
    return list(bench_held_out.read_held_out(folder))


def test_held_out_shards_alone_are_read(sequences):
    assert len(sequences) == 2
    assert sequences[0].landmarks.image_size == SIZE


def test_the_truth_without_error_scores_zero(sequences):
    """The shard's own landmarks are where its rotations, seen by its camera, put the body's."""
    for sequence in sequences:
        truth = bench_held_out.pose_truth(sequence)
        body = free_figure().body
        found = bench_held_out.Posed(
            body.landmark_points(truth.vertices, truth.joints)[:, :75],
            truth.joints,
            truth.vertices,
        )
        np.testing.assert_allclose(found.points, truth.points, atol=1e-4)
        errors = bench_held_out.compare(found, truth, sequence)
        assert max(column.max() for column in errors) < 0.1
        hints = bench_held_out.compare(bench_held_out.read_hints(sequence), truth, sequence)
        assert max(column.max(initial=0) for column in hints) < 0.1


def test_a_method_is_near_on_perfect_landmarks(sequences):
    for sequence in sequences:
        found, truth = (
            bench_held_out.lift(sequence, "analytic"),
            bench_held_out.pose_truth(sequence),
        )
        body, limbs, _, pve = bench_held_out.compare(found, truth, sequence)
        assert body.mean() < 40
        assert limbs.mean() < 40
        assert body.mean() < pve.mean() < 120


def test_a_hand_that_was_not_seen_is_not_judged(sequences):
    hands = []
    for sequence in sequences:
        truth = bench_held_out.pose_truth(sequence)
        hands.append(bench_held_out.compare(truth, truth, sequence)[2])
    assert len(hands[1]) == 2 * len(hands[0])


def reference(heading_deg):
    """Arms like a tailor's dummy, turned from the camera to the person's left."""
    joints = np.tile([0.0, 0.0, 1.4], (T, len(LIMBS), 1))
    left = np.array([np.cos(np.deg2rad(heading_deg)), np.sin(np.deg2rad(heading_deg)), 0])
    joints[:, 0] += 0.2 * left
    joints[:, 1] -= 0.2 * left
    joints[:, 4, 0] = np.linspace(0, 2.0, T)
    return Reference(joints, LIMBS, np.array([0, 0, 1.0]), np.array([0.0, -4.0, 1.0]), 30.0)


@pytest.mark.parametrize("heading_deg", [0, 60, 120, 180])
def test_heading_is_counted_from_the_camera(heading_deg):
    assert reference(heading_deg).headings_deg() == pytest.approx(np.full(T, heading_deg), abs=1e-3)


def test_speed_is_in_metres_a_second():
    speed = reference(0).speeds_m_s("left_elbow", "left_wrist")
    assert speed == pytest.approx(np.full(T, 2.0 / (T - 1) * 30), rel=1e-6)


def test_landmarks_are_detected_once(tmp_path, monkeypatch, sequences):
    seen = sequences[0].landmarks
    eval_sets = importlib.import_module("training.eval_sets")
    monkeypatch.setattr(eval_sets, "detect_main_person", lambda path: seen)
    (tmp_path / "sets" / "walk").mkdir(parents=True)
    (tmp_path / "sets" / "walk" / "cam_0.mp4").touch()
    (clip,) = find_clips(tmp_path / "sets")
    assert not clip.has_reference
    first = load_landmarks(clip, tmp_path / "cache")
    monkeypatch.setattr(eval_sets, "detect_main_person", None)
    again = load_landmarks(Clip(clip.video), tmp_path / "cache")
    assert again.image_size == first.image_size == SIZE
    np.testing.assert_array_equal(again.points_px, seen.points_px)
    np.testing.assert_array_equal(again.time_s, seen.time_s)


def test_mediapipe_is_judged_by_its_own_points(sequences):
    prediction = bench_lift.predict_by_hints(sequences[0].landmarks)
    assert prediction["space"] == "camera"
    assert np.isnan(prediction["left_hand"]).all()
    assert np.isfinite(prediction["joints"]).all()


def test_a_motion_is_judged_where_its_body_is(sequences):
    landmarks = sequences[1].landmarks
    motion = bench_lift.solve(landmarks, "analytic")
    prediction = bench_lift.predict(motion, landmarks, use_landmarks=False)
    np.testing.assert_allclose(prediction["joints"], motion.joints_world, atol=1e-4)
    on_body = bench_lift.predict(motion, landmarks, use_landmarks=True)
    nose = on_body["joints"][:, BODY_LANDMARK_INDEX["nose"]]
    assert (nose[:, 2] > motion.joints_world[:, 0, 2] + 0.3).all()
