"""Flipped parts are found and turned back; people who turn, spin and cross their legs are not."""

import dataclasses

import numpy as np
import pytest
import torch

from core.detect.flips import repair_flips
from core.rotation import rotvec_to_matrix
from core.skeletons import BODY_LANDMARKS, LANDMARK_PARTS
from tests.core.synthetic import DISTANCE_M, IMAGE_SIZE, landmarks_of, rotations_from

T = 60
FPS = 30.0
TRUST = 0.5
MIRRORED = [
    BODY_LANDMARKS.index(name.replace(*sides))
    for name in BODY_LANDMARKS
    for sides in [("left", "right") if "left" in name else ("right", "left")]
]
LIMBS = {
    "arms": ("elbow", "wrist", "pinky", "index", "thumb"),
    "legs": ("knee", "ankle", "heel", "foot_index"),
}
ROWS = {
    name: [i for i, word in enumerate(BODY_LANDMARKS) if word.partition("_")[2] in words]
    for name, words in LIMBS.items()
}
ROWS["torso"] = sorted(set(range(len(BODY_LANDMARKS))) - set(ROWS["arms"]) - set(ROWS["legs"]))
BODY, FACE = LANDMARK_PARTS["body"], LANDMARK_PARTS["face"]
SHOULDERS = [BODY_LANDMARKS.index("left_shoulder"), BODY_LANDMARKS.index("right_shoulder")]
WHOLE = ("torso", "arms", "legs")


def walking(turn_deg=0.0, fps=FPS):
    """Walks on the spot. At 0 degrees it faces the camera, at 90 its left side is near."""
    seconds = torch.arange(round(T * fps / FPS)) / fps
    wave = 0.4 * np.sin(6.0 * seconds.numpy())
    swing = np.stack([wave, 0 * wave, 0 * wave], -1)
    bent = np.stack([0.4 + wave, 0 * wave, 0 * wave], -1)
    rotations = rotations_from(
        len(seconds),
        **{"left_hip": swing, "right_hip": -swing, "left_knee": bent, "right_knee": 0.8 - bent},
        **{"left_shoulder": (0, -0.8, -0.8), "right_shoulder": (0, -0.5, 0.9)},
        **{"left_elbow": (0, -0.8, 0), "right_elbow": (0, 0.5, 0)},
    )
    angle = torch.deg2rad(torch.as_tensor(turn_deg, dtype=torch.float32)).expand(len(seconds))
    about_up = angle[:, None] * torch.tensor([0.0, 1.0, 0.0])
    rotations[:, 0] = rotations[:, 0] @ rotvec_to_matrix(about_up)
    landmarks = landmarks_of(rotations, fps=fps)
    landmarks.confidence[:, FACE] = 0
    return landmarks


def copy(landmarks):
    names = ("points_px", "hints", "confidence")
    return dataclasses.replace(
        landmarks, **{name: getattr(landmarks, name).copy() for name in names}
    )


def flip(landmarks, rows, parts=WHOLE, depth=False):
    """What the network does: left for right, near for far about the part's own joints."""
    flipped = copy(landmarks)
    points_px, hints = flipped.points_px[rows, BODY], flipped.hints[rows, BODY]
    shoulders = hints[:, SHOULDERS].mean(1, keepdims=True)
    hints[:, ROWS["arms"]] -= shoulders
    seen_px, seen = points_px.copy(), hints.copy()
    for part in parts:
        other = np.array(MIRRORED)[ROWS[part]]
        points_px[:, ROWS[part]] = seen_px[:, other]
        hints[:, ROWS[part]] = seen[:, other] * (1, 1, -1)
    if depth:
        hints[..., 2] *= -1
    hints[:, ROWS["arms"]] += hints[:, SHOULDERS].mean(1, keepdims=True)
    if "arms" in parts:
        left, right = LANDMARK_PARTS["left_hand"], LANDMARK_PARTS["right_hand"]
        for values, before in (
            (flipped.points_px, landmarks.points_px),
            (flipped.hints, landmarks.hints),
        ):
            values[rows, left], values[rows, right] = before[rows, right], before[rows, left]
    return flipped


def assert_same_place(landmarks, truth):
    np.testing.assert_allclose(landmarks.points_px, truth.points_px, atol=1e-3)
    np.testing.assert_allclose(landmarks.hints[:, BODY], truth.hints[:, BODY], atol=1e-5)


def assert_repaired(truth, flipped):
    repair_flips(flipped)
    assert_same_place(flipped, truth)


PLACES = [slice(20, 25), slice(40, 41), slice(0, 6), slice(52, 60)]


@pytest.mark.parametrize("turn_deg", [0, 180, 140])
@pytest.mark.parametrize("rows", PLACES, ids=str)
def test_a_flipped_body_is_turned_back(rows, turn_deg):
    truth = walking(turn_deg)
    assert_repaired(truth, flip(truth, rows))


@pytest.mark.parametrize("parts", [("legs",), ("arms",), ("torso", "arms")], ids=str)
@pytest.mark.parametrize("rows", PLACES, ids=str)
def test_flipped_limbs_of_a_body_seen_from_the_side_are_turned_back(rows, parts):
    truth = walking(70)
    assert_repaired(truth, flip(truth, rows, parts))


@pytest.mark.parametrize("rows", PLACES[:2], ids=str)
def test_depth_mirrored_without_the_sides_is_turned_back(rows):
    truth = walking(50)
    assert_repaired(truth, flip(truth, rows, (), depth=True))


@pytest.mark.parametrize("fps", [12.5, 60.0, 120.0])
def test_flips_are_found_at_any_rate(fps):
    truth = walking(180, fps)
    first = len(truth.time_s) // 3
    assert_repaired(truth, flip(truth, slice(first, first + round(0.25 * fps))))


def test_only_what_was_turned_back_is_trusted_less():
    truth, rows = walking(70), slice(20, 25)
    truth.confidence[:, ROWS["legs"][0]] = 0.8
    landmarks = flip(truth, rows, ("legs",))
    landmarks.confidence[rows, ROWS["legs"][:2]] = (1.0, 0.8)  # goes with its landmark
    repair_flips(landmarks)
    expected = truth.confidence.copy()
    expected[rows, ROWS["legs"]] *= TRUST
    np.testing.assert_allclose(landmarks.confidence, expected)


def test_a_mean_of_both_sides_does_not_hide_the_flip_behind_it():
    truth = walking(70)
    landmarks = flip(truth, slice(20, 60), ("legs",))
    between = landmarks.points_px[19:21].mean(0), landmarks.hints[19:21].mean(0)
    landmarks.points_px[20], landmarks.hints[20] = between
    landmarks = dataclasses.replace(landmarks, **rows_of(landmarks, slice(0, 32)))
    repair_flips(landmarks)
    np.testing.assert_allclose(landmarks.points_px[21:], truth.points_px[21:32], atol=1e-3)


def rows_of(landmarks, rows):
    names = ("frame_index", "time_s", "points_px", "hints", "confidence", "face_scores")
    return {name: getattr(landmarks, name)[rows] for name in names}


@pytest.mark.parametrize("metres_a_second", [1.5, -1.5])
def test_people_walk_forwards_even_if_most_frames_say_otherwise(metres_a_second):
    truth = walking(180 if metres_a_second > 0 else 0)
    middle = np.array(IMAGE_SIZE) / 2
    away_m = metres_a_second * truth.time_s[:, None, None]
    truth.points_px[:] = middle + (truth.points_px - middle) * DISTANCE_M / (DISTANCE_M + away_m)
    assert_repaired(truth, flip(truth, slice(0, 34)))


def test_a_face_is_not_on_a_back_even_if_most_frames_say_otherwise():
    truth = walking(0)
    truth.confidence[36:, FACE] = 1
    assert_repaired(truth, flip(truth, slice(0, 36)))


def test_knees_are_not_crossed_even_if_most_frames_say_so():
    truth = walking(0)
    assert_repaired(truth, flip(truth, slice(0, 36), ("legs",)))


@pytest.mark.parametrize("turns_a_second", [0.0, 0.25, 1.0, -1.0, 2.0])
@pytest.mark.parametrize("start_deg", [0, 90, 180])
def test_a_person_who_walks_or_turns_round_is_left_alone(turns_a_second, start_deg):
    truth = walking(start_deg + 360 * turns_a_second * torch.arange(T) / FPS)
    rng = np.random.default_rng(0)
    truth.points_px[:] += rng.normal(0, 2.0, truth.points_px.shape)
    truth.hints[:] += rng.normal(0, 0.02, truth.hints.shape)
    landmarks = copy(truth)
    repair_flips(landmarks)
    np.testing.assert_array_equal(landmarks.points_px, truth.points_px)
    np.testing.assert_array_equal(landmarks.confidence, truth.confidence)


def test_a_change_to_somebody_else_says_nothing_about_sides():
    truth = walking()
    truth.points_px[30:] += 5000.0
    landmarks = copy(truth)
    repair_flips(landmarks)
    np.testing.assert_array_equal(landmarks.points_px, truth.points_px)


def test_frames_in_which_the_person_was_not_seen_stay_as_they_are():
    truth = walking(180)
    landmarks = flip(truth, slice(20, 25))
    for each in (truth, landmarks):
        for values in (each.points_px, each.hints, each.confidence):
            values[22:24] = 0
    assert_repaired(truth, landmarks)
    assert not landmarks.is_seen[22:24].any()


@pytest.mark.parametrize("num_seen", [0, 1, 2])
def test_hardly_anything_seen_is_left_alone(num_seen):
    landmarks = walking()
    landmarks.confidence[num_seen:] = 0
    before = copy(landmarks)
    repair_flips(landmarks)
    np.testing.assert_array_equal(landmarks.points_px, before.points_px)
    np.testing.assert_array_equal(landmarks.confidence, before.confidence)
