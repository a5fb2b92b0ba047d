"""What a video file tells without its pictures: stream, times, rate, how much of it is lost."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import TypedDict

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError
from av.stream import Disposition
from av.video.stream import VideoStream

from .errors import VideoError

NO_FRAME = "{path} has no frame that can be decoded. Copy it again, or choose another video."

_USUAL_FPS = 30.0  # of a file that does not tell
_CUT_SLACK_S = 0.5  # containers round the duration they announce
# Containers whose header tells how long the video is. Others only guess it from the bit rate.
_ANNOUNCING_FORMATS = ("mov", "matroska", "avi")
_CLOCK = re.compile(r"(\d+):(\d+):([\d.]+)")  # hours, minutes, seconds


class Scan(TypedDict):
    """The fields of a video file that its packets tell."""

    fps: float
    duration_s: float
    times_s: np.ndarray
    pts: np.ndarray | None
    num_announced: int


def find_stream(container: InputContainer, path: Path) -> VideoStream:
    """The file's first video stream that is no cover picture."""
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            # FFmpeg would draw a text file as the screen of an old terminal.
            if stream.codec_context is None or stream.codec_context.name == "ansi":
                break
            stream.thread_type = "AUTO"
            return stream
    raise VideoError(
        f"{path} has no pictures that can be decoded, only sound or data. Choose a video."
    )


def time_base(stream: VideoStream) -> Fraction:
    assert stream.time_base is not None
    return stream.time_base


def scan_packets(path: Path, first_pts: int | None) -> Scan:
    """What the packets tell, none of them decoded.

    Reads through the file once: times are true whatever the header says, and a file that is cut
    short is known before the long work.
    """
    with av.open(path) as container:
        stream = find_stream(container, path)
        stamps, is_cut = _read_stamps(container, stream)
        rate = float(stream.average_rate or stream.guessed_rate or _USUAL_FPS)
        pts = None
        times_s = np.arange(len(stamps)) / rate
        if None not in stamps:
            pts = np.unique(np.array(stamps, dtype=np.int64))
            if first_pts is not None:  # what comes before it has lost the key frame it needs
                pts = pts[pts >= first_pts]
            base = time_base(stream)
            times_s = (pts - pts[0]) * base.numerator / base.denominator
        if not len(times_s):
            raise VideoError(NO_FRAME.format(path=path))
        rate = _mend_rate(rate, times_s)
        announced_s = _announced_duration(container, stream)
        num_announced = stream.frames or round(announced_s * rate)
    num_frames = len(times_s)
    duration_s = float(times_s[-1]) + 1.0 / rate
    is_cut = is_cut or duration_s < announced_s - _CUT_SLACK_S
    return {
        "fps": rate,
        "duration_s": duration_s,
        "times_s": times_s,
        "pts": pts,
        # A whole mp4 may count more: an edit list hides frames.
        "num_announced": max(num_announced, num_frames + 1) if is_cut else num_frames,
    }


def _read_stamps(container: InputContainer, stream: VideoStream) -> tuple[list[int | None], bool]:
    """Presentation stamps of the frames that are whole, and whether the last one is not."""
    stamps: list[int | None] = []
    is_corrupt = False
    try:
        for packet in container.demux(stream):
            if packet.size and not packet.is_discard:
                stamps.append(packet.pts)
                is_corrupt = packet.is_corrupt
    except FFmpegError:  # what was read before it can be used
        return stamps, True
    return (stamps[:-1] if is_corrupt else stamps), is_corrupt


def _mend_rate(announced: float, times_s: np.ndarray) -> float:
    """The announced rate, exact where containers round the times, unless the times disagree."""
    if len(times_s) < 2:
        return announced
    measured = (len(times_s) - 1) / float(times_s[-1])
    return announced if abs(announced - measured) < 0.01 * measured else measured


def _announced_duration(container: InputContainer, stream: VideoStream) -> float:
    """Seconds of video according to the header; 0 where it says nothing."""
    if not any(name in container.format.name for name in _ANNOUNCING_FORMATS):
        return 0.0
    if stream.duration is not None:
        return float(stream.duration * time_base(stream))
    end = _CLOCK.fullmatch(stream.metadata.get("DURATION", ""))
    if end is None:
        return 0.0
    hours, minutes, seconds = (float(part) for part in end.groups())
    start_s = float((stream.start_time or 0) * time_base(stream))
    return 3600 * hours + 60 * minutes + seconds - start_s


def describe_unreadable(path: Path, error: FFmpegError) -> str:
    with path.open("rb") as file:
        is_mp4 = file.read(8)[4:] in (b"ftyp", b"wide", b"mdat")
    if is_mp4 and isinstance(error, InvalidDataError):
        return (
            f"{path} is cut short: it starts as an mp4, but the index at its end (moov) is "
            "missing. Copy it again; if it is whole at its source, the recording was broken off."
        )
    return (
        f"{path} is not a video that can be read ({error.strerror}). "
        "Choose a video file, such as .mp4, .mov, .mkv or .webm."
    )
