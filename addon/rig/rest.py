"""Where the bones of a body lie at rest, and how they are rolled. numpy only.

Armature space is the world's axes with the body standing at the origin of its model, facing -y.
A bone's y runs along it to its main child. Its z is the direction in which a positive turn about
its x bends it, chosen so that this is the natural bend:

    z to the back (+Y)    legs: a positive x bends the knee
    z to the front (-Y)   pelvis, spine, neck, head, collars and arms: bows, bends the elbow
    z down (-Z)           hands and fingers, whose palms look down at rest: makes a fist
    z up (+Z)             feet, toes, jaw and eyes: lifts the toes, closes the jaw, looks up

Left and right are exact mirrors (M = diag(-1, 1, 1)): y_right = M y_left, z_right = M z_left and so
x_right = -M x_left, which is what Blender's X mirror and Paste Flipped Pose expect.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.body.model import BodyModel
from ...core.frames import WORLD_FROM_BODY
from ...core.skeletons import JOINT_INDEX, JOINT_NAMES, PARENTS

# Where a bone's joint has several children, the one the bone points to.
_MAIN_CHILD = {
    "pelvis": "spine1",
    "spine3": "neck",
    "left_wrist": "left_middle1",
    "right_wrist": "right_middle1",
}

_TOE_LENGTH = 0.5  # of the foot bone
_FINGER_TIP_LENGTH = 0.9  # of the bone before it
_EYE_LENGTH = 0.03  # m, so that the bone's tip shows in front of the face
_MIN_LENGTH = 0.005  # m; Blender deletes bones of no length

_MIRROR = np.array([-1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class RestBones:
    """The 55 bones at rest, in armature space, in the order of JOINT_NAMES."""

    heads: np.ndarray  # [55, 3] m, the joints
    tails: np.ndarray  # [55, 3] m
    z_hints: np.ndarray  # [55, 3] unit, the direction that each bone's z comes closest to


def rest_bones(body: BodyModel, betas: np.ndarray, sliders: np.ndarray | None = None) -> RestBones:
    """The bones of ``body`` in the shape ``betas`` [10] and ``sliders`` [S]."""
    heads = body.rest_joints(betas, sliders) @ WORLD_FROM_BODY.T
    vertices = body.rest_vertices(betas, sliders) @ WORLD_FROM_BODY.T
    # The joints of a body are mirror images to a hair only. The bones' directions are made so
    # exactly, or a pose pasted to the other side would come out slightly turned.
    bones = _bone_vectors(heads, vertices, body.weights)
    bones = (bones + bones[_mirror_joints()] * _MIRROR) / 2
    return RestBones(heads, heads + bones, np.array([_z_hint(name) for name in JOINT_NAMES]))


def _mirror_joints() -> list[int]:
    """[55] index of each joint's counterpart on the other side, of itself in the middle."""
    swap = {"left": "right", "right": "left"}
    names = (name.split("_", 1) for name in JOINT_NAMES)
    return [JOINT_INDEX["_".join([swap.get(side, side), *rest])] for side, *rest in names]


def _bone_vectors(heads: np.ndarray, vertices: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """[55, 3] m, from the head to the tail of every bone."""
    vectors = np.zeros_like(heads)
    for i_joint, name in enumerate(JOINT_NAMES):
        head, before = heads[i_joint], vectors[PARENTS[i_joint]]
        child = _main_child(name)
        if child is not None:
            vector = heads[child] - head
        elif name == "head":
            vector = np.array([0.0, 0.0, vertices[:, 2].max() - head[2]])
        elif name == "jaw":
            vector = _chin(vertices[weights[:, i_joint] > 0.5]) - head
        elif "eye" in name:
            vector = np.array([0.0, -_EYE_LENGTH, 0.0])
        else:
            vector = before * (_TOE_LENGTH if "foot" in name else _FINGER_TIP_LENGTH)
        vectors[i_joint] = _at_least(vector, before)
    return vectors


def _main_child(name: str) -> int | None:
    """Index of the joint that the bone points to; None at the tips and for the head."""
    if name in _MAIN_CHILD:
        return JOINT_INDEX[_MAIN_CHILD[name]]
    children = [i for i, parent in enumerate(PARENTS) if parent == JOINT_INDEX[name]]
    return children[0] if len(children) == 1 else None


def _chin(jaw_vertices: np.ndarray) -> np.ndarray:
    """[3] m, the point of the jaw's skin [N, 3] that lies furthest to the front and down."""
    return jaw_vertices[np.argmin(jaw_vertices[:, 1] + jaw_vertices[:, 2])]


def _at_least(vector: np.ndarray, before: np.ndarray) -> np.ndarray:
    """``vector``, or a short piece along the bone ``before`` where two joints coincide."""
    if np.linalg.norm(vector) >= _MIN_LENGTH:
        return vector
    length = np.linalg.norm(before)
    return before * (_MIN_LENGTH / length) if length else np.array([0.0, 0.0, _MIN_LENGTH])


def _z_hint(name: str) -> tuple[float, float, float]:
    """Direction of the bone's z axis before it is made square to the bone; see the module."""
    part = name.split("_", 1)[1] if "_" in name else name
    if part in ("hip", "knee"):
        return (0.0, 1.0, 0.0)
    if part in ("ankle", "foot", "jaw", "eye_smplhf"):
        return (0.0, 0.0, 1.0)
    if part == "wrist" or part.startswith(("thumb", "index", "middle", "ring", "pinky")):
        return (0.0, 0.0, -1.0)
    return (0.0, -1.0, 0.0)
