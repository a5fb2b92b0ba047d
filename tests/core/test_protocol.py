"""The worker's messages: as lines, and what is no message."""

from __future__ import annotations

import json

import numpy as np
import pytest

from core.errors import WorkerError
from core.protocol import (
    Done,
    Failed,
    FoundPerson,
    People,
    Progress,
    Seen,
    Warn,
    line_to_message,
    message_to_line,
)
from core.skeletons import (
    LANDMARK_PARTS,
    NUM_LANDMARKS,
    PREVIEW_EDGES,
    PREVIEW_LANDMARKS,
)

LONGEST_LINE = 10_000  # letters: many come a second


def see(time_s: float = 1.0) -> Seen:
    rng = np.random.default_rng(1)
    points = rng.uniform(-2000, 8000, (NUM_LANDMARKS, 2)).astype(np.float32)
    confidence = rng.uniform(0, 1, NUM_LANDMARKS).astype(np.float32)
    return Seen.select(7, time_s, (7680, 4320), points, confidence)


def find(number: int) -> FoundPerson:
    return FoundPerson(
        person=number, first_s=1 / 3, last_s=100 / 3, share=0.98, thumbnail="/tmp/person.png"
    )


@pytest.mark.parametrize(
    "message",
    [
        Progress("Detecting", 3, 12, 1.5),
        Warn("The hands are hidden."),
        see(),
        People([find(0), {**find(1), "thumbnail": None}]),
        Done(["a.npz", "a_person1.npz"]),
        Failed("No person was found."),
    ],
    ids=lambda message: message.type,
)
def test_a_message_comes_out_of_its_line_as_it_went_in(message):
    line = message_to_line(message)
    assert line_to_message(line) == message
    assert line.endswith("\n")
    assert line.count("\n") == 1
    assert len(line) < LONGEST_LINE


def test_landmarks_of_a_sight_are_those_of_the_preview():
    points = np.stack([np.arange(NUM_LANDMARKS), -np.arange(NUM_LANDMARKS)], axis=1) + 0.04
    seen = Seen.select(0, 1 / 3, (64, 48), points, np.full(NUM_LANDMARKS, 1 / 3))
    assert seen.time_s == 0.333
    assert seen.points_px == [[float(i), float(-i)] for i in PREVIEW_LANDMARKS]
    assert set(seen.confidence) == {0.33}


def test_numbers_of_arrays_fit_into_a_line():
    points = np.zeros((NUM_LANDMARKS, 2), np.float32)
    person, width, height = np.array([1, 640, 480])
    seen = Seen.select(person, np.float32(0.5), (width, height), points, points[:, 0])
    assert line_to_message(message_to_line(seen)) == seen


def test_unheard_of_keys_are_dropped():
    values = json.loads(message_to_line(Warn("Low light."))) | {"from a newer worker": 1}
    assert line_to_message(json.dumps(values)) == Warn("Low light.")


def change(line: str, **values) -> str:
    return json.dumps(json.loads(line) | values)


@pytest.mark.parametrize(
    "line",
    [
        "a library prints",
        "[]",
        '{"type": "unheard of"}',
        '{"type": "progress", "stage": "Detecting"}',
        change(message_to_line(see()), points_px=[[1.0, 2.0]]),
        change(message_to_line(see()), confidence=[0.5]),
        change(message_to_line(see()), points_px=[[1.0, 2.0], [3.0]]),
        change(message_to_line(see()), image_size=[1280]),
        change(message_to_line(see()), image_size=[1280, 0]),
        change(message_to_line(People([find(0)])), people=[{"person": 0}]),
        change(message_to_line(People([find(0)])), people=7),
    ],
)
def test_what_is_no_message_is_told(line):
    with pytest.raises(WorkerError, match="sent a line that is no message"):
        line_to_message(line)


def test_preview_has_body_and_hands_whole_and_some_of_the_face():
    assert PREVIEW_LANDMARKS == tuple(sorted(set(PREVIEW_LANDMARKS)))
    assert set(range(LANDMARK_PARTS["face"].start)) <= set(PREVIEW_LANDMARKS)
    in_face = [i for i in PREVIEW_LANDMARKS if i >= LANDMARK_PARTS["face"].start]
    assert 40 < len(in_face) <= 51 + 17
    assert max(in_face) < NUM_LANDMARKS


def test_lines_of_the_preview_stay_within_a_part():
    parts = [
        next(name for name, part in LANDMARK_PARTS.items() if part.start <= i < part.stop)
        for i in PREVIEW_LANDMARKS
    ]
    assert all(parts[start] == parts[end] for start, end in PREVIEW_EDGES)
    joined = {frozenset(edge) for edge in PREVIEW_EDGES}
    assert len(joined) == len(PREVIEW_EDGES)
    in_face_or_hand = {i for i, part in enumerate(parts) if part != "body"}
    assert in_face_or_hand <= {end for edge in PREVIEW_EDGES for end in edge}
