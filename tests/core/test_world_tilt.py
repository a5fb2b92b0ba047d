"""Which way is up and how long the lens is, by a shot's straight lines and upright people."""

import numpy as np
import pytest

from core.focal_guess import FocalGuess
from core.world.camera import solve_camera
from core.world.camera_path import rest_path
from core.world.gravity import UpGuess, up_from_angles
from core.world.vertical import find_vertical
from tests.core.drawn_lines import (
    FOCAL_PX,
    SIZE,
    angle_deg,
    draw_lines,
    nobody,
    room_axes,
    rotate,
    see_lines,
)


@pytest.mark.parametrize(("pitch_deg", "roll_deg"), [(0, 0), (-25, 3), (18, -12)])
def test_up_and_the_focal_length_are_told_by_a_rooms_edges(pitch_deg, roll_deg):
    rng = np.random.default_rng(5)
    axes = room_axes(pitch_deg, roll_deg)
    lines = np.concatenate(
        [draw_lines(axes, 70, rng), draw_lines(rng.normal(size=(30, 3)), 30, rng)]
    )
    sightings = see_lines(lines)
    guess_px = 1.15 * FOCAL_PX
    tilt = find_vertical(
        sightings, nobody(sightings), rest_path(np.zeros(1)), FocalGuess(guess_px, 0.45)
    )
    up = up_from_angles(np.radians(pitch_deg), np.radians(roll_deg))
    assert angle_deg(tilt.up_camera, up) < 1.5
    assert np.degrees(tilt.sigma_rad) < 3
    if pitch_deg:  # a level camera sees its uprights parallel, whatever its lens
        assert tilt.focal.focal_px == pytest.approx(FOCAL_PX, rel=0.1)


def test_without_lines_a_camera_is_about_level_and_nobody_is_sure():
    sightings = see_lines(np.zeros((0, 2, 2)))
    tilt = find_vertical(
        sightings, nobody(sightings), rest_path(np.zeros(1)), FocalGuess(FOCAL_PX, 0.45)
    )
    assert angle_deg(tilt.up_camera, np.array([0.0, -1, 0])) < 12
    assert np.degrees(tilt.sigma_rad) > 12
    assert tilt.focal.sigma > 0.4


def test_lines_that_lie_anyhow_make_nobody_sure():
    rng = np.random.default_rng(6)
    sightings = see_lines(draw_lines(rng.normal(size=(60, 3)), 60, rng))
    tilt = find_vertical(
        sightings, nobody(sightings), rest_path(np.zeros(1)), FocalGuess(FOCAL_PX, 0.45)
    )
    assert np.degrees(tilt.sigma_rad) > 4


def test_lines_on_people_do_not_count():
    rng = np.random.default_rng(7)
    leaning = draw_lines(room_axes(0, 25), 60, rng)
    leaning[..., 0] = leaning[..., 0] * 0.2 + 200
    sightings = see_lines(leaning)
    boxes = np.array([[[180.0, 0, 320, 270]]])
    tilt = find_vertical(sightings, boxes, rest_path(np.zeros(1)), FocalGuess(FOCAL_PX, 0.45))
    assert np.degrees(tilt.sigma_rad) > 12


def test_lines_of_a_turning_camera_are_of_one_room():
    rng = np.random.default_rng(8)
    axes = room_axes(-15, 5)
    turns = np.stack([rotate(0, 0, 0), rotate(4, 20, -6), rotate(-3, 40, 5)])
    lines = [draw_lines(axes @ turn, 25, rng) for turn in turns]  # camera_from_first @ axis
    sightings = see_lines(np.concatenate(lines), np.repeat(np.arange(3), 25), 3)
    path = rest_path(sightings.time_s)
    path.first_from_camera[:] = turns
    tilt = find_vertical(sightings, nobody(sightings), path, FocalGuess(FOCAL_PX, 0.45))
    assert angle_deg(tilt.up_camera, up_from_angles(np.radians(-15), np.radians(5))) < 1.5


def test_an_edge_seen_in_pieces_and_in_every_picture_is_one():
    axes = room_axes(-20, 0)
    lines = draw_lines(axes, 12, np.random.default_rng(9))
    ends = lines[:, :1] + np.linspace(0, 1, 6)[None, :, None] * (lines[:, 1:] - lines[:, :1])
    pieces = np.stack([ends[:, :-1], ends[:, 1:]], 2).reshape(-1, 2, 2)
    several = np.tile(np.concatenate([lines, pieces]), (3, 1, 1))
    looks = np.repeat(np.arange(3), len(lines) + len(pieces))
    once, often = see_lines(lines), see_lines(several, looks, 3)
    focal = FocalGuess(FOCAL_PX, 0.3)
    sigmas = [
        find_vertical(each, nobody(each), rest_path(each.time_s), focal).sigma_rad
        for each in (once, often)
    ]
    assert sigmas[1] == pytest.approx(sigmas[0], rel=0.3)


def test_a_witness_tells_which_of_a_rooms_right_angles_is_upright():
    rng = np.random.default_rng(10)
    sightings = see_lines(draw_lines(room_axes(-44, -24, 40), 60, rng))
    focal = FocalGuess(FOCAL_PX, 0.1)
    belief = find_vertical(sightings, nobody(sightings), rest_path(np.zeros(1)), focal)
    up = up_from_angles(np.radians(-44), np.radians(-24))
    for body in (up, belief.up_camera):
        told = belief.told(ups=[UpGuess(body, 0.14, 0.14)])
        assert angle_deg(told.up_camera, body) < 2


def solve(sightings, **known):
    focal_px = known.pop("focal_px", None)
    return solve_camera(
        sightings, nobody(sightings), np.zeros(1), SIZE, focal_px, "static", **known
    )


def test_the_users_focal_length_wins_over_the_files_and_that_over_the_usual_one():
    sightings = see_lines(draw_lines(room_axes(-5, 0), 20, np.random.default_rng(11)))
    file_focal = FocalGuess(450.0, 0.05)
    assert solve(sightings, focal_px=300.0, file_focal=file_focal).focal_px == pytest.approx(300)
    by_file, usual = solve(sightings, file_focal=file_focal), solve(sightings)
    assert by_file.focal_px == pytest.approx(450, rel=0.1)
    assert by_file.focal_sigma < 0.06 < usual.focal_sigma


def test_without_pictures_the_focal_length_is_as_given_or_as_usual():
    for focal_px in (None, 333.0):
        camera = solve_camera(None, np.zeros((0, 1, 4)), np.zeros(3), SIZE, focal_px, "static")
        assert camera.focal_px == pytest.approx(focal_px or np.hypot(*SIZE))
