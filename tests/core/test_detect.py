"""The whole detector on a picture of a person: what it hands on, and where nobody is to be seen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data

from core.detect import follow as follow_module
from core.detect.detector import Detector
from core.detect.engine import Engine, open_engine
from core.landmarks import Landmarks
from core.skeletons import ARKIT_INDEX, BODY_LANDMARK_INDEX, LANDMARK_PARTS, NUM_LANDMARKS
from tests.core.picture_video import video_of

ROOT = Path(__file__).resolve().parents[2]
BODY, FACE = LANDMARK_PARTS["body"], LANDMARK_PARTS["face"]
WIDTH, HEIGHT = 480, 512  # not square, so that a mixed-up axis shows
NUM_FRAMES = 12


def astronaut_images(num_frames: int = NUM_FRAMES) -> list[np.ndarray]:
    """An astronaut, facing the camera from hips up, who drifts to the right."""
    image = skimage.data.astronaut()
    starts = np.linspace(24, 0, num_frames).astype(int)
    return [np.ascontiguousarray(image[:, start:][:, :WIDTH]) for start in starts]


def grey(value: int = 90) -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), value, np.uint8)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return open_engine("cpu")


def refuse(text: str) -> None:
    raise AssertionError(f"no warning was expected, got: {text}")


def detect(engine: Engine, images: list[np.ndarray], **told) -> list[Landmarks]:
    """The landmarks of everybody in the pictures."""
    detector = Detector(engine=engine, model="full", warn=refuse)
    video = video_of(images)
    tracks = detector.find(video, 0.0, None, told.get("finding", lambda done: None))
    if not tracks:
        return []
    return detector.follow(
        video,
        0.0,
        None,
        tracks,
        range(len(tracks)),
        told.get("detecting", lambda done: None),
        told.get("show", lambda *seen: None),
    )


@pytest.fixture(scope="module")
def astronaut(engine) -> Landmarks:
    (landmarks,) = detect(engine, astronaut_images())
    return landmarks


def at(landmarks: Landmarks, name: str) -> np.ndarray:
    return landmarks.points_px[0, BODY_LANDMARK_INDEX[name]]


def hint(landmarks: Landmarks, name: str) -> np.ndarray:
    return landmarks.hints[0, BODY_LANDMARK_INDEX[name]]


def test_every_frame_has_its_row(astronaut):
    np.testing.assert_array_equal(astronaut.frame_index, np.arange(NUM_FRAMES))
    np.testing.assert_allclose(astronaut.time_s, np.arange(NUM_FRAMES) / 25)
    assert astronaut.image_size == (WIDTH, HEIGHT)
    assert astronaut.is_seen.all()


def test_the_astronaut_is_where_she_is_in_the_picture(astronaut):
    """Places read off the picture by eye, to 12 pixels."""
    for name, place in {
        "nose": (196, 128),
        "left_eye": (224, 104),
        "right_eye": (178, 102),
    }.items():
        np.testing.assert_allclose(at(astronaut, name), place, atol=12)
    middle = astronaut.points_px[0, FACE].mean(axis=0)
    np.testing.assert_allclose(middle, at(astronaut, "nose"), atol=20)


def test_the_landmarks_drift_with_her(astronaut):
    """Also in the frames between the first pass's key frames."""
    place = astronaut.points_px[:, BODY, 0][:, :13].mean(axis=1)
    truth = 24 - np.linspace(24, 0, NUM_FRAMES).astype(int)
    slope, start = np.polyfit(truth, place, 1)
    assert slope == pytest.approx(1.0, abs=0.1)
    np.testing.assert_allclose(place, start + slope * truth, atol=3)


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


def test_the_astronaut_smiles(astronaut):
    scores = astronaut.face_scores.mean(axis=0)
    for side in ("Left", "Right"):
        assert scores[ARKIT_INDEX[f"mouthSmile{side}"]] > 0.5
        assert scores[ARKIT_INDEX[f"eyeBlink{side}"]] < 0.4
    assert scores[ARKIT_INDEX["jawOpen"]] < 0.3
    assert scores[ARKIT_INDEX["tongueOut"]] == 0


def test_frames_without_the_person_are_zero(engine):
    (landmarks,) = detect(engine, [grey()] * 10 + astronaut_images(11) + [grey()] * 10)
    np.testing.assert_array_equal(np.flatnonzero(landmarks.is_seen), np.arange(10, 21))
    unseen = ~landmarks.is_seen
    for name in ("points_px", "hints", "confidence", "face_scores"):
        values = getattr(landmarks, name)
        assert not values[unseen].any()
        assert np.isfinite(values).all()


def test_a_short_absence_stays_empty_and_the_person_the_same(engine):
    images = astronaut_images(24)
    images[10:13] = [grey()] * 3
    (landmarks,) = detect(engine, images)
    np.testing.assert_array_equal(np.flatnonzero(~landmarks.is_seen), [10, 11, 12])


def test_a_landmark_without_confidence_has_no_place(astronaut):
    is_missing = astronaut.confidence == 0
    assert not astronaut.points_px[is_missing].any()
    assert not astronaut.hints[is_missing].any()


@pytest.mark.parametrize(
    "images",
    [
        list(np.random.default_rng(0).integers(0, 255, (6, 120, 160, 3), np.uint8)),
        [grey(0)] * 6,
        [np.zeros((64, 64, 3), np.uint8)] * 6,
    ],
    ids=["noise", "black", "tiny"],
)
def test_a_video_without_a_person_holds_nobody(engine, images):
    assert detect(engine, images) == []


@pytest.mark.parametrize("longest", [1, 5])
def test_chunks_do_not_change_what_is_seen(engine, astronaut, monkeypatch, longest):
    monkeypatch.setitem(follow_module._CHUNK_FRAMES, "cpu", longest)
    (landmarks,) = detect(engine, astronaut_images())
    off = np.abs(landmarks.points_px[:, BODY] - astronaut.points_px[:, BODY])
    assert off.max() < 0.1


def test_progress_counts_the_frames(engine):
    finding, detecting = [], []
    detect(engine, astronaut_images(), finding=finding.append, detecting=detecting.append)
    for done in (finding, detecting):
        assert done[-1] == NUM_FRAMES
        assert done == sorted(set(done))


def test_landmarks_are_shown_as_they_are_made(engine, astronaut):
    shown = []
    detect(engine, astronaut_images(), show=lambda *seen: shown.append(seen))
    assert [person for person, *_ in shown] == [0] * NUM_FRAMES
    np.testing.assert_allclose([time_s for _, time_s, *_ in shown], astronaut.time_s)
    for row, (*_, points_px, confidence) in enumerate(shown):
        assert points_px.shape == (NUM_LANDMARKS, 2)
        is_sure = confidence[:13] > 0.9
        np.testing.assert_allclose(
            points_px[:13][is_sure], astronaut.points_px[row, :13][is_sure], atol=0.1
        )


def test_a_range_is_numbered_as_the_video(engine):
    video = video_of(astronaut_images())
    detector = Detector(engine=engine, model="lite", warn=refuse)
    tracks = detector.find(video, 0.2, 0.4, lambda done: None)
    (landmarks,) = detector.follow(
        video, 0.2, 0.4, tracks, [0], lambda done: None, lambda *seen: None
    )
    np.testing.assert_array_equal(landmarks.frame_index, np.arange(5, 11))
    assert landmarks.is_seen.all()


def test_importing_the_detector_reads_no_network_and_no_mediapipe():
    code = "import sys, core.detect.detector; sys.exit('mediapipe' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
