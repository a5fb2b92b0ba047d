"""Stature and bone lengths of a body, and the betas that give them. numpy only.

Rotations and metric measures carry over from body to body, betas do not: each model's are solved.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..skeletons import JOINT_INDEX
from .model import NUM_BETAS, BodyModel

_Pair = tuple[tuple[str, ...], tuple[str, ...]]
_HIPS = ("left_hip", "right_hip")
_SHOULDERS = ("left_shoulder", "right_shoulder")
# Each length is the distance of two points, a point the middle of its joints; where a length
# stands on both sides of the body, the two are averaged.
MEASURE_LENGTHS: dict[str, tuple[_Pair, ...]] = {
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


@dataclass(frozen=True, eq=False)
class _Lengths:
    """A body's height and the P distances that its measures are means of, linear in the betas."""

    height: float  # m
    height_slope: np.ndarray  # [B]
    bones: np.ndarray  # [P, 3] m
    bone_dirs: np.ndarray  # [P, 3, B]
    shares: np.ndarray  # [M - 1, P] of the distances in each measure


@lru_cache(maxsize=4)  # bodies are large
def _lengths_of(body: BodyModel) -> _Lengths:
    top, sole = int(body.template[:, 1].argmax()), int(body.template[:, 1].argmin())
    pairs = [pair for pairs in MEASURE_LENGTHS.values() for pair in pairs]
    measure_of = np.repeat(np.arange(len(MEASURE_LENGTHS)), [*map(len, MEASURE_LENGTHS.values())])
    shares = (np.arange(len(MEASURE_LENGTHS))[:, None] == measure_of).astype(float)
    return _Lengths(
        height=body.template[top, 1] - body.template[sole, 1],
        height_slope=body.shape_dirs[top, 1] - body.shape_dirs[sole, 1],
        bones=_bones(body.template_joints, pairs),
        bone_dirs=_bones(body.joint_shape_dirs, pairs),
        shares=shares / shares.sum(1, keepdims=True),
    )


def _bones(per_joint: np.ndarray, pairs: list[_Pair]) -> np.ndarray:
    """[P, ...] from each pair's start to its end."""
    return np.stack([_middle(per_joint, end) - _middle(per_joint, start) for start, end in pairs])


def _middle(per_joint: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    return per_joint[[JOINT_INDEX[name] for name in names]].mean(0)


def _measures_and_slopes(body: BodyModel, betas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Measures [M] m and their derivatives [M, B] by the betas."""
    of, count = _lengths_of(body), len(betas)
    bone_dirs, height_slope = of.bone_dirs[..., :count], of.height_slope[:count]
    bones = of.bones + bone_dirs @ betas
    distances = np.linalg.norm(bones, axis=1)
    slopes = np.einsum("px,pxb->pb", bones / distances[:, None], bone_dirs)
    values = np.append(of.height + height_slope @ betas, of.shares @ distances)
    return values, np.concatenate([height_slope[None], of.shares @ slopes])


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
