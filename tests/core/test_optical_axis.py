"""A video that was cropped off the middle gives the take of the whole picture."""

import dataclasses
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from core.body.model import load_body
from core.cli import main
from core.config import CaptureConfig, CaptureJob
from core.errors import ReelrigError
from core.motion import read_motion, write_motion
from core.optical_axis import WholePicture
from core.overlay import project_points
from core.pipeline import solve
from tests.core.synthetic import FOCAL_PX, IMAGE_SIZE, NO_SIGHTINGS, landmarks_of, rotations_from

BODY = load_body()
MIDDLE = np.array(IMAGE_SIZE) / 2
CORNER, SIZE = np.array([380.0, 90.0]), (900, 630)  # of the crop in the whole picture
CENTER = tuple((MIDDLE - CORNER).tolist())


def walker():
    """Somebody who bends a knee; one landmark is not seen."""
    bend = np.linspace(0, 1, 12)[:, None]
    seen = landmarks_of(rotations_from(12, left_knee=bend * [0.6, 0, 0]))
    points_px, confidence = seen.points_px.copy(), seen.confidence.copy()
    points_px[:, 300], confidence[:, 300] = 0, 0
    return dataclasses.replace(seen, points_px=points_px, confidence=confidence)


def sightings():
    """Lines of a room that a camera sees which looks down by 20 degrees."""
    rng = np.random.default_rng(0)
    foot = rng.uniform((-4, 0.5, 5), (4, 1.5, 9), (40, 3))
    top = foot - rng.uniform(0.5, 2.5, (40, 1)) * (0, 1, 0)
    tilt = np.radians(20)
    turn = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    ends = np.stack([foot, top], 1) @ turn.T
    line_px = FOCAL_PX * ends[..., :2] / ends[..., 2:] + MIDDLE
    return dataclasses.replace(
        NO_SIGHTINGS,
        frame_index=np.arange(1),
        time_s=np.zeros(1),
        line_look=np.zeros(len(line_px), int),
        line_px=line_px,
    )


def solve_video(seen, shot, size, **values):
    config = CaptureConfig(method="analytic", camera="static", **values)
    video = SimpleNamespace(image_size=size, path=Path("clip.mp4"), focal=None)
    return solve({0: seen}, shot, video, config, BODY, lambda _: None)[0]


def cropped(seen, shot):
    moved = np.where(seen.confidence[..., None] > 0, seen.points_px - CORNER.astype(np.float32), 0)
    seen = dataclasses.replace(seen, points_px=moved, image_size=SIZE)
    return seen, dataclasses.replace(shot, image_size=SIZE, line_px=shot.line_px - CORNER)


@pytest.mark.parametrize("focal_px", [None, FOCAL_PX])
def test_a_cropped_video_gives_the_take_of_the_whole_one(focal_px):
    seen, shot = walker(), sightings()
    whole = solve_video(seen, shot, IMAGE_SIZE, focal_px=focal_px)
    seen, shot = cropped(seen, shot)
    crop = solve_video(seen, shot, SIZE, focal_px=focal_px, center_px=CENTER)
    for name in ("poses", "trans", "joints_world", "camera_from_world", "focal_px", "measures"):
        np.testing.assert_allclose(getattr(crop, name), getattr(whole, name), atol=1e-3)
    np.testing.assert_allclose(crop.landmarks_px, seen.points_px, atol=1e-3)
    assert crop.image_size.tolist() == list(SIZE)
    assert crop.axis_px.tolist() == list(CENTER)
    known = [json.loads(motion.world_json) for motion in (crop, whole)]
    assert known[0]["tilt_deg"] == pytest.approx(known[1]["tilt_deg"], abs=0.1)
    assert known[0]["focal_mm35"] == pytest.approx(36 * crop.focal_px[0] / max(SIZE))


def test_without_its_axis_it_gives_another_take():
    seen, shot = cropped(walker(), sightings())
    told = solve_video(seen, shot, SIZE, focal_px=FOCAL_PX, center_px=CENTER)
    taken = solve_video(seen, shot, SIZE, focal_px=FOCAL_PX)
    assert taken.center_px is None
    assert np.abs(told.poses - taken.poses).max() > 0.1  # off the middle people look turned


def test_joints_are_seen_where_the_cropped_video_shows_them(tmp_path):
    seen, shot = cropped(walker(), sightings())
    motion = solve_video(seen, shot, SIZE, focal_px=FOCAL_PX, center_px=CENTER)
    write_motion(motion, tmp_path / "clip.npz")
    motion = read_motion(tmp_path / "clip.npz", pytest.fail)
    camera = motion.joints_world, motion.camera_from_world, motion.focal_px
    found = project_points(*camera, motion.image_size, motion.axis_px)
    expected = project_points(*camera, IMAGE_SIZE) - CORNER
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_array_equal(motion.frame_time_s, motion.time_s)


@pytest.mark.parametrize(
    ("center_px", "size"),
    [((320.0, 180.0), (640, 360)), ((100.2, 180.0), (1080, 360)), ((-50.0, 400.0), (1380, 800))],
)
def test_the_whole_picture_is_the_smallest_with_the_axis_in_its_middle(center_px, size):
    whole = WholePicture((640, 360), center_px)
    assert whole.size == size
    np.testing.assert_allclose(whole.corner + center_px, np.array(size) / 2)
    assert (whole.corner >= 0).all()
    assert (np.add(whole.corner, (640, 360)) <= size).all()


def test_the_axis_reaches_the_worker():
    config = CaptureConfig(center_px=CENTER)
    job = CaptureJob(video=Path("a.mp4"), output=Path("a.npz"), config=config)
    assert CaptureJob.from_line(job.to_line()) == job
    with pytest.raises(ReelrigError, match="two finite numbers of pixels"):
        CaptureConfig(center_px=(float("nan"), 3.0))


def test_the_axis_is_asked_for_by_an_option(monkeypatch):
    jobs = []

    def capture(job, send):
        jobs.append(job)
        return []

    monkeypatch.setitem(sys.modules, "core.pipeline", SimpleNamespace(capture=capture))
    assert main(["capture", "a.mp4", "-o", "a.npz", "--center", "260", "-30.5"]) == 0
    assert jobs[0].config == CaptureConfig(center_px=(260.0, -30.5))
