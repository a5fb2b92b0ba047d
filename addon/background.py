"""The video behind the characters, in the view of their camera, exact to the frame.

An Image, not a MovieClip: a camera's background image has its own frame offset, which can be
keyed, so that each scene frame names the picture it wants. A clip runs one picture a scene frame,
and would drift wherever scene and video differ in rate, or the video's rate varies.

Blender finds a movie's pictures by time: number p (from 1) is the last one that began at or before
(p - 1) / the rate it takes the movie for, a clip's ``fps``. So pictures are asked for by when they
began, which is right for a constant rate and for a varying one.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from pathlib import Path

import bpy
import numpy as np

from ..core.errors import VideoError
from ..core.motion import Motion
from .camera import get_action, lens_of
from .keys import curves, timing

# Matroska's milliseconds, and QuickTime's usual unit.
_COARSE_CLOCKS_S = (1 / 600, 1 / 1000)
_ROUNDING = 1e-3  # of a count
_SAME_RATE = 1e-6  # of the rate: a clip's is in single precision
_NUMBER_FIELD = re.compile(r"%0?\d*d")


def find_video(name: str, *places: Path | None) -> Path | None:
    """The video (file, folder or pattern) called ``name`` that is or lies in one of the places."""
    for place in filter(None, places):
        for path in (place, place / name):
            if path.name == name and (path.exists() or _list_pattern(path)):
                return path
    return None


def show_video(
    camera: bpy.types.Object, video: Path, motion: Motion, times: timing.KeyTimes
) -> None:
    """Put the video behind what the camera sees, each scene frame with its own picture."""
    frames = np.arange(math.ceil(times.frames[0]), math.floor(times.frames[-1]) + 1)
    rows = np.interp(frames, times.frames, times.rows)
    if video.is_file():
        image = _load_image(video)
        numbers = _movie_numbers(_movie_rate(video), motion, rows)
    else:
        files = _list_images(video)
        image = _load_image(files[0])
        image.source = "SEQUENCE"
        numbers = _sequence_numbers(files, motion, rows)
    lens = lens_of(camera)
    lens.show_background_images = True
    background = lens.background_images.new()
    background.image = image
    background.alpha = 1.0
    background.frame_method = "STRETCH"  # the picture is as large as the camera's frame
    user = background.image_user
    user.frame_start = int(frames[0])
    user.frame_duration = len(frames)
    user.use_auto_refresh = True
    # Blender's own number is 1 at the start, and one more each frame.
    offsets = numbers - (frames - frames[0] + 1)
    changes = np.flatnonzero(np.diff(offsets, prepend=offsets[0] - 1))
    user.frame_offset = int(offsets[0])
    if len(changes) > 1:
        path = "background_images[0].image_user.frame_offset"
        curves.write_value(
            lens, get_action(camera), frames[changes], path, offsets[changes], curves.CONSTANT
        )


def _load_image(path: Path) -> bpy.types.Image:
    try:
        image = bpy.data.images.load(str(path))
    except RuntimeError as error:
        raise VideoError(f"{path} cannot be read by Blender: {error}") from error
    # Blender opens a broken file without complaint, but finds no picture in it.
    if not image.size[0]:  # pyright: ignore[reportIndexIssue]
        bpy.data.images.remove(image)
        raise VideoError(f"{path} has no picture that Blender can read.")
    return image


def _movie_rate(path: Path) -> float:
    """Frames per second that Blender takes the movie for; NTSC's without its rounding."""
    clip = bpy.data.movieclips.load(str(path))
    rate = Fraction(clip.fps).limit_denominator(1001)
    is_tidy = abs(clip.fps / rate - 1) < _SAME_RATE
    rate = float(rate) if is_tidy else clip.fps
    bpy.data.movieclips.remove(clip)
    return rate


def _movie_numbers(movie_rate: float, motion: Motion, rows: np.ndarray) -> np.ndarray:
    """[N] numbers, from 1, of the pictures nearest to ``rows`` [N].

    The first number whose moment is not before the picture's: of pictures that follow each other
    faster than the movie's rate, Blender cannot show each.
    """
    times_s = motion.time_s if motion.frame_time_s is None else motion.frame_time_s
    # Blender knows the moment of a number as exactly as the file's clock only.
    counts = (times_s - _clock_s(times_s) / 2) * movie_rate
    counts = np.ceil(counts - _ROUNDING).astype(np.int64)
    return counts[_nearest(rows)] + 1


def _clock_s(times_s: np.ndarray) -> float:
    """The coarse unit in which a file tells all its times; 0 where it is a fine one."""
    for unit_s in _COARSE_CLOCKS_S:
        ticks = times_s / unit_s
        if np.abs(ticks - np.round(ticks)).max() < _ROUNDING:
            return unit_s
    return 0.0


def _nearest(rows: np.ndarray) -> np.ndarray:
    return np.floor(rows + 0.5).astype(np.int64)


def _sequence_numbers(files: list[Path], motion: Motion, rows: np.ndarray) -> np.ndarray:
    """[N] the numbers in the names of the images nearest to ``rows`` [N]."""
    numbers = np.array([_split_name(file)[1] for file in files])
    indices = motion.frame_index[_nearest(rows)]
    return numbers[np.clip(indices, 0, len(files) - 1)]


def _list_images(video: Path) -> list[Path]:
    """The images of a folder or a pattern by their numbers, which is how Blender counts them."""
    files = _list_pattern(video) if _NUMBER_FIELD.search(video.name) else _list_folder(video)
    frames = {_split_name(file)[0::2] for file in files}
    if len(frames) != 1:
        raise VideoError(
            f"The images of {video} cannot be shown by Blender: their names must differ in one "
            "number only. The motion is not concerned."
        )
    return sorted(files, key=lambda file: _split_name(file)[1])


def _list_folder(folder: Path) -> list[Path]:
    suffixes = bpy.path.extensions_image  # pyright: ignore[reportAttributeAccessIssue]
    images = (file for file in folder.iterdir() if file.suffix.lower() in suffixes)
    return [file for file in images if not file.name.startswith(".")]


def _list_pattern(pattern: Path) -> list[Path]:
    before, *after = _NUMBER_FIELD.split(pattern.name, maxsplit=1)
    if not after or not pattern.parent.is_dir():
        return []
    name = re.compile(rf"{re.escape(before)}\d+{re.escape(after[0])}")
    return [file for file in pattern.parent.iterdir() if name.fullmatch(file.name)]


def _split_name(file: Path) -> tuple[str, int, str]:
    """What stands before the last number of a name, the number, what stands behind it."""
    match = re.fullmatch(r"(.*?)(\d+)(\D*)", file.stem)
    return (match[1], int(match[2]), match[3]) if match else (file.name, 0, "")
