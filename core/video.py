"""Frames with true timestamps out of a video file or an image sequence."""

from __future__ import annotations

import math
import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, fields
from pathlib import Path

import av
import cv2
import numpy as np
from av.error import FFmpegError

from .errors import VideoError
from .focal_guess import FocalGuess
from .focal_metadata import (
    focal_from_film,
    focal_from_tags,
    read_exif_focal_mm,
    read_track_tags,
)
from .image_files import IMAGE_SUFFIXES, is_pattern, list_folder, list_pattern, read_image
from .video_packets import NO_FRAME, describe_unreadable, find_stream, scan_packets, time_base

DEFAULT_SEQUENCE_FPS = 30.0  # an image sequence says nothing about its rate

_READ_AHEAD = 4  # frames decoded while the consumer works; 100 MB at 4K
_TIME_SLACK_S = 1e-6  # a frame right on an end of the range belongs to it
# No codec reorders pictures over a longer time. A key frame this much before the wanted moment is
# shown before it too, and so are the undecodable pictures that may surround it (open GOP).
_SEEK_MARGIN_S = 1.0


@dataclass(frozen=True, eq=False, slots=True)
class Frame:
    """One upright picture of a video."""

    index: int  # counted from the first frame of the video, also when the range is trimmed
    time_s: float  # seconds since the first frame of the video was shown
    image: np.ndarray  # [H, W, 3] uint8 RGB


@dataclass(frozen=True, eq=False, kw_only=True)
class Video(ABC):
    """What can be told without decoding, and the frames. Made by open_video."""

    path: Path  # file, folder or pattern
    width: int  # pixels of the upright picture, after rotation
    height: int
    fps: float  # average rate; the frames of a phone's video need not be equally far apart
    duration_s: float
    times_s: np.ndarray  # [N] seconds, strictly rising from 0, one a frame that can be read
    num_announced: int  # frames; more than can be read where the file is cut short
    focal: FocalGuess | None = None  # as the camera wrote it into the file, before any zooming

    @property
    def image_size(self) -> tuple[int, int]:
        return self.width, self.height

    @property
    def num_frames(self) -> int:
        return len(self.times_s)

    def num_frames_between(self, start_s: float = 0.0, end_s: float | None = None) -> int:
        """How many frames ``frames`` yields for the range."""
        return len(self.frame_range(start_s, end_s))

    def frames(
        self, start_s: float = 0.0, end_s: float | None = None, every: int = 1
    ) -> Iterator[Frame]:
        """The frames shown from ``start_s`` to ``end_s`` (both included; None: to the end).

        With ``every`` > 1 only each so-many-th of them, without converting the others. They are
        decoded in a thread, a few ahead of the consumer. Close the iterator (or let it go) to stop
        early.
        """
        self.check_range(start_s, end_s)
        indices = self.frame_range(start_s, end_s)
        return _read_ahead(self._decode(indices[::every]))

    def check_range(self, start_s: float = 0.0, end_s: float | None = None) -> None:
        """Raise VideoError unless the range holds frames, none of them lost."""
        self._check_whole(end_s)
        if not self.frame_range(start_s, end_s):
            until = "its end" if end_s is None else f"{end_s:g} s"
            raise VideoError(
                f"{self.path} has no frame from {start_s:g} s to {until}: it lasts "
                f"{self.duration_s:.2f} s. Choose a range within it."
            )

    def frame_range(self, start_s: float = 0.0, end_s: float | None = None) -> range:
        """The indices of the frames shown from ``start_s`` to ``end_s`` (both included)."""
        end_s = math.inf if end_s is None else end_s
        first, stop = np.searchsorted(
            self.times_s, [start_s - _TIME_SLACK_S, end_s + _TIME_SLACK_S]
        )
        return range(int(first), max(int(first), int(stop)))

    @property
    def is_cut(self) -> bool:
        return self.num_announced > self.num_frames

    def _check_whole(self, end_s: float | None) -> None:
        last_s = float(self.times_s[-1])
        if self.is_cut and (end_s is None or end_s >= last_s + 1.0 / self.fps):
            raise VideoError(
                f"{self.path} is cut short: {self.num_frames} of {self.num_announced} frames "
                f"could be read. {_advise_end(last_s)}"
            )

    @abstractmethod
    def _decode(self, indices: range) -> Generator[Frame, None, None]:
        """The frames with these indices, run in the reading thread."""


@dataclass(frozen=True, eq=False, kw_only=True)
class _ShownVideo(Video):
    """A video whose frames are shown to somebody else on their way, in the reading thread."""

    inner: Video
    show: Callable[[Frame], None]

    def _decode(self, indices: range) -> Generator[Frame, None, None]:
        for frame in self.inner._decode(indices):
            self.show(frame)
            yield frame


def show_frames(video: Video, show: Callable[[Frame], None]) -> Video:
    """The same video; what is decoded of it is shown to ``show`` as well, in order."""
    own = {field.name: getattr(video, field.name) for field in fields(Video)}
    return _ShownVideo(inner=video, show=show, **own)


def open_video(path: Path | str, sequence_fps: float = DEFAULT_SEQUENCE_FPS) -> Video:
    """The video at ``path``: a file, a folder of images, or a pattern as ``frame_%04d.png``.

    ``sequence_fps`` is the rate of an image sequence; a video file knows its own.
    """
    path = Path(path)
    # os.path: a name too long for the system is simply not there, pathlib raises.
    if os.path.isdir(path):
        return _open_sequence(path, list_folder(path), sequence_fps)
    if os.path.isfile(path):
        return _open_file(path)
    if is_pattern(path):
        return _open_sequence(path, list_pattern(path), sequence_fps)
    raise VideoError(f"{path} was not found. Choose a video file or a folder of images.")


def _read_ahead(frames: Generator[Frame, None, None]) -> Iterator[Frame]:
    """The same frames, read by one thread that runs a few frames ahead of the consumer."""
    reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="video")
    with closing(frames):  # after the shutdown below: nobody reads any more
        try:
            pending = deque(reader.submit(next, frames, None) for _ in range(_READ_AHEAD))
            while (frame := pending.popleft().result()) is not None:
                pending.append(reader.submit(next, frames, None))
                yield frame
        finally:
            reader.shutdown(wait=True, cancel_futures=True)


@dataclass(frozen=True, eq=False, kw_only=True)
class _VideoFile(Video):
    pixel_aspect: float  # width of a stored pixel in heights
    pts: np.ndarray | None  # [N] presentation stamps of the frames; None: the file has none

    def _decode(self, indices: range) -> Generator[Frame, None, None]:
        last = indices.start - 1
        try:
            for index, picture in self._numbered_pictures(indices.start):
                if index >= indices.stop:
                    return
                if index > last and index in indices:
                    image = _upright_image(picture, self.pixel_aspect)
                    self._check_size(image)
                    yield Frame(index, float(self.times_s[index]), image)
                last = max(last, index)
        except FFmpegError as error:
            raise VideoError(
                f"{self.path} is damaged: {last + 1} of {self.num_announced} frames could be "
                f"read. {_advise_end(float(self.times_s[max(last, 0)]))}"
            ) from error

    def _numbered_pictures(self, first: int) -> Iterator[tuple[int, av.VideoFrame]]:
        """Index and picture from ``first`` or earlier on: from a key frame where one is found."""
        if self.pts is not None and self.times_s[first] > _SEEK_MARGIN_S:
            pictures = self._pictures(seek_s=float(self.times_s[first]) - _SEEK_MARGIN_S)
            earliest = None
            with suppress(FFmpegError):  # some containers seek to where nothing can be decoded
                earliest = next(pictures, None)
            if earliest is not None and earliest[0] <= first:
                yield earliest
                yield from pictures
                return
        yield from self._pictures()

    def _pictures(self, seek_s: float = 0.0) -> Iterator[tuple[int, av.VideoFrame]]:
        """Index and picture from the key frame before ``seek_s`` on."""
        with av.open(self.path) as container:
            stream = find_stream(container, self.path)
            if seek_s > 0 and self.pts is not None:
                container.seek(int(self.pts[0]) + round(seek_s / time_base(stream)), stream=stream)
            # The half packet where the file was cut is left out: it would raise before the frames
            # that the decoder still holds have come out.
            packets = (p for p in container.demux(stream) if not (self.is_cut and p.is_corrupt))
            pictures = (picture for packet in packets for picture in packet.decode())
            if self.pts is None:
                yield from enumerate(pictures)
                return
            for picture in pictures:
                index = int(np.searchsorted(self.pts, picture.pts or 0))
                if index < self.num_frames and self.pts[index] == picture.pts:
                    yield index, picture

    def _check_size(self, image: np.ndarray) -> None:
        height, width = image.shape[:2]
        if (width, height) != self.image_size:
            raise VideoError(
                f"{self.path} changes its picture size from {self.width} x {self.height} to "
                f"{width} x {height}. Convert it to one size first."
            )


def _upright_image(picture: av.VideoFrame, pixel_aspect: float) -> np.ndarray:
    """[H, W, 3] uint8 RGB with square pixels, turned and mirrored as the display matrix says."""
    width = round(picture.width * pixel_aspect)
    # One thread: libswscale would start new ones for each picture, which costs more than it saves.
    image = picture.to_ndarray(format="rgb24", width=width, threads=1)
    tag = picture.side_data.get("DISPLAYMATRIX")
    if tag is None:
        return image
    # libavutil/display.h: shown = (a x + c y, b x + d y), the matrix's rows being (a, b), (c, d).
    (a, b), (c, d) = np.frombuffer(tag, np.int32).reshape(3, 3)[:2, :2]
    if abs(b) > abs(a):
        image, a, d = cv2.transpose(image), c, b
    if a >= 0 and d >= 0:
        return image
    return cv2.flip(image, -1 if a < 0 and d < 0 else 1 if a < 0 else 0)


def _advise_end(last_s: float) -> str:
    end_s = math.floor(last_s * 10 + 1e-6) / 10
    if end_s <= 0:
        return "Copy it again."
    return f"Copy it again, or set an end of {end_s:g} s to capture what is there."


def _open_file(path: Path) -> Video:
    _check_readable(path)
    try:
        first_pts, pixel_aspect, first_image, tags = _decode_first(path)
        scan = scan_packets(path, first_pts)
    except FFmpegError as error:
        raise VideoError(describe_unreadable(path, error)) from error
    height, width = first_image.shape[:2]
    return _VideoFile(
        path=path,
        width=width,
        height=height,
        pixel_aspect=pixel_aspect,
        focal=focal_from_tags(tags | read_track_tags(path), (width, height)),
        **scan,
    )


def _check_readable(path: Path) -> None:
    if path.suffix.lower() in IMAGE_SUFFIXES:
        raise VideoError(
            f"{path} is one image, a video was expected. For an image sequence choose its folder."
        )
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise VideoError(f"{path} is empty (0 bytes). Copy it again.")
    except OSError as error:
        raise VideoError(f"{path} cannot be read: {error.strerror}. Choose another.") from error


def _decode_first(path: Path) -> tuple[int | None, float, np.ndarray, dict[str, str]]:
    """Presentation stamp, pixel aspect and upright image of the first frame; the file's tags."""
    with av.open(path) as container:
        stream = find_stream(container, path)
        for picture in container.decode(stream):
            pixel_aspect = float(stream.sample_aspect_ratio or 1)
            tags = {**container.metadata, **stream.metadata}
            return picture.pts, pixel_aspect, _upright_image(picture, pixel_aspect), tags
    raise VideoError(NO_FRAME.format(path=path))


@dataclass(frozen=True, eq=False, kw_only=True)
class _ImageSequence(Video):
    files: tuple[Path, ...]

    def _decode(self, indices: range) -> Generator[Frame, None, None]:
        for index in indices:
            image = read_image(self.files[index])
            height, width = image.shape[:2]
            if (width, height) != self.image_size:
                raise VideoError(
                    f"{self.files[index]} is {width} x {height} pixels, the images before it are "
                    f"{self.width} x {self.height}. Bring all images to one size."
                )
            yield Frame(index, float(self.times_s[index]), image)


def _open_sequence(path: Path, files: list[Path], fps: float) -> Video:
    if fps <= 0:
        raise VideoError(f"The rate of an image sequence must be above 0, got {fps:g}.")
    height, width = read_image(files[0]).shape[:2]
    return _ImageSequence(
        path=path,
        width=width,
        height=height,
        fps=fps,
        duration_s=len(files) / fps,
        times_s=np.arange(len(files)) / fps,
        num_announced=len(files),
        focal=focal_from_film(read_exif_focal_mm(files[0].read_bytes()), (width, height)),
        files=tuple(files),
    )
