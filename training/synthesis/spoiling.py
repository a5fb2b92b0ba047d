"""What a camera and a codec do to pictures: exposure, defocus, noise, compression, few pixels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .kernels import floats

_NOISE_SIDE = 256  # pixels after which the noise repeats
_NOISE_MARGIN = 61  # pixels by which it is shifted from frame to frame


@dataclass(frozen=True, eq=False)
class Spoiling:
    """The same over a sequence, but for the noise."""

    gain: float
    curves: np.ndarray  # [1, 256, 3] uint8 of red, green and blue
    blur_px: float  # standard deviation; 0 for none
    shrink: float  # factor by which the picture loses pixels; 1 for none
    noise: np.ndarray | None  # [H + margin, W + margin, 3] int8
    quality: int | None  # of JPEG; None leaves it as it is

    @classmethod
    def draw(
        cls, rng: np.random.Generator, image_size: tuple[int, int], person_px: float
    ) -> Spoiling:
        """Blur and loss of pixels are drawn in relation to the person's size ``person_px``."""
        gain = rng.uniform(0.85, 1.25)
        gamma = np.exp(rng.normal(-0.15, 0.15))
        noise_levels = rng.uniform(0.5, 5)
        if rng.random() < 0.07:  # low light
            gain, noise_levels = gain * rng.uniform(0.25, 0.7), noise_levels * 2
        contrast, black = rng.uniform(0.8, 1.1), rng.uniform(-0.01, 0.06)
        levels = (np.arange(256)[:, None] / 255 * (1 + rng.normal(0, 0.05, 3))) ** gamma
        curves = np.clip((levels - 0.5) * contrast + 0.5 + black, 0, 1) * 255
        blur_px = rng.uniform(0.3, 0.7)
        if rng.random() < 0.15:
            blur_px = max(blur_px, rng.uniform(0.001, 0.006) * person_px)
        noise = None
        if rng.random() < 0.7:
            noise = _draw_noise(rng, image_size, noise_levels, is_smooth=rng.random() < 0.4)
        return cls(
            gain,
            curves[None].astype(np.uint8),
            float(blur_px),
            float(rng.uniform(1.3, 3)) if rng.random() < 0.15 and person_px > 150 else 1.0,
            noise,
            int(rng.integers(25, 96)) if rng.random() < 0.7 else None,
        )

    def spoil(self, colors: np.ndarray, frame: int) -> np.ndarray:
        """[H, W, 3] uint8 of colours [H, W, 3] 0..1."""
        height, width = colors.shape[:2]
        image = cv2.convertScaleAbs(colors, alpha=255 * self.gain)
        image = cv2.GaussianBlur(image, (0, 0), self.blur_px)
        if self.shrink > 1:
            size = (round(width / self.shrink), round(height / self.shrink))
            small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
            image = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
        image = cv2.LUT(image, self.curves)
        if self.noise is not None:
            y, x = (frame * 37) % _NOISE_MARGIN, (frame * 23) % _NOISE_MARGIN
            part = self.noise[y : y + height, x : x + width]
            image = cv2.add(image, part, dtype=cv2.CV_8U)
        if self.quality is not None:
            _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, self.quality])
            image = cv2.imdecode(data, cv2.IMREAD_COLOR)
        return image


def _draw_noise(
    rng: np.random.Generator, image_size: tuple[int, int], levels: float, *, is_smooth: bool
) -> np.ndarray:
    """[H + margin, W + margin, 3] int8, of about ``levels`` of 256, partly grey."""
    shape = (_NOISE_SIDE, _NOISE_SIDE)
    tile = floats(rng.normal(0, 0.5, (*shape, 3)) + rng.normal(0, 1, (*shape, 1)))
    if is_smooth:
        tile = cv2.GaussianBlur(tile, (0, 0), 0.8) * 1.8
    tile = np.clip(tile * levels, -127, 127).astype(np.int8)
    width, height = (length + _NOISE_MARGIN for length in image_size)
    repeats = -(-height // _NOISE_SIDE), -(-width // _NOISE_SIDE), 1
    return np.ascontiguousarray(np.tile(tile, repeats)[:height, :width])
