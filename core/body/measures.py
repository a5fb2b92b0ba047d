"""Stature and bone lengths of a body, and the betas that give them. numpy only.

Rotations and metric measures carry over from body to body, betas do not: each model's are solved.
"""

from __future__ import annotations

import numpy as np

from ..skeletons import JOINT_INDEX
from .model import NUM_BETAS, BodyModel

_HIPS = ("left_hip", "right_hip")
_SHOULDERS = ("left_shoulder", "right_shoulder")
# Each length is the distance of two points, a point the middle of its joints; where a length
# stands on both sides of the body, the two are averaged.
MEASURE_LENGTHS: dict[str, tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]] = {
    "trunk": ((_HIPS, _SHOULDERS),),
    "neck_to_head": ((("neck",), ("head",)),),
    "shoulder_width": ((_SHOULDERS[:1], _SHOULDERS[1:]),),
    "hip_width": ((_HIPS[:1], _HIPS[1:]),),
} | {
    name: tuple(((f"{side}_{start}",), (f"{side}_{end}",)) for side in ("left", "right"))
    for name, start, end in (
        ("upper_arm", "shoulder", "elbow"),
        ("forearm", "elbow", "wrist"),
        ("hand", "wrist", "middle1"),
        ("thigh", "hip", "knee"),
        ("shank", "knee", "ankle"),
        ("foot", "ankle", "foot"),
    )
}
MEASURE_NAMES: tuple[str, ...] = ("stature", *MEASURE_LENGTHS)

# Trust in a measure, as a standard deviation in metres, against betas of standard deviation 1.
_MEASURE_SIGMA = 0.015
_GAUSS_NEWTON_STEPS = 5


def measure_body(body: BodyModel, betas: np.ndarray) -> np.ndarray:
    """[M] m, the measures MEASURE_NAMES of the shape ``betas`` [B]."""
    return _measures_and_slopes(body, betas)[0]


def _measures_and_slopes(body: BodyModel, betas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Measures [M] m and their derivatives [M, B] by the betas."""
    top, sole = int(body.template[:, 1].argmax()), int(body.template[:, 1].argmin())
    height = body.template[top, 1] - body.template[sole, 1]
    height_slope = (body.shape_dirs[top, 1] - body.shape_dirs[sole, 1])[: len(betas)]
    values, slopes = [height + height_slope @ betas], [height_slope]
    joints, joint_dirs = body.rest_joints(betas), body.joint_shape_dirs[..., : len(betas)]
    for pairs in MEASURE_LENGTHS.values():
        length, slope = 0.0, np.zeros(len(betas))
        for start, end in pairs:
            bone = _middle(joints, end) - _middle(joints, start)
            bone_dirs = _middle(joint_dirs, end) - _middle(joint_dirs, start)
            distance = np.linalg.norm(bone)
            length += distance / len(pairs)
            slope += bone @ bone_dirs / distance / len(pairs)
        values.append(length)
        slopes.append(slope)
    return np.array(values), np.array(slopes)


def _middle(per_joint: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    return per_joint[[JOINT_INDEX[name] for name in names]].mean(0)


def solve_betas(body: BodyModel, names: tuple[str, ...], values: np.ndarray) -> np.ndarray:
    """[10] betas whose measures ``names`` come closest to ``values`` [M] m.

    Gauss-Newton on measures / sigma plus the betas' own prior (a normal distribution), so that
    few measures give an ordinary body. Names this version does not know are left out.
    """
    known = [i for i, name in enumerate(names) if name in MEASURE_NAMES]
    rows = [MEASURE_NAMES.index(names[i]) for i in known]
    targets = np.asarray(values, dtype=np.float64)[known]
    betas = np.zeros(NUM_BETAS)
    for _ in range(_GAUSS_NEWTON_STEPS):
        measures, slopes = _measures_and_slopes(body, betas)
        slopes = slopes[rows].astype(np.float64)
        residual = targets - measures[rows] + slopes @ betas
        normal = slopes.T @ slopes / _MEASURE_SIGMA**2 + np.eye(NUM_BETAS)
        betas = np.linalg.solve(normal, slopes.T @ residual / _MEASURE_SIGMA**2)
    return betas
