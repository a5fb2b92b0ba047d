"""The drawn body lies where the camera sees it, and the worst frames are found."""

from pathlib import Path

import numpy as np
import pytest
import torch

from reelrig.core.body.model import LIGHT_BODY_PATH, load_body
from reelrig.core.overlay import LEFT_COLOR, RIGHT_COLOR
from reelrig.core.rotation import rotvec_to_matrix
from training.eval_sets import Clip
from training.mesh_overlay import Painter
from training.posed import Figure
from training.worst_frames import NUM_FRAMES, Solved, choose_worst, write_sheet

SIZE, FOCAL_PX = 200, 300.0
GREY = np.full((SIZE, SIZE, 3), 90, np.uint8)


class StubMotion:
    """As much of a Motion as choosing takes."""

    mocap_frame_rate = 10.0


@pytest.fixture(scope="module")
def painter():
    return Painter(load_body(LIGHT_BODY_PATH))


def draw(painter, place, opacity=1.0):
    """The body upright before the camera, facing it, its pelvis at ``place``."""
    rotations = torch.eye(3).repeat(1, 55, 1, 1)
    rotations[:, 0] = rotvec_to_matrix(torch.tensor([np.pi, 0.0, 0.0], dtype=torch.float32))
    vertices, _ = Figure(painter.body).pose(
        np.zeros(10), np.zeros((1, 52), np.float32), rotations, np.array([place])
    )
    centre = np.full(2, SIZE / 2)
    return painter.draw(GREY, vertices[0], FOCAL_PX, centre, opacity)


def test_the_body_is_drawn_where_it_stands(painter):
    rows, columns = np.nonzero((draw(painter, [0.0, 0.0, 4.0]) != GREY).any(2))
    size_px = FOCAL_PX * 1.69 / 4.0
    assert np.ptp(rows) == pytest.approx(size_px, rel=0.05)
    assert columns.mean() == pytest.approx(SIZE / 2, abs=2)
    shifted = np.nonzero((draw(painter, [0.4, 0.0, 4.0]) != GREY).any(2))[1]
    assert shifted.mean() - columns.mean() == pytest.approx(FOCAL_PX * 0.1, abs=2)


def test_sides_have_their_colours(painter):
    """The body's left is at the picture's right, as it faces the camera."""
    image = draw(painter, [0.0, 0.0, 4.0]).astype(int)
    is_left = np.argwhere(is_shade_of(image, LEFT_COLOR))
    is_right = np.argwhere(is_shade_of(image, RIGHT_COLOR))
    assert len(is_left) > 200
    assert is_left[:, 1].mean() > SIZE / 2 + 5
    assert is_right[:, 1].mean() < SIZE / 2 - 5


def is_shade_of(image, color):
    direction = np.array(color) / np.linalg.norm(color)
    length = np.linalg.norm(image, axis=-1)
    return (image @ direction > 0.99 * length) & (length > 60)


def test_what_is_behind_the_camera_is_not_drawn(painter):
    np.testing.assert_array_equal(draw(painter, [0.0, 0.0, -4.0]), GREY)


def solved(name, errors, unit):
    clip = Clip(Path(name) / "cam.mp4")
    return Solved(clip, StubMotion(), np.zeros(0), np.array(errors, float), unit)  # pyright: ignore


def test_the_worst_frames_are_of_both_measures_and_apart():
    mocap = solved("mocap", [np.nan, 90, 100, 95, *np.arange(60), 80], "mm")
    other = solved("mocap2", np.full(30, 20), "mm")
    plain = solved("plain", [5, 1, 2], "% off")
    chosen = choose_worst([mocap, other, plain])
    of_mocap = [(each.clip.name, row) for each, row in chosen if each.unit == "mm"]
    assert of_mocap[:2] == [("mocap cam", 2), ("mocap cam", 64)]
    assert len(of_mocap) == NUM_FRAMES // 2
    rows = sorted(row for _, row in of_mocap)
    assert min(np.diff(rows)) >= 7  # 0.7 s
    assert [row for each, row in chosen if each is plain] == [0]  # the others are too near


def test_a_sheet_is_filled_up(tmp_path):
    write_sheet(tmp_path / "sheet.png", [GREY] * 3, columns=2)
    assert (tmp_path / "sheet.png").stat().st_size > 0
