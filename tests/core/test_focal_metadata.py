"""The focal length that a file bears: tags of the whole file, of its track, and of images."""

import struct

import av
import numpy as np
import pytest
from PIL import Image

from core.focal_metadata import FOCAL_KEY, focal_from_film, focal_from_tags, read_exif_focal_mm
from core.video import open_video
from tests.core.make_video import number_image, write_video

TIMES_MS = tuple(range(0, 200, 40))


def atom(name, content):
    return struct.pack(">I4s", 8 + len(content), name) + content


def with_track_tag(path, kind, value, version=b""):
    """The file with a QuickTime metadata item put into its track, as telephones do."""
    data = path.read_bytes()
    moov = data.index(b"moov") - 4
    (moov_size,) = struct.unpack_from(">I", data, moov)
    trak = data.index(b"trak", moov) - 4
    (trak_size,) = struct.unpack_from(">I", data, trak)
    assert moov + moov_size == len(data)  # behind the pictures, whose places stay
    handler = atom(b"hdlr", bytes(8) + b"mdta" + bytes(12))
    keys = atom(b"keys", struct.pack(">II", 0, 1) + atom(b"mdta", FOCAL_KEY.encode()))
    item = atom(struct.pack(">I", 1), atom(b"data", struct.pack(">II", kind, 0) + value))
    meta = atom(b"meta", version + handler + keys + atom(b"ilst", item))
    grown = bytearray(data[: trak + trak_size] + meta + data[trak + trak_size :])
    struct.pack_into(">I", grown, moov, moov_size + len(meta))
    struct.pack_into(">I", grown, trak, trak_size + len(meta))
    path.write_bytes(grown)
    return path


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (1, b"26.00mm"),
        (21, struct.pack(">i", 26)),
        (22, struct.pack(">H", 26)),
        (23, struct.pack(">f", 26.0)),
        (24, struct.pack(">d", 26.0)),
    ],
)
@pytest.mark.parametrize("version", [b"", bytes(4)])
def test_a_telephones_tag_of_the_track(tmp_path, kind, value, version):
    path = with_track_tag(write_video(tmp_path / "a.mov", TIMES_MS), kind, value, version)
    video = open_video(path)
    assert video.focal is not None
    diagonal = np.hypot(*video.image_size)
    assert video.focal.focal_px == pytest.approx(26 / np.hypot(36, 24) * diagonal)
    assert 0.05 < video.focal.sigma < 0.2
    assert len(list(video.frames())) == len(TIMES_MS)


@pytest.mark.parametrize("suffix", ["mov", "mkv"])
def test_a_tag_of_the_whole_file(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    options = {"movflags": "use_metadata_tags"} if suffix == "mov" else {}
    with av.open(path, "w", options=options) as container:
        container.metadata[FOCAL_KEY] = "35"
        stream = container.add_stream("libx264", rate=25)
        image = number_image(0)
        stream.height, stream.width = image.shape[:2]
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode())
    focal = open_video(path).focal
    assert focal is not None
    assert focal.focal_px == pytest.approx(35 / np.hypot(36, 24) * np.hypot(*image.shape[:2]))


def test_most_files_tell_nothing(tmp_path):
    assert open_video(write_video(tmp_path / "a.mp4", TIMES_MS)).focal is None


def test_a_picture_turned_upright_has_the_same_focal_length():
    assert focal_from_tags({FOCAL_KEY: "24"}, (1080, 1920)) == focal_from_tags(
        {FOCAL_KEY: "24"}, (1920, 1080)
    )


@pytest.mark.parametrize("value", ["", "unknown", "0", "99999"])
def test_what_is_no_focal_length_is_none(value):
    assert focal_from_tags({FOCAL_KEY: value}, (1920, 1080)) is None


def test_an_image_sequences_exif(tmp_path):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = 50
    for number in range(5):
        Image.new("RGB", (96, 64)).save(tmp_path / f"{number}.jpg", exif=exif)
    assert open_video(tmp_path).focal == focal_from_film(50.0, (96, 64))


def test_images_without_exif_or_with_half_of_it_tell_nothing(tmp_path):
    path = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = 50
    Image.new("RGB", (96, 64)).save(path, exif=exif)
    whole = path.read_bytes()
    assert read_exif_focal_mm(whole) == 50
    for length in range(40):
        assert read_exif_focal_mm(whole[:length]) == 0
    assert read_exif_focal_mm(b"\x89PNG\r\n\x1a\n") == 0
