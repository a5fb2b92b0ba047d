"""Drawn cameras that move, and how far a found way is off."""

import numpy as np
import pytest

from training.world.bench_path import off_percent, way_of
from training.world.disturbances import draw_screen, draw_wind
from training.world.filming import RATE_HZ, SIZE, STYLES, draw_filming


def walk(num=90):
    time_s = np.arange(num) / RATE_HZ
    return np.stack([1.2 * time_s, 0.3 * np.sin(time_s), np.full(num, 0.9)], 1)


@pytest.mark.parametrize("style", STYLES)
def test_every_camera_looks_at_the_person_from_some_metres(style):
    pelvis = walk()
    filming = draw_filming(style, pelvis, np.random.default_rng(1))
    seen = np.einsum("tji,tj->ti", filming.world_from_camera, pelvis - filming.place)
    assert (seen[:, 2] > 1.5).all()
    px = filming.focal_px[:, None] * seen[:, :2] / seen[:, 2:]
    assert (np.abs(px).mean(0) < np.array(SIZE) / 2).all()
    moves = np.ptp(filming.place, axis=0).max() > 1e-9
    assert moves == (style in ("hand", "pan", "follow", "beside"))
    assert (np.ptp(filming.focal_px) > 1) == (style == "zoom")


def test_a_way_that_is_only_laid_elsewhere_is_not_off():
    truth = walk()
    cosine, sine = np.cos(0.7), np.sin(0.7)
    turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    assert off_percent(truth @ turn.T + [3.0, -1.0, 0.2], truth) == pytest.approx(0, abs=1e-6)
    short = truth * [0.9, 0.9, 1.0]
    expected = 100 * 0.1 * np.linalg.norm((truth - truth.mean(0))[:, :2], axis=1).mean()
    assert off_percent(short, truth) == pytest.approx(expected / way_of(truth), rel=1e-3)


@pytest.mark.parametrize(("draw", "most"), [(draw_screen, 0.5), (draw_wind, 0.9)])
def test_what_disturbs_changes_a_part_of_the_picture(draw, most):
    rng = np.random.default_rng(2)
    image = rng.uniform(0, 255, SIZE[::-1]).astype(np.float32)
    disturb = draw(SIZE, rng)
    first, second = disturb(image, 0.0), disturb(image, 0.4)
    assert 0.05 < np.mean(np.abs(first - second) > 1) < most
