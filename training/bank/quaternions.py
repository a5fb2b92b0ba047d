"""Unit quaternions [..., 4], scalar first, as numpy arrays.

Clips are made of a few thousand rotations each, where the calls cost more than the arithmetic.
"""

from __future__ import annotations

import numpy as np

IDENTITY = np.array([1.0, 0.0, 0.0, 0.0])
_TINY = 1e-9


def multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The turn ``b`` followed by ``a``."""
    aw, ax, ay, az = a[..., 0], a[..., 1], a[..., 2], a[..., 3]
    bw, bx, by, bz = b[..., 0], b[..., 1], b[..., 2], b[..., 3]
    return np.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        -1,
    )


def conjugate(q: np.ndarray) -> np.ndarray:
    return q * np.array([1.0, -1.0, -1.0, -1.0])


def normalize(q: np.ndarray) -> np.ndarray:
    return q / np.sqrt((q * q).sum(-1, keepdims=True))


def from_rotvec(rotvec: np.ndarray) -> np.ndarray:
    """Of rotation vectors [..., 3] in radians."""
    half = 0.5 * np.sqrt((rotvec * rotvec).sum(-1, keepdims=True))
    return np.concatenate([np.cos(half), 0.5 * np.sinc(half / np.pi) * rotvec], -1)


def to_rotvec(q: np.ndarray) -> np.ndarray:
    """Rotation vectors [..., 3] in radians, angle in [0, pi]."""
    q = np.where(q[..., :1] < 0, -q, q)
    sine = np.sqrt((q[..., 1:] ** 2).sum(-1, keepdims=True))
    angle = 2 * np.arctan2(sine, q[..., :1])
    return q[..., 1:] * np.where(sine > _TINY, angle / np.maximum(sine, _TINY), 2.0)


def to_matrix(q: np.ndarray) -> np.ndarray:
    """Matrices [..., 3, 3]."""
    w, x, y, z = q[..., 0], q[..., 1], q[..., 2], q[..., 3]
    rows = [
        *(1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        *(2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        *(2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    ]
    return np.stack(rows, -1).reshape(*q.shape[:-1], 3, 3)


def from_matrix(matrix: np.ndarray) -> np.ndarray:
    """Of matrices [..., 3, 3]; the largest of the four components is positive (Shepperd 1978)."""
    m = np.moveaxis(matrix.reshape(*matrix.shape[:-2], 9), -1, 0)
    one = np.ones_like(m[0])
    candidates = np.stack(
        [
            np.stack([one + m[0] + m[4] + m[8], m[7] - m[5], m[2] - m[6], m[3] - m[1]], -1),
            np.stack([m[7] - m[5], one + m[0] - m[4] - m[8], m[1] + m[3], m[2] + m[6]], -1),
            np.stack([m[2] - m[6], m[1] + m[3], one - m[0] + m[4] - m[8], m[5] + m[7]], -1),
            np.stack([m[3] - m[1], m[2] + m[6], m[5] + m[7], one - m[0] - m[4] + m[8]], -1),
        ],
        -2,
    )
    largest = np.diagonal(candidates, axis1=-2, axis2=-1).argmax(-1)
    picked = np.take_along_axis(candidates, largest[..., None, None], -2)[..., 0, :]
    return normalize(picked)


def rotate(q: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """``vector`` [..., 3] turned by ``q``."""
    twice = 2 * cross(q[..., 1:], vector)
    return vector + q[..., :1] * twice + cross(q[..., 1:], twice)


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """numpy's, without its checks: several times as fast on small arrays."""
    return np.stack(
        [
            a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1],
            a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2],
            a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0],
        ],
        -1,
    )


def slerp(a: np.ndarray, b: np.ndarray, share: np.ndarray | float) -> np.ndarray:
    """From ``a`` (share 0) to ``b`` (share 1) the short way; ``share`` [...] broadcasts."""
    cosine = (a * b).sum(-1, keepdims=True)
    b = np.where(cosine < 0, -b, b)
    angle = np.arccos(np.minimum(np.abs(cosine), 1))
    share = np.asarray(share)[..., None]
    sine = np.sin(angle)
    is_small = sine < 1e-5
    safe = np.where(is_small, 1, sine)
    first = np.where(is_small, 1 - share, np.sin((1 - share) * angle) / safe)
    second = np.where(is_small, share, np.sin(share * angle) / safe)
    return normalize(first * a + second * b)


def align(q: np.ndarray) -> np.ndarray:
    """Signs along the first axis [T, ..., 4] chosen so that neighbours are close."""
    flips = np.where((q[1:] * q[:-1]).sum(-1) < 0, -1.0, 1.0)
    signs = np.concatenate([np.ones((1, *q.shape[1:-1])), np.cumprod(flips, 0)])
    return q * signs[..., None]


def between(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The shortest turn from unit vectors ``source`` to ``target`` [..., 3], not opposite ones."""
    real = 1 + (source * target).sum(-1, keepdims=True)
    return normalize(np.concatenate([np.maximum(real, 1e-6), cross(source, target)], -1))


def about(axis: str, angle: np.ndarray | float) -> np.ndarray:
    """Turns by ``angle`` [...] about the axis "x", "y" or "z"."""
    half = 0.5 * np.asarray(angle, float)
    q = np.zeros((*half.shape, 4))
    q[..., 0] = np.cos(half)
    q[..., 1 + "xyz".index(axis)] = np.sin(half)
    return q


def cubic_weights(place: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows [T, 4] of ``count`` and Catmull-Rom's weights [T, 4] at fractional ``place`` [T]."""
    row = np.clip(np.floor(place).astype(int), 0, count - 1)
    u = (place - row)[:, None]
    weights = np.concatenate(
        [
            0.5 * (-u + 2 * u**2 - u**3),
            0.5 * (2 - 5 * u**2 + 3 * u**3),
            0.5 * (u + 4 * u**2 - 3 * u**3),
            0.5 * (-(u**2) + u**3),
        ],
        1,
    )
    return np.clip(row[:, None] + np.arange(-1, 3), 0, count - 1), weights
