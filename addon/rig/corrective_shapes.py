"""SMPL-X's pose correctives in few shapes, each with one value. numpy only.

A joint's corrective is linear in the nine entries of R - I, R its rotation: nine shapes, most of
which hardly show. Over the rotations that the joint can do, the skin's movement has principal
components; few of them hold nearly all of it, and each is a shape whose value is again linear in
R - I.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...core.body.correctives import Corrective
from ...core.skeletons import JOINT_NAMES
from .convert import multiply_quats, rotvecs_to_quats

_TOLERANCE = 5e-4  # m, rms over the joint's range, by which the worst vertex may be off
_NUM_SAMPLES = 500
_EPSILON = 1e-12 * np.eye(9)  # keeps a matrix positive where a joint turns about one axis only

# Ranges of motion in degrees about the body's x, y, z, lowest and highest, of the left side, and
# the axis along the limb. After Norkin & White, "Measurement of Joint Motion", rounded outward to
# what motion capture delivers.
_RANGES = {
    "hip": ((-120, -45, -30), (30, 45, 45), 1),
    "knee": ((0, -15, -5), (145, 15, 5), 1),
    "ankle": ((-55, -35, -25), (50, 35, 25), 1),
    "foot": ((-50, -5, -10), (50, 5, 10), 1),
    "spine": ((-25, -25, -25), (45, 25, 25), 1),
    "neck": ((-45, -45, -30), (45, 45, 30), 1),
    "head": ((-45, -45, -30), (50, 45, 30), 1),
    "collar": ((-15, -25, -25), (15, 25, 40), 0),
    "shoulder": ((-90, -110, -90), (90, 60, 90), 0),
    "elbow": ((-85, -150, -15), (85, 10, 15), 0),
    "wrist": ((-60, -60, -80), (60, 60, 80), 0),
    "jaw": ((0, -6, -3), (25, 6, 3), 1),
    "eye": ((-30, -35, -5), (30, 35, 5), 1),
    "thumb": ((-40, -40, -45), (50, 45, 45), 0),
    "finger": ((-15, -20, -100), (15, 20, 25), 0),
}


@dataclass(frozen=True, eq=False)
class CorrectiveShape:
    """``offsets`` times ``value(R)`` = sum(gains * (R - I)) is added to the skin at rest."""

    joint: int
    vertices: np.ndarray  # [n] int, the vertices that it moves
    offsets: np.ndarray  # [n, 3] m, body axes
    gains: np.ndarray  # [3, 3]; values stay within -1..1 over the joint's range


def reduce_corrective(corrective: Corrective) -> Iterator[CorrectiveShape]:
    """The shapes of one joint, the most visible first."""
    features = _features(sample_range(JOINT_NAMES[corrective.joint]))
    dirs = corrective.dirs.reshape(-1, 9).astype(np.float64)
    # Through a square root of the features' mean product, the nine directions have the principal
    # components of the movements of all samples.
    components = dirs @ np.linalg.cholesky(features.T @ features / len(features) + _EPSILON)
    # By the small matrix: a decomposition of the large one takes far longer where cores are busy.
    energies, axes = np.linalg.eigh(components.T @ components)
    components = (components @ axes)[:, ::-1]
    for i_shape in range(_num_needed(components)):
        shape = components[:, i_shape] / np.sqrt(energies[-1 - i_shape])
        gains = shape @ dirs
        values = features @ gains
        scale = values[np.argmax(np.abs(values))]
        offsets = (shape * scale).reshape(-1, 3)
        yield CorrectiveShape(
            corrective.joint, corrective.vertices, offsets, gains.reshape(3, 3) / scale
        )


def sample_range(joint_name: str) -> np.ndarray:
    """[N, 4] unit quaternions, wxyz, in body axes, over the rotations that the joint can do."""
    directions = np.random.default_rng(0).normal(size=(_NUM_SAMPLES, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    # Evenly in a ball, each half-axis of which is then stretched to the joint's limit: no joint
    # reaches several of its limits at once.
    radii = ((np.arange(_NUM_SAMPLES) + 0.5) / _NUM_SAMPLES) ** (1 / 3)
    ball = directions * radii[:, None]
    lowest, highest, along = _RANGES[_body_part(joint_name)]
    turns = np.where(ball < 0, -ball * np.radians(lowest), ball * np.radians(highest))
    if joint_name.startswith("right_"):
        turns = turns * (1, -1, -1)
    # A limb turns about its own length, and swings with that turn.
    twist = turns * np.eye(3)[along]
    return multiply_quats(rotvecs_to_quats(turns - twist), rotvecs_to_quats(twist))


def _body_part(joint_name: str) -> str:
    part = joint_name.removeprefix("left_").removeprefix("right_").rstrip("123")
    part = part.removesuffix("_smplhf")
    return part if part in _RANGES else "finger"


def _features(quats: np.ndarray) -> np.ndarray:
    """[N, 9] entries of R - I, row by row, of unit quaternions [N, 4], wxyz."""
    w, x, y, z = quats.T
    rows = (
        *(-y * y - z * z, x * y - w * z, x * z + w * y),
        *(x * y + w * z, -x * x - z * z, y * z - w * x),
        *(x * z - w * y, y * z + w * x, -x * x - y * y),
    )
    return 2 * np.stack(rows, axis=-1)


def _num_needed(components: np.ndarray) -> int:
    """How many of the components [3n, K], by falling energy, the tolerance asks for."""
    energy = (components**2).reshape(-1, 3, components.shape[1]).sum(axis=1)
    left_out = np.cumsum(energy[:, ::-1], axis=1)[:, ::-1].max(axis=0)
    return int(np.sum(left_out > _TOLERANCE**2))
