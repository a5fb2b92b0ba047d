"""Rotations as numpy arrays, for what Blender's process solves anew: there is no torch there.

Matrices act on column vectors, any leading dimensions; ``core/rotation.py`` is the same in torch.
"""

from __future__ import annotations

import numpy as np

_TINY = 1e-9


def cross_matrix(vector: np.ndarray) -> np.ndarray:
    """[..., 3, 3] with ``cross_matrix(a) @ b = a x b``."""
    matrix = np.zeros((*vector.shape, 3))
    x, y, z = vector[..., 0], vector[..., 1], vector[..., 2]
    matrix[..., 0, 1], matrix[..., 0, 2], matrix[..., 1, 2] = -z, y, -x
    matrix[..., 1, 0], matrix[..., 2, 0], matrix[..., 2, 1] = z, -y, x
    return matrix


def rotvec_to_matrix(rotvec: np.ndarray) -> np.ndarray:
    """Rotation vectors [..., 3] in radians to matrices [..., 3, 3] (Rodrigues' formula)."""
    angle = np.linalg.norm(rotvec, axis=-1)[..., None, None]
    cross = cross_matrix(rotvec)
    half = np.sinc(angle / (2 * np.pi))
    return np.eye(3) + np.sinc(angle / np.pi) * cross + 0.5 * half**2 * (cross @ cross)


def matrix_to_rotvec(matrix: np.ndarray) -> np.ndarray:
    """Rotation vectors [..., 3] in radians, of length 0..pi, from matrices [..., 3, 3].

    By way of the unit quaternion's largest part, which is exact near half turns as well (Shepperd
    1978, "Quaternion from rotation matrix").
    """
    x, y, z = (matrix[..., i, i] for i in range(3))
    trace = np.stack([x + y + z, x - y - z, y - x - z, z - x - y], -1)
    largest = trace.argmax(-1)
    a, b, c = (matrix[..., i, j] - matrix[..., j, i] for i, j in ((2, 1), (0, 2), (1, 0)))
    d, e, f = (matrix[..., i, j] + matrix[..., j, i] for i, j in ((0, 1), (0, 2), (1, 2)))
    own = 1 + np.take_along_axis(trace, largest[..., None], -1)[..., 0]
    rows = [(own, a, b, c), (a, own, d, e), (b, d, own, f), (c, e, f, own)]
    quats = np.stack([np.stack(row, -1) for row in rows], -2)
    quat = np.take_along_axis(quats, largest[..., None, None], -2)[..., 0, :]
    quat = quat * np.where(quat[..., :1] < 0, -1.0, 1.0)
    sine = np.linalg.norm(quat[..., 1:], axis=-1)
    angle = 2 * np.arctan2(sine, quat[..., 0])
    return quat[..., 1:] * (angle / np.maximum(sine, _TINY))[..., None]


def normalize(vector: np.ndarray) -> np.ndarray:
    """Unit vectors [..., 3]; one without a length stays as it is."""
    return vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), _TINY)


def swing_between(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The shortest rotations [..., 3, 3] from directions ``source`` to ``target`` [..., 3].

    Not for opposite directions, which have no shortest one.
    """
    source, target = normalize(source), normalize(target)
    cross = cross_matrix(np.cross(source, target))
    cosine = (source * target).sum(-1)[..., None, None]
    return np.eye(3) + cross + cross @ cross / np.maximum(1 + cosine, 1e-6)


def turn(matrix: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Vectors [..., 3] turned by matrices [..., 3, 3]."""
    return (matrix @ vector[..., None])[..., 0]
