"""Who is who: trails through crossings, and people over absences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.detect.appearance import Look, look_distance, see_looks
from core.detect.joining import join_trails
from core.detect.tracks import Sighting, Tracker, Trail, find_clearness, merge_same
from tests.core.figures import STANDING, Colour, paint

STEP_S = 0.2
SIZE = 200.0
RED, BLUE = (190, 40, 40), (40, 60, 180)


def look_of(shirt: Colour) -> Look:
    points = STANDING * SIZE + [200, 60]
    picture = torch.from_numpy(paint(points, shirt, (110, 110, 110)))
    return see_looks([picture], [0], points[None], np.ones((1, 33)))[0]


LOOKS = {RED: look_of(RED), BLUE: look_of(BLUE)}


def sight(
    moment: int, x: float, shirt: Colour = RED, *, y: float = 300.0, size: float = SIZE
) -> Sighting:
    points = STANDING * size + [x, y]
    return Sighting(
        frame_index=6 * moment,
        time_s=STEP_S * moment,
        region=np.array([x, y + 0.36 * size, size, 0.0], np.float32),
        points=points.astype(np.float32),
        visibility=np.ones(33, np.float32),
        score=1.0,
        sureness=0.9,
        look=LOOKS[shirt],
        is_detected=True,
    )


def follow(*moments: list[Sighting]) -> list[Trail]:
    tracker = Tracker()
    for i, sightings in enumerate(moments):
        tracker.add(sightings, STEP_S * i)
    return tracker.trails


def xs(trail: Trail) -> list[float]:
    return [round(float(sighting.region[0])) for sighting in trail.sightings]


def show(trails: list[Trail]) -> list[Trail]:
    for trail in trails:
        trail.thumbnail = np.zeros((160, 60, 3), np.uint8)
    return trails


def test_one_who_walks_is_one_trail():
    (trail,) = follow(*([sight(i, 100 + 30 * i)] for i in range(10)))
    assert xs(trail) == [100 + 30 * i for i in range(10)]


def test_equal_clothes_cross_by_their_courses():
    """For two moments only the one in front is seen."""
    ways = [100 + 30 * i for i in range(16)], [550 - 30 * i for i in range(16)]
    moments = [
        [sight(i, x) for x in ((ways[0][i],) if i in (7, 8) else (ways[0][i], ways[1][i]))]
        for i in range(16)
    ]
    one, other = follow(*moments)
    assert xs(one) == ways[0]
    assert xs(other) == [x for i, x in enumerate(ways[1]) if i not in (7, 8)]


def test_who_turns_back_is_known_by_the_clothes():
    """Their courses say that they went through each other."""
    there = [300 - 30 * abs(6 - i) for i in range(13)]
    moments = [
        [sight(i, there[i], RED)] + ([sight(i, 620 - there[i], BLUE)] if abs(6 - i) > 1 else [])
        for i in range(13)
    ]
    red, blue = follow(*moments)
    assert xs(red) == there
    assert xs(blue) == [620 - x for i, x in enumerate(there) if abs(6 - i) > 1]


def test_who_is_hidden_does_not_take_the_other():
    """Red stops before blue."""
    moments = [[sight(i, 300, BLUE), sight(i, 100 + 40 * i, RED)] for i in range(4)]
    moments += [[sight(i, 250 + 10 * i, RED)] for i in range(4, 8)]
    blue, red = follow(*moments)
    assert xs(blue) == [300] * 4
    assert xs(red) == [100, 140, 180, 220, 290, 300, 310, 320]


def test_arms_and_legs_may_move_fast():
    waving = []
    for i in range(8):
        sighting = sight(i, 300)
        points = sighting.points.copy()
        points[13:23, 1] += SIZE * (0.4 if i % 2 else -0.4)
        waving.append([replace(sighting, points=points)])
    assert len(follow(*waving)) == 1


def test_a_leap_is_another_person():
    assert len(follow([sight(0, 100)], [sight(1, 100 + SIZE)])) == 2


def test_the_lost_are_expected_on_their_way():
    tracker = Tracker()
    for i in range(5):
        tracker.add([sight(i, 100 + 20 * i), sight(i, 500)], STEP_S * i)
    (region,) = tracker.lost_regions([sight(6, 500)], STEP_S * 6)
    np.testing.assert_allclose(region[:2], [100 + 20 * 6, 300 + 0.36 * SIZE], atol=0.1)
    assert len(tracker.lost_regions([sight(20, 500)], STEP_S * 20)) == 0  # after 3 s


def test_who_is_not_seen_plainly_is_looked_for_again():
    tracker = Tracker()
    for i in range(3):
        tracker.add([sight(i, 100), sight(i, 500)], STEP_S * i)
    seen = [sight(3, 100), replace(sight(3, 500), sureness=0.6)]
    (region,) = tracker.doubtful_regions(seen, STEP_S * 3)
    np.testing.assert_allclose(region, tracker.trails[1].last.region, atol=0.1)
    assert len(tracker.lost_regions(seen, STEP_S * 3)) == 0


@pytest.mark.parametrize("change", [{"is_detected": False}, {"sureness": 0.45}])
def test_newcomers_must_be_detected_and_sure(change):
    unsure = [[replace(sight(i, 300), **change)] for i in range(3)]
    assert follow(*unsure) == []
    (trail,) = follow([sight(0, 300)], *[[replace(s, time_s=s.time_s + 0.2)] for [s] in unsure])
    assert len(trail.sightings) == 4


def test_two_sightings_of_one_body_become_one():
    detected = replace(sight(0, 300), sureness=0.6)
    followed = replace(sight(0, 310), is_detected=False)
    (merged,) = merge_same([detected, followed])
    assert merged.points is followed.points
    assert merged.is_detected


def test_one_head_has_one_body():
    whole, half = sight(0, 300), sight(0, 300, size=0.5 * SIZE)
    assert len(merge_same([whole, half])) == 1


def test_two_bodies_stay_two():
    assert len(merge_same([sight(0, 300), sight(0, 300 + 0.25 * SIZE)])) == 2


def test_clearness_is_what_nobody_covers():
    width = float(np.ptp(STANDING[:, 0])) * SIZE
    clearness = find_clearness([sight(0, 300), sight(0, 300 + 0.25 * width), sight(0, 900)])
    np.testing.assert_allclose(clearness, [0.25, 0.25, 1.0], atol=0.01)


def absence(
    gap: int, x: float, shirt: Colour = RED, *, again: int = 6, size: float = SIZE
) -> list[Trail]:
    """Somebody in red at 100, and somebody at ``x`` who comes ``gap`` moments later."""
    tracker = Tracker()
    for i in range(6):
        tracker.add([sight(i, 100)], STEP_S * i)
    for i in range(6 + gap, 6 + gap + again):
        tracker.add([sight(i, x, shirt, size=size)], STEP_S * i)
    return show(tracker.trails)


def test_who_comes_back_keeps_the_number():
    trails = absence(gap=100, x=900)
    assert len(trails) == 2
    (track,) = join_trails(trails, 112)
    assert len(track.time_s) == 12
    assert (np.diff(track.time_s) > 0).all()
    np.testing.assert_array_equal(track.frame_index, np.round(track.time_s / STEP_S) * 6)
    np.testing.assert_allclose(track.regions[[0, -1], 0], [100, 900])
    assert track.points.shape == (12, 33, 2)
    assert track.score.shape == (12,)


def test_other_clothes_are_another_person():
    assert len(join_trails(absence(gap=100, x=100, shirt=BLUE), 112)) == 2


def test_nobody_is_at_two_places():
    trails = follow(*([sight(i, 100), sight(i, 900)] for i in range(6)))
    assert len(join_trails(show(trails), 6)) == 2


def test_nobody_flies():
    """Ten sizes in a second."""
    assert len(join_trails(absence(gap=4, x=100 + 10 * SIZE), 16)) == 2
    assert len(join_trails(absence(gap=34, x=100 + 10 * SIZE), 46)) == 1


def trail_of(sightings: list[Sighting]) -> Trail:
    (trail,) = show([Trail()])
    for sighting in sightings:
        trail.add(sighting, 1.0)
    return trail


def test_nobody_doubles_the_size_in_a_moment():
    first = trail_of([sight(i, 100) for i in range(4)])
    for first_moment, num_people in ((5, 2), (20, 1)):
        moments = range(first_moment, first_moment + 4)
        second = trail_of([sight(i, 100, size=2 * SIZE) for i in moments])
        assert len(join_trails([first, second], 30)) == num_people


def test_another_light_is_nobody_else_for_a_moment():
    """Somewhat another look: the same person after a moment, another one after a while."""
    first = trail_of([sight(i, 100) for i in range(4)])
    other = LOOKS[BLUE].histograms * 0.9 + LOOKS[RED].histograms * 0.1
    look = Look(np.float32(other), LOOKS[RED].weight)
    assert 0.3 < look_distance(look, LOOKS[RED]) < 0.45
    for first_moment, num_people in ((5, 1), (15, 2)):
        moments = range(first_moment, first_moment + 4)
        second = trail_of([replace(sight(i, 200), look=look) for i in moments])
        assert len(join_trails([first, second], 30)) == num_people


def test_passing_mistakes_are_nobody():
    moments = [[sight(i, 100)] + ([sight(i, 900, BLUE)] if i in (3, 4) else []) for i in range(9)]
    trails = show(follow(*moments))
    assert len(trails) == 2
    (track,) = join_trails(trails, 9)
    np.testing.assert_allclose(track.regions[:, 0], 100)


@pytest.mark.parametrize(("num_moments", "num_people"), [(1, 1), (3, 1), (4, 0), (9, 0)])
def test_a_short_video_shows_people_for_a_moment(num_moments, num_people):
    assert len(join_trails(show(follow([sight(0, 100)])), num_moments)) == num_people


def test_what_is_never_sure_is_nobody():
    """As hands that fill the picture, which the presence score takes for a body."""
    trails = follow(*([replace(sight(i, 300), sureness=0.55)] for i in range(9)))
    assert len(trails) == 1
    assert join_trails(show(trails), 9) == []


def test_the_most_present_and_largest_come_first():
    small = [[sight(i, 900, BLUE, size=0.8 * SIZE)] for i in range(9)]
    moments = [[*s, *([sight(i, 100)] if i < 7 else [])] for i, s in enumerate(small)]
    tracks = join_trails(show(follow(*moments)), 9)
    assert [len(track.time_s) for track in tracks] == [7, 9]


def test_the_best_thumbnail_is_kept():
    first, second = absence(gap=100, x=900)
    first.thumbnail_worth, second.thumbnail_worth = 0.3, 0.8
    second.thumbnail = np.ones((160, 60, 3), np.uint8)
    (track,) = join_trails([first, second], 112)
    assert track.thumbnail.all()
