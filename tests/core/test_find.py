"""The first pass on real pictures: who is where, and that nobody becomes another."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pytest
import skimage.data

from core.detect.find import find_people, key_step
from core.detect.tracks import Track
from core.video import Frame, open_video
from tests.core import crossing
from tests.core.clips import need_demo_clip
from tests.core.crossing import Actor, away, count_swaps, film, identities, walk

LEFT, MIDDLE, RIGHT, BEHIND = 110, 640, 1170, 15  # px; those behind stand higher


def find(frames: Sequence[Frame], **options) -> list[Track]:
    return find_people(crossing.engine(), frames, lambda done: None, pytest.fail, **options)


def frames_of(*images: np.ndarray) -> list[Frame]:
    return [Frame(6 * i, 0.2 * i, np.ascontiguousarray(image)) for i, image in enumerate(images)]


@pytest.mark.parametrize(
    ("fps", "step"), [(30.0, 6), (25.0, 5), (23.976, 5), (60.0, 12), (5.0, 1), (2.0, 1)]
)
def test_key_frames_are_a_fifth_of_a_second_apart(fps, step):
    assert key_step(fps) == step


def cross(moments: int) -> list[Actor]:
    """She passes behind him."""
    return [
        Actor(crossing.woman(), walk((RIGHT, 415), (LEFT, 415), moments=moments)),
        Actor(crossing.man(), walk((LEFT, 430), (RIGHT, 430), moments=moments)),
    ]


def pass_by(moments: int) -> list[Actor]:
    """He stays where he is, she passes before him."""
    return [
        Actor(crossing.man(), walk((MIDDLE, 430), (MIDDLE, 430), moments=moments)),
        Actor(crossing.woman(), walk((RIGHT, 445), (LEFT, 445), moments=moments)),
    ]


def turn_back(moments: int) -> list[Actor]:
    """They meet, and each goes back: by their courses alone they would be exchanged."""
    return [
        Actor(crossing.man(), walk((LEFT, 430), (660, 430), (LEFT, 430), moments=moments)),
        Actor(crossing.woman(), walk((RIGHT, 430), (620, 430), (RIGHT, 430), moments=moments)),
    ]


def equal_clothes(moments: int) -> list[Actor]:
    mirrored = [cut_out.mirrored() for cut_out in crossing.woman()]
    return [
        Actor(crossing.woman(), walk((RIGHT, 430), (LEFT, 430), moments=moments)),
        Actor(mirrored[5:] + mirrored[:5], walk((LEFT, 442), (RIGHT, 442), moments=moments)),
    ]


@pytest.mark.parametrize("moments", [12, 28], ids=["fast", "slow"])
@pytest.mark.parametrize("scene", [cross, pass_by, turn_back, equal_clothes])
def test_two_people_who_meet_stay_themselves(scene, moments):
    actors = scene(moments)
    tracks = find(film(actors))
    assert len(tracks) == 2
    assert count_swaps(tracks, actors) == 0
    assert {identities(track, actors)[0] for track in tracks} == {0, 1}
    for track in tracks:
        assert len(track.time_s) >= 0.65 * moments  # the one behind is hidden for a while
        assert track.thumbnail.shape[0] == 160


def test_who_leaves_and_comes_back_keeps_the_number():
    """She goes to the left, and comes back two seconds later from the right."""
    there = walk((1000, 440), (-150, 440), moments=14)
    back = walk((1400, 440), (300, 440), moments=14)
    actors = [
        Actor(crossing.man(), walk((700, 430), (700, 430), moments=38)),
        Actor(crossing.woman(), np.concatenate([there, away(10), back])),
    ]
    he, she = find(film(actors))
    assert set(identities(he, actors)) == {0}
    assert set(identities(she, actors)) == {1}
    assert np.diff(she.time_s).max() > 1.5
    assert she.time_s[0] < 0.5
    assert she.time_s[-1] > 7.0


def test_a_track_says_where_and_when():
    actors = [Actor(crossing.man(), walk((400, 430), (900, 430), moments=10))]
    (track,) = find(film(actors))
    np.testing.assert_array_equal(track.frame_index, range(0, 60, 6))
    np.testing.assert_allclose(track.time_s, np.arange(10) * 0.2)
    hips = track.points[:, 23:25].mean(1)
    np.testing.assert_allclose(hips, actors[0].places, atol=15)
    np.testing.assert_allclose(track.regions[:, :2], actors[0].places, atol=25)
    height = 370  # px from head to feet, by eye
    assert (track.regions[:, 2] > height).all()
    assert (track.regions[:, 2] < 2 * height).all()
    assert track.points.shape == (10, 33, 2)
    assert (track.score >= 0.5).all()


def test_the_thumbnail_shows_the_person():
    """His shirt is in the middle of it, at its upper half."""
    actors = [Actor(crossing.man(), walk((400, 430), (900, 430), moments=6))]
    (track,) = find(film(actors))
    height, width = track.thumbnail.shape[:2]
    assert track.thumbnail.dtype == np.uint8
    assert height == 160
    assert width < height
    shirt = np.median(track.thumbnail[40:70, width // 2 - 8 : width // 2 + 8], axis=(0, 1))
    cut_out = crossing.man()[0].image
    np.testing.assert_allclose(shirt, np.median(cut_out[130:200, 225:255], axis=(0, 1)), atol=25)


def test_chunks_leave_no_trace(monkeypatch):
    actors = cross(9)
    tracks = find(film(actors))
    monkeypatch.setattr("core.detect.find._CHUNK", {"cpu": 1})
    for one, other in zip(tracks, find(film(actors)), strict=True):
        np.testing.assert_array_equal(one.frame_index, other.frame_index)
        np.testing.assert_allclose(one.points, other.points, atol=1.0)


def test_a_man_far_off_is_not_left_for_a_woman_who_passes():
    """He swings his arms on a roof, small; she walks by, larger and in better light."""
    step = key_step(30.0)
    frames = (f for f in open_video(need_demo_clip()).frames(end_s=5.0) if f.index % step == 0)
    he, she = find(list(frames))
    assert len(he.time_s) >= 24  # of 26
    assert (np.ptp(he.regions[:, :2], axis=0) < 350).all()
    assert (he.regions[:, 1] < 400).all()
    assert (np.diff(she.regions[:, 0]) < 0).all()
    assert (she.regions[:, 1] > 600).all()


def test_progress_counts_the_key_frames():
    done = []
    find_people(crossing.engine(), film(cross(9)), done.append, pytest.fail)
    assert done[-1] == 9
    assert done == sorted(done)


def test_a_crowd_is_cut_down_and_said():
    warnings = []
    frames = film(pass_by(6))
    tracks = find_people(crossing.engine(), frames, lambda done: None, warnings.append, 1)
    assert len(tracks) == 1
    (warning,) = warnings
    assert warning.startswith("2 people were seen")
    assert "shorter range" in warning


@pytest.mark.parametrize(
    "images",
    [
        [],
        [np.zeros((720, 1280, 3), np.uint8)] * 5,
        [np.full((64, 64, 3), 128, np.uint8)] * 5,
        [np.zeros((1, 1, 3), np.uint8)],
        list(np.random.default_rng(0).integers(0, 255, (3, 120, 640, 3), np.uint8)),
    ],
    ids=["none", "black", "grey", "a pixel", "noise"],
)
def test_nobody_is_found_where_nobody_is(images):
    assert find(frames_of(*images)) == []


def test_one_picture_is_enough():
    (track,) = find(frames_of(skimage.data.astronaut()))
    assert len(track.time_s) == 1
    np.testing.assert_allclose(track.points[0, 0], (220, 128), atol=15)  # the nose, by eye


@pytest.mark.parametrize(("side", "num_people"), [(96, 1), (64, 0)])
def test_small_pictures_show_people_while_they_can(side, num_people):
    """He is as high as two thirds of the picture."""
    images = [
        cv2.resize(frame.image[130:690, 360:920], (side, side), interpolation=cv2.INTER_AREA)
        for frame in film(pass_by(6))[:3]
    ]
    tracks = find(frames_of(*images))
    assert len(tracks) == num_people
    for track in tracks:
        np.testing.assert_allclose(track.points[0, 0], (side / 2, side / 6), atol=side / 10)
        assert track.thumbnail.shape[0] == 160
