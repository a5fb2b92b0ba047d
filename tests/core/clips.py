"""Small videos of a real person, and files that no capture can use."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.body.model import FREE_BODY_PATH
from core.video import open_video
from tests.core.make_video import cut_file, write_sound, write_video

ROOT = Path(__file__).resolve().parents[2]
DEMO_CLIP = ROOT / ".cache" / "demo.mp4"
NUM_FRAMES = 12
EVEN_MS = [40 * i for i in range(NUM_FRAMES)]


def need_demo_clip() -> Path:
    if not DEMO_CLIP.is_file():
        pytest.skip(f"{DEMO_CLIP} is not there, `make setup` fetches it")
    return DEMO_CLIP


@cache
def person_images() -> list[np.ndarray]:
    """[520, 292, 3] each: a man who stands and faces the camera, alone in the picture."""
    frames = open_video(need_demo_clip()).frames()
    # Cut out by eye: he stands in the middle, from y = 60 to 430.
    return [next(frames).image[20:540, 490:782] for _ in range(NUM_FRAMES)]


def write_person(path: Path, times_ms: Sequence[int] = EVEN_MS) -> Path:
    return write_video(path, times_ms, image_of=lambda number: person_images()[number])


def write_person_images(folder: Path) -> Path:
    """An image sequence; its pattern."""
    folder.mkdir()
    for number, image in enumerate(person_images()):
        cv2.imwrite(str(folder / f"frame_{number:04d}.png"), image[..., ::-1])
    return folder / "frame_%04d.png"


def write_4k_portrait(path: Path) -> Path:
    """As a phone held upright films: lying pictures, and a tag that says to turn them."""

    def lying(number: int) -> np.ndarray:
        return np.rot90(cv2.resize(person_images()[number], (2160, 3840)))

    clockwise = (0, 1, -1, 0)
    options = {"preset": "ultrafast"}
    return write_video(path, EVEN_MS, image_of=lying, matrix=clockwise, options=options)


# What no capture can use


def name_nothing(folder: Path) -> Path:
    return folder / "gone.mp4"


def write_text(folder: Path) -> Path:
    path = folder / "text.mp4"
    path.write_text("Dear diary, no video today.\n" * 40)
    return path


def write_without_index(folder: Path) -> Path:
    return cut_file(write_video(folder / "video.mp4", EVEN_MS), 0.5)


def write_cut_in_the_middle(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    path = write_video(
        folder / "video.mp4",
        EVEN_MS,
        image_of=lambda number: rng.integers(0, 255, (96, 128, 3), np.uint8),
        container_options={"movflags": "faststart"},
    )
    return cut_file(path, 0.6)


def write_sound_only(folder: Path) -> Path:
    return write_sound(folder / "sound.mp4")


def write_one_frame(folder: Path) -> Path:
    return write_video(folder / "photo.mp4", [0])


def write_nobody(folder: Path) -> Path:
    return write_video(folder / "empty.mp4", EVEN_MS)


def write_three_frames_of_a_person(folder: Path) -> Path:
    grey = np.full_like(person_images()[0], 128)

    def image_of(number: int) -> np.ndarray:
        return person_images()[number] if 5 <= number < 8 else grey

    return write_video(folder / "short.mp4", EVEN_MS, image_of=image_of)


def write_incomplete_body(folder: Path) -> Path:
    path = folder / "SMPLX_NEUTRAL.npz"
    with np.load(FREE_BODY_PATH, allow_pickle=False) as body:
        np.savez(path, v_template=body["v_template"], f=body["f"])
    return path


def write_pickled_body(folder: Path) -> Path:
    path = folder / "SMPLX_NEUTRAL.pkl"
    path.write_bytes(b"\x80\x04.")
    return path
