"""Moving a skin with its bones: linear, by dual quaternions, and with smoothing.

Kavan et al. 2007, "Skinning with dual quaternions"; Mancewicz et al. 2014, "Delta Mush".
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.spatial.transform import Rotation


def neighbour_mean(quads: np.ndarray, num_vertices: int) -> sp.csr_matrix:
    """[V, V] each vertex's row averages its neighbours along the edges of ``quads`` [Q, 4]."""
    ends = np.concatenate([quads[:, [i, (i + 1) % 4]] for i in range(4)])
    ends = np.concatenate([ends, ends[:, ::-1]])
    ones = np.ones(len(ends))
    shape = (num_vertices, num_vertices)
    adjacency = sp.coo_matrix((ones, (ends[:, 0], ends[:, 1])), shape).tocsr()
    adjacency.data[:] = 1
    degree = np.maximum(np.asarray(adjacency.sum(1)).ravel(), 1)
    return sp.csr_matrix(sp.diags(1 / degree) @ adjacency)


def blend_linear(
    vertices: np.ndarray, weights: sp.csr_matrix, rotations: np.ndarray, offsets: np.ndarray
) -> np.ndarray:
    """[V, 3] linear blend of x -> R x + t over the bones."""
    turned = (weights @ rotations.reshape(len(rotations), 9)).reshape(-1, 3, 3)
    return np.einsum("vij,vj->vi", turned, vertices) + weights @ offsets


def blend_dual_quaternions(
    vertices: np.ndarray, weights: sp.csr_matrix, rotations: np.ndarray, offsets: np.ndarray
) -> np.ndarray:
    """[V, 3] dual-quaternion blend of x -> R x + t over the bones."""
    real = Rotation.from_matrix(rotations).as_quat()[:, [3, 0, 1, 2]]
    real[real[:, 0] < 0] *= -1
    w, x, y, z = real.T
    a, b, c = offsets.T
    dual = [-a * x - b * y - c * z, a * w + b * z - c * y]
    dual += [-a * z + b * w + c * x, a * y - b * x + c * w]
    dual = np.stack(dual, axis=1) / 2
    # q and -q are one rotation: blend each bone on the side of the vertex's strongest one.
    strongest = np.asarray(weights.argmax(1)).ravel()
    signed = weights.tocoo()
    agreement = np.einsum("nc,nc->n", real[strongest[signed.row]], real[signed.col])
    values = np.where(agreement < 0, -signed.data, signed.data)
    signed = sp.csr_matrix((values, (signed.row, signed.col)), weights.shape)
    real, dual = signed @ real, signed @ dual
    length = np.linalg.norm(real, axis=1, keepdims=True)
    real, dual = real / length, dual / length
    w, v, dual_w, dual_v = real[:, :1], real[:, 1:], dual[:, :1], dual[:, 1:]
    turned = vertices + 2 * np.cross(v, np.cross(v, vertices) + w * vertices)
    return turned + 2 * (w * dual_v - dual_w * v + np.cross(v, dual_v))


def delta_mush(
    rest: np.ndarray,
    posed: np.ndarray,
    turns: np.ndarray,
    smoother: sp.csr_matrix,
    num_steps: int,
) -> np.ndarray:
    """``posed`` [V, 3] smoothed, the detail of ``rest`` put back as ``turns`` [V, 3, 3] say."""
    smooth_rest, smooth_posed = rest, posed
    for _ in range(num_steps):
        smooth_rest, smooth_posed = smoother @ smooth_rest, smoother @ smooth_posed
    return smooth_posed + np.einsum("vij,vj->vi", turns, rest - smooth_rest)


def nearest_rotations(matrices: np.ndarray) -> np.ndarray:
    """[..., 3, 3] the rotations closest to ``matrices`` of positive determinant."""
    left, _, right = np.linalg.svd(matrices)
    return left @ right
