"""An SMPL-X-format .npz opened and checked. numpy only; nothing is ever unpickled.

MPI's own files hold a few pickled members (`joint2num`, `part2num`). They are never touched, so
that the files open although pickles stay forbidden.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile

from ..errors import ModelFileError
from ..skeletons import JOINT_NAMES, NUM_JOINTS, PARENTS

_CHOOSE = "Choose SMPLX_NEUTRAL.npz, SMPLX_MALE.npz or SMPLX_FEMALE.npz."
_REQUIRED_KEYS = (
    *("v_template", "f", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table"),
)
# Number of joints of the models that are told from SMPL-X by it.
_OTHER_MODELS = {5: "a FLAME head", 16: "a MANO hand", 24: "an SMPL body", 52: "an SMPL-H body"}


@contextmanager
def open_body_file(path: Path) -> Iterator[NpzFile]:
    """The members of an SMPL-X-format file; what goes wrong in reading them is a ModelFileError."""
    _refuse_other_formats(path)
    with _open_npz(path) as file:
        try:
            if "kintree_table" in file:
                _check_tree(path, file["kintree_table"])
            _check_keys(path, file.files)
            yield file
        except (ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise ModelFileError(
                f"{path} could not be read as an SMPL-X body: {error}. Download it again."
            ) from error


def check_sizes(path: Path, num_vertices: int, **arrays: np.ndarray) -> None:
    """Raise ModelFileError unless the members, given by name, fit ``num_vertices`` and SMPL-X."""
    wanted = {
        "shapedirs": (num_vertices, 3, None),
        "posedirs": (num_vertices, 3, 9 * (NUM_JOINTS - 1)),
        "weights": (num_vertices, NUM_JOINTS),
        "J_regressor": (NUM_JOINTS, num_vertices),
    }
    for key, array in arrays.items():
        expected = wanted[key]
        fits = len(array.shape) == len(expected) and all(
            size in (None, found) for size, found in zip(expected, array.shape, strict=True)
        )
        if not fits:
            text = ", ".join("any" if size is None else str(size) for size in expected)
            raise ModelFileError(
                f"{path}: `{key}` has shape {tuple(array.shape)}, ({text}) was expected for "
                f"{num_vertices} vertices. Download the body again."
            )


def _refuse_other_formats(path: Path) -> None:
    if path.suffix.lower() == ".pkl":
        raise ModelFileError(
            f"{path} is a pickle, which can run any code and is not opened. Choose the .npz of "
            "the same model if it is SMPL-X (its download holds both): SMPL, SMPL-H, MANO and "
            "FLAME do not fit."
        )
    if not os.path.isfile(path):  # unlike pathlib's, no error for a name too long
        raise ModelFileError(f"{path} was not found. Choose an SMPL-X body (.npz).")


def _open_npz(path: Path) -> NpzFile:
    try:
        file = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ModelFileError(
            f"{path} is not an .npz file, or it is cut short. Choose an SMPL-X body (.npz)."
        ) from error
    if not isinstance(file, NpzFile):
        raise ModelFileError(f"{path} holds one bare array. Choose an SMPL-X body (.npz).")
    return file


def _check_keys(path: Path, keys: list[str]) -> None:
    missing = [key for key in _REQUIRED_KEYS if key not in keys]
    if missing:
        raise ModelFileError(
            f"{path} is not an SMPL-X body: {', '.join(missing)} missing. {_CHOOSE}"
        )


def _check_tree(path: Path, kintree_table: np.ndarray) -> None:
    parents = kintree_table[0].astype(np.int64)
    if len(parents) != NUM_JOINTS:
        known = _OTHER_MODELS.get(len(parents), "another model")
        raise ModelFileError(
            f"{path} is {known} with {len(parents)} joints, SMPL-X's {NUM_JOINTS} were "
            f"expected. {_CHOOSE}"
        )
    if tuple(parents[1:]) != PARENTS[1:]:
        i_joint = int(np.argmax(parents[1:] != np.array(PARENTS[1:]))) + 1
        raise ModelFileError(
            f"{path} hangs joint {JOINT_NAMES[i_joint]} on joint {parents[i_joint]}, "
            f"SMPL-X on {PARENTS[i_joint]}. Choose an SMPL-X body."
        )
