"""What else moves in the picture of a camera that stands."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

Disturbance = Callable[[np.ndarray, float], np.ndarray]  # a picture, its moment in s: another one


def draw_screen(size: tuple[int, int], rng: np.random.Generator) -> Disturbance:
    """A screen, up to half of the picture, on which something passes by."""
    width, height = size
    side = (rng.uniform(0.3, 0.7, 2) * size).astype(int)
    left, top = (rng.random(2) * (size - side)).astype(int)
    inside = slice(top, top + side[1]), slice(left, left + side[0])
    shown = 255 * rng.random((height // 8, width // 4)).astype(np.float32)
    shown = cv2.resize(shown, (3 * width, height), interpolation=cv2.INTER_CUBIC)
    speed_px = rng.uniform(20, 300)

    def disturb(image: np.ndarray, time_s: float) -> np.ndarray:
        image = image.copy()
        passed = int(speed_px * time_s) % (2 * width)
        image[inside] = shown[: side[1], passed : passed + side[0]]
        return image

    return disturb


def draw_wind(size: tuple[int, int], rng: np.random.Generator) -> Disturbance:
    """All above a line sways, as trees do."""
    x, y = np.meshgrid(*(np.arange(side, dtype=np.float32) for side in size))
    line = rng.uniform(0.4, 0.8) * size[1]
    sway_px = rng.uniform(1.5, 6) * np.clip((line - y) / line, 0, 1)
    phase = 2 * np.pi * x / rng.uniform(80, 300)

    def disturb(image: np.ndarray, time_s: float) -> np.ndarray:
        moved = sway_px * np.sin(2 * np.pi * 0.7 * time_s + phase)
        return cv2.remap(image, (x + moved).astype(np.float32), y, cv2.INTER_LINEAR)

    return disturb


def draw_flicker(size: tuple[int, int], rng: np.random.Generator) -> Disturbance:
    """Light that is never the same, all over and from one side."""
    slope = np.linspace(-1, 1, size[0], dtype=np.float32)

    def disturb(image: np.ndarray, time_s: float) -> np.ndarray:
        return image * (1 + 0.08 * rng.normal() + 0.05 * np.sin(9 * time_s) * slope)

    return disturb
