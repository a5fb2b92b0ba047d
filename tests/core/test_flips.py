"""Flipped frames are found and turned back; a person who turns round is left alone."""

import dataclasses

import numpy as np
import pytest
import torch

from core.detect.flips import repair_flips
from core.rotation import rotvec_to_matrix
from core.skeletons import BODY_LANDMARKS, LANDMARK_PARTS
from tests.core.synthetic import landmarks_of, rotations_from

T = 60


def walking():
    wave = 0.4 * np.sin(np.arange(T) / 5.0)
    swing = np.stack([wave, 0 * wave, 0 * wave], -1)
    return rotations_from(T, left_hip=swing, right_hip=-swing, left_elbow=(0, -0.8, 0))


def flip(landmarks, rows):
    """What the network does: left for right, near for far."""
    mirrored = [
        BODY_LANDMARKS.index(name.replace(*sides))
        for name in BODY_LANDMARKS
        for sides in [("left", "right") if "left" in name else ("right", "left")]
    ]
    parts = [LANDMARK_PARTS[name] for name in ("body", "left_hand", "right_hand")]
    fields = {"points_px": landmarks.points_px.copy(), "hints": landmarks.hints.copy()}
    for values in fields.values():
        before = values[rows].copy()
        values[rows, parts[0]] = before[:, mirrored]
        values[rows, parts[1]], values[rows, parts[2]] = before[:, parts[2]], before[:, parts[1]]
    fields["hints"][rows, parts[0], 2] *= -1
    return dataclasses.replace(landmarks, **fields, confidence=landmarks.confidence.copy())


@pytest.mark.parametrize(
    "rows", [slice(20, 25), slice(40, 41), slice(0, 6), slice(52, 60)], ids=str
)
def test_flipped_frames_are_turned_back_and_trusted_less(rows):
    truth = landmarks_of(walking())
    landmarks = flip(truth, rows)
    repair_flips(landmarks)
    np.testing.assert_allclose(landmarks.points_px, truth.points_px, atol=1e-3)
    np.testing.assert_allclose(landmarks.hints, truth.hints, atol=1e-5)
    expected = truth.confidence.copy()
    expected[rows] *= 0.5
    np.testing.assert_allclose(landmarks.confidence, expected)


@pytest.mark.parametrize("turns_a_second", [0.25, 1.0, -1.0])
def test_a_person_who_turns_round_is_left_alone(turns_a_second):
    rotations = walking()
    angle = 2 * np.pi * turns_a_second * torch.arange(T) / 30.0
    rotations[:, 0] = rotations[:, 0] @ rotvec_to_matrix(
        angle[:, None] * torch.tensor([0.0, 1.0, 0.0])
    )
    truth, landmarks = landmarks_of(rotations), landmarks_of(rotations)
    repair_flips(landmarks)
    np.testing.assert_array_equal(landmarks.points_px, truth.points_px)
    np.testing.assert_array_equal(landmarks.confidence, truth.confidence)


def test_a_change_to_somebody_else_says_nothing_about_sides():
    truth, landmarks = landmarks_of(walking()), landmarks_of(walking())
    for each in (truth, landmarks):
        each.points_px[30:] += 5000.0
    repair_flips(landmarks)
    np.testing.assert_array_equal(landmarks.points_px, truth.points_px)


def test_an_unseen_person_stays_unseen():
    landmarks = landmarks_of(walking())
    landmarks.confidence[:] = 0
    repair_flips(landmarks)
    assert not landmarks.is_seen.any()
