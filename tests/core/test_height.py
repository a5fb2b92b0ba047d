"""The real height: everything takes its size, and nothing else changes."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from core import people_solver, pipeline
from core.body.model import load_body
from core.config import CaptureConfig, CaptureJob
from core.errors import ReelrigError
from core.overlay import project_points
from core.protocol import Warn
from core.skeletons import BODY_LANDMARK_INDEX, JOINT_INDEX
from tests.core.synthetic import FOCAL_PX, IMAGE_SIZE, NO_SIGHTINGS, landmarks_of, rotations_from

BODY = load_body()
T = 20
AS_SEEN = CaptureConfig(method="analytic", focal_px=FOCAL_PX)
WALK_M = 1.0


def walker():
    """Somebody who bends the knees while coming nearer and to the left of the picture."""
    bend = np.linspace(0, 1, T)[:, None]
    rotations = rotations_from(T, left_knee=bend * [0.6, 0, 0], right_hip=bend * [-0.5, 0, 0])
    seen = landmarks_of(rotations)
    # As of a shorter way to the camera: the whole picture of the person grows and moves.
    grown = seen.points_px - np.array(IMAGE_SIZE) / 2
    grown = grown * np.linspace(1, 1.2, T)[:, None, None] - np.linspace(0, 150, T)[:, None, None]
    return dataclasses.replace(seen, points_px=np.float32(grown + np.array(IMAGE_SIZE) / 2))


def solve(height_m=None):
    config = dataclasses.replace(AS_SEEN, height_m=height_m)
    return people_solver.solve_motion(walker(), config, BODY, "clip.mp4")


def stature(motion):
    """Of the skin that the motion's betas make, from sole to crown."""
    height = BODY.rest_vertices(motion.betas)[:, 1]
    return height.max() - height.min()


@pytest.mark.parametrize("height_m", [1.5, 1.65, 1.8, 1.95])
def test_the_body_is_as_tall_as_the_person(height_m):
    motion = solve(height_m)
    assert stature(motion) == pytest.approx(height_m, abs=0.01)
    assert motion.measures[motion.measure_names.index("stature")] == pytest.approx(
        height_m, abs=0.01
    )


@pytest.mark.parametrize("height_m", [1.5, 1.95])
def test_the_way_grows_with_the_person_and_the_poses_stay(height_m):
    before, after = solve(), solve(height_m)
    np.testing.assert_allclose(
        after.poses, before.poses, atol=0.03
    )  # feet stand a little otherwise
    np.testing.assert_array_equal(after.arkit, before.arkit)
    ratio = height_m / stature(before)
    ways = [motion.joints_world[-1, 0] - motion.joints_world[0, 0] for motion in (before, after)]
    assert np.linalg.norm(ways[0]) > 0.3
    np.testing.assert_allclose(ways[1], ratio * ways[0], rtol=0.01, atol=1e-3)
    np.testing.assert_allclose(np.ptp(after.trans, 0), ratio * np.ptp(before.trans, 0), rtol=0.01)
    lengths = [m.measures[m.measure_names.index("thigh")] for m in (before, after)]
    assert lengths[1] == pytest.approx(ratio * lengths[0], rel=0.07)


@pytest.mark.parametrize("height_m", [1.5, 1.95])
def test_the_overlay_still_fits_the_picture(height_m):
    motion = solve(height_m)
    assert motion.joints_world is not None
    joints_px = project_points(
        motion.joints_world, motion.camera_from_world, motion.focal_px, motion.image_size
    )
    names = [f"{s}_{n}" for s in ("left", "right") for n in ("shoulder", "wrist", "hip", "ankle")]
    found = joints_px[:, [JOINT_INDEX[name] for name in names]]
    seen = motion.landmarks_px[:, [BODY_LANDMARK_INDEX[name] for name in names]]
    size_px = np.ptp(seen[..., 1], 1).mean()
    assert np.linalg.norm(found - seen, axis=-1).mean() < 0.03 * size_px


def test_a_body_stops_at_its_last_human_shape_and_that_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(pipeline, "open_video", lambda path: SimpleNamespace(path=path, focal=None))
    monkeypatch.setattr(pipeline, "find_people", lambda *args: [None])
    monkeypatch.setattr(pipeline, "detect", lambda *args: ({0: walker()}, NO_SIGHTINGS))

    def warnings(height_m):
        config = dataclasses.replace(AS_SEEN, height_m=height_m)
        job = CaptureJob(video=tmp_path / "a.mp4", output=tmp_path / "a.npz", config=config)
        messages = []
        pipeline.capture(job, messages.append)
        return [message.text for message in messages if isinstance(message, Warn)]

    (warning,) = warnings(0.7)
    assert "keeps a human shape only down to 1.19 m" in warning
    assert "asked (0.70 m). Scale the character by 0.5" in warning
    (warning,) = warnings(2.4)
    assert "only up to 2.1" in warning
    assert warnings(1.4) == []


@pytest.mark.parametrize("height_m", [0.0, 0.49, 2.51, 180.0, float("nan")])
def test_a_height_that_nobody_has_is_refused(height_m):
    with pytest.raises(ReelrigError, match=r"height must be between 0\.5 and 2\.5 metres, got"):
        CaptureConfig(height_m=height_m)


def test_a_height_is_of_one_person():
    with pytest.raises(ReelrigError, match="height is that of one person, but everybody"):
        CaptureConfig(height_m=1.8, person=None)
