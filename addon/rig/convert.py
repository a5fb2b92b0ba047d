"""The only place where the core's arrays meet bone axes.

B is a bone's rest matrix (3x3, armature from bone), A = WORLD_FROM_BODY, R a joint's rotation in
body axes (parent from joint), W the pelvis's rotation (world from body):

    quaternion of a bone       B^T A R A^T B
    quaternion of the pelvis   B^T W A^T B
    location of the pelvis     B^T (pelvis in the world - pelvis at rest in armature space)

SMPL-X turns the body about the pelvis joint, so the pelvis stands at J + trans in the world, with J
the pelvis at rest in the model's own coordinates.
"""

from __future__ import annotations

import numpy as np
from mathutils import Matrix

from ...core.frames import WORLD_FROM_BODY


def bone_quats(rotvecs: np.ndarray, bone_axes: np.ndarray) -> np.ndarray:
    """Pose quaternions [T, J, 4], wxyz and continuous in sign, of rotations [T, J, 3].

    ``rotvecs`` are in radians as in a motion (joint 0: world from body, others: parent from joint
    in body axes); ``bone_axes`` [J, 3, 3] are the bones' rest matrices, armature from bone.
    """
    # A change of basis turns the axis of a rotation and leaves its angle alone.
    bone_from_body = np.swapaxes(bone_axes, -1, -2) @ WORLD_FROM_BODY
    bone_from_world = bone_axes[0].T
    quats = rotvecs_to_quats(np.einsum("jab,tjb->tja", bone_from_body, rotvecs))
    root = rotvecs_to_quats(rotvecs[:, 0] @ bone_from_world.T)
    upright = bone_from_world @ WORLD_FROM_BODY.T @ bone_axes[0]
    quats[:, 0] = multiply_quats(root, np.array(Matrix(upright.tolist()).to_quaternion()))
    return align_signs(quats)


def root_locations(trans: np.ndarray, pelvis_rest: np.ndarray, root_axes: np.ndarray) -> np.ndarray:
    """[T, 3] m, location of the pelvis bone in its own rest axes.

    ``trans`` [T, 3] is the motion's, ``pelvis_rest`` [3] the pelvis in body axes, ``root_axes``
    [3, 3] the pelvis bone's rest matrix.
    """
    return (pelvis_rest + trans - WORLD_FROM_BODY @ pelvis_rest) @ root_axes


def rotvecs_to_quats(rotvecs: np.ndarray) -> np.ndarray:
    """Rotation vectors [..., 3] in radians to unit quaternions [..., 4], wxyz."""
    half = np.linalg.norm(rotvecs, axis=-1, keepdims=True) / 2
    # sin(h) / 2h, by numpy's sinc(x) = sin(pi x) / (pi x), which is right at zero.
    return np.concatenate([np.cos(half), np.sinc(half / np.pi) / 2 * rotvecs], axis=-1)


def multiply_quats(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """[..., 4] wxyz, first ``b``, then ``a``."""
    aw, av, bw, bv = a[..., :1], a[..., 1:], b[..., :1], b[..., 1:]
    w = aw * bw - np.sum(av * bv, axis=-1, keepdims=True)
    return np.concatenate([w, aw * bv + bw * av + np.cross(av, bv)], axis=-1)


def align_signs(quats: np.ndarray) -> np.ndarray:
    """``quats`` [T, ..., 4] with each row in the half-space of the row before it.

    q and -q are the same turn, but curves between them would swing through all others.
    """
    flips = np.where(np.sum(quats[1:] * quats[:-1], axis=-1, keepdims=True) < 0, -1.0, 1.0)
    return np.concatenate([quats[:1], quats[1:] * np.cumprod(flips, axis=0)])
