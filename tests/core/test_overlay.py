"""The skeleton lands where the joints are, and the overlay video keeps the video's times."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from core.errors import OutputError, ShapeError, VideoError
from core.motion import Motion
from core.overlay import (
    LEFT_COLOR,
    RIGHT_COLOR,
    TRUNK_COLOR,
    draw_landmarks,
    draw_skeleton,
    project_points,
    write_overlay,
)
from core.skeletons import JOINT_INDEX, LANDMARK_PARTS, NUM_JOINTS, NUM_LANDMARKS
from core.video import open_video
from tests.core.make_video import number_image, read_number, write_video

WIDTH, HEIGHT = 320, 240
GRAY = np.full((HEIGHT, WIDTH, 3), 100, np.uint8)
INK = 20  # levels that the soft edges of a thin line take off its colour
LEVEL_CAMERA = np.array([[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 4], [0, 0, 0, 1.0]])  # 4 m away


def place_joints(**places: tuple[float, float]) -> np.ndarray:
    """[55, 2] all at one spot but the named ones."""
    joints_px = np.full((NUM_JOINTS, 2), 10.0)
    for name, place in places.items():
        joints_px[JOINT_INDEX[name]] = place
    return joints_px


def only(*names: str) -> np.ndarray:
    confidence = np.zeros(NUM_JOINTS)
    confidence[[JOINT_INDEX[name] for name in names]] = 1.0
    return confidence


def test_project_points_agrees_with_opencv():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(4, NUM_JOINTS, 3))
    camera_from_world = np.tile(np.eye(4), (4, 1, 1))
    turns = Rotation.from_rotvec(rng.normal(scale=0.3, size=(4, 3)))
    camera_from_world[:, :3, :3] = turns.as_matrix()
    camera_from_world[:, :3, 3] = rng.normal(size=(4, 3)) + np.array([0, 0, 8])
    focal_px = np.array([500.0, 600.0, 700.0, 800.0])
    actual = project_points(points, camera_from_world, focal_px, (WIDTH, HEIGHT))
    for i_frame, f in enumerate(focal_px):
        intrinsics = np.array([[f, 0, WIDTH / 2], [0, f, HEIGHT / 2], [0, 0, 1]])
        turn, shift = turns[i_frame].as_rotvec(), camera_from_world[i_frame, :3, 3]
        expected, _ = cv2.projectPoints(points[i_frame], turn, shift, intrinsics, None)
        np.testing.assert_allclose(actual[i_frame], expected[:, 0], atol=1e-8)


def test_what_is_behind_the_camera_has_no_pixel():
    points = np.array([[[0.0, 0.0, 2.0], [0.0, 0.0, -2.0], [0.0, 0.0, 0.0]]])
    actual = project_points(points, np.eye(4)[None], np.array([500.0]), (WIDTH, HEIGHT))
    np.testing.assert_array_equal(np.isnan(actual[0, :, 0]), [False, True, True])


def test_project_points_says_which_shape_it_got():
    with pytest.raises(ShapeError, match=r"`points_world` must have shape \(T J 3\), got \(5, 3\)"):
        project_points(np.zeros((5, 3)), np.eye(4)[None], np.ones(1), (WIDTH, HEIGHT))


@pytest.mark.parametrize(
    ("parent", "child", "color"),
    [
        ("left_elbow", "left_wrist", LEFT_COLOR),
        ("right_knee", "right_ankle", RIGHT_COLOR),
        ("spine1", "spine2", TRUNK_COLOR),
        ("left_index1", "left_index2", LEFT_COLOR),
    ],
)
def test_a_limb_is_drawn_between_its_joints_in_its_sides_colour(parent, child, color):
    joints_px = place_joints(**{parent: (60.0, 80.0), child: (200.0, 80.0)})
    image = draw_skeleton(GRAY, joints_px, only(parent, child))
    np.testing.assert_allclose(image[80, 130], color, atol=INK)
    is_drawn = (image != GRAY).any(axis=-1)
    low, high = np.argwhere(is_drawn).min(axis=0), np.argwhere(is_drawn).max(axis=0)
    np.testing.assert_allclose([low, high], [(80, 60), (80, 200)], atol=3)
    assert (GRAY == 100).all()  # the given picture stays as it was


def test_a_limb_fades_with_its_less_sure_joint():
    joints_px = place_joints(left_elbow=(60.0, 80.0), left_wrist=(200.0, 80.0))
    confidence = only("left_elbow", "left_wrist")
    confidence[JOINT_INDEX["left_wrist"]] = 0.25
    image = draw_skeleton(GRAY, joints_px, confidence)
    np.testing.assert_allclose(image[80, 130], 0.25 * np.array(LEFT_COLOR) + 75, atol=INK)
    confidence[JOINT_INDEX["left_elbow"]] = 0.0
    np.testing.assert_array_equal(draw_skeleton(GRAY, joints_px, confidence), GRAY)


@pytest.mark.parametrize("place", [(np.nan, 80.0), (np.inf, 80.0), (1e9, 80.0), (-500.0, -500.0)])
def test_a_limb_that_leads_nowhere_is_left_out(place):
    joints_px = place_joints(left_elbow=(-400.0, -400.0), left_wrist=place)
    image = draw_skeleton(GRAY, joints_px, only("left_elbow", "left_wrist"))
    np.testing.assert_array_equal(image, GRAY)


def test_a_limb_is_clipped_at_the_edge():
    joints_px = place_joints(left_elbow=(300.0, 80.0), left_wrist=(9000.0, 80.0))
    image = draw_skeleton(GRAY, joints_px, only("left_elbow", "left_wrist"))
    np.testing.assert_allclose(image[80, WIDTH - 1], LEFT_COLOR, atol=INK)


def test_lines_grow_with_the_picture_and_fingers_are_thinner():
    def width_of(names, size):
        image = np.zeros((size, size, 3), np.uint8)
        places = {names[0]: (size * 0.2, size * 0.5), names[1]: (size * 0.8, size * 0.5)}
        drawn = draw_skeleton(image, place_joints(**places), only(*names))
        return int((drawn[:, size // 2].max(axis=-1) > 127).sum())

    forearm, finger = ("left_elbow", "left_wrist"), ("left_index1", "left_index2")
    assert width_of(forearm, 2000) > 2 * width_of(forearm, 500) > 0
    assert width_of(forearm, 2000) > width_of(finger, 2000) > 0


def test_landmarks_are_thin_and_the_face_is_dots():
    points_px = np.full((NUM_LANDMARKS, 2), 30.0)
    confidence = np.zeros(NUM_LANDMARKS)
    face = LANDMARK_PARTS["face"].start
    points_px[face : face + 3] = [(50.0, 60.0), (-4.0, 10.0), (WIDTH + 3.0, HEIGHT + 3.0)]
    confidence[face : face + 3] = 1.0
    image = draw_landmarks(GRAY, points_px, confidence)
    assert np.argwhere((image != GRAY).any(axis=-1)).tolist() == [[60, 50]]


def make_motion(time_s, joints_world=None, **changes) -> Motion:
    """A motion with one row a moment; its joints stand still where ``joints_world`` says."""
    num_frames = len(time_s)
    if joints_world is None:
        joints_world = np.zeros((NUM_JOINTS, 3))
    values = {
        "mocap_frame_rate": 25.0,
        "trans": np.zeros((num_frames, 3)),
        "poses": np.zeros((num_frames, 165)),
        "betas": np.zeros(10),
        "expression": np.zeros((num_frames, 10)),
        "measures": np.zeros(0),
        "measure_names": (),
        "arkit": np.zeros((num_frames, 52)),
        "confidence": np.ones((num_frames, NUM_JOINTS)),
        "contacts": np.zeros((num_frames, 4)),
        "frame_index": np.arange(num_frames),
        "time_s": np.asarray(time_s, float),
        "joints_world": np.tile(joints_world, (num_frames, 1, 1)),
        "camera_from_world": np.tile(LEVEL_CAMERA, (num_frames, 1, 1)),
        "focal_px": np.full(num_frames, 400.0),
        "image_size": np.array([WIDTH, HEIGHT]),
        "landmarks_px": np.zeros((num_frames, NUM_LANDMARKS, 2)),
        "landmarks_confidence": np.zeros((num_frames, NUM_LANDMARKS)),
        "person": 0,
        "source": "made up",
        "settings_json": "{}",
    }
    return Motion(**{**values, **changes})


def gray_video(path: Path, times_ms) -> Path:
    return write_video(path, times_ms, image_of=lambda number: GRAY)


TIMES_MS = [0, 33, 66, 150, 190, 230, 500]


def test_overlay_keeps_the_videos_times(tmp_path):
    path = write_video(tmp_path / "video.mp4", TIMES_MS)
    video, done = open_video(path), []
    motion = make_motion(np.array(TIMES_MS) / 1000, confidence=np.zeros((7, NUM_JOINTS)))
    write_overlay(video, motion, tmp_path / "overlay.mp4", done.append)
    overlay = open_video(tmp_path / "overlay.mp4")
    np.testing.assert_allclose(overlay.times_s, np.array(TIMES_MS) / 1000, atol=1e-4)
    assert [read_number(frame.image) for frame in overlay.frames()] == list(range(7))
    assert done == [1, 2, 3, 4, 5, 6, 7]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["overlay.mp4", "video.mp4"]


def test_overlay_covers_the_motions_part_of_the_video(tmp_path):
    path = write_video(tmp_path / "video.mp4", [40 * i for i in range(50)])
    motion = make_motion(np.arange(20, 30) / 25, confidence=np.zeros((10, NUM_JOINTS)))
    write_overlay(open_video(path), motion, tmp_path / "overlay.mp4", lambda done: None)
    overlay = open_video(tmp_path / "overlay.mp4")
    assert [read_number(frame.image) for frame in overlay.frames()] == list(range(20, 30))
    np.testing.assert_allclose(overlay.times_s, np.arange(10) / 25, atol=1e-4)


def test_overlay_shows_the_row_of_each_moment(tmp_path):
    """Joints that jump up at 0.2 s jump in the same picture, colours as they were."""
    path = gray_video(tmp_path / "video.mp4", [40 * i for i in range(10)])
    joints = np.zeros((10, NUM_JOINTS, 3))
    joints[:, JOINT_INDEX["left_elbow"]] = [-1.0, 0.0, 0.0]
    joints[:, JOINT_INDEX["left_wrist"]] = [1.0, 0.0, 0.0]
    joints[5:, :, 2] = 0.5  # z is up: 0.5 m at 4 m and 400 px are 50 px
    confidence = np.tile(only("left_elbow", "left_wrist"), (10, 1))
    motion = make_motion(np.arange(10) / 25, joints_world=None, confidence=confidence)
    motion = dataclasses.replace(motion, joints_world=joints)
    write_overlay(open_video(path), motion, tmp_path / "overlay.mp4", lambda done: None)
    for frame in open_video(tmp_path / "overlay.mp4").frames():
        drawn, empty = (120, 70) if frame.index < 5 else (70, 120)
        redness = frame.image[:, WIDTH // 2, 0].astype(int) - frame.image[:, WIDTH // 2, 2]
        assert abs(int(redness.argmax()) - drawn) <= 1
        assert redness[drawn - 1 : drawn + 2].max() > 80
        np.testing.assert_allclose(frame.image[empty, WIDTH // 2], 100, atol=4)


def test_odd_sizes_lose_a_line(tmp_path):
    for number in range(3):
        Image.fromarray(number_image(number, 129, 97)).save(tmp_path / f"{number}.png")
    video = open_video(tmp_path)
    motion = make_motion(np.arange(3) / 30, confidence=np.zeros((3, NUM_JOINTS)))
    write_overlay(video, motion, tmp_path / "overlay.mp4", lambda done: None)
    assert open_video(tmp_path / "overlay.mp4").image_size == (128, 96)


@pytest.mark.parametrize("color", [(200, 30, 30), (30, 180, 40), (20, 30, 220)])
def test_a_motion_of_another_tool_shows_the_video_alone(tmp_path, color):
    image = np.full((HEIGHT, WIDTH, 3), color, np.uint8)
    path = write_video(tmp_path / "video.mp4", [0, 40, 80], image_of=lambda number: image)
    nothing = {"joints_world": None, "camera_from_world": None, "focal_px": None}
    nothing |= {"image_size": None, "landmarks_px": None, "landmarks_confidence": None}
    motion = dataclasses.replace(make_motion([0.0, 0.04, 0.08]), **nothing)
    write_overlay(open_video(path), motion, tmp_path / "overlay.mp4", lambda done: None)
    for frame in open_video(tmp_path / "overlay.mp4").frames():
        np.testing.assert_allclose(frame.image, image, atol=6)


def test_an_overlay_that_has_no_folder(tmp_path):
    video = open_video(gray_video(tmp_path / "video.mp4", [0, 40]))
    with pytest.raises(OutputError, match=r"folder .* does not exist\. Make it first"):
        write_overlay(video, make_motion([0.0, 0.04]), tmp_path / "no" / "o.mp4", lambda done: None)


def test_a_broken_run_leaves_nothing_behind(tmp_path):
    folder = tmp_path / "shot"
    folder.mkdir()
    for number in range(4):
        Image.fromarray(GRAY).save(folder / f"{number}.png")
    video = open_video(folder)
    (folder / "3.png").write_bytes(b"no png")
    (tmp_path / "overlay.mp4").write_bytes(b"an older overlay")
    with pytest.raises(VideoError, match=r"3\.png is not an image"):
        write_overlay(
            video, make_motion(np.arange(4) / 30), tmp_path / "overlay.mp4", lambda done: None
        )
    assert (tmp_path / "overlay.mp4").read_bytes() == b"an older overlay"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["overlay.mp4", "shot"]
