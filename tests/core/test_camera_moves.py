"""Cameras that go about: followed by the background, to scale by the feet of the people."""

import numpy as np
import pytest

from core.body.model import load_body
from core.config import CaptureConfig
from core.people_solver import solve_people
from core.protocol import Warn
from core.world.camera_path import CameraPath, rest_path, solve_camera_path
from core.world.camera_scale import find_scale
from core.world.interpolation import interpolate_places, interpolate_turns
from core.world.shot import ShotSightings
from core.world.turns import matrix_to_rotvec, rotvec_to_matrix
from tests.core.synthetic import landmarks_of, rotations_from

SIZE = (640, 360)
MIDDLE = (np.array(SIZE) - 1) / 2
FOCAL_PX = 500.0
FPS = 15.0
RATE = 30.0


def see_points(points, turns, places, rng, keys=(0,)):
    """Sightings of points [N, 3] by cameras [F], as from those key frames; 0.2 px of noise."""
    seen = []
    for look_turn, place in zip(turns, places, strict=True):
        rays = (points - place) @ look_turn
        px = FOCAL_PX * rays[:, :2] / rays[:, 2:] + MIDDLE
        inside = (rays[:, 2] > 0.5) & (px > 0).all(1) & (px < SIZE).all(1)
        px[~inside] = np.nan
        seen.append(px + 0.2 * rng.normal(size=px.shape))
    matches = []
    for look in range(1, len(turns)):
        key = max(key for key in keys if key < look)
        both = np.flatnonzero(~np.isnan(seen[key] + seen[look]).any(1))
        matches.append((np.full(len(both), key), np.full(len(both), look), both))
    key, look, point = (np.concatenate(part) for part in zip(*matches, strict=True))
    seen = np.array(seen)
    return ShotSightings(
        image_size=SIZE,
        frame_index=np.arange(len(turns)),
        time_s=np.arange(len(turns)) / FPS,
        match_key=key,
        match_look=look,
        match_point=point,
        key_px=seen[key, point],
        look_px=seen[look, point],
        line_look=np.zeros(0, int),
        line_px=np.zeros((0, 2, 2)),
    )


def nobody(sightings):
    return np.full((len(sightings.time_s), 1, 4), np.nan)


def solve(sightings, boxes_px=None, **options) -> CameraPath:
    boxes_px = nobody(sightings) if boxes_px is None else boxes_px
    return solve_camera_path(sightings, boxes_px, sightings.time_s, FOCAL_PX, **options)


def still(num):
    return np.tile(np.eye(3), (num, 1, 1)), np.zeros((num, 3))


def draw_points(rng, num=400):
    return rng.uniform([-6, -3, 3], [6, 2, 10], (num, 3))


def test_a_camera_that_walks_is_followed_up_to_scale():
    rng = np.random.default_rng(1)
    time_s = np.arange(40) / FPS
    places = np.outer(time_s, [0.5, 0.0, 0.9]) + 0.02 * np.sin(11 * time_s)[:, None] * [0, 1, 0]
    vectors = 0.05 * np.sin(np.outer(time_s, [2.0, 1.5, 3.0]))
    turns = rotvec_to_matrix(vectors)
    path = solve(see_points(draw_points(rng), turns, places, rng, keys=(0, 12, 25)))
    assert path.is_moving
    assert not path.is_to_scale
    scale = (path.shift * places).sum() / (path.shift**2).sum()
    assert np.linalg.norm(scale * path.shift - places, axis=1).max() < 0.03
    off = matrix_to_rotvec(path.first_from_camera.swapaxes(-1, -2) @ turns)
    assert np.degrees(np.linalg.norm(off, axis=1)).max() < 0.2


def test_a_camera_that_only_turns_goes_nowhere():
    rng = np.random.default_rng(2)
    turns = rotvec_to_matrix(np.outer(np.linspace(0, 0.4, 30), [0.1, 1.0, 0.0]))
    path = solve(see_points(draw_points(rng), turns, np.zeros((30, 3)), rng, keys=(0, 10, 20)))
    assert path.is_moving
    np.testing.assert_array_equal(path.shift, 0)
    off = matrix_to_rotvec(path.first_from_camera.swapaxes(-1, -2) @ turns)
    assert np.degrees(np.linalg.norm(off, axis=1)).max() < 0.1


def test_where_a_turning_camera_stands_it_does_so_exactly():
    rng = np.random.default_rng(9)
    angle = 0.3 * np.clip((np.arange(70) - 25) / 15, 0, 1)
    turns = rotvec_to_matrix(np.outer(angle, [0.0, 1.0, 0.0]))
    path = solve(see_points(draw_points(rng), turns, np.zeros((70, 3)), rng, keys=(0, 32)))
    still_before, still_after = path.first_from_camera[:24], path.first_from_camera[42:]
    np.testing.assert_array_equal(still_before, np.tile(still_before[0], (24, 1, 1)))
    np.testing.assert_array_equal(still_after, np.tile(still_after[0], (28, 1, 1)))
    assert matrix_to_rotvec(still_after[0])[1] == pytest.approx(0.3, abs=0.002)


def test_what_passes_by_on_a_large_screen_moves_no_camera():
    rng = np.random.default_rng(3)
    points = draw_points(rng, 900)
    sightings = see_points(points, *still(30), rng)
    on_screen = (np.abs(sightings.key_px - MIDDLE) < [250, 130]).all(1)
    sightings.look_px[on_screen] += np.outer(sightings.match_look, [4.0, 0.0])[on_screen]
    at_rest = rng.random(len(on_screen)) < 0.3  # of the wall around, little is found again
    keep = on_screen | at_rest
    fields = ("match_key", "match_look", "match_point", "key_px", "look_px")
    sightings = replace_rows(sightings, fields, keep)
    assert on_screen[keep].mean() > 0.75
    path = solve(sightings)
    assert not path.is_moving
    np.testing.assert_array_equal(path.first_from_camera, np.tile(np.eye(3), (30, 1, 1)))


def replace_rows(sightings, fields, keep):
    values = {name: getattr(sightings, name) for name in ShotSightings.__slots__}
    values.update({name: values[name][keep] for name in fields})
    return ShotSightings(**values)


def test_a_slight_move_is_followed_only_where_somebody_knows_of_it():
    rng = np.random.default_rng(4)
    points = draw_points(rng)
    angle = 0.78 / FOCAL_PX * np.minimum(np.arange(20) / 8, 1.0)  # less than a pixel
    turns = rotvec_to_matrix(np.outer(angle, [0.0, 1.0, 0.0]))
    sightings = see_points(points, turns, np.zeros((20, 3)), rng)
    assert not solve(sightings).is_moving
    path = solve(sightings, must_move=True)
    assert path.is_moving
    assert np.abs(matrix_to_rotvec(path.first_from_camera)[:, 1] - angle).max() < 0.35 / FOCAL_PX


def test_a_camera_that_is_said_to_move_and_does_not_rests_with_a_note():
    rng = np.random.default_rng(5)
    path = solve(see_points(draw_points(rng), *still(20), rng), must_move=True)
    assert not path.is_moving
    assert path.note is not None
    assert "taken to stand" in path.note


def test_people_do_not_take_the_camera_along():
    rng = np.random.default_rng(6)
    sightings = see_points(draw_points(rng, 900), *still(24), rng)
    on_person = (np.abs(sightings.key_px - MIDDLE) < [200, 170]).all(1)
    sightings.look_px[on_person] += np.outer(sightings.match_look, [2.0, 0.5])[on_person]
    x, y = MIDDLE
    boxes = np.tile([x - 200, y - 170, x + 250, y + 185], (24, 1, 1))
    assert not solve(sightings, boxes).is_moving


@pytest.mark.parametrize(("camera", "is_told"), [("moving", True), ("auto", False)])
def test_who_says_that_the_camera_moved_is_told_where_it_does_not(camera, is_told):
    rng = np.random.default_rng(8)
    sightings = see_points(draw_points(rng), *still(20), rng)
    told = []
    people = {0: landmarks_of(rotations_from(20))}
    config = CaptureConfig(method="analytic", camera=camera)
    motions = solve_people(people, sightings, config, load_body(), "clip.mp4", told.append)
    assert motions[0].measured is not None
    np.testing.assert_array_equal(motions[0].measured.camera_place, 0)
    notes = [message.text for message in told if isinstance(message, Warn)]
    assert len(notes) == is_told
    assert all("camera is taken to stand" in note for note in notes)


# Between what is known


def test_turns_and_places_between_go_through_what_is_known():
    times = np.array([0.0, 0.1, 0.25, 0.4])
    turns = rotvec_to_matrix(np.outer(times, [0.3, -0.5, 0.2]))
    places = np.outer(times, [1.0, 2.0, -1.0])
    at = np.array([0.0, 0.05, 0.1, 0.3, 0.4])
    np.testing.assert_allclose(interpolate_places(places, times, at), np.outer(at, [1, 2, -1]))
    expected = rotvec_to_matrix(np.outer(at, [0.3, -0.5, 0.2]))
    np.testing.assert_allclose(interpolate_turns(turns, times, at), expected, atol=1e-12)
    one = interpolate_turns(turns[:1], times[:1], at)
    np.testing.assert_array_equal(one, np.tile(turns[0], (5, 1, 1)))


def test_a_trembling_camera_is_steadied_and_a_resting_one_stays_exactly_itself():
    time_s = np.arange(150) / RATE
    trembling = 0.02 * np.sin(20 * time_s)[:, None] * [1.0, 0.0, 0.0]
    panning = np.outer(0.5 * time_s, [0.0, 1.0, 0.0])
    path = rest_path(time_s)
    np.testing.assert_array_equal(path.steady_from_camera(), np.tile(np.eye(3), (150, 1, 1)))
    path.first_from_camera[:] = rotvec_to_matrix(panning) @ rotvec_to_matrix(trembling)
    object.__setattr__(path, "is_moving", True)
    off = matrix_to_rotvec(path.steady_from_camera())[50:-50]
    np.testing.assert_allclose(off, trembling[50:-50], atol=2e-3)


# To scale


def walk(num=240, speed=1.2):
    """Pelvis [T, 3] m and soles about it [T, 4, 3] m of somebody who walks along x."""
    time_s = np.arange(num) / RATE
    pelvis = np.stack([speed * time_s, 0 * time_s, np.full(num, 0.9)], 1)
    soles = np.zeros((num, 4, 3))
    for foot, phase in ((0, 0.0), (1, 0.5)):
        cycle = (time_s + phase) % 1.0
        stride, step = np.floor(time_s + phase), np.clip((cycle - 0.5) / 0.5, 0, 1)
        x = speed * (stride - phase + step) + 0.15
        height = 0.15 * np.sin(np.pi * step)
        for point, length in ((0, 0.0), (1, 0.2)):
            at = np.stack([x + length, np.full(num, 0.1 * (2 * foot - 1)), height], 1)
            soles[:, 2 * foot + point] = at - pelvis
    return pelvis, soles


@pytest.mark.parametrize("beside", [True, False])
def test_standing_feet_tell_how_far_the_camera_went(beside):
    rng = np.random.default_rng(7)
    pelvis, soles = walk()
    way = np.stack([1.2 * np.arange(240) / RATE, np.zeros(240), np.zeros(240)], 1)
    camera = way + ([0.0, -4.0, 0.3] if beside else [-4.0, 0.0, 0.3])
    depth = 1 + 0.02 * np.sin(2 * np.arange(240) / RATE + rng.uniform(0, 6))[:, None]
    height = soles[..., 2] + pelvis[:, None, 2]
    touches = (height < 0.01).astype(float)
    scale = find_scale(way / 3.7, depth * (pelvis - camera), soles, RATE, lambda _: touches)
    assert scale == pytest.approx(3.7, rel=0.04)


def test_where_no_foot_stands_the_background_is_taken_to_be_behind_the_person():
    pelvis = np.tile([0.0, 4.0, 0.0], (90, 1))
    soles = np.zeros((90, 4, 3))
    shift = np.outer(np.arange(90) / 90, [1.0, 0.0, 0.0])
    scale = find_scale(shift, pelvis, soles, RATE, lambda _: np.zeros((90, 4)))
    assert 4 < scale < 8
