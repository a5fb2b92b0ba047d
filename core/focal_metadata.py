"""The focal length that a camera has written into its file, as 35 mm film would need it."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from .focal_guess import FocalGuess

# Apple, "AVMetadataIdentifierQuickTimeMetadataCameraFocalLength35mmEquivalent".
FOCAL_KEY = "com.apple.quicktime.camera.focal_length.35mm_equivalent"

_FILM_DIAGONAL_MM = float(np.hypot(36.0, 24.0))
_RANGE_MM = 5.0, 2000.0
# Of the logarithm. Cameras round, and some cut off the borders of a video to steady it.
_SIGMA = 0.1
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_LARGEST_INDEX = 1 << 28  # bytes; of a file that is whole, the index of its frames is smaller
# QuickTime File Format, "Metadata item atoms", well-known types of values.
_TYPED = {21: {1: ">b", 2: ">h", 4: ">i"}, 22: {1: ">B", 2: ">H", 4: ">I"}, 23: {4: ">f"}}
_TYPED[24] = {8: ">d"}
# EXIF 2.32: where IFD 0 tells of the camera's own, and FocalLengthIn35mmFilm there.
_EXIF_POINTER, _FOCAL_IN_35MM = 0x8769, 0xA405


def focal_from_tags(tags: Mapping[str, str], image_size: tuple[int, int]) -> FocalGuess | None:
    """What a video file's tags say; ``image_size`` width and height in pixels, either way round."""
    for key, value in tags.items():
        number = _NUMBER.match(value.strip())
        if key.lower() == FOCAL_KEY and number is not None:
            return focal_from_film(float(number[0]), image_size)
    return None


def focal_from_film(focal_mm: float, image_size: tuple[int, int]) -> FocalGuess | None:
    """Of the focal length that shows as much on 35 mm film, by the diagonal; None: none is told."""
    if not _RANGE_MM[0] <= focal_mm <= _RANGE_MM[1]:
        return None
    return FocalGuess(focal_mm / _FILM_DIAGONAL_MM * float(np.hypot(*image_size)), _SIGMA)


def read_track_tags(path: Path) -> dict[str, str]:
    """The tags that a QuickTime or MP4 file's tracks bear; FFmpeg tells the whole file's only.

    Empty of any other file.
    """
    tags: dict[str, str] = {}
    for name, track in _atoms(_read_index(path)):
        if name == b"trak":
            for kind, meta in _atoms(track):
                if kind == b"meta":
                    tags.update(_read_meta(meta))
    return tags


def read_exif_focal_mm(image: bytes) -> float:
    """FocalLengthIn35mmFilm of a JPEG or TIFF file's bytes; 0 where it is not told."""
    tiff = image if image[:4] in (b"II*\0", b"MM\0*") else _exif_of_jpeg(image)
    try:
        order = {b"II": "<", b"MM": ">"}[tiff[:2]]
        (first,) = struct.unpack_from(f"{order}I", tiff, 4)
        own = _read_tag(tiff, order, first, _EXIF_POINTER)
        return float(_read_tag(tiff, order, own, _FOCAL_IN_35MM)) if own else 0.0
    except (KeyError, struct.error):  # no EXIF, or a damaged one
        return 0.0


def _read_index(path: Path) -> bytes:
    """The atom ``moov``; empty where there is none."""
    with path.open("rb") as file:
        while len(head := file.read(8)) == 8:
            size, name = struct.unpack(">I4s", head)
            if size == 1:
                size = int.from_bytes(file.read(8), "big") - 8
            if size < 8 or not name.isalnum():
                break
            if name == b"moov":
                return file.read(min(size - 8, _LARGEST_INDEX))
            file.seek(size - 8, 1)
    return b""


def _atoms(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of the atoms that lie one behind the other."""
    place = 0
    while place + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, place)
        if size < 8:
            return
        yield name, data[place + 8 : place + size]
        place += size


def _read_meta(meta: bytes) -> dict[str, str]:
    """QuickTime File Format, "Metadata": names in ``keys``, values in ``ilst`` by their numbers."""
    if meta[4:8] != b"hdlr":  # MP4 puts a version before it
        meta = meta[4:]
    atoms = dict(_atoms(meta))
    names = [key.decode("utf-8", "replace") for _, key in _atoms(atoms.get(b"keys", b"")[8:])]
    tags: dict[str, str] = {}
    for number, item in _atoms(atoms.get(b"ilst", b"")):
        data = dict(_atoms(item)).get(b"data", b"")
        index = int.from_bytes(number, "big") - 1
        if len(data) > 8 and index < len(names):
            tags[names[index]] = _read_value(int.from_bytes(data[:4], "big"), data[8:])
    return tags


def _read_value(kind: int, data: bytes) -> str:
    layout = _TYPED.get(kind, {}).get(len(data))
    if layout is None:
        return data.decode("utf-8", "replace")
    return str(struct.unpack(layout, data)[0])


def _exif_of_jpeg(image: bytes) -> bytes:
    """The TIFF block of the APP1 segment; empty where there is none."""
    place = 2
    while image[:2] == b"\xff\xd8" and place + 4 <= len(image) and image[place] == 0xFF:
        marker, size = struct.unpack_from(">BH", image, place + 1)
        segment = image[place + 4 : place + 2 + size]
        if marker == 0xE1 and segment[:6] == b"Exif\0\0":
            return segment[6:]
        if marker == 0xDA:  # the picture itself
            break
        place += 2 + size
    return b""


def _read_tag(tiff: bytes, order: str, directory: int, wanted: int) -> int:
    """The whole number under a tag of a directory; 0 where it is not there."""
    (count,) = struct.unpack_from(f"{order}H", tiff, directory)
    for number in range(count):
        entry = directory + 2 + 12 * number
        tag, kind = struct.unpack_from(f"{order}HH", tiff, entry)
        if tag == wanted:
            return struct.unpack_from(order + ("H" if kind == 3 else "I"), tiff, entry + 8)[0]
    return 0
