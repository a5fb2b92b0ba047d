"""The motion file: round trip, refusals, files of other tools."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from core.errors import MotionFileError, OutputError, ReelrigError, ShapeError
from core.motion import FORMAT_VERSION, Motion, read_motion, write_motion
from core.skeletons import ARKIT_NAMES, JOINT_NAMES

T = 6


def make_motion(**changes):
    rng = np.random.default_rng(0)
    values = {
        "mocap_frame_rate": 29.97,
        "trans": rng.normal(size=(T, 3)),
        "poses": rng.normal(size=(T, 165)),
        "betas": rng.normal(size=10),
        "expression": rng.normal(size=(T, 10)),
        "measures": np.array([1.7, 0.4]),
        "measure_names": ("stature", "thigh"),
        "arkit": rng.random((T, 52)),
        "confidence": rng.random((T, 55)),
        "contacts": rng.random((T, 4)),
        "frame_index": np.arange(T) + 3,
        "time_s": np.arange(T) / 29.97,
        "joints_world": rng.normal(size=(T, 55, 3)),
        "camera_from_world": np.tile(np.eye(4), (T, 1, 1)),
        "focal_px": np.full(T, 1200.0),
        "image_size": np.array([1280, 720]),
        "landmarks_px": rng.normal(size=(T, 553, 2)),
        "landmarks_confidence": rng.random((T, 553)),
        "person": 0,
        "source": "clip.mp4",
        "settings_json": '{"method": "analytic"}',
    }
    return Motion(**(values | changes))


def refuse(text):
    raise AssertionError(f"no warning was expected, got: {text}")


def rewrite(path, **changes):
    """The file with keys replaced, or left out where the value is None."""
    with np.load(path) as file:
        values = {key: file[key] for key in file.files} | changes
    np.savez(path, **{key: value for key, value in values.items() if value is not None})


def test_what_is_written_is_read_back(tmp_path):
    motion = make_motion()
    write_motion(motion, tmp_path / "a.npz")
    back = read_motion(tmp_path / "a.npz", refuse)
    for field in dataclasses.fields(Motion):
        expected, actual = getattr(motion, field.name), getattr(back, field.name)
        np.testing.assert_array_equal(actual, expected, err_msg=field.name)


def test_the_file_has_every_key_of_the_format(tmp_path):
    write_motion(make_motion(), tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        assert int(file["format_version"]) == FORMAT_VERSION
        assert tuple(file["joint_names"]) == JOINT_NAMES
        assert tuple(file["arkit_names"]) == ARKIT_NAMES
        parts = ("root_orient", "pose_body", "pose_jaw", "pose_eye", "pose_hand")
        np.testing.assert_array_equal(np.hstack([file[name] for name in parts]), file["poses"])


def test_nothing_but_the_file_is_left(tmp_path):
    write_motion(make_motion(), tmp_path / "a.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_a_failed_write_keeps_the_file_that_was_there(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    path.write_text("precious")

    def fail(*args, **values):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", fail)
    with pytest.raises(OutputError, match="No space left"):
        write_motion(make_motion(), path)
    assert path.read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"trans": np.zeros((T, 2))}, ShapeError, r"`trans` must have shape \(T 3\)"),
        ({"poses": np.zeros((T + 1, 165))}, ShapeError, r"`poses` .*T=6, got \(7, 165\)"),
        ({"trans": np.full((T, 3), np.nan)}, MotionFileError, "`trans` must be finite, row 0"),
        ({"poses": np.full((T, 165), 90.0)}, MotionFileError, "radians.*degrees"),
        ({"trans": np.full((T, 3), 1700.0)}, MotionFileError, "metres.*millimetres"),
        ({"confidence": np.full((T, 55), 1.5)}, MotionFileError, "`confidence` must lie in 0..1"),
        ({"time_s": np.zeros(T)}, MotionFileError, "`time_s` must rise"),
        ({"mocap_frame_rate": 0.0}, MotionFileError, "frames per second"),
        ({"measures": np.zeros(3)}, ShapeError, "3 values for 2 names"),
        ({"trans": np.zeros((0, 3))}, ShapeError, "at least one frame"),
    ],
)
def test_a_wrong_motion_cannot_be_made(changes, error, text):
    with pytest.raises(error, match=text):
        make_motion(**changes)


def test_a_wrong_file_is_refused_with_its_name(tmp_path):
    path = tmp_path / "a.npz"
    write_motion(make_motion(), path)
    rewrite(path, trans=np.full((T, 3), np.inf))
    with pytest.raises(MotionFileError, match=r"a\.npz is no valid motion file: `trans` must be"):
        read_motion(path, refuse)


def test_a_newer_format_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    write_motion(make_motion(), path)
    rewrite(path, format_version=np.int64(FORMAT_VERSION + 1))
    with pytest.raises(MotionFileError, match=r"motion format 2.*Update Reelrig"):
        read_motion(path, refuse)


def test_our_own_file_must_be_whole(tmp_path):
    path = tmp_path / "a.npz"
    write_motion(make_motion(), path)
    rewrite(path, confidence=None)
    with pytest.raises(MotionFileError, match="lacks confidence"):
        read_motion(path, refuse)


def test_what_another_tool_left_out_may_stay_out(tmp_path):
    path = tmp_path / "a.npz"
    write_motion(make_motion(joints_world=None, landmarks_px=None), path)
    assert read_motion(path, refuse).joints_world is None


def test_an_amass_file_of_another_tool_is_read_and_its_gaps_are_named(tmp_path):
    poses = np.random.default_rng(1).normal(size=(T, 165)) * 0.1
    np.savez(
        tmp_path / "amass.npz",
        poses=poses,
        trans=np.ones((T, 3)),
        betas=np.zeros(16),
        gender="male",
        mocap_framerate=120.0,
        surface_model_type="smplx",
        labels=np.array([{"a": 1}], dtype=object),
    )
    told = []
    motion = read_motion(tmp_path / "amass.npz", told.append)
    np.testing.assert_array_equal(motion.poses, poses)
    assert motion.mocap_frame_rate == 120.0
    assert motion.gender == "male"
    assert motion.joints_world is None
    assert len(told) == 1
    assert "amass.npz lacks" in told[0]
    assert "arkit" in told[0]


def test_amass_parts_and_smplh_poses_are_read(tmp_path):
    rng = np.random.default_rng(2)
    parts = {"root_orient": rng.normal(size=(T, 3)), "pose_body": rng.normal(size=(T, 63))}
    np.savez(tmp_path / "parts.npz", trans=np.zeros((T, 3)), mocap_frame_rate=60.0, **parts)
    motion = read_motion(tmp_path / "parts.npz", lambda text: None)
    np.testing.assert_array_equal(motion.poses[:, :66], np.hstack(list(parts.values())))
    assert not motion.poses[:, 66:].any()
    smplh = rng.normal(size=(T, 156))
    np.savez(tmp_path / "smplh.npz", trans=np.zeros((T, 3)), poses=smplh, mocap_framerate=60)
    motion = read_motion(tmp_path / "smplh.npz", lambda text: None)
    np.testing.assert_array_equal(motion.poses[:, 75:], smplh[:, 66:])


def test_an_npz_without_poses_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", weights=np.zeros(3))
    with pytest.raises(MotionFileError, match="neither `poses` nor"):
        read_motion(tmp_path / "other.npz", refuse)


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04cut"])
def test_a_file_that_is_no_npz_is_refused(tmp_path, content):
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    with pytest.raises(MotionFileError, match=r"is not an \.npz motion file, or it is cut short"):
        read_motion(path, refuse)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MotionFileError, match="was not found"):
        read_motion(tmp_path / "a.npz", refuse)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda folder: folder / "no" / "a.npz", "does not exist"),
        (lambda folder: folder, "is a folder"),
        (lambda folder: folder / "file" / "a.npz", "file is a file. Choose a folder"),
        (lambda folder: folder / f"{'x' * 240}.npz", "File name too long"),
    ],
)
def test_an_output_that_cannot_be_written_is_told_early(tmp_path, make, text):
    (tmp_path / "file").write_text("")
    with pytest.raises(ReelrigError, match=text):
        write_motion(make_motion(), make(tmp_path))


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder nobody can write to")
def test_a_folder_without_leave_to_write_is_told():
    with pytest.raises(OutputError, match="cannot be written"):
        write_motion(make_motion(), Path("/proc/self/a.npz"))


def test_a_name_too_long_for_the_system_is_not_found(tmp_path):
    with pytest.raises(MotionFileError, match="was not found"):
        read_motion(tmp_path / ("a" * 5000), refuse)
