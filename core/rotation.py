"""The only rotation mathematics of the core.

Matrices act on column vectors, ``x_a = a_from_b @ x_b``. Rotation vectors (axis-angle) are in
radians. All functions take any leading batch dimensions.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .check import check_shape


def rotvec_to_matrix(rotvec: Tensor) -> Tensor:
    """Rotation vectors [..., 3] in radians to matrices [..., 3, 3].

    Rodrigues' formula with sinc, so that value and gradient are right at zero:
    R = I + sinc(t) K + sinc(t/2)^2 / 2 K^2, K the cross-product matrix, t the angle.
    """
    check_shape("rotvec", rotvec, "... 3")
    angle = torch.linalg.vector_norm(rotvec, dim=-1)[..., None, None]
    cross = cross_matrix(rotvec)
    first = torch.sinc(angle / torch.pi)
    second = 0.5 * torch.sinc(angle / (2 * torch.pi)) ** 2
    return torch.eye(3, dtype=rotvec.dtype) + first * cross + second * (cross @ cross)


def cross_matrix(vector: Tensor) -> Tensor:
    """[..., 3, 3] with ``cross_matrix(a) @ b = a x b``."""
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).unflatten(-1, (3, 3))


def matrix_to_rotvec(matrix: Tensor) -> Tensor:
    """Rotation matrices [..., 3, 3] to rotation vectors [..., 3] in radians, angle in [0, pi].

    Goes through the quaternion whose largest component is found first, which stays exact near
    half a turn (Shepperd 1978, "Quaternion from rotation matrix").
    """
    check_shape("matrix", matrix, "... 3 3")
    m00, m11, m22 = matrix.diagonal(dim1=-2, dim2=-1).unbind(-1)
    # Four times the square of w, x, y, z.
    squares = torch.stack(
        [1 + m00 + m11 + m22, 1 + m00 - m11 - m22, 1 - m00 + m11 - m22, 1 - m00 - m11 + m22], -1
    )
    skew = torch.stack(
        [
            matrix[..., 2, 1] - matrix[..., 1, 2],
            matrix[..., 0, 2] - matrix[..., 2, 0],
            matrix[..., 1, 0] - matrix[..., 0, 1],
        ],
        -1,
    )
    xy = matrix[..., 1, 0] + matrix[..., 0, 1]
    xz = matrix[..., 0, 2] + matrix[..., 2, 0]
    yz = matrix[..., 2, 1] + matrix[..., 1, 2]
    wx, wy, wz = skew.unbind(-1)
    # Row i is the quaternion wxyz times four times its component i.
    rows = torch.stack(
        [
            torch.stack([squares[..., 0], wx, wy, wz], -1),
            torch.stack([wx, squares[..., 1], xy, xz], -1),
            torch.stack([wy, xy, squares[..., 2], yz], -1),
            torch.stack([wz, xz, yz, squares[..., 3]], -1),
        ],
        -2,
    )
    best = squares.argmax(-1)[..., None, None].expand(*squares.shape[:-1], 1, 4)
    quat = torch.nn.functional.normalize(rows.gather(-2, best).squeeze(-2), dim=-1)
    quat = torch.where(quat[..., :1] < 0, -quat, quat)
    half_sine = torch.linalg.vector_norm(quat[..., 1:], dim=-1, keepdim=True)
    angle = 2 * torch.atan2(half_sine, quat[..., :1])
    # At zero angle / half_sine tends to 2.
    scale = torch.where(half_sine > 1e-8, angle / half_sine.clamp_min(1e-8), 2.0)
    return quat[..., 1:] * scale


def nearest_rotation(matrix: Tensor) -> Tensor:
    """The rotation [..., 3, 3] closest to each matrix in the Frobenius norm (SVD, Kabsch 1976)."""
    u, _, vh = torch.linalg.svd(matrix)
    sign = torch.linalg.det(u @ vh)
    fix = torch.ones_like(matrix[..., 0])
    fix[..., 2] = sign
    return (u * fix[..., None, :]) @ vh


def fit_rotation(source: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """The rotation [..., 3, 3] that best turns points ``source`` to ``target`` [..., N, 3].

    Least squares with ``weight`` [..., N]; both point sets are centred first (Kabsch 1976).
    """
    share = (weight / weight.sum(-1, keepdim=True).clamp_min(1e-9))[..., None]
    source = source - (share * source).sum(-2, keepdim=True)
    target = target - (share * target).sum(-2, keepdim=True)
    return nearest_rotation((share * target).transpose(-1, -2) @ source)


def axes_to_matrix(first: Tensor, second: Tensor, order: str) -> Tensor:
    """The rotation [..., 3, 3] whose axis ``order[0]`` is along ``first`` [..., 3].

    Axis ``order[1]`` lies in the plane of first and second, e.g. order "yx": y along first, x as
    close to second as it can be.
    """
    axes = {order[0]: torch.nn.functional.normalize(first, dim=-1)}
    rest = second - (second * axes[order[0]]).sum(-1, keepdim=True) * axes[order[0]]
    axes[order[1]] = torch.nn.functional.normalize(rest, dim=-1)
    (last,) = set("xyz") - set(order)
    before, after = {"x": "yz", "y": "zx", "z": "xy"}[last]
    axes[last] = torch.linalg.cross(axes[before], axes[after])
    return torch.stack([axes["x"], axes["y"], axes["z"]], -1)


def swing_between(source: Tensor, target: Tensor) -> Tensor:
    """The shortest rotation [..., 3, 3] that turns directions ``source`` to ``target`` [..., 3].

    For opposite directions, where there is no shortest one, half a turn about an axis across.
    """
    source = torch.nn.functional.normalize(source, dim=-1)
    target = torch.nn.functional.normalize(target, dim=-1)
    source, target = torch.broadcast_tensors(source, target)
    axis = torch.linalg.cross(source, target)
    cosine = (source * target).sum(-1, keepdim=True)
    cross = cross_matrix(axis)
    turn = torch.eye(3, dtype=source.dtype) + cross
    turn = turn + cross @ cross / (1 + cosine).clamp_min(1e-6)[..., None]
    helper = torch.eye(3, dtype=source.dtype)[source.abs().argmin(-1)]
    across = torch.nn.functional.normalize(torch.linalg.cross(source, helper), dim=-1)
    half_turn = 2 * across[..., :, None] * across[..., None, :] - torch.eye(3, dtype=source.dtype)
    return torch.where((cosine < -0.99999)[..., None], half_turn, turn)


def twist_angle(matrix: Tensor, axis: Tensor) -> Tensor:
    """Angle [...] in radians, in (-pi, pi], of the rotation's twist about a unit ``axis`` [..., 3].

    The swing-twist split of the quaternion: tan(angle / 2) = (v . axis) / w.
    """
    rotvec = matrix_to_rotvec(matrix)
    angle = torch.linalg.vector_norm(rotvec, dim=-1)
    along = (rotvec * axis).sum(-1) * 0.5 * torch.sinc(angle / (2 * torch.pi))
    twist = 2 * torch.atan2(along, torch.cos(angle / 2))
    return torch.remainder(twist + torch.pi, 2 * torch.pi) - torch.pi


def scale_rotation(matrix: Tensor, fraction: float | Tensor) -> Tensor:
    """The rotations [..., 3, 3] by a fraction of their angle, about the same axis."""
    return rotvec_to_matrix(matrix_to_rotvec(matrix) * fraction)


def six_to_matrix(six: Tensor) -> Tensor:
    """Rotations [..., 3, 3] from six numbers [..., 6]: their first two columns, made orthonormal.

    Continuous, so a network can learn it (Zhou et al. 2019, "On the continuity of rotation
    representations in neural networks", eq. 12, whose layout is one column after the other).
    """
    check_shape("six", six, "... 6")
    first = torch.nn.functional.normalize(six[..., :3], dim=-1)
    second = six[..., 3:] - (first * six[..., 3:]).sum(-1, keepdim=True) * first
    second = torch.nn.functional.normalize(second, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second)], -1)
