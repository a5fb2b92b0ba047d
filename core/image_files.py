"""The images of a sequence: which files, in which order, and their pixels."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np

from .errors import VideoError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
_NUMBER_FIELD = re.compile(r"%0?(\d*)d")


def is_pattern(path: Path) -> bool:
    """Whether the name has a number field, as ``frame_%04d.png``."""
    return _NUMBER_FIELD.search(path.name) is not None


def list_folder(folder: Path) -> list[Path]:
    """The folder's images in natural order: 2 before 10."""
    files = [
        file
        for file in folder.iterdir()
        if file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith(".")
    ]
    if not files:
        raise VideoError(
            f"{folder} holds no images ({', '.join(IMAGE_SUFFIXES)}). "
            "Choose a video file or a folder of images."
        )
    return sorted(files, key=_natural_key)


def _natural_key(file: Path) -> list[tuple[int, str]]:
    words = re.split(r"(\d+)", file.name.lower())
    return [(int(word), "") if word.isdecimal() else (-1, word) for word in words]


def list_pattern(pattern: Path) -> list[Path]:
    """The pattern's images from the lowest number on. A gap would shorten time: it is refused."""
    before, width, after = _NUMBER_FIELD.split(pattern.name, maxsplit=1)
    name = re.compile(rf"{re.escape(before)}(\d{{{width or 1},}}){re.escape(after)}")
    files = sorted(pattern.parent.iterdir()) if pattern.parent.is_dir() else []
    numbered = {int(match[1]): file for file in files if (match := name.fullmatch(file.name))}
    if not numbered:
        raise VideoError(f"No image fits {pattern}. Choose a video file or a folder of images.")
    missing = sorted(set(range(min(numbered), max(numbered))) - set(numbered))
    if missing:
        shown = ", ".join(str(number) for number in missing[:5])
        more = ", ..." if len(missing) > 5 else ""
        raise VideoError(
            f"{pattern} lacks {len(missing)} of its numbers ({shown}{more}). Add the missing "
            "images, or choose the folder to take those that are there one after the other."
        )
    return [numbered[number] for number in sorted(numbered)]


def read_image(file: Path) -> np.ndarray:
    """[H, W, 3] uint8 RGB, turned upright by the image's EXIF tag."""
    # Read by numpy because cv2.imread opens no name with an umlaut on Windows.
    data = np.fromfile(file, np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if image is None:
        raise VideoError(f"{file} is not an image that can be read. Replace it or take it away.")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def write_image(file: Path, image: np.ndarray) -> None:
    """Write [H, W, 3] uint8 RGB as a PNG."""
    _, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    data.tofile(file)  # as above, for names with an umlaut
