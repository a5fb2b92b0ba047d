"""Whole captures of a real person: what the motion file holds, what is told, what is left."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from core.body.measures import MEASURE_NAMES
from core.config import CaptureConfig, CaptureJob, Method
from core.image_files import read_image
from core.motion import Motion, read_motion
from core.people_solver import LIFTERS
from core.pipeline import capture, list_people
from core.protocol import Message, People, Progress, Seen
from core.skeletons import JOINT_INDEX, PREVIEW_LANDMARKS
from core.video import open_video
from tests.core.clips import (
    NUM_FRAMES,
    need_demo_clip,
    write_4k_portrait,
    write_person,
    write_person_images,
)

START_S, END_S, FPS = 1.0, 1.6, 30
FIRST, LAST = 30, 48  # frames of the demo clip in this range, both included
T = LAST - FIRST + 1


def refuse(text: str) -> None:
    raise AssertionError(f"no warning was expected, got: {text}")


def capture_motion(video: Path, folder: Path, **settings) -> Motion:
    job = CaptureJob(video=video, output=folder / "motion.npz", config=CaptureConfig(**settings))
    (path,) = capture(job, lambda message: None)
    return read_motion(path, refuse)


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> tuple[Path, list[Message]]:
    """The folder with motion and overlay of a part of the demo clip, and what was told."""
    folder, messages = tmp_path_factory.mktemp("demo"), []
    job = CaptureJob(
        video=need_demo_clip(),
        output=folder / "motion.npz",
        overlay=folder / "overlay.mp4",
        config=CaptureConfig(start_s=START_S, end_s=END_S),
    )
    assert capture(job, messages.append) == [job.output]
    return folder, messages


def test_the_file_has_every_key_in_its_shape(demo):
    shapes = {
        "format_version": (),
        "surface_model_type": (),
        "gender": (),
        "mocap_frame_rate": (),
        "trans": (T, 3),
        "root_orient": (T, 3),
        "pose_body": (T, 63),
        "pose_jaw": (T, 3),
        "pose_eye": (T, 6),
        "pose_hand": (T, 90),
        "poses": (T, 165),
        "betas": (10,),
        "expression": (T, 10),
        "measures": (len(MEASURE_NAMES),),
        "measure_names": (len(MEASURE_NAMES),),
        "arkit": (T, 52),
        "arkit_names": (52,),
        "joints_world": (T, 55, 3),
        "joint_names": (55,),
        "confidence": (T, 55),
        "contacts": (T, 4),
        "contact_names": (4,),
        "frame_index": (T,),
        "time_s": (T,),
        "frame_time_s": (T,),
        "camera_from_world": (T, 4, 4),
        "focal_px": (T,),
        "image_size": (2,),
        "landmarks_px": (T, 553, 2),
        "landmarks_confidence": (T, 553),
        "person": (),
        "source": (),
        "settings_json": (),
        "world_json": (),
        "measured_poses": (T, 165),
        "measured_pelvis": (T, 3),
        "measured_measures": (len(MEASURE_NAMES),),
        "measured_focal_px": (T,),
        "measured_focal_sigma": (),
        "measured_first_from_camera": (T, 3, 3),
        "measured_camera_place": (T, 3),
        "measured_up_camera": (3,),
        "measured_up_sigma_deg": (),
        "measured_scale_sigma": (),
        "measured_contacts": (T, 9),
        "measured_shot_stands": (0, 4),
        "measured_shot_origin": (3,),
    }
    with np.load(demo[0] / "motion.npz", allow_pickle=False) as file:
        assert {key: file[key].shape for key in file.files} == shapes


def test_the_motion_is_that_of_the_range(demo):
    motion = read_motion(demo[0] / "motion.npz", refuse)
    np.testing.assert_array_equal(motion.frame_index, np.arange(FIRST, LAST + 1))
    np.testing.assert_allclose(motion.time_s, np.arange(FIRST, LAST + 1) / FPS, atol=1e-3)
    assert motion.mocap_frame_rate == pytest.approx(FPS, rel=1e-3)
    assert motion.source == "demo.mp4"
    assert f'"start_s": {START_S}, "end_s": {END_S}' in motion.settings_json
    np.testing.assert_array_equal(motion.image_size, [1768, 994])


def test_the_overlay_shows_the_range(demo):
    overlay = open_video(demo[0] / "overlay.mp4")
    assert overlay.num_frames == T
    assert overlay.image_size == (1768, 994)


def test_nothing_else_is_left(demo):
    assert sorted(path.name for path in demo[0].iterdir()) == ["motion.npz", "overlay.mp4"]


def test_progress_goes_through_the_stages(demo):
    _, messages = demo
    assert {type(message) for message in messages} == {Progress, Seen}
    told = [message for message in messages if isinstance(message, Progress)]
    stages = list(dict.fromkeys(message.stage for message in told))
    assert stages == ["Finding people", "Detecting", "Solving", "Writing", "Overlay"]
    for stage in stages:
        done = [message.done for message in told if message.stage == stage]
        (total,) = {message.total for message in told if message.stage == stage}
        assert done[0] == 0
        assert done[-1] == total
        assert done == sorted(set(done))


def test_landmarks_are_told_while_they_are_made(demo):
    folder, messages = demo
    motion = read_motion(folder / "motion.npz", refuse)
    seen = [message for message in messages if isinstance(message, Seen)]
    assert seen
    for message in seen:
        row = int(np.abs(motion.time_s - message.time_s).argmin())
        assert message.person == 0
        assert message.image_size == [1768, 994]
        points_px = motion.landmarks_px[row, list(PREVIEW_LANDMARKS)][:5]
        np.testing.assert_allclose(message.points_px[:5], points_px, atol=0.1)


def test_everybody_stands_where_they_stood_to_each_other(tmp_path):
    """The man on the hut is farther away than the woman who walks before it."""
    job = CaptureJob(
        video=need_demo_clip(),
        output=tmp_path / "motion.npz",
        config=CaptureConfig(start_s=3.2, end_s=4.8, person=None, pose_model="full"),
    )
    outputs = capture(job, lambda message: None)
    assert [path.name for path in outputs] == ["motion.npz", "motion_person1.npz"]
    motions = [read_motion(path, refuse) for path in outputs]
    assert [motion.person for motion in motions] == [0, 1]
    places_px = [motion.landmarks_px[:, :33].mean(axis=1) for motion in motions]
    (man_px, man), (woman_px, woman) = sorted(
        zip(places_px, motions, strict=True), key=lambda pair: pair[0][:, 1].mean()
    )
    across, away, _ = (man.joints_world[:, 0] - woman.joints_world[:, 0]).T
    assert 0.5 < np.median(away) < 6.0
    for row in (0, -1):  # she walks from his left to his right
        assert np.sign(across[row]) == np.sign(man_px[row, 0] - woman_px[row, 0])
    assert np.abs(across).max() < 4.0


def test_the_people_are_listed_with_their_pictures(tmp_path):
    messages = []
    job = CaptureJob(
        task="people",
        video=need_demo_clip(),
        output=tmp_path,
        config=CaptureConfig(start_s=3.2, end_s=4.8),
    )
    outputs = list_people(job, messages.append)
    (people,) = (message.people for message in messages if isinstance(message, People))
    assert [found["person"] for found in people] == [0, 1]
    assert [found["thumbnail"] for found in people] == [str(path) for path in outputs]
    for found, path in zip(people, outputs, strict=True):
        assert 3.2 <= found["first_s"] < found["last_s"] <= 4.8
        assert 0.5 < found["share"] <= 1.0
        height, width = read_image(path).shape[:2]
        assert min(height, width) > 30


def test_smoothing_can_be_switched_off(demo, tmp_path):
    smooth = read_motion(demo[0] / "motion.npz", refuse)
    raw = capture_motion(need_demo_clip(), tmp_path, start_s=START_S, end_s=END_S, smooth_s=0.0)

    def shaking(motion: Motion) -> float:
        return float(np.abs(np.diff(motion.joints_world, 2, axis=0)).mean())

    assert shaking(raw) > 1.5 * shaking(smooth)


def check_standing(motion: Motion) -> None:
    """Head above pelvis above feet, on the floor, as high as a person."""
    assert motion.confidence[:, JOINT_INDEX["pelvis"]].min() > 0.5
    names = ("head", "pelvis", "left_ankle", "right_ankle")
    head, pelvis, *ankles = (motion.joints_world[:, JOINT_INDEX[name], 2] for name in names)
    assert (head - pelvis).min() > 0.4
    for ankle in ankles:
        assert (pelvis - ankle).min() > 0.5
        np.testing.assert_allclose(ankle, 0.1, atol=0.15)


def test_a_4k_portrait_with_a_rotation_tag(tmp_path):
    motion = capture_motion(write_4k_portrait(tmp_path / "phone.mp4"), tmp_path)
    np.testing.assert_array_equal(motion.image_size, [2160, 3840])
    assert motion.num_frames == NUM_FRAMES
    check_standing(motion)


def test_a_variable_frame_rate_becomes_constant(tmp_path):
    times_ms = np.cumsum([0, 40, 40, 40, 80, 40, 120, 40, 40, 80, 40, 40])
    motion = capture_motion(write_person(tmp_path / "phone.mp4", times_ms.tolist()), tmp_path)
    assert motion.mocap_frame_rate == 25.0
    np.testing.assert_allclose(motion.time_s, np.arange(16) / 25, atol=1e-9)
    away_s = np.abs(times_ms / 1000 - motion.time_s[:, None])  # from each row to each frame
    nearest_s = away_s[np.arange(16), motion.frame_index]
    np.testing.assert_allclose(nearest_s, away_s.min(axis=1), atol=1e-9)
    check_standing(motion)


def test_an_image_sequence(tmp_path):
    motion = capture_motion(write_person_images(tmp_path / "shot"), tmp_path)
    assert motion.mocap_frame_rate == 30.0
    np.testing.assert_array_equal(motion.frame_index, np.arange(NUM_FRAMES))
    check_standing(motion)


@pytest.mark.parametrize("stage", ["Finding people", "Detecting", "Solving", "Writing", "Overlay"])
def test_a_cancelled_capture_leaves_nothing_half_written(tmp_path, stage):
    video, folder = write_person(tmp_path / "video.mp4"), tmp_path / "out"
    folder.mkdir()
    (folder / "overlay.mp4").write_text("an older overlay")

    def cancel(message: Message) -> None:
        if isinstance(message, Progress) and message.stage == stage and message.done:
            raise KeyboardInterrupt

    job = CaptureJob(video=video, output=folder / "motion.npz", overlay=folder / "overlay.mp4")
    with pytest.raises(KeyboardInterrupt):
        capture(job, cancel)
    is_written = stage in ("Writing", "Overlay")
    assert sorted(path.name for path in folder.iterdir()) == [
        *(["motion.npz"] if is_written else []),
        "overlay.mp4",
    ]
    assert (folder / "overlay.mp4").read_text() == "an older overlay"
    if is_written:
        read_motion(folder / "motion.npz", refuse)


def test_every_method_has_its_lifter():
    assert set(LIFTERS) == set(get_args(Method))
