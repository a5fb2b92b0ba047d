"""The benches of the world: cameras as they say, scores of known errors, sheets that tell."""

import importlib
from dataclasses import dataclass

import numpy as np
import pytest

from reelrig.core.body.model import LIGHT_BODY_PATH, load_body
from reelrig.core.video import Frame
from reelrig.core.world.gravity import to_angles
from reelrig.core.world.shot import ShotSightings
from training.bank.clip import Clip
from training.eval_sets import Clip as EvalClip
from training.eval_sets import load_sightings
from training.mesh_overlay import Painter
from training.records import from_arrays, read_arrays, to_arrays, write_arrays
from training.scores import find_heading
from training.world import ground_sheet
from training.world.bench_rendered import score_joints
from training.world.feet import Walker, score_feet
from training.world.ground_sheet import TILE_PX, VIEW_M, View
from training.world.rendered_clips import draw_static_camera, stand
from training.world.targets import BEAM, TARGETS, judge, print_targets

T = 40
UPRIGHT = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # world from the body at rest


def standing(height=0.0, step=0.0):
    """The mean body at rest, its soles ``height`` m over the floor, moved ``step`` m a row."""
    body = load_body()
    rotations = np.tile(np.eye(3), (T, 55, 1, 1))
    rotations[:, 0] = UPRIGHT
    lowest = body.rest_vertices(np.zeros(10))[:, 1].min()
    pelvis = np.tile([0.0, 0.0, body.rest_joints(np.zeros(10))[0, 1] - lowest + height], (T, 1))
    pelvis[:, 0] += step * np.arange(T)
    return rotations, pelvis


@pytest.mark.parametrize("focal_mm", [24.0, 135.0])
def test_static_cameras_see_everything_within_their_limits(focal_mm):
    rng = np.random.default_rng(2)
    points = rng.uniform((-0.5, -1.5, 0.0), (0.5, 1.5, 1.8), (6, 40, 3))
    for _ in range(30):
        camera = draw_static_camera(rng, points, (960, 540), focal_mm)
        seen, px = camera.to_camera(points), camera.project(points)
        assert seen[..., 2].min() > 0.3
        assert (px > 0).all()
        assert (px < [960, 540]).all()
        assert camera.focal_px[0] == pytest.approx(focal_mm / 36 * 960)
        pitch, roll = np.degrees(to_angles(camera.camera_from_world[0, :3, 2]))
        assert abs(pitch) <= 45.001
        assert abs(roll) <= 20.001
        assert np.linalg.inv(camera.camera_from_world[0])[2, 3] > 0.1


def test_a_recording_is_put_on_its_feet():
    """Sunk by 6 cm and sliding slowly, it stands on z = 0 and does not slide any more."""
    rotations, pelvis = standing(height=-0.06, step=0.002)
    clip = Clip(
        np.arange(T) / 30, rotations, pelvis, np.zeros((T, 52)), np.zeros(10), "2", "mocap",
        np.zeros((T, 4)),
    )  # fmt: skip
    stood = stand(clip, load_body())
    walker = Walker.of(np.asarray(stood.rotations), stood.pelvis, stood.betas)
    feet = score_feet(walker, np.asarray(stood.contacts))
    assert stood.contacts[5:-5].all()
    assert max(feet["float"], feet["sunk"]) < 2
    assert feet["skate"] < 0.7


def test_feet_are_scored_over_under_and_along_the_floor():
    everywhere = np.ones((T, 4), bool)
    over = score_feet(Walker.of(*standing(0.03, 0.002), np.zeros(10)), everywhere)
    assert over == pytest.approx({"float": 30, "sunk": 0, "skate": 2}, abs=1e-3)
    under = score_feet(Walker.of(*standing(-0.01), np.zeros(10)), everywhere)
    assert under == pytest.approx({"float": 0, "sunk": 10, "skate": 0}, abs=1e-3)
    nowhere = score_feet(Walker.of(*standing(), np.zeros(10)), ~everywhere)
    assert all(np.isnan(value) for value in nowhere.values())


def test_scores_of_joints_are_free_of_heading_and_place_but_not_of_tilt():
    rng = np.random.default_rng(0)
    true = rng.normal(0, 0.4, (1, 22, 3)) + rng.normal(0, 1, (T, 1, 3))
    cos, sin = np.cos(2.0), np.sin(2.0)
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    same = score_joints(true @ turn.T + [3.0, -1.0, 0.5], true)
    assert max(same.values()) < 1e-6
    np.testing.assert_allclose(find_heading(true @ turn.T, true), turn.T, atol=1e-9)
    cos, sin = np.cos(0.2), np.sin(0.2)
    tilted = score_joints(true @ np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]]).T, true)
    assert tilted["pa_mpjpe"] < 1e-6
    assert tilted["w_mpjpe"] > 20


def test_targets_are_met_or_missed(capsys):
    gravity = TARGETS[0]
    assert [judge(gravity, value) for value in (2.5, 5.0, 5.1)] == ["met, aim too", "met", "missed"]
    print_targets({BEAM: {"gravity_deg": 7.0}})
    table = capsys.readouterr().out
    assert "missed" in table
    assert "caliscope" not in table  # nothing was measured


@dataclass(frozen=True)
class StubVideo:
    image_size = (64, 48)
    fps = 30.0

    def frames(self):
        for index in range(3):
            yield Frame(index, index / 15, np.full((48, 64, 3), 9, np.uint8))


def test_pictures_are_looked_at_again_by_another_watcher(tmp_path, monkeypatch):
    eval_sets = importlib.import_module("training.eval_sets")
    videos = []
    monkeypatch.setattr(eval_sets, "open_video", lambda path: videos.append(path) or StubVideo())
    clip = EvalClip(tmp_path / "walk" / "cam_0.mp4")
    first = load_sightings(clip, tmp_path)
    again = load_sightings(clip, tmp_path)
    assert len(videos) == 1
    assert isinstance(again, ShotSightings)
    assert again.image_size == first.image_size
    np.testing.assert_array_equal(again.time_s, first.time_s)
    monkeypatch.setattr(eval_sets, "watcher_print", lambda: "another")
    load_sightings(clip, tmp_path)
    assert len(videos) == 2


@dataclass(frozen=True)
class Record:
    name: str
    image_size: tuple[int, int]
    values: np.ndarray


def test_records_come_back_from_files(tmp_path):
    record = Record("walk", (640, 480), np.arange(3.0))
    write_arrays(tmp_path / "new" / "record.npz", to_arrays(record))
    found = from_arrays(Record, read_arrays(tmp_path / "new" / "record.npz"))
    assert (found.name, found.image_size) == ("walk", (640, 480))
    np.testing.assert_array_equal(found.values, record.values)


def test_a_sheet_shows_whether_feet_are_on_the_floor():
    """From the side the lowest drawn skin is at the white line, or as far over it as it floats."""
    painter = Painter(load_body(LIGHT_BODY_PATH))
    rows = []
    for height in (0.0, 0.2):
        place = np.array([1.0, 2.0, 0.95])
        view = View.from_side(place)
        vertices = painter.body.template @ UPRIGHT.T
        vertices += np.array([1.0, 2.0, height - vertices[:, 2].min()])
        ground = view.draw_ground()
        drawn = view.draw_body(ground, painter, vertices)
        rows.append(np.flatnonzero((drawn != ground).any((1, 2))).max())
        floor_row = np.flatnonzero((ground == ground.max()).all(2)[:, TILE_PX // 2]).mean()
        assert rows[-1] == pytest.approx(floor_row - height * TILE_PX / VIEW_M, abs=2.5)
    assert rows[1] < rows[0]


def test_from_above_the_way_ahead_is_up():
    view = View.from_above(np.array([1.0, 2.0, 0.9]))
    right, ahead = view.to_px(np.array([[1.5, 2.0, 0.0], [1.0, 2.5, 0.3]])) - TILE_PX / 2
    half_metre = 0.5 * TILE_PX / VIEW_M
    np.testing.assert_allclose(right, [half_metre, 0], atol=1e-9)
    np.testing.assert_allclose(ahead, [0, -half_metre], atol=1e-9)


def test_folders_are_listed_and_pictures_fitted(tmp_path):
    for name in ("b.mp4", "a.mp4", "note.txt"):
        (tmp_path / name).touch()
    single = tmp_path / "b.mp4"
    assert ground_sheet.list_videos([single, tmp_path]) == [single, tmp_path / "a.mp4", single]
    tile = ground_sheet.fit(np.full((100, 400, 3), 200, np.uint8))
    assert tile.shape == (TILE_PX, TILE_PX, 3)
    assert (tile[:, TILE_PX // 2, 0] > 0).sum() == TILE_PX // 4
