import numpy as np
import pytest

from reelrig.addon import live_view
from reelrig.addon.live_geometry import Box, cut_overlaps, place_label, place_lines, place_picture
from reelrig.core.protocol import Seen
from reelrig.core.skeletons import (
    BODY_LANDMARK_INDEX,
    NUM_LANDMARKS,
    PREVIEW_EDGES,
    PREVIEW_LANDMARKS,
)
from tests.addon.harness import registered_addon

PICTURE = Box(100, 50, 260, 140)  # a tenth of 1600 x 900
NOSE, LEFT_HIP = BODY_LANDMARK_INDEX["nose"], BODY_LANDMARK_INDEX["left_hip"]


def see(points=(0.0, 0.0), confidence=1.0, person=0, time_s=0.0, image_size=(1600, 900)):
    """A sight of landmarks [K, 2] and [K], or of all at one place."""
    points = np.broadcast_to(np.float32(points), (NUM_LANDMARKS, 2))
    confidence = np.broadcast_to(np.float32(confidence), NUM_LANDMARKS)
    return Seen.select(person, time_s, image_size, points, confidence)


def test_picture_has_the_proportions_of_the_video():
    for image_size in ((1600, 900), (1080, 1920), (640, 640)):
        picture = place_picture(Box(0, 0, 1000, 800), image_size, 1.0)
        assert picture.width / picture.height == pytest.approx(image_size[0] / image_size[1])
        assert max(picture.width, picture.height) == pytest.approx(320)


def test_picture_is_at_the_bottom_right_within_the_room():
    free = Box(60, 20, 500, 300)
    picture = place_picture(free, (1600, 900), 1.0)
    assert (picture.right, picture.bottom) == (488, 32)
    assert picture.width == pytest.approx(0.4 * free.width)
    assert picture.left > free.left
    assert picture.top < free.top


def test_picture_grows_with_the_user_interface():
    free = Box(0, 0, 5000, 5000)
    once, twice = (place_picture(free, (1600, 900), scale) for scale in (1.0, 2.0))
    assert twice.width == pytest.approx(2 * once.width)


@pytest.mark.parametrize("free", [Box(0, 0, 100, 800), Box(0, 0, 800, 60), Box(300, 0, 200, 400)])
def test_no_picture_where_there_is_no_room(free):
    assert place_picture(free, (1600, 900), 1.0) is None


def test_bars_over_the_region_are_cut_off():
    region = Box(0, 0, 1000, 600)
    neighbours = [
        ("LEFT", Box(0, 0, 50, 560)),
        ("RIGHT", Box(720, 0, 1000, 560)),
        ("TOP", Box(0, 560, 1000, 600)),
        ("FLOAT", Box(0, 0, 300, 200)),  # the last operation's panel: it is no bar
        ("BOTTOM", Box(0, -30, 1000, 0)),  # beside the region
    ]
    assert cut_overlaps(region, neighbours) == Box(50, 0, 720, 560)


def test_lines_go_where_the_landmarks_are():
    points = np.stack([np.arange(NUM_LANDMARKS) + 100.0, np.full(NUM_LANDMARKS, 300.0)], axis=1)
    ends, _ = place_lines(see(points), PICTURE)
    first, second = (PREVIEW_LANDMARKS[i] for i in PREVIEW_EDGES[0])
    assert ends.shape == (2 * len(PREVIEW_EDGES), 2)
    expected = [[100 + (first + 100) / 10, 110.0], [100 + (second + 100) / 10, 110.0]]
    np.testing.assert_allclose(ends[:2], expected, atol=1e-3)


def test_y_points_up():
    points = np.zeros((NUM_LANDMARKS, 2))
    points[LEFT_HIP] = 0, 900
    points[NOSE] = 0, 100
    assert place_label(see(points, np.arange(NUM_LANDMARKS) == NOSE), PICTURE) == (100, 130)
    assert place_label(see(points, np.arange(NUM_LANDMARKS) == LEFT_HIP), PICTURE) == (100, 50)


def test_what_is_unseen_or_outside_is_not_drawn():
    confidence = np.ones(NUM_LANDMARKS)
    confidence[BODY_LANDMARK_INDEX["left_elbow"]] = 0  # two lines end there
    ends, _ = place_lines(see((800, 450), confidence), PICTURE)
    assert len(ends) == 2 * (len(PREVIEW_EDGES) - 2)
    points = np.tile([800.0, 450.0], (NUM_LANDMARKS, 1))
    points[BODY_LANDMARK_INDEX["left_elbow"]] = -5, 450
    assert len(place_lines(see(points), PICTURE)[0]) == len(ends)


@pytest.mark.parametrize("sight", [see(confidence=0.0), see((2000, 450)), see((np.nan, 450))])
def test_nobody_to_draw(sight):
    ends, colors = place_lines(sight, PICTURE)
    assert (ends.shape, colors.shape) == ((0, 2), (0, 4))
    assert place_label(sight, PICTURE) is None


def test_colors_tell_the_confidence():
    colors = [place_lines(see(confidence=value), PICTURE)[1][0] for value in (0.1, 0.5, 1.0)]
    red, green, alpha = (np.array([color[i] for color in colors]) for i in (0, 1, 3))
    assert (np.diff(green) > 0).all()
    assert red[2] < red[1]
    assert (np.diff(alpha) > 0).all()


@pytest.fixture
def view(scene):
    with registered_addon():
        yield live_view
    assert live_view._handle is None


def test_newest_sight_of_each_person_is_shown(view):
    for person, time_s in ((0, 1.0), (1, 1.0), (0, 1.1)):
        view.show(see(person=person, time_s=time_s))
    shown = {seen.person: seen.time_s for seen in view.list_shown()}
    assert shown == {0: 1.1, 1: 1.0}


def test_who_was_seen_at_another_moment_is_not_shown(view):
    view.show(see(person=0, time_s=4.0))
    view.show(see(person=1, time_s=1.0))
    assert [seen.person for seen in view.list_shown()] == [1]
    view.show(see(person=1, time_s=3.9))
    assert sorted(seen.person for seen in view.list_shown()) == [0, 1]
