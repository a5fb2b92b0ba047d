"""The camera out of pictures: at rest, turned, zoomed; and upright by the lines that it sees."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from core.errors import ShapeError
from core.world.camera_path import rest_path, solve_camera_path
from core.world.people_mask import is_on_people
from core.world.shot import ShotSightings, ShotWatcher
from core.world.turn_fit import fit_turn
from core.world.vertical import find_vertical, up_from_angles

SIZE = (480, 270)
MIDDLE = (np.array(SIZE) - 1) / 2
FOCAL_PX = 420.0
FPS = 15.0


def rotate(*degrees):
    return cv2.Rodrigues(np.radians(degrees))[0]


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


def nobody(sightings):
    return np.full((len(sightings.time_s), 1, 4), np.nan)


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
    assert path.sigma_rad == 0


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
    key_px = np.tile(rng.uniform(-MIDDLE, MIDDLE, (120, 2)), (4, 1))
    step = np.repeat(np.arange(1, 5), 120)
    nearness = np.tile(rng.choice([0.02, 0.08, 0.2], 120), 4)
    look_px = key_px * (1 + step * nearness)[:, None]
    sightings = replace(
        see_lines(np.zeros((0, 2, 2)), num_looks=5),
        match_key=np.zeros(480, int),
        match_look=step,
        match_point=np.tile(np.arange(120), 4),
        key_px=key_px + MIDDLE,
        look_px=look_px + MIDDLE,
    )
    path = solve_camera_path(sightings, nobody(sightings), sightings.time_s, FOCAL_PX)
    np.testing.assert_array_equal(path.zoom, 1.0)
    assert not path.is_moving
    assert path.note is not None
    assert "taken to stand" in path.note


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


# Upright


def see_lines(lines_px, looks=None, num_looks=1):
    looks = np.zeros(len(lines_px), int) if looks is None else looks
    none = np.zeros(0, int)
    return ShotSightings(
        image_size=SIZE,
        frame_index=np.arange(num_looks),
        time_s=np.arange(num_looks) / FPS,
        match_key=none,
        match_look=none,
        match_point=none,
        key_px=np.zeros((0, 2)),
        look_px=np.zeros((0, 2)),
        line_look=looks,
        line_px=lines_px,
    )


def draw_lines(directions, num, rng):
    """[num, 2, 2] px: seen pieces of edges along ``directions`` [D, 3] in the camera's axes."""
    points = rng.uniform(-MIDDLE * 0.9, MIDDLE * 0.9, (num, 2))
    picked = directions[rng.integers(0, len(directions), num)]
    slants = FOCAL_PX * picked[:, :2] - points * picked[:, 2:]
    slants /= np.linalg.norm(slants, axis=1, keepdims=True)
    half = rng.uniform(12, 50, (num, 1)) * slants
    ends = np.stack([points - half, points + half], 1)
    return ends + rng.normal(0, 0.3, ends.shape) + MIDDLE


def room_axes(pitch_deg, roll_deg, heading_deg=25):
    """[3, 3] up and the two walls' level directions in the camera's axes, one a row."""
    room_from_camera = rotate(0, heading_deg, 0) @ rotate(pitch_deg, 0, 0) @ rotate(0, 0, roll_deg)
    return room_from_camera[[1, 0, 2]]


def angle_deg(one, other):
    return np.degrees(np.arccos(np.clip(one @ other, -1, 1)))


@pytest.mark.parametrize(("pitch_deg", "roll_deg"), [(0, 0), (-25, 3), (18, -12)])
def test_up_and_the_focal_length_are_told_by_a_rooms_edges(pitch_deg, roll_deg):
    rng = np.random.default_rng(5)
    axes = room_axes(pitch_deg, roll_deg)
    lines = np.concatenate(
        [draw_lines(axes, 70, rng), draw_lines(rng.normal(size=(30, 3)), 30, rng)]
    )
    sightings = see_lines(lines)
    guess_px = 1.15 * FOCAL_PX
    tilt = find_vertical(sightings, nobody(sightings), rest_path(np.zeros(1)), guess_px)
    up = up_from_angles(np.radians(pitch_deg), np.radians(roll_deg))
    assert angle_deg(tilt.up_camera, up) < 1.5
    assert np.degrees(tilt.sigma_rad) < 3
    if pitch_deg:  # a level camera sees its uprights parallel, whatever its lens
        assert tilt.focal_px == pytest.approx(FOCAL_PX, rel=0.1)


def test_without_lines_a_camera_is_about_level_and_nobody_is_sure():
    sightings = see_lines(np.zeros((0, 2, 2)))
    tilt = find_vertical(sightings, nobody(sightings), rest_path(np.zeros(1)), FOCAL_PX)
    assert angle_deg(tilt.up_camera, np.array([0.0, -1, 0])) < 12
    assert np.degrees(tilt.sigma_rad) > 12
    assert tilt.focal_px is None


def test_lines_that_lie_anyhow_make_nobody_sure():
    rng = np.random.default_rng(6)
    sightings = see_lines(draw_lines(rng.normal(size=(60, 3)), 60, rng))
    tilt = find_vertical(sightings, nobody(sightings), rest_path(np.zeros(1)), FOCAL_PX)
    assert np.degrees(tilt.sigma_rad) > 4


def test_lines_on_people_do_not_count():
    rng = np.random.default_rng(7)
    leaning = draw_lines(room_axes(0, 25), 60, rng)
    leaning[..., 0] = leaning[..., 0] * 0.2 + 200
    sightings = see_lines(leaning)
    boxes = np.array([[[180.0, 0, 320, 270]]])
    tilt = find_vertical(sightings, boxes, rest_path(np.zeros(1)), FOCAL_PX)
    assert np.degrees(tilt.sigma_rad) > 12


def test_lines_of_a_turning_camera_are_of_one_room():
    rng = np.random.default_rng(8)
    axes = room_axes(-15, 5)
    turns = np.stack([rotate(0, 0, 0), rotate(4, 20, -6), rotate(-3, 40, 5)])
    lines = [draw_lines(axes @ turn, 25, rng) for turn in turns]  # camera_from_first @ axis
    sightings = see_lines(np.concatenate(lines), np.repeat(np.arange(3), 25), 3)
    path = rest_path(sightings.time_s)
    path.first_from_camera[:] = turns
    tilt = find_vertical(sightings, nobody(sightings), path, FOCAL_PX)
    assert angle_deg(tilt.up_camera, up_from_angles(np.radians(-15), np.radians(5))) < 1.5
