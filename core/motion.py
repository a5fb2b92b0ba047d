"""The Motion of one person, and its file: AMASS's SMPL-X keys plus Reelrig's own."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.npyio import NpzFile

from .check import check_shape
from .errors import MotionFileError, OutputError, ShapeError
from .measured import Measured
from .skeletons import (
    ARKIT_NAMES,
    CONTACT_NAMES,
    JOINT_NAMES,
    NUM_JOINTS,
    POSE_PARTS,
)

FORMAT_VERSION = 1
_MEASURED_PREFIX = "measured_"

# Above these a value cannot be what the key says: two turns and a bit of slack for a rotation in
# radians, one kilometre for a place in metres.
_MAX_ANGLE = 4.0 * np.pi + 1e-3
_MAX_METRES = 1000.0


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Motion:
    """One person over T frames, in the world axes: z up, right-handed, metres, radians.

    Checked when it is made: shapes, finite values, and units as far as a number can tell.
    None stands for what another tool's file does not hold.
    """

    mocap_frame_rate: float  # rows per second, constant
    trans: np.ndarray  # [T, 3] m, SMPL-X translation: pelvis in the world minus pelvis at rest
    poses: np.ndarray  # [T, 165] rad, axis-angle of the 55 joints; joint 0 is world from body
    betas: np.ndarray  # [B] shape of the body that was fitted
    expression: np.ndarray  # [T, E] expression of the body that was fitted
    measures: np.ndarray  # [M] m, from which any other body's betas are solved
    measure_names: tuple[str, ...]
    arkit: np.ndarray  # [T, 52] 0..1, face scores in the order of ARKIT_NAMES
    confidence: np.ndarray  # [T, 55] 0..1, one a joint; 0 where the pose is interpolated
    contacts: np.ndarray  # [T, 4] 0..1, in the order of CONTACT_NAMES
    frame_index: np.ndarray  # [T] int, video frame nearest to each row
    time_s: np.ndarray  # [T] s, the row's moment in the video
    joints_world: np.ndarray | None  # [T, 55, 3] m, joints of the fitted body
    camera_from_world: np.ndarray | None  # [T, 4, 4]
    focal_px: np.ndarray | None  # [T]
    image_size: np.ndarray | None  # [2] width, height in pixels
    landmarks_px: np.ndarray | None  # [T, K, 2] what the networks saw
    landmarks_confidence: np.ndarray | None  # [T, K]
    person: int  # 0 is the first
    source: str  # name of the video
    settings_json: str  # settings of the capture
    world_json: str = ""  # settings of the world, and what is known of it (world/resolve.py)
    measured: Measured | None = None  # what the world was solved from
    center_px: np.ndarray | None = None  # [2] where the optical axis is; None: in the middle
    frame_time_s: np.ndarray | None = None  # [T] s, when the picture `frame_index` began
    gender: str = "neutral"
    surface_model_type: str = "smplx"

    def __post_init__(self) -> None:
        _check_shapes(self)
        _check_values(self)

    @property
    def num_frames(self) -> int:
        return len(self.trans)

    @property
    def axis_px(self) -> np.ndarray:
        """[2] the pixel of the optical axis, of a motion that knows its pictures."""
        assert self.image_size is not None
        return self.image_size / 2 if self.center_px is None else self.center_px

    @property
    def rotvecs(self) -> np.ndarray:
        """[T, 55, 3] rad, parent from joint."""
        return self.poses.reshape(-1, NUM_JOINTS, 3)


def _check_shapes(motion: Motion) -> None:
    num_frames = len(motion.trans)
    patterns = {
        "trans": "T 3",
        "poses": "T 165",
        "betas": "B",
        "expression": "T E",
        "measures": "M",
        "arkit": f"T {len(ARKIT_NAMES)}",
        "confidence": f"T {NUM_JOINTS}",
        "contacts": f"T {len(CONTACT_NAMES)}",
        "frame_index": "T",
        "time_s": "T",
        "joints_world": f"T {NUM_JOINTS} 3",
        "camera_from_world": "T 4 4",
        "focal_px": "T",
        "image_size": "2",
        "landmarks_px": "T K 2",
        "landmarks_confidence": "T K",
        "center_px": "2",
        "frame_time_s": "T",
    }
    if num_frames == 0:
        raise ShapeError("A motion needs at least one frame, got none.")
    for name, pattern in patterns.items():
        array = getattr(motion, name)
        if array is not None:
            check_shape(name, array, pattern, T=num_frames)
    if motion.measured is not None:
        check_shape("measured_poses", motion.measured.poses, "T 165", T=num_frames)
    if len(motion.measures) != len(motion.measure_names):
        raise ShapeError(
            f"`measures` has {len(motion.measures)} values for {len(motion.measure_names)} names."
        )


def _check_values(motion: Motion) -> None:
    for name, array in _values_of(motion).items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            i_frame = int(np.argwhere(~np.isfinite(np.atleast_1d(array)))[0][0])
            raise MotionFileError(f"`{name}` must be finite, row {i_frame} is not.")
    if not 0 < motion.mocap_frame_rate < 100_000:
        raise MotionFileError(
            f"`mocap_frame_rate` must be frames per second above 0, got {motion.mocap_frame_rate}."
        )
    angle = float(np.linalg.norm(motion.rotvecs, axis=-1).max())
    if angle > _MAX_ANGLE:
        raise MotionFileError(
            f"`poses` must be axis-angle in radians, got an angle of {angle:.1f}: degrees?"
        )
    for name in ("trans", "joints_world"):
        array = getattr(motion, name)
        if array is not None and np.abs(array).max() > _MAX_METRES:
            raise MotionFileError(
                f"`{name}` must be in metres, got {np.abs(array).max():.0f}: millimetres?"
            )
    for name in ("confidence", "contacts", "arkit", "landmarks_confidence"):
        array = getattr(motion, name)
        if array is not None and array.size and not 0 <= array.min() <= array.max() <= 1:
            raise MotionFileError(
                f"`{name}` must lie in 0..1, got {array.min():.3g}..{array.max():.3g}."
            )
    if np.any(np.diff(motion.time_s) <= 0):
        i_frame = int(np.argmax(np.diff(motion.time_s) <= 0)) + 1
        raise MotionFileError(f"`time_s` must rise from row to row, row {i_frame} does not.")


def write_motion(motion: Motion, path: Path) -> None:
    """Write the motion file whole or not at all: a broken run leaves no half of one."""
    values = {
        "format_version": np.int64(FORMAT_VERSION),
        "arkit_names": np.array(ARKIT_NAMES),
        "joint_names": np.array(JOINT_NAMES),
        "contact_names": np.array(CONTACT_NAMES),
    }
    for name, part in POSE_PARTS.items():
        values[name] = motion.rotvecs[:, part].reshape(motion.num_frames, -1)
    values |= _values_of(motion)
    path = Path(path)
    check_writable(path)
    handle, partial = tempfile.mkstemp(**_partial_name(path))
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez_compressed(file, **values)
        os.chmod(partial, 0o666 & ~_umask())
        os.replace(partial, path)
    except OSError as error:
        raise OutputError(
            f"{path} could not be written: {error.strerror}. Choose another folder."
        ) from error
    finally:
        Path(partial).unlink(missing_ok=True)


def _values_of(motion: Motion) -> dict[str, np.ndarray]:
    """The motion's own fields by the file's keys; those that it lacks are left out."""
    values = {field.name: getattr(motion, field.name) for field in fields(motion)}
    measured = values.pop("measured")
    if measured is not None:
        for field in fields(Measured):
            values[_MEASURED_PREFIX + field.name] = getattr(measured, field.name)
    return {name: np.asarray(value) for name, value in values.items() if value is not None}


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def check_writable(path: Path, *suffixes: str) -> None:
    """Raise OutputError now, before minutes of work, when ``path`` cannot be written.

    Its name must end in one of ``suffixes``, where any are given.
    """
    path = Path(path)
    try:
        _check_place(path, suffixes)
        with tempfile.NamedTemporaryFile(**_partial_name(path)):
            pass
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror}. Choose another folder or name."
        ) from error


def _check_place(path: Path, suffixes: tuple[str, ...]) -> None:
    folder = path.parent
    if path.is_dir():
        raise OutputError(f"{path} is a folder, a file name was expected. Add a file name to it.")
    if suffixes and path.suffix.lower() not in suffixes:
        raise OutputError(
            f"{path} must end in {' or '.join(suffixes)}, got {path.suffix or 'no suffix'!r}. "
            "Rename it."
        )
    if folder.is_file():
        raise OutputError(f"{path} cannot be written: {folder} is a file. Choose a folder.")
    if not folder.is_dir():
        raise OutputError(
            f"{path} cannot be written: the folder {folder} does not exist. Make it first."
        )


def _partial_name(path: Path) -> dict[str, Any]:
    """For tempfile: where ``path`` grows until it is whole."""
    return {"prefix": f".{path.name}.", "suffix": ".partial", "dir": path.parent}


def read_motion(path: Path, warn: Callable[[str], None]) -> Motion:
    """The Motion of a Reelrig file, or of an AMASS-style npz that another tool wrote.

    Keys that such a file lacks get neutral values, and ``warn`` is told their names once.
    """
    values = _read_npz(Path(path))
    version = int(values.get("format_version", FORMAT_VERSION))
    if version > FORMAT_VERSION:
        raise MotionFileError(
            f"{path} has motion format {version}, this Reelrig reads up to {FORMAT_VERSION}. "
            "Update Reelrig to open it."
        )
    try:
        is_foreign = "format_version" not in values
        return _motion_from_values(values, Path(path), warn if is_foreign else _refuse_missing)
    except (ShapeError, MotionFileError) as error:
        raise MotionFileError(f"{path} is no valid motion file: {error}") from error


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    if not os.path.isfile(path):  # unlike pathlib's, no error for a name too long
        raise MotionFileError(f"{path} was not found. Choose a motion file (.npz).")
    try:
        with np.load(path, allow_pickle=False) as file:
            # A foreign file may hold pickled extras (labels, marker names): those are not read.
            return {key: file[key] for key in file.files if not _is_pickled(file, key)}
    except (ValueError, OSError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise MotionFileError(
            f"{path} is not an .npz motion file, or it is cut short. Choose a motion file."
        ) from error


def _is_pickled(file: NpzFile, key: str) -> bool:
    with file.zip.open(f"{key}.npy") as member:
        version = np.lib.format.read_magic(member)
        read_header = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        return read_header(member)[2].hasobject


def _refuse_missing(text: str) -> None:
    raise MotionFileError(text)


# Keys without which a motion is whole: Motion holds None for them.
_OPTIONAL_KEYS = ("joints_world", "camera_from_world", "focal_px", "image_size")
_OPTIONAL_KEYS += ("landmarks_px", "landmarks_confidence", "center_px", "frame_time_s")


def _motion_from_values(
    values: dict[str, np.ndarray], path: Path, warn: Callable[[str], None]
) -> Motion:
    missing: list[str] = []

    def take(key: str, default):
        if key not in values:
            missing.append(key)
            return default
        return values[key]

    poses = _poses_from_values(values, missing)
    num_frames = len(poses)
    rate = values.get("mocap_frame_rate", values.get("mocap_framerate"))
    if rate is None:
        missing.append("mocap_frame_rate")
        rate = 30.0
    time_s = np.arange(num_frames) / float(rate)
    motion_values = {
        "mocap_frame_rate": float(rate),
        "trans": take("trans", np.zeros((num_frames, 3))),
        "poses": poses,
        "betas": np.atleast_1d(take("betas", np.zeros(10))),
        "expression": take("expression", np.zeros((num_frames, 10))),
        "measures": take("measures", np.zeros(0)),
        "measure_names": tuple(str(name) for name in take("measure_names", ())),
        "arkit": take("arkit", np.zeros((num_frames, len(ARKIT_NAMES)))),
        "confidence": take("confidence", np.ones((num_frames, NUM_JOINTS))),
        "contacts": take("contacts", np.zeros((num_frames, len(CONTACT_NAMES)))),
        "frame_index": take("frame_index", np.arange(num_frames)),
        "time_s": take("time_s", time_s),
        "person": int(take("person", 0)),
        "source": str(take("source", path.name)),
        "settings_json": str(take("settings_json", "{}")),
        "gender": str(take("gender", "neutral")),
        "surface_model_type": str(take("surface_model_type", "smplx")),
    }
    for key in _OPTIONAL_KEYS:
        motion_values[key] = values.get(key)
    motion_values["world_json"] = str(values.get("world_json", ""))
    motion_values["measured"] = _measured_from_values(values)
    if missing:
        warn(f"{path.name} lacks {', '.join(missing)}; neutral values stand in.")
    return Motion(**motion_values)


def _measured_from_values(values: dict[str, np.ndarray]) -> Measured | None:
    names = [field.name for field in fields(Measured)]
    if any(_MEASURED_PREFIX + name not in values for name in names):
        return None
    found: dict[str, Any] = {name: values[_MEASURED_PREFIX + name] for name in names}
    numbers: dict[str, Any] = {
        name: float(value) for name, value in found.items() if not value.ndim
    }
    return Measured(**found | numbers)


def _poses_from_values(values: dict[str, np.ndarray], missing: list[str]) -> np.ndarray:
    """[T, 165] from `poses`, from SMPL-H's [T, 156] (no jaw, no eyes), or from the parts."""
    poses = values.get("poses")
    if poses is not None and poses.ndim == 2 and poses.shape[1] == 156:
        missing.extend(("pose_jaw", "pose_eye"))
        face = np.zeros((len(poses), 9))
        return np.concatenate([poses[:, :66], face, poses[:, 66:]], axis=1)
    if poses is not None:
        return poses
    missing.append("poses")
    if "root_orient" not in values or "pose_body" not in values:
        raise MotionFileError(
            "neither `poses` nor `root_orient` and `pose_body` are in it. "
            "Save it with AMASS's SMPL-X keys."
        )
    num_frames = len(values["root_orient"])
    parts = []
    for name, part in POSE_PARTS.items():
        width = 3 * (part.stop - part.start)
        if name not in values:
            missing.append(name)
        parts.append(values.get(name, np.zeros((num_frames, width))))
        check_shape(name, parts[-1], f"T {width}", T=num_frames)
    return np.concatenate(parts, axis=1)
