"""What upright people tell of the camera, and how its witnesses are heard together."""

import cv2
import numpy as np
import pytest

from core.focal_guess import FocalGuess, usual_focal
from core.landmarks import Landmarks
from core.skeletons import BODY_LANDMARK_INDEX, NUM_LANDMARKS
from core.world.belief import CameraBelief
from core.world.camera_path import rest_path
from core.world.gravity import UpGuess, to_angles, up_from_angles
from core.world.vertical import find_vertical, guess_beforehand
from core.world.walkers import find_standing
from tests.core.drawn_lines import nobody, see_lines

SIZE = (1280, 720)
FOCAL_PX = 1900.0  # the usual one is 1469
PITCH, ROLL = np.radians(-20.0), np.radians(4.0)
# Parts of the body and how high they are in somebody of 1.4 m from feet to shoulders.
HEIGHTS = {"ankle": 0.0, "heel": 0.0, "foot_index": 0.0, "knee": 0.33, "hip": 0.67, "shoulder": 1.0}


def walk(rng, steps=32, tall_m=1.4, bent=0.0):
    """Landmarks of somebody who walks about, some 10 m from a camera 4 m above the floor."""
    up = up_from_angles(PITCH, ROLL)
    down = 4.2 * -up
    ahead = np.array([0.0, 0.0, 1.0]) - up[2] * up
    ahead /= np.linalg.norm(ahead)
    way = np.linspace(0, 2 * np.pi, steps)
    place = np.outer(10 + 2.5 * np.cos(way), ahead)
    place += np.outer(2.2 * np.sin(2 * way), np.cross(up, ahead)) + down
    points_px = np.zeros((steps, NUM_LANDMARKS, 2))
    hints = np.zeros((steps, NUM_LANDMARKS, 3))
    confidence = np.zeros((steps, NUM_LANDMARKS))
    sway = 0.02 * rng.normal(size=(steps, 3))
    for part, height in HEIGHTS.items():
        at = place + tall_m * height * (up + sway)
        pixels = FOCAL_PX * at[:, :2] / at[:, 2:] + (np.array(SIZE) - 1) / 2
        for side in ("left", "right"):
            row = BODY_LANDMARK_INDEX[f"{side}_{part}"]
            points_px[:, row] = pixels + rng.normal(size=(steps, 2))
            hints[:, row] = [0.0, -tall_m * height, bent * (part == "knee")]
            confidence[:, row] = 0.9
    return Landmarks(
        frame_index=np.arange(steps),
        time_s=np.arange(steps) / 4,
        image_size=SIZE,
        points_px=points_px,
        hints=hints,
        confidence=confidence,
        face_scores=np.zeros((steps, 52)),
    )


def believe(people):
    sightings = see_lines(np.zeros((0, 2, 2)))
    path = rest_path(people[0].time_s)
    return find_vertical(sightings, nobody(sightings), path, usual_focal(SIZE), people)


def test_somebody_who_walks_about_tells_tilt_and_focal_length():
    belief = believe([walk(np.random.default_rng(1))])
    pitch, roll = to_angles(belief.up_camera)
    beforehand = guess_beforehand(usual_focal(SIZE), SIZE)
    assert abs(pitch - PITCH) < min(np.radians(5), 2 * belief.pitch_sigma_rad)
    assert abs(roll - ROLL) < min(np.radians(2), 2 * belief.roll_sigma_rad)
    assert belief.pitch_sigma_rad < 0.6 * beforehand.pitch_sigma_rad
    assert belief.focal.focal_px == pytest.approx(FOCAL_PX, rel=0.2)
    assert belief.focal.sigma < 0.8 * beforehand.focal.sigma


def test_two_people_of_unlike_size_do_not_mislead():
    rng = np.random.default_rng(2)
    belief = believe([walk(rng), walk(rng, tall_m=1.2)])
    assert abs(to_angles(belief.up_camera)[0] - PITCH) < np.radians(5)


def test_only_people_who_stand_straight_and_are_seen_whole_are_heard():
    rng = np.random.default_rng(3)
    landmarks = walk(rng)
    path = rest_path(landmarks.time_s)
    assert len(find_standing([landmarks], path).person) == len(landmarks.time_s)
    assert not len(find_standing([walk(rng, bent=0.6)], path).person)
    landmarks.confidence[:, BODY_LANDMARK_INDEX["left_ankle"]] = 0.1
    assert not len(find_standing([landmarks], path).person)
    assert not len(find_standing([], path).person)


def test_a_turning_camera_sees_the_same_people():
    landmarks = walk(np.random.default_rng(4))
    path = rest_path(landmarks.time_s)
    turn = cv2.Rodrigues(np.array([0.0, 0.1, 0.3]))[0]
    path.first_from_camera[:] = turn
    found = find_standing([landmarks], path)
    up = turn @ up_from_angles(PITCH, ROLL)
    candidates = np.stack([up, up_from_angles(PITCH, ROLL)])
    told = found.log_likelihood(candidates, np.full(2, FOCAL_PX))
    assert told[0] > told[1] + 3


def crowd(pitch, roll, log_focal):
    count = len(pitch)
    return CameraBelief(pitch, roll, log_focal, np.full(count, 1 / count))


def test_a_focal_length_that_becomes_known_changes_the_pitch_with_it():
    rng = np.random.default_rng(5)
    log_focal = rng.normal(7.0, 0.3, 20000)
    belief = crowd(0.5 * (log_focal - 7.0) - 0.3, rng.normal(0, 0.02, 20000), log_focal)
    assert belief.pitch_sigma_rad == pytest.approx(0.15, rel=0.05)
    told = belief.told(focals=[FocalGuess(float(np.exp(7.3)), 0.05)])
    assert to_angles(told.up_camera)[0] == pytest.approx(-0.15, abs=0.01)
    assert told.pitch_sigma_rad < 0.05
    assert told.focal.sigma < 0.1


def test_witnesses_weigh_by_their_sigmas():
    rng = np.random.default_rng(6)
    belief = crowd(rng.normal(0, 0.1, 20000), rng.normal(0, 0.1, 20000), rng.normal(7, 0.1, 20000))
    told = belief.told(ups=[UpGuess(up_from_angles(0.1, -0.2), 0.1, 0.2)])
    pitch, roll = to_angles(told.up_camera)
    assert pitch == pytest.approx(0.05, abs=0.01)
    assert roll == pytest.approx(-0.04, abs=0.01)
    assert told.pitch_sigma_rad == pytest.approx(0.1 / np.sqrt(2), rel=0.1)


def test_a_witness_who_is_altogether_wrong_changes_little():
    rng = np.random.default_rng(7)
    belief = crowd(*(rng.normal(0, 0.01, (3, 2000))))
    told = belief.told(ups=[UpGuess(up_from_angles(0.8, 0.0), 0.03, 0.03)])
    assert abs(to_angles(told.up_camera)[0]) < 0.005


def test_of_two_that_lines_leave_possible_a_witness_picks_one():
    rng = np.random.default_rng(8)
    pitch = np.concatenate([rng.normal(-0.4, 0.01, 500), rng.normal(0.2, 0.01, 500)])
    belief = crowd(pitch, np.zeros(1000), np.zeros(1000))
    assert belief.pitch_sigma_rad > 0.25
    told = belief.told(ups=[UpGuess(up_from_angles(-0.3, 0.0), 0.14, 0.14)])
    assert to_angles(told.up_camera)[0] == pytest.approx(-0.4, abs=0.05)
