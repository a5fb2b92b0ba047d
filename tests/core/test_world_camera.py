"""The camera out of pictures: at rest, turned, zoomed."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from core.errors import ShapeError
from core.world.camera_path import solve_camera_path
from core.world.people_mask import is_on_people
from core.world.shot import ShotWatcher
from core.world.turn_fit import fit_turn
from tests.core.drawn_lines import FOCAL_PX, FPS, MIDDLE, SIZE, nobody, rotate, see_lines


def film(turns, zooms, rng, draw_person=None):
    """Sightings of a far mottled wall by a camera with these turns and zooms."""
    far = cv2.resize(
        rng.normal(size=(90, 160)).astype(np.float32), (1600, 900), interpolation=cv2.INTER_CUBIC
    )
    far_from_pixel = np.array([[1.0, 0, 799.5], [0, 1.0, 449.5], [0, 0, 1]])
    far_from_pixel[:2, :2] *= FOCAL_PX
    watcher = ShotWatcher(SIZE, FPS)
    for i, (turn, zoom) in enumerate(zip(turns, zooms, strict=True)):
        lens = np.array(
            [[FOCAL_PX * zoom, 0, MIDDLE[0]], [0, FOCAL_PX * zoom, MIDDLE[1]], [0, 0, 1]]
        )
        pixel_from_far = lens @ turn.T @ np.linalg.inv(far_from_pixel)
        gray = 120 + 40 * cv2.warpPerspective(far, pixel_from_far, SIZE)
        if draw_person is not None:
            draw_person(gray, i)
        gray += 3 * rng.normal(size=gray.shape) + 8 * rng.normal()  # grain and flicker
        image = cv2.cvtColor(gray.clip(0, 255).astype(np.uint8), cv2.COLOR_GRAY2RGB)
        watcher.see(i, i / FPS, image)
    return watcher.sightings()


def largest_angle_deg(found, true):
    off = np.einsum("tji,tjk->tik", found, true)
    return np.degrees(max(np.linalg.norm(cv2.Rodrigues(matrix)[0]) for matrix in off))


def test_a_camera_at_rest_comes_out_as_exactly_that():
    rng = np.random.default_rng(1)

    def walk(gray, i):
        left = 40 + 10 * i
        gray[60:250, left : left + 90] = 120 + 60 * rng.normal(size=(190, 90)).clip(-1, 1)

    sightings = film([np.eye(3)] * 24, [1.0] * 24, rng, walk)
    path = solve_camera_path(sightings, nobody(sightings), sightings.time_s, FOCAL_PX)
    assert not path.is_moving
    np.testing.assert_array_equal(path.first_from_camera, np.tile(np.eye(3), (24, 1, 1)))
    np.testing.assert_array_equal(path.zoom, 1.0)


def test_a_turning_camera_is_followed_there_and_back_also_between_the_looks():
    time_s = np.arange(36) / FPS
    turns = [
        rotate(3 * np.sin(4 * t), 24 * np.sin(np.pi * t / 2.4), 2 * np.sin(3 * t)) for t in time_s
    ]
    sightings = film(turns, [1.0] * 36, np.random.default_rng(2))
    assert len(np.unique(sightings.match_key)) > 1  # the wall of the first picture was out of sight
    path = solve_camera_path(sightings, nobody(sightings), time_s, FOCAL_PX)
    assert path.is_moving
    assert largest_angle_deg(path.first_from_camera, turns) < 0.15
    np.testing.assert_allclose(path.zoom, 1.0)


def test_a_zoom_is_told_from_a_turn():
    zooms = np.exp(0.4 * np.sin(np.linspace(0, np.pi, 20)))
    turns = [rotate(0, 0.2 * i, 0) for i in range(20)]
    sightings = film(turns, zooms, np.random.default_rng(3))
    path = solve_camera_path(sightings, nobody(sightings), sightings.time_s, FOCAL_PX)
    np.testing.assert_allclose(path.zoom, zooms, rtol=0.01)
    assert largest_angle_deg(path.first_from_camera, turns) < 0.15


def test_without_a_background_the_camera_rests_and_the_user_is_told():
    watcher = ShotWatcher(SIZE, FPS)
    for i in range(6):
        watcher.see(i, i / FPS, np.full((*SIZE[::-1], 3), 90, np.uint8))
    sightings = watcher.sightings()
    path = solve_camera_path(sightings, nobody(sightings), sightings.time_s, FOCAL_PX)
    assert not path.is_moving
    assert path.note is not None
    assert "too little background" in path.note


def test_a_camera_that_walks_among_near_things_is_not_taken_for_one_that_turns():
    rng = np.random.default_rng(9)
    key_px = np.tile(rng.uniform(-MIDDLE, MIDDLE, (120, 2)), (8, 1))
    step = np.repeat(np.arange(1, 9), 120)
    nearness = np.tile(rng.choice([0.01, 0.03, 0.06], 120), 8)
    look_px = key_px / (1 - step * nearness)[:, None]
    sightings = replace(
        see_lines(np.zeros((0, 2, 2)), num_looks=9),
        match_key=np.zeros(960, int),
        match_look=step,
        match_point=np.tile(np.arange(120), 8),
        key_px=key_px + MIDDLE,
        look_px=look_px + MIDDLE,
    )
    path = solve_camera_path(sightings, nobody(sightings), sightings.time_s, FOCAL_PX)
    np.testing.assert_array_equal(path.zoom, 1.0)
    assert path.is_moving
    assert largest_angle_deg(path.first_from_camera, np.tile(np.eye(3), (9, 1, 1))) < 0.3
    steps = np.linalg.norm(np.diff(path.shift, axis=0), axis=1)
    np.testing.assert_allclose(steps, steps.mean(), rtol=0.05)
    assert path.shift[-1, 2] == pytest.approx(8 * steps.mean(), rel=0.01)


def test_the_watcher_looks_at_some_frames_only():
    watcher = ShotWatcher(SIZE, 60.0)
    for i in range(31):
        watcher.see(i, i / 60.0, np.zeros((*SIZE[::-1], 3), np.uint8))
    np.testing.assert_array_equal(watcher.sightings().frame_index, np.arange(0, 31, 4))


def test_boxes_must_be_of_the_looks():
    sightings = see_lines(np.zeros((0, 2, 2)))
    with pytest.raises(ShapeError, match="people_boxes_px"):
        solve_camera_path(sightings, np.zeros((3, 1, 4)), np.zeros(1), FOCAL_PX)


def test_a_turn_is_found_though_half_of_the_points_go_their_own_way():
    rng = np.random.default_rng(4)
    key_px = rng.uniform(-MIDDLE, MIDDLE, (80, 2))
    turn = rotate(1, -3, 2)
    rays = np.column_stack([key_px, np.full(80, FOCAL_PX)]) @ turn.T
    look_px = FOCAL_PX * rays[:, :2] / rays[:, 2:]
    look_px[::2] += [25.0, 3.0]
    look_px[::4] += rng.normal(0, 10, (20, 2))
    fit = fit_turn(key_px, look_px, FOCAL_PX, 1.0, with_zoom=True)
    assert largest_angle_deg(fit.look_from_key[None], turn[None]) < 0.05
    assert fit.share == pytest.approx(0.5, abs=0.03)
    assert fit.log_zoom == pytest.approx(0, abs=1e-3)


def test_people_are_where_their_boxes_are_and_a_bit_beyond():
    boxes = np.array([[[100.0, 100, 200, 300], [np.nan] * 4]])
    points = np.array([[150.0, 200], [85, 200], [70, 200], [150, 330]])
    found = is_on_people(points, np.repeat(boxes, 4, 0))
    np.testing.assert_array_equal(found, [True, True, False, False])
