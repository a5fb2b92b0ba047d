"""The file: SMPL-X's keys and ours (docs/body_format.md), rounded so that it packs well."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np

from reelrig.core.skeletons import JOINT_NAMES, NUM_JOINTS, PARENTS

from .hands import left_hand_space

_ZIP_DATE = (1980, 1, 1, 0, 0, 0)  # the same bytes for the same arrays, whenever it is written
# Steps that lengths and weights are rounded to: 4 um for places, 8 um for shapes, 31 um for
# correctives.
PLACE_STEP, SHAPE_STEP, CORRECTIVE_STEP, WEIGHT_STEP = 2**-18, 2**-17, 2**-15, 2**-14


def rounded(values: np.ndarray, step: float) -> np.ndarray:
    """``values`` as float32 multiples of ``step``, a power of two."""
    return (np.round(np.asarray(values, np.float64) / step) * step).astype(np.float32)


def rounded_weights(weights: np.ndarray) -> np.ndarray:
    """Rows [N, J] of multiples of WEIGHT_STEP that sum to exactly 1."""
    steps = np.round(weights / WEIGHT_STEP)
    missing = 1 / WEIGHT_STEP - steps.sum(1)
    steps[np.arange(len(steps)), weights.argmax(1)] += missing
    return (steps * WEIGHT_STEP).astype(np.float32)


def write_body(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """A compressed .npz whose bytes depend on the arrays alone."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in sorted(arrays.items()):
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.asarray(array, order="C"), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", _ZIP_DATE)
            archive.writestr(entry, buffer.getvalue(), zipfile.ZIP_DEFLATED, 9)


def skin_arrays(
    template: np.ndarray, shape_dirs: np.ndarray, correctives: np.ndarray, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """The skin's keys of V vertices in the file's order; arguments as in docs/body_format.md."""
    return {
        "v_template": rounded(template, PLACE_STEP),
        "shapedirs": rounded(shape_dirs, SHAPE_STEP),
        "posedirs": rounded(correctives, CORRECTIVE_STEP).reshape(len(template), 3, -1),
        "weights": rounded_weights(weights),
    }


def tree_arrays() -> dict[str, np.ndarray]:
    """The joints' keys."""
    parents = np.array(PARENTS, np.int64)
    return {
        "kintree_table": np.stack([parents, np.arange(NUM_JOINTS)]),
        "joint2num": np.array(JOINT_NAMES),
    }


def hand_arrays() -> dict[str, np.ndarray]:
    """The keys of both hands' pose spaces."""
    left = left_hand_space()
    right = left.mirrored()
    return {
        "hands_componentsl": left.components.astype(np.float32),
        "hands_componentsr": right.components.astype(np.float32),
        "hands_meanl": left.mean.astype(np.float32),
        "hands_meanr": right.mean.astype(np.float32),
    }
