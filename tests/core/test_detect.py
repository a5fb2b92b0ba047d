"""The Holistic detector against MediaPipe itself, and what it does where nobody is to be seen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data

from core.detect.detector import Detector
from core.detect.holistic import HolisticDetector, _hand_trust
from core.landmarks import Landmarks
from core.skeletons import BODY_LANDMARK_INDEX, LANDMARK_PARTS, NUM_LANDMARKS
from core.video import Frame

ROOT = Path(__file__).resolve().parents[2]
BODY, FACE = LANDMARK_PARTS["body"], LANDMARK_PARTS["face"]
WIDTH, HEIGHT = 480, 512  # not square, so that a mixed-up axis shows


def astronaut_frames(num_frames: int = 4) -> list[Frame]:
    """An astronaut, facing the camera from hips up, who drifts to the right."""
    image = skimage.data.astronaut()
    return [
        Frame(10 + i, i / 25, np.ascontiguousarray(image[:, 12 - 4 * i :][:, :WIDTH]))
        for i in range(num_frames)
    ]


def detect(frames: list[Frame], detector: Detector | None = None) -> list[Landmarks]:
    return (detector or HolisticDetector()).detect(iter(frames), lambda done: None)


@pytest.fixture(scope="module")
def astronaut() -> Landmarks:
    (landmarks,) = detect(astronaut_frames())
    return landmarks


def at(landmarks: Landmarks, name: str) -> np.ndarray:
    return landmarks.points_px[0, BODY_LANDMARK_INDEX[name]]


def hint(landmarks: Landmarks, name: str) -> np.ndarray:
    return landmarks.hints[0, BODY_LANDMARK_INDEX[name]]


def test_numbers_are_those_of_mediapipe(astronaut):
    from mediapipe.python.solutions.holistic import Holistic

    with Holistic(smooth_landmarks=False, refine_face_landmarks=True) as holistic:
        results = [holistic.process(frame.image) for frame in astronaut_frames()]
    for i_frame, result in enumerate(results):
        body = result.pose_landmarks.landmark
        expected = [(point.x * WIDTH, point.y * HEIGHT) for point in body]
        np.testing.assert_allclose(astronaut.points_px[i_frame, BODY], expected, atol=1e-3)
        expected = [point.visibility for point in body]
        np.testing.assert_allclose(astronaut.confidence[i_frame, BODY], expected, atol=1e-6)
        expected = [(p.x, p.y, p.z) for p in result.pose_world_landmarks.landmark]
        np.testing.assert_allclose(astronaut.hints[i_frame, BODY], expected, atol=1e-6)
        face = result.face_landmarks.landmark
        expected = [(point.x * WIDTH, point.y * HEIGHT, point.z * WIDTH) for point in face]
        np.testing.assert_allclose(astronaut.hints[i_frame, FACE], expected, atol=1e-3)
        np.testing.assert_allclose(
            astronaut.points_px[i_frame, FACE], np.array(expected)[:, :2], atol=1e-3
        )


def test_frames_keep_their_numbers_and_times(astronaut):
    np.testing.assert_array_equal(astronaut.frame_index, [10, 11, 12, 13])
    np.testing.assert_allclose(astronaut.time_s, [0.0, 0.04, 0.08, 0.12])
    assert astronaut.image_size == (WIDTH, HEIGHT)
    assert astronaut.is_seen.all()


def test_the_astronaut_is_where_she_is_in_the_picture(astronaut):
    """Places read off the picture by eye, to 12 pixels."""
    for name, place in {
        "nose": (208, 128),
        "left_eye": (236, 104),
        "right_eye": (190, 102),
    }.items():
        np.testing.assert_allclose(at(astronaut, name), place, atol=12)
    middle = astronaut.points_px[0, FACE].mean(axis=0)
    np.testing.assert_allclose(middle, at(astronaut, "nose"), atol=20)


@pytest.mark.parametrize("part", ["eye", "ear", "shoulder", "elbow", "hip"])
def test_left_is_the_left_of_the_person(astronaut, part):
    """She faces the camera, so her left is on the right of the picture."""
    assert at(astronaut, f"left_{part}")[0] > at(astronaut, f"right_{part}")[0] + 10
    assert hint(astronaut, f"left_{part}")[0] > hint(astronaut, f"right_{part}")[0]


def test_hints_are_metres_in_camera_axes(astronaut):
    shoulders = hint(astronaut, "left_shoulder") - hint(astronaut, "right_shoulder")
    assert 0.2 < np.linalg.norm(shoulders) < 0.5
    middle = (hint(astronaut, "left_hip") + hint(astronaut, "right_hip")) / 2
    np.testing.assert_allclose(middle, 0, atol=0.03)
    assert hint(astronaut, "nose")[1] < hint(astronaut, "left_shoulder")[1] < 0  # y down
    assert hint(astronaut, "nose")[2] < hint(astronaut, "left_ear")[2]  # z away from the camera
    nose_tip, left_ear = astronaut.hints[0, FACE][[1, 454]]
    assert nose_tip[2] < left_ear[2]


def test_frames_without_the_person_are_zero():
    empty = [Frame(i, i / 25, np.full((HEIGHT, WIDTH, 3), 90, np.uint8)) for i in range(3)]
    later = [Frame(3 + i, (3 + i) / 25, f.image) for i, f in enumerate(astronaut_frames(3))]
    (landmarks,) = detect(empty + later)
    np.testing.assert_array_equal(landmarks.is_seen, [False] * 3 + [True] * 3)
    for values in (landmarks.points_px, landmarks.hints, landmarks.confidence):
        assert not values[:3].any()
        assert np.isfinite(values).all()


def test_a_landmark_without_confidence_has_no_place(astronaut):
    is_missing = astronaut.confidence == 0
    assert not astronaut.points_px[is_missing].any()
    assert not astronaut.hints[is_missing].any()


def test_a_video_without_a_person_holds_nobody():
    noise = np.random.default_rng(0).integers(0, 255, (3, 120, 160, 3), np.uint8)
    assert detect([Frame(i, i / 25, image) for i, image in enumerate(noise)]) == []


def test_no_frames_hold_nobody():
    assert detect([]) == []


@pytest.mark.parametrize("block", [1, 3, 4])
def test_rows_survive_the_blocks_they_are_stored_in(astronaut, monkeypatch, block):
    monkeypatch.setattr("core.detect.holistic._BLOCK", block)
    (landmarks,) = detect(astronaut_frames())
    for name in ("frame_index", "time_s", "points_px", "hints", "confidence"):
        np.testing.assert_array_equal(getattr(landmarks, name), getattr(astronaut, name))


def test_a_detector_serves_one_video_after_the_other(astronaut):
    detector = HolisticDetector()
    for _ in range(2):
        (again,) = detect(astronaut_frames(), detector)
        np.testing.assert_array_equal(again.points_px, astronaut.points_px)


def test_progress_counts_the_frames():
    done = []
    HolisticDetector().detect(astronaut_frames(3), done.append)
    assert done == [1, 2, 3]


def test_standard_output_stays_clean(capfd):
    detect(astronaut_frames(1))
    out, err = capfd.readouterr()
    assert out == ""
    assert "XNNPACK" not in err


def test_importing_the_detector_does_not_import_mediapipe():
    code = "import sys, core.detect.holistic; sys.exit('mediapipe' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize(
    ("palm_m", "gap_m", "trust"),
    [
        (0.09, 0.0, 1.0),
        (0.09, 0.09, 1.0),
        (0.09, 0.175, 0.5),  # halfway between 0.4 and 1 forearms
        (0.09, 0.5, 0.1),
        (0.02, 0.0, 0.1),
        (0.0375, 0.0, 0.5),
        (0.4, 0.0, 0.1),
    ],
)
def test_a_hand_that_does_not_fit_its_arm_is_trusted_less(palm_m, gap_m, trust):
    px_per_metre = 300.0
    hints = np.zeros((NUM_LANDMARKS, 3))
    hints[BODY] = np.random.default_rng(0).normal(scale=0.4, size=(33, 3))
    elbow, wrist = (BODY_LANDMARK_INDEX[f"left_{name}"] for name in ("elbow", "wrist"))
    hints[wrist] = hints[elbow] + [0.0, 0.15, 0.2]  # a forearm of 0.25 m, partly towards us
    points_px = hints[:, :2] * px_per_metre + 500
    hand = LANDMARK_PARTS["left_hand"]
    points_px[hand] = points_px[wrist] + [gap_m * px_per_metre, 0]
    hints[hand][9] = [0, palm_m * px_per_metre, 0]
    assert _hand_trust("left", points_px, hints) == pytest.approx(trust, abs=1e-6)
