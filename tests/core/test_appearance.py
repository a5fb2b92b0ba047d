"""Looks: people told apart by their colours."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.detect.appearance import Look, blend_looks, look_distance, see_looks
from core.skeletons import BODY_LANDMARK_INDEX
from tests.core.figures import STANDING, paint

RED, BLUE, GREY, WHITE = (190, 40, 40), (40, 60, 180), (110, 110, 110), (235, 235, 235)
SIZE = 300.0


def look_of(
    shirt: tuple[int, int, int], trousers: tuple[int, int, int], light: float = 1.0
) -> Look:
    points = STANDING * SIZE + [200, 60]
    return see_one(paint(points, shirt, trousers, light), points)


def see_one(image: np.ndarray, points: np.ndarray) -> Look:
    (look,) = see_looks([torch.from_numpy(image)], [0], points[None], np.ones((1, 33)))
    return look


def test_other_clothes_lie_farther_than_other_light():
    one = look_of(RED, GREY)
    darker = look_distance(one, look_of(RED, GREY, light=0.9))
    assert darker < 0.2
    for shirt, trousers in ((BLUE, GREY), (RED, WHITE), (GREY, RED)):
        assert look_distance(one, look_of(shirt, trousers)) > 1.5 * darker


def test_a_look_survives_turning_round():
    points = STANDING * SIZE + [200, 60]
    image = paint(points, RED, BLUE)
    exchanged = points.copy()
    for name, i in BODY_LANDMARK_INDEX.items():
        if name.startswith("left_"):
            k = BODY_LANDMARK_INDEX[name.replace("left", "right")]
            exchanged[[i, k]] = points[[k, i]]
    assert look_distance(see_one(image, points), see_one(image, exchanged)) < 0.02


def test_distance_is_a_distance():
    one, other = look_of(RED, GREY), look_of(BLUE, WHITE)
    assert look_distance(one, one) == pytest.approx(0, abs=1e-3)
    assert look_distance(one, other) == pytest.approx(look_distance(other, one))
    assert 0 < look_distance(one, other) <= 1


def test_what_lies_outside_the_picture_is_not_compared():
    """Only the upper half is in the picture: the trousers do not count."""
    points = STANDING * SIZE + [200, 60]
    waist = int(points[BODY_LANDMARK_INDEX["left_hip"], 1]) - 20
    red, blue = (see_one(paint(points, GREY, colour)[:waist], points) for colour in (RED, BLUE))
    assert look_distance(red, blue) < 0.02
    assert red.weight[-1] == 0


def test_two_who_never_showed_the_same_are_half_way():
    points = STANDING * SIZE + [200, 60]
    image = paint(points, RED, BLUE)
    nothing = see_one(image, points + 5000)
    assert look_distance(nothing, see_one(image, points)) == 0.5


def test_looks_are_of_their_own_pictures():
    points = STANDING * SIZE + [200, 60]
    pictures = [torch.from_numpy(paint(points, shirt, GREY)) for shirt in (RED, BLUE)]
    looks = see_looks(pictures, [1, 0, 1], np.stack([points] * 3), np.ones((3, 33)))
    assert look_distance(looks[0], looks[2]) == pytest.approx(0, abs=1e-3)
    assert look_distance(looks[0], looks[1]) > 0.2


def test_nobody_has_no_look():
    assert see_looks([], [], np.zeros((0, 33, 2)), np.zeros((0, 33))) == []


def test_a_blend_lies_between():
    one, other = look_of(RED, GREY), look_of(BLUE, GREY)
    blend = blend_looks(one, other, 0.5)
    np.testing.assert_allclose(blend.histograms.sum(2), 1, atol=1e-5)
    whole = look_distance(one, other)
    assert look_distance(one, blend) < whole
    assert look_distance(blend, other) < whole


def test_a_blend_takes_what_only_one_has_seen():
    points = STANDING * SIZE + [200, 60]
    whole = see_one(paint(points, RED, BLUE), points)
    upper = Look(whole.histograms.copy(), np.array([1.0, 1.0, 1.0, 0.0, 0.0]))
    upper.histograms[3:] = 0
    assert look_distance(blend_looks(upper, whole, 0.1), whole) == pytest.approx(0, abs=1e-2)
