"""SMPL-X's 55 joints: where they lie in a person, which of MakeHuman's bones they stand for.

SMPL-X's names and tree are published (Pavlakos et al. 2019); the joints' places are MakeHuman's
bone heads, moved where SMPL-X's papers draw them elsewhere (spine, collars, hips).
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls

from reelrig.core.skeletons import JOINT_INDEX, JOINT_NAMES, NUM_JOINTS

from .rest_pose import Rest
from .source import Source

SIDES = {"L": "left", "R": "right"}
FINGERS = {"thumb": 1, "index": 2, "middle": 3, "ring": 4, "pinky": 5}  # MakeHuman's numbers

# The pelvis of every shape stands here, so that `transl` means the same whatever the betas.
PELVIS = np.array([0.0, -0.35, 0.012])

# Heights of the trunk's joints, as shares of the way from the hips' bones to the neck's, and how
# far they stand before the line from pelvis to neck, as shares of its height: the spine's bow.
# MakeHuman's own spine bones move with the belly, so only the ends of the line come from it.
_PELVIS_HEIGHT, _NECK_HEIGHT = 0.075, 0.955
_SPINE = {"spine1": (0.29, -0.055), "spine2": (0.53, -0.050), "spine3": (0.63, -0.004)}
_PELVIS_FORWARD = 0.018  # m, of the hips' bones
_HIP_INWARD, _HIP_DOWN, _HIP_BACK = 0.75, 0.036, 0.008  # share of x; m; m
_COLLAR_INWARD, _COLLAR_DOWN, _COLLAR_FORWARD = 0.70, 0.055, 0.012  # of the shoulder; m; m
_HEAD_SHIFT = np.array([0.0, 0.004, -0.012])  # m, of MakeHuman's head bone

# A regressor's row is searched among this many vertices around the joint.
_NUM_CANDIDATES = {"trunk": 400, "limb": 260}
_MIN_SHARE = 2e-4


class JointFinder:
    """Places SMPL-X's joints in people and folds MakeHuman's bones onto them."""

    def __init__(self, source: Source) -> None:
        self._bones = source.bones
        self._index = {bone.name: i for i, bone in enumerate(source.bones)}

    def joints(self, rest: Rest) -> np.ndarray:
        """[55, 3] m."""

        def head(name: str) -> np.ndarray:
            return rest.heads[self._index[name]]

        joints = np.zeros((NUM_JOINTS, 3))
        for name, point in self._trunk_joints(head).items():
            joints[JOINT_INDEX[name]] = point
        joints[JOINT_INDEX["head"]] = head("head") + _HEAD_SHIFT
        joints[JOINT_INDEX["jaw"]] = head("jaw")
        for letter, side in SIDES.items():
            for name, point in _side_joints(lambda n, s=letter: head(f"{n}.{s}")).items():
                joints[JOINT_INDEX[f"{side}_{name}"]] = point
        return joints

    def _trunk_joints(self, head) -> dict[str, np.ndarray]:
        hips, top = (head("upperleg01.L") + head("upperleg01.R")) / 2, head("neck01")
        span = top[1] - hips[1]
        pelvis = np.array([0.0, hips[1] + _PELVIS_HEIGHT * span, hips[2] + _PELVIS_FORWARD])
        below = head("spine01")
        share = (hips[1] + _NECK_HEIGHT * span - below[1]) / (top[1] - below[1])
        neck = below + share * (top - below)
        joints = {"pelvis": pelvis, "neck": neck}
        for name, (height, forward) in _SPINE.items():
            along = (height - _PELVIS_HEIGHT) / (_NECK_HEIGHT - _PELVIS_HEIGHT)
            point = pelvis + along * (neck - pelvis)
            joints[name] = point + np.array([0.0, 0.0, forward * (neck[1] - pelvis[1])])
        return joints

    def fold_weights(self, bone_weights: np.ndarray) -> np.ndarray:
        """[N, 55] weights [N, 163] of MakeHuman's bones, each given to the joint that moves it."""
        fold = np.zeros((len(self._bones), NUM_JOINTS))
        for i_bone in range(len(self._bones)):
            fold[i_bone, JOINT_INDEX[self._joint_of(i_bone)]] = 1
        return bone_weights @ fold

    def _joint_of(self, i_bone: int) -> str:
        stem, _, letter = self._bones[i_bone].name.partition(".")
        name = _TRUNK_OF_BONE.get(stem)
        if name is not None:
            return name
        if letter:
            for start, joint in _LIMB_OF_BONE:
                if stem.startswith(start):
                    return f"{SIDES[letter]}_{joint}"
            if stem.startswith("finger"):
                number, i_phalanx = stem.removeprefix("finger").split("-")
                finger = next(name for name, n in FINGERS.items() if n == int(number))
                return f"{SIDES[letter]}_{finger}{i_phalanx}"
        return self._joint_of(self._bones[i_bone].parent)  # the face: jaw or head


# Bones without a side, and the paired ones that belong to the trunk.
_TRUNK_OF_BONE = {
    "root": "pelvis",
    "spine05": "pelvis",
    "pelvis": "pelvis",
    "spine04": "spine1",
    "spine03": "spine1",
    "spine02": "spine2",
    "spine01": "spine3",
    "breast": "spine3",
    "neck01": "neck",
    "neck02": "neck",
    "neck03": "neck",
    "head": "head",
    "jaw": "jaw",
}
_LIMB_OF_BONE = (
    ("clavicle", "collar"),
    ("shoulder01", "collar"),
    ("upperarm", "shoulder"),
    ("lowerarm", "elbow"),
    ("wrist", "wrist"),
    ("metacarpal", "wrist"),
    ("upperleg", "hip"),
    ("lowerleg", "knee"),
    ("foot", "ankle"),
    ("toe", "foot"),
)


def _side_joints(head) -> dict[str, np.ndarray]:
    """Joints of one side by name, from ``head(bone)``."""
    hip, shoulder = head("upperleg01").copy(), head("upperarm01")
    hip = hip * [_HIP_INWARD, 1, 1] - [0, _HIP_DOWN, _HIP_BACK]
    collar = shoulder * [1 - _COLLAR_INWARD, 1, 1] + [0, -_COLLAR_DOWN, _COLLAR_FORWARD]
    joints = {
        "hip": hip,
        "knee": head("lowerleg01"),
        "ankle": head("foot"),
        "foot": np.mean([head(f"toe{i}-1") for i in (1, 2, 3, 4)], axis=0),
        "collar": collar,
        "shoulder": shoulder,
        "elbow": head("lowerarm01"),
        "wrist": head("wrist"),
        "eye_smplhf": head("eye"),
    }
    for finger, number in FINGERS.items():
        for i in (1, 2, 3):
            joints[f"{finger}{i}"] = head(f"finger{number}-{i}")
    return joints


def fit_regressor(
    shapes: np.ndarray, joints: np.ndarray, weights: np.ndarray, is_skin: np.ndarray
) -> np.ndarray:
    """[55, V] non-negative rows that sum to 1 and find the joints of every shape.

    ``shapes`` [S, V, 3] m and ``joints`` [S, 55, 3] m, of which the first is the template and
    counts most; ``weights`` [V, 55] tell the eyes apart. Non-negative least squares over vertices
    near the joint, with a small ridge so that rows are wide and stable.
    """
    regressor = np.zeros((NUM_JOINTS, shapes.shape[1]))
    for i_joint, name in enumerate(JOINT_NAMES):
        candidates = _candidates(shapes[0], joints[0, i_joint], i_joint, weights, is_skin)
        regressor[i_joint, candidates] = _fit_row(shapes[:, candidates], joints[:, i_joint], name)
    return regressor


def _candidates(
    template: np.ndarray,
    joint: np.ndarray,
    i_joint: int,
    weights: np.ndarray,
    is_skin: np.ndarray,
) -> np.ndarray:
    name = JOINT_NAMES[i_joint]
    if "eye" in name:
        return np.flatnonzero(weights[:, i_joint] > 0.999)
    skin = np.flatnonzero(is_skin)
    near = skin[np.argsort(np.linalg.norm(template[skin] - joint, axis=1), kind="stable")]
    if i_joint < JOINT_INDEX["left_wrist"]:
        return near[: 4 * _NUM_CANDIDATES["trunk"] : 4]
    return near[: 2 * _NUM_CANDIDATES["limb"] : 2]


def _fit_row(shapes: np.ndarray, joints: np.ndarray, name: str) -> np.ndarray:
    """[N] shares of the candidates [S, N, 3]."""
    count = shapes.shape[1]
    ridge = 0.006 if JOINT_INDEX[name] < JOINT_INDEX["left_wrist"] else 0.004
    matrix = np.concatenate(
        [
            30 * shapes[0].T,
            80 * np.ones((1, count)),
            *shapes[1:].transpose(0, 2, 1),
            ridge * np.sqrt(count) * np.eye(count),
        ]
    )
    wanted = np.concatenate([30 * joints[0], [80.0], joints[1:].ravel(), np.zeros(count)])
    # The normal equations' Cholesky factor has as few rows as candidates: the same problem, faster.
    factor = np.linalg.cholesky(matrix.T @ matrix)
    shares, _ = nnls(factor.T, np.linalg.solve(factor, matrix.T @ wanted), maxiter=50 * count)
    shares[shares < _MIN_SHARE] = 0
    return shares / shares.sum()


def mirror_joints(joints: np.ndarray) -> np.ndarray:
    """[..., 55, 3] the joints of the mirrored person."""
    return joints[..., MIRRORED_JOINTS, :] * [-1, 1, 1]


def _mirrored_name(name: str) -> str:
    swap = {"left": "right", "right": "left"}
    side, *rest = name.split("_", 1)
    return "_".join([swap.get(side, side), *rest])


MIRRORED_JOINTS = [JOINT_INDEX[_mirrored_name(name)] for name in JOINT_NAMES]
