"""Skinning weights of SMPL-X's joints on MakeHuman's base mesh."""

from __future__ import annotations

import numpy as np

from reelrig.core.skeletons import JOINT_INDEX

from .joints import MIRRORED_JOINTS, JointFinder
from .skinning import neighbour_mean
from .source import Source

MAX_INFLUENCES = 6  # of a base vertex; made geometry mixes a few of them
_SMALLEST = 1e-3
_SMOOTHING_STEPS = 3
# The jaw's border runs between the lips and stays sharp.
_JAW_ZONE = 0.02
# The forearm's twist is spread over this many rings of vertices about the wrist, so often.
_WRIST_RINGS, _WRIST_STEPS = 8, 14

# Helper groups that move with one joint as a whole.
_RIGID = {
    "helper-l-eye": "left_eye_smplhf",
    "helper-r-eye": "right_eye_smplhf",
    "helper-upper-teeth": "head",
    "helper-lower-teeth": "jaw",
    "helper-tongue": "jaw",
    **{f"helper-{side}-eyelashes-{row}": "head" for side in "lr" for row in (1, 2)},
}


def skin_weights(source: Source, finder: JointFinder) -> np.ndarray:
    """[19158, 55] rows sum to 1."""
    weights = finder.fold_weights(source.bone_weights)
    for group, joint in _RIGID.items():
        ids = source.base.ids(group)
        weights[ids] = 0
        weights[ids, JOINT_INDEX[joint]] = 1
    _smooth_skin(source, weights)
    weights = (weights + mirror_weights(weights)[source.base.mirror]) / 2
    return limit_influences(weights, MAX_INFLUENCES)


def _smooth_skin(source: Source, weights: np.ndarray) -> None:
    """Soften the borders of the body's own skin, in place."""
    quads = source.base.quads["body"]
    smoother = neighbour_mean(quads, len(weights))
    is_skin = np.zeros(len(weights), bool)
    is_skin[np.unique(quads)] = True
    softened = weights
    for _ in range(_SMOOTHING_STEPS):
        softened = (softened + smoother @ softened) / 2
    near_jaw = smoother @ (smoother @ weights[:, JOINT_INDEX["jaw"]]) > _JAW_ZONE
    weights[is_skin & ~near_jaw] = softened[is_skin & ~near_jaw]
    for side in ("left", "right"):
        wrist, elbow = JOINT_INDEX[f"{side}_wrist"], JOINT_INDEX[f"{side}_elbow"]
        band = weights[:, wrist] * weights[:, elbow] > 1e-3
        for _ in range(_WRIST_RINGS):
            band |= smoother @ band.astype(float) > 0
        band &= is_skin & (weights[:, wrist] + weights[:, elbow] > 0.98)
        for _ in range(_WRIST_STEPS):
            weights[band] = (weights[band] + smoother[band] @ weights) / 2


def limit_influences(weights: np.ndarray, count: int) -> np.ndarray:
    """``weights`` [N, 55] with only the ``count`` strongest of each row, which then sum to 1."""
    weakest_kept = np.sort(weights, axis=1)[:, -count][:, None]
    kept = np.where(weights < np.maximum(weakest_kept, _SMALLEST), 0, weights)
    return kept / kept.sum(1, keepdims=True)


def mirror_weights(weights: np.ndarray) -> np.ndarray:
    """[N, 55] with left and right joints exchanged."""
    return weights[:, MIRRORED_JOINTS]
