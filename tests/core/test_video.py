"""Frames out of files: their numbers, true times, orientation, ranges; and what is refused."""

from __future__ import annotations

import gc
import threading
import tracemalloc
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from core.errors import VideoError
from core.video import open_video
from tests.core.make_video import (
    cut_file,
    number_image,
    read_number,
    write_sound,
    write_video,
)

EVEN_MS = [40 * i for i in range(100)]
# A phone's rate: slow in the dark, with a break.
UNEVEN_MS = np.cumsum([0, *[33, 34, 33, 50, 67] * 10, 400, *[33] * 20]).tolist()

CONTAINERS = {
    "video.mp4": {},
    "video.mov": {"options": {"bf": "3"}},
    "video.mkv": {},
    "video.ts": {},
    "video.avi": {"codec": "mpeg4"},
    "video.webm": {"codec": "libvpx-vp9", "options": {"deadline": "realtime", "cpu-used": "8"}},
}


def read_all(video, *args):
    """Index, time and the number that the picture shows, of each frame."""
    return [(f.index, f.time_s, read_number(f.image)) for f in video.frames(*args)]


def check_range(video, times_s, start_s, end_s):
    wanted = [
        i
        for i, t in enumerate(times_s)
        if t >= start_s - 1e-6 and (end_s is None or t <= end_s + 1e-6)
    ]
    found = read_all(video, start_s, end_s)
    assert [index for index, _, _ in found] == wanted
    assert [number for _, _, number in found] == wanted
    np.testing.assert_allclose([t for _, t, _ in found], np.array(times_s)[wanted], atol=6e-4)
    assert video.num_frames_between(start_s, end_s) == len(wanted)


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_frame_comes_once_with_its_number_and_time(tmp_path, name):
    video = open_video(write_video(tmp_path / name, EVEN_MS, **CONTAINERS[name]))
    check_range(video, np.array(EVEN_MS) / 1000, 0.0, None)
    assert video.image_size == (128, 96)
    assert video.fps == pytest.approx(25.0, rel=1e-3)
    assert video.duration_s == pytest.approx(4.0, abs=0.01)
    assert video.num_frames == 100


@pytest.mark.parametrize("name", ["video.mp4", "video.mkv", "video.ts"])
def test_uneven_times_are_kept(tmp_path, name):
    video = open_video(write_video(tmp_path / name, UNEVEN_MS))
    check_range(video, np.array(UNEVEN_MS) / 1000, 0.0, None)
    average = (len(UNEVEN_MS) - 1) / (UNEVEN_MS[-1] / 1000)
    assert video.fps == pytest.approx(average, rel=0.02)


def test_time_zero_is_the_first_frame_even_if_the_file_starts_later(tmp_path):
    video = open_video(write_video(tmp_path / "late.mp4", [5000 + t for t in EVEN_MS]))
    check_range(video, np.array(EVEN_MS) / 1000, 0.0, None)


def test_a_recording_that_starts_within_a_shot_starts_at_what_can_be_decoded(tmp_path):
    path = write_video(tmp_path / "air.ts", EVEN_MS, options={"x264-params": "keyint=24"})
    data = path.read_bytes()
    path.write_bytes(data[len(data) // 3 // 188 * 188 :])  # 188 bytes a transport packet
    found = read_all(open_video(path))
    first = found[0][2]
    assert first > 20
    assert [index for index, _, _ in found] == list(range(100 - first))
    assert [number for _, _, number in found] == list(range(first, 100))
    np.testing.assert_allclose([t for _, t, _ in found], np.arange(100 - first) / 25, atol=1e-6)


def test_the_rate_of_film(tmp_path):
    path = tmp_path / "film.mp4"
    write_video(path, [round(1000 * i / 24) for i in range(48)])
    assert open_video(path).fps == pytest.approx(24.0, rel=1e-3)


@pytest.mark.parametrize("name", CONTAINERS)
@pytest.mark.parametrize(("start_s", "end_s"), [(0.0, 0.08), (2.39, 2.61), (2.4, None)])
def test_a_range_keeps_numbers_and_times(tmp_path, name, start_s, end_s):
    video = open_video(write_video(tmp_path / name, EVEN_MS, **CONTAINERS[name]))
    check_range(video, np.array(EVEN_MS) / 1000, start_s, end_s)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("keys", ["keyint=10", "keyint=12:open-gop=1:bframes=4", "keyint=250"])
def test_every_start_finds_its_frame(tmp_path, suffix, keys):
    """Also where pictures around a key frame refer to what lies before it (open GOP)."""
    path = write_video(tmp_path / f"keys.{suffix}", UNEVEN_MS, options={"x264-params": keys})
    video, times_s = open_video(path), np.array(UNEVEN_MS) / 1000
    for start_s in times_s[::7]:
        check_range(video, times_s, float(start_s), float(start_s) + 0.1)


def test_a_range_between_two_frames_says_how_long_the_video_is(tmp_path):
    video = open_video(write_video(tmp_path / "video.mp4", EVEN_MS))
    with pytest.raises(
        VideoError, match=r"no frame from 9 s to its end: it lasts 4\.00 s\. Choose"
    ):
        video.frames(9.0)
    with pytest.raises(VideoError, match=r"no frame from 0\.01 s to 0\.02 s"):
        video.frames(0.01, 0.02)


# The matrix's first four numbers, and what a player does to the stored picture (QuickTime File
# Format, "Matrices": x' = a x + c y, y' = b x + d y).
TURNS = {
    "upright": ((1, 0, 0, 1), lambda image: image),
    "90 clockwise": ((0, 1, -1, 0), lambda image: np.rot90(image, -1)),
    "180": ((-1, 0, 0, -1), lambda image: np.rot90(image, 2)),
    "90 counterclockwise": ((0, -1, 1, 0), lambda image: np.rot90(image)),
    "mirrored": ((-1, 0, 0, 1), lambda image: image[:, ::-1]),
    "upside down": ((1, 0, 0, -1), lambda image: image[::-1]),
    "transposed": ((0, 1, 1, 0), lambda image: image.transpose(1, 0, 2)),
}


@pytest.mark.parametrize("name", TURNS)
def test_pictures_are_turned_upright(tmp_path, name):
    matrix, turn = TURNS[name]
    path = write_video(tmp_path / "turned.mp4", EVEN_MS[:3], matrix=matrix)
    video = open_video(path)
    expected = turn(number_image(1))
    image = list(video.frames())[1].image
    assert image.shape == expected.shape
    assert video.image_size == expected.shape[1::-1]
    assert np.abs(image.astype(int) - expected).mean() < 10


@pytest.mark.parametrize("name", ["90 clockwise", "180", "90 counterclockwise"])
def test_pictures_are_turned_as_opencv_turns_them(tmp_path, name):
    path = write_video(tmp_path / "turned.mp4", EVEN_MS[:2], matrix=TURNS[name][0])
    capture = cv2.VideoCapture(str(path))
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
    _, expected = capture.read()
    image = next(open_video(path).frames()).image
    np.testing.assert_allclose(image, cv2.cvtColor(expected, cv2.COLOR_BGR2RGB), atol=12)


def test_a_4k_portrait_of_a_phone(tmp_path):
    path = write_video(
        tmp_path / "phone.mp4",
        EVEN_MS[:2],
        image_of=lambda number: number_image(number, 3840, 2160),
        matrix=(0, 1, -1, 0),
        options={"preset": "ultrafast"},
    )
    video = open_video(path)
    assert video.image_size == (2160, 3840)
    assert [frame.image.shape for frame in video.frames()] == [(3840, 2160, 3)] * 2


def test_wide_pixels_are_made_square(tmp_path):
    path = write_video(tmp_path / "wide.mp4", EVEN_MS[:3], aspect=Fraction(4, 3))
    video = open_video(path)
    assert video.image_size == (171, 96)
    assert [number for _, _, number in read_all(video)] == [0, 1, 2]


@pytest.mark.parametrize("space", [1, 5], ids=["bt709", "bt601"])
@pytest.mark.parametrize("span", [1, 2], ids=["limited", "full"])
def test_colours_are_those_of_the_source(tmp_path, space, span):
    colors = [(200, 30, 30), (30, 180, 40), (20, 30, 220), (128, 128, 128), (250, 250, 250)]
    path = write_video(
        tmp_path / "color.mp4",
        EVEN_MS[: len(colors)],
        image_of=lambda i: np.full((64, 64, 3), colors[i], np.uint8),
        color=(space, span),
    )
    for color, frame in zip(colors, open_video(path).frames(), strict=True):
        np.testing.assert_allclose(frame.image[32, 32], color, atol=5)


def count_readers() -> int:
    return sum(thread.name.startswith("video") for thread in threading.enumerate())


def test_stopping_early_ends_the_thread(tmp_path):
    frames = open_video(write_video(tmp_path / "video.mp4", EVEN_MS)).frames()
    assert next(frames).index == 0
    assert count_readers() == 1
    frames.close()
    assert count_readers() == 0


def test_an_error_of_the_consumer_ends_the_thread(tmp_path):
    video = open_video(write_video(tmp_path / "video.mp4", EVEN_MS))

    def consume():
        for frame in video.frames():
            raise RuntimeError(f"frame {frame.index}")

    with pytest.raises(RuntimeError, match="frame 0"):
        consume()
    gc.collect()
    assert count_readers() == 0


def test_two_readers_of_one_video_do_not_disturb_each_other(tmp_path):
    video = open_video(write_video(tmp_path / "video.mp4", EVEN_MS))
    pairs = zip(video.frames(), video.frames(0.4), strict=False)
    assert all(b.index == a.index + 10 == read_number(b.image) for a, b in pairs)


def test_memory_does_not_grow_with_the_video(tmp_path):
    path = write_video(
        tmp_path / "long.mp4",
        range(0, 400 * 40, 40),
        image_of=lambda number: number_image(number % 256, 320, 240),
        options={"preset": "ultrafast"},
    )
    video = open_video(path)
    tracemalloc.start()
    try:
        num_frames = sum(1 for _ in video.frames())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert num_frames == 400
    assert peak < 12 * 320 * 240 * 3


def write_images(folder: Path, names: list[str], size=(128, 96)) -> Path:
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(names):
        Image.fromarray(number_image(number, *size)).save(folder / name)
    return folder


def test_a_folder_of_images_is_read_in_natural_order(tmp_path):
    folder = write_images(tmp_path / "shot ä", ["a1.png", "a2.png", "a10.png", "b.png"])
    (folder / "notes.txt").write_text("no image")
    video = open_video(folder)
    assert read_all(video) == [(i, i / 30, i) for i in range(4)]
    assert (video.image_size, video.fps, video.num_frames) == ((128, 96), 30.0, 4)


def test_the_rate_of_an_image_sequence_can_be_told(tmp_path):
    folder = write_images(tmp_path / "shot", [f"{i}.png" for i in range(12)])
    video = open_video(folder, sequence_fps=12.0)
    assert video.duration_s == 1.0
    assert read_all(video, 0.25, 0.5) == [(i, i / 12, i) for i in range(3, 7)]


def test_a_pattern_starts_at_its_lowest_number(tmp_path):
    folder = write_images(tmp_path / "shot", [f"frame_{i:04d}.png" for i in range(998, 1003)])
    write_images(folder, ["other_0001.png"])
    assert read_all(open_video(folder / "frame_%04d.png")) == [(i, i / 30, i) for i in range(5)]


def test_an_image_is_turned_by_its_exif_tag(tmp_path):
    tag = Image.Exif()
    tag[0x0112] = 6  # turn 90 degrees clockwise (EXIF 2.3, Orientation)
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(number_image(5))))
    stored.save(tmp_path / "phone.jpg", exif=tag)
    assert [number for _, _, number in read_all(open_video(tmp_path))] == [5]


def test_a_gap_in_a_pattern_is_named(tmp_path):
    folder = write_images(tmp_path / "shot", [f"frame_{i:04d}.png" for i in (1, 2, 4, 5, 8)])
    with pytest.raises(VideoError, match=r"lacks 3 of its numbers \(3, 6, 7\)\. Add the missing"):
        open_video(folder / "frame_%04d.png")


def test_a_pattern_that_no_image_fits(tmp_path):
    with pytest.raises(VideoError, match=r"No image fits .*x_%04d\.png\. Choose"):
        open_video(tmp_path / "x_%04d.png")


def test_images_of_different_sizes(tmp_path):
    folder = write_images(tmp_path / "shot", ["0.png", "1.png"])
    write_images(folder, ["2.png"], size=(64, 48))
    with pytest.raises(VideoError, match=r"2\.png is 64 x 48 pixels, .* are 128 x 96\. Bring"):
        list(open_video(folder).frames())
    assert count_readers() == 0


def test_a_broken_image(tmp_path):
    folder = write_images(tmp_path / "shot", ["0.png", "1.png"])
    (folder / "2.png").write_bytes(b"no png")
    with pytest.raises(VideoError, match=r"2\.png is not an image that can be read\. Replace"):
        list(open_video(folder).frames())


def test_a_folder_without_images(tmp_path):
    with pytest.raises(VideoError, match=r"holds no images \(\.png, .*\)\. Choose"):
        open_video(tmp_path)


def test_a_missing_file(tmp_path):
    with pytest.raises(VideoError, match=r"nothing\.mp4 was not found\. Choose a video"):
        open_video(tmp_path / "nothing.mp4")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        (
            "text.mp4",
            b"Dear diary, no video today.\n" * 40,
            "not a video that can be read .* Choose",
        ),
        ("empty.mp4", b"", r"empty \(0 bytes\)\. Copy it again"),
        ("photo.png", b"\x89PNG", r"one image, a video was expected\. .* choose its folder"),
    ],
)
def test_a_file_that_is_no_video(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(VideoError, match=f"{name} is {sentence}"):
        open_video(tmp_path / name)


@pytest.mark.parametrize("name", ["sound.mp4", "sound.mp3.m4a"])
def test_a_file_with_sound_only(tmp_path, name):
    with pytest.raises(VideoError, match=r"has no pictures .* only sound or data\. Choose a video"):
        open_video(write_sound(tmp_path / name))


def test_a_text_file_is_not_drawn(tmp_path):
    (tmp_path / "notes.txt").write_text("Dear diary, no video today.\n" * 40)
    with pytest.raises(VideoError, match=r"notes\.txt has no pictures"):
        open_video(tmp_path / "notes.txt")


def test_an_mp4_that_lost_its_end(tmp_path):
    path = cut_file(write_video(tmp_path / "video.mp4", EVEN_MS), 0.5)
    with pytest.raises(VideoError, match=r"is cut short: .* \(moov\) is missing\. Copy it again"):
        open_video(path)


def noise(seed: int, width: int, height: int) -> np.ndarray:
    """A picture that takes many bytes."""
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)


@pytest.fixture(params=["mp4", "mkv"])
def cut_video(request, tmp_path):
    """About half of a video whose index comes first."""
    options = {"movflags": "faststart"} if request.param == "mp4" else {}
    path = write_video(
        tmp_path / f"video.{request.param}",
        EVEN_MS,
        image_of=lambda i: number_image(i, 256, 192) // 8 * 7 + noise(i, 256, 192) // 8,
        container_options=options,
    )
    return open_video(cut_file(path, 0.6))


def test_a_video_cut_in_the_middle_says_what_is_left(cut_video):
    num_left = cut_video.num_frames
    assert 20 < num_left < 80
    end_s = np.floor(cut_video.times_s[-1] * 10 + 1e-6) / 10
    sentence = rf"cut short: {num_left} of 100 frames could be read\. .* an end of {end_s:g} s"
    with pytest.raises(VideoError, match=sentence):
        cut_video.frames()
    with pytest.raises(VideoError, match=sentence):
        cut_video.frames(0.0, 3.9)
    with pytest.raises(VideoError, match=sentence):
        cut_video.frames(3.8)


def test_what_lies_before_the_cut_can_be_used(cut_video):
    end_s = np.floor(cut_video.times_s[-1] * 10 + 1e-6) / 10
    check_range(cut_video, cut_video.times_s, 0.0, float(end_s))
    check_range(cut_video, cut_video.times_s, 0.6, float(cut_video.times_s[-1]))


def test_a_video_with_a_hole_says_what_is_left(tmp_path):
    path = write_video(
        tmp_path / "video.mp4",
        EVEN_MS,
        image_of=lambda i: noise(i, 128, 96),
        container_options={"movflags": "faststart"},
    )
    data = bytearray(path.read_bytes())
    half = len(data) // 2
    data[half:] = bytes(len(data) - half)  # as a broken download leaves it
    path.write_bytes(data)
    with pytest.raises(
        VideoError, match=r"is damaged: \d+ of 100 frames could be read\. .* an end"
    ):
        list(open_video(path).frames())
    assert sum(1 for _ in open_video(path).frames(0.0, 0.5)) == 13


def test_a_trim_that_hides_the_end_of_an_mp4_is_no_cut(tmp_path):
    """Phones trim by an edit list: all frames stay in the file, which shows only some of them."""
    data = bytearray(write_video(tmp_path / "video.mp4", EVEN_MS).read_bytes())
    place = data.index(b"elst") + 12  # version and flags, count, then the shown milliseconds
    assert int.from_bytes(data[place : place + 4], "big") == 4000
    data[place : place + 4] = (2000).to_bytes(4, "big")
    (tmp_path / "video.mp4").write_bytes(data)
    video = open_video(tmp_path / "video.mp4")
    check_range(video, np.arange(video.num_frames) / 25, 0.0, None)
    assert 50 <= video.num_frames <= 53


def test_a_video_of_two_sizes(tmp_path):
    first = write_video(tmp_path / "a.ts", EVEN_MS[:20])
    later = [2000 + t for t in EVEN_MS[:20]]
    second = write_video(tmp_path / "b.ts", later, image_of=lambda i: number_image(i, 64, 48))
    both = tmp_path / "both.ts"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    with pytest.raises(VideoError, match=r"changes its picture size from 128 x 96 to 64 x 48"):
        list(open_video(both).frames())


def test_one_frame_is_a_video(tmp_path):
    video = open_video(write_video(tmp_path / "one.mp4", [0]))
    assert read_all(video) == [(0, 0.0, 0)]
    assert video.duration_s > 0


def test_a_name_too_long_for_the_system_is_not_found(tmp_path):
    with pytest.raises(VideoError, match="was not found"):
        open_video(tmp_path / ("a" * 5000))
