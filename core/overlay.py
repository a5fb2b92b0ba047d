"""The result drawn over the video: what was detected, thin, and the solved skeleton."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.error import FFmpegError
from av.video.reformatter import Colorspace

from .check import check_shape
from .errors import OutputError
from .motion import Motion, check_writable
from .skeletons import (
    JOINT_NAMES,
    LANDMARK_PARTS,
    NUM_JOINTS,
    PARENTS,
    POSE_PARTS,
    PREVIEW_EDGES,
    PREVIEW_LANDMARKS,
)
from .video import Frame, Video

# RGB. Told apart by colour-blind eyes too, and on grass, sky and walls.
LEFT_COLOR = (255, 110, 20)
RIGHT_COLOR = (30, 160, 255)
TRUNK_COLOR = (205, 245, 60)
_LANDMARK_COLOR = (235, 235, 235)

_LINES_PER_DIAGONAL = 600  # a limb's line is this part of the picture's diagonal wide
_FAR_PX = 1e6  # beyond it nothing is in the picture, and cv2's fixed-point numbers overflow
_SUBPIXEL_BITS = 4
_CLOCK = Fraction(1, 90_000)  # s, fine enough for any frame rate
_BT709 = 1  # of libavutil's colour spaces, primaries and transfer curves alike (pixfmt.h)

_LANDMARK_LINES = [
    (PREVIEW_LANDMARKS[start], PREVIEW_LANDMARKS[end]) for start, end in PREVIEW_EDGES
]


def write_overlay(
    video: Video, motion: Motion, path: Path, progress: Callable[[int], None]
) -> None:
    """Write an mp4 of the motion's part of the video, with its timestamps, whole or not at all."""
    path = Path(path)
    check_writable(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        _encode(_drawn_frames(video, motion, progress), video.fps, partial)
        os.replace(partial, path)
    except (OSError, FFmpegError) as error:  # what goes wrong in reading is a VideoError
        raise OutputError(
            f"{path} could not be written: {error.strerror}. Choose another folder."
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def _drawn_frames(video: Video, motion: Motion, progress: Callable[[int], None]) -> Iterator[Frame]:
    """The video's frames from the motion's first row to its last, each with the nearest row."""
    joints_px = _project_motion(motion)
    half_row = 0.5 / motion.mocap_frame_rate
    frames = video.frames(float(motion.time_s[0]), float(motion.time_s[-1]) + half_row)
    for done, frame in enumerate(frames, start=1):
        row = int(np.abs(motion.time_s - frame.time_s).argmin())
        image = frame.image
        if motion.landmarks_px is not None and motion.landmarks_confidence is not None:
            image = draw_landmarks(
                image, motion.landmarks_px[row], motion.landmarks_confidence[row]
            )
        if joints_px is not None:
            image = draw_skeleton(image, joints_px[row], motion.confidence[row])
        yield Frame(frame.index, frame.time_s, image)
        progress(done)


def _project_motion(motion: Motion) -> np.ndarray | None:
    """[T, 55, 2] px; None for another tool's motion, which knows no camera."""
    if motion.joints_world is None or motion.camera_from_world is None:
        return None
    if motion.focal_px is None or motion.image_size is None:
        return None
    return project_points(
        motion.joints_world,
        motion.camera_from_world,
        motion.focal_px,
        motion.image_size,
        motion.axis_px,
    )


def project_points(
    points_world: np.ndarray,
    camera_from_world: np.ndarray,
    focal_px: np.ndarray,
    image_size: np.ndarray | tuple[int, int],
    axis_px: np.ndarray | None = None,
) -> np.ndarray:
    """[T, J, 2] pixels of points [T, J, 3]; NaN for those that are not in front of the camera.

    Pinhole camera whose optical axis meets the picture at ``axis_px`` [2]; None: in the middle.
    ``x_px = focal_px * x_camera / z_camera + axis_px``.
    """
    check_shape("points_world", points_world, "T J 3")
    check_shape("camera_from_world", camera_from_world, "T 4 4", T=len(points_world))
    check_shape("focal_px", focal_px, "T", T=len(points_world))
    turn, shift = camera_from_world[:, :3, :3], camera_from_world[:, None, :3, 3]
    points_camera = np.einsum("tij,tkj->tki", turn, points_world) + shift
    depth = points_camera[..., 2:]
    depth = np.where(depth > 0, depth, np.nan)
    axis_px = np.asarray(image_size) / 2 if axis_px is None else axis_px
    return focal_px[:, None, None] * points_camera[..., :2] / depth + axis_px


def draw_skeleton(image: np.ndarray, joints_px: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """A copy of the RGB picture [H, W, 3] with SMPL-X's 55 joints drawn as limbs.

    Left, right and trunk have a colour each. A limb fades with the less sure of its two joints.
    """
    check_shape("joints_px", joints_px, "J 2", J=NUM_JOINTS)
    check_shape("confidence", confidence, "J", J=NUM_JOINTS)
    image = image.copy()
    width = max(1, round(math.hypot(*image.shape[:2]) / _LINES_PER_DIAGONAL))
    for i_joint, i_parent in enumerate(PARENTS):
        if i_parent < 0:
            continue
        is_finger = i_joint >= POSE_PARTS["pose_hand"].start
        _draw_line(
            image,
            joints_px[[i_parent, i_joint]],
            _side_color(JOINT_NAMES[i_joint]),
            max(1, width // 2) if is_finger else width,
            float(min(confidence[i_parent], confidence[i_joint])),
        )
    return image


def _side_color(joint_name: str) -> tuple[int, int, int]:
    if joint_name.startswith("left_"):
        return LEFT_COLOR
    return RIGHT_COLOR if joint_name.startswith("right_") else TRUNK_COLOR


def draw_landmarks(image: np.ndarray, points_px: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """A copy of the RGB picture [H, W, 3] with the 553 landmarks: thin lines, dots for the face."""
    image = image.copy()
    for pair in _LANDMARK_LINES:
        opacity = float(confidence[list(pair)].min())
        _draw_line(image, points_px[list(pair)], _LANDMARK_COLOR, 1, opacity)
    face = LANDMARK_PARTS["face"]
    height, width = image.shape[:2]
    x, y = np.round(points_px[face][confidence[face] > 0]).astype(int).T
    is_inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    image[y[is_inside], x[is_inside]] = _LANDMARK_COLOR
    return image


def _draw_line(
    image: np.ndarray,
    ends_px: np.ndarray,
    color: tuple[int, int, int],
    width: int,
    opacity: float,
) -> None:
    """Blend one line [2, 2] into the picture. Only the box around it is touched."""
    if opacity <= 0 or not (np.abs(ends_px) < _FAR_PX).all():  # also refuses NaN
        return
    size = image.shape[1], image.shape[0]
    low = np.clip(np.floor(ends_px.min(0)) - width - 1, 0, size).astype(int)
    high = np.clip(np.ceil(ends_px.max(0)) + width + 2, 0, size).astype(int)
    if (low >= high).any():
        return
    box = image[low[1] : high[1], low[0] : high[0]]
    inked = box.copy()
    start, end = np.round((ends_px - low) * 2**_SUBPIXEL_BITS).astype(int).tolist()
    cv2.line(inked, start, end, color, width, cv2.LINE_AA, _SUBPIXEL_BITS)
    box[:] = cv2.addWeighted(inked, opacity, box, 1.0 - opacity, 0.0)


def _encode(frames: Iterator[Frame], fps: float, path: Path) -> None:
    """H.264 that every player shows: yuv420p, BT.709, even sizes (an odd edge loses a line)."""
    with av.open(path, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.options = {"preset": "veryfast", "crf": "20"}
        start_s = None
        for frame in frames:
            height, width = (size // 2 * 2 for size in frame.image.shape[:2])
            if start_s is None:
                start_s = frame.time_s
                stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
                context = stream.codec_context
                context.time_base = _CLOCK
                context.colorspace = context.color_primaries = context.color_trc = _BT709
            image = np.ascontiguousarray(frame.image[:height, :width])
            picture = av.VideoFrame.from_ndarray(image, "rgb24").reformat(
                format="yuv420p", dst_colorspace=Colorspace.ITU709, threads=1
            )
            picture.time_base = _CLOCK
            picture.pts = round((frame.time_s - start_s) / _CLOCK)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
