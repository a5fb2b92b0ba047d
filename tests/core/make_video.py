"""Videos whose every frame carries its number, so that tests know what they should read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

NUM_BITS = 8
CLOCK = Fraction(1, 1000)  # s, of the times that write_video takes


def number_image(number: int, width: int = 128, height: int = 96) -> np.ndarray:
    """[H, W, 3] the number as black and white blocks above, red (left) and blue (right) below."""
    image = np.zeros((height, width, 3), np.uint8)
    for i_bit, block in enumerate(np.array_split(image[: height // 2], NUM_BITS, axis=1)):
        block[:] = 255 * (number >> i_bit & 1)
    image[height // 2 :, : width // 2, 0] = 200
    image[height // 2 :, width // 2 :, 2] = 200
    return image


def read_number(image: np.ndarray) -> int:
    """The number in an upright picture; fails when the picture lies on its side or is mirrored."""
    height, width = image.shape[:2]
    below = image[height * 5 // 8 : height * 7 // 8].astype(float).mean((0,))
    left, right = below[: width // 2].mean(0), below[width // 2 :].mean(0)
    assert left[0] > 120 > left[2], "red must be below on the left"
    assert right[2] > 120 > right[0], "blue must be below on the right"
    blocks = np.array_split(image[: height // 2], NUM_BITS, axis=1)
    middles = [block[4:-4, 4:-4].mean() for block in blocks]
    return sum(1 << i_bit for i_bit, middle in enumerate(middles) if middle > 128)


def write_video(
    path: Path,
    times_ms: Sequence[int],
    *,
    image_of: Callable[[int], np.ndarray] = number_image,
    codec: str = "libx264",
    matrix: tuple[int, int, int, int] | None = None,
    aspect: Fraction | None = None,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    color: tuple[int, int] | None = None,
) -> Path:
    """One frame at each time. ``matrix`` is a, b, c, d of the display matrix.

    ``color`` is libavutil's colour space and range (1: limited, 2: full).
    """
    height, width = image_of(0).shape[:2]
    with av.open(path, "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=_usual_rate(times_ms), options=options or {})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = CLOCK
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        if color is not None:
            stream.codec_context.colorspace, stream.codec_context.color_range = color
        if matrix is not None:
            a, b, c, d = (value << 16 for value in matrix)
            stream.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30])
        for number, time_ms in enumerate(times_ms):
            frame = av.VideoFrame.from_ndarray(image_of(number), "rgb24")
            if color is not None:
                frame = frame.reformat(
                    format="yuv420p", dst_colorspace=color[0], dst_color_range=color[1]
                )
            frame.pts, frame.time_base = time_ms, CLOCK
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def _usual_rate(times_ms: Sequence[int]) -> Fraction:
    if len(times_ms) < 2:
        return Fraction(30)
    return Fraction(1000, max(1, round(float(np.median(np.diff(times_ms))))))


def write_sound(path: Path, seconds: float = 1.0) -> Path:
    """A file with a sound track and no pictures."""
    with av.open(path, "w") as container:
        stream = container.add_stream("aac", rate=44100)
        for start in range(0, round(44100 * seconds), 1024):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.sample_rate, frame.pts = 44100, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def cut_file(path: Path, share: float) -> Path:
    """A copy that ends after this share of the bytes."""
    data = path.read_bytes()
    short = path.with_name(f"short_{path.name}")
    short.write_bytes(data[: round(share * len(data))])
    return short
