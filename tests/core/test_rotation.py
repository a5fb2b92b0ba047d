"""Rotations against scipy, at the edges: zero, tiny, half a turn, batches, wrong shapes."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation, Slerp

from core.errors import ShapeError
from core.rotation import (
    axes_to_matrix,
    fit_rotation,
    matrix_to_rotvec,
    nearest_rotation,
    rotvec_to_matrix,
    scale_rotation,
    swing_between,
    twist_angle,
)

ANGLES = [0.0, 1e-9, 1e-4, 1.0, np.pi - 1e-6, np.pi]
AXIS = np.array([1.0, -2.0, 2.0]) / 3.0


def random_rotations(*shape):
    count = int(np.prod(shape))
    matrices = Rotation.random(count, random_state=0).as_matrix()
    return torch.from_numpy(matrices.reshape(*shape, 3, 3))


@pytest.mark.parametrize("angle", ANGLES)
def test_rotvec_to_matrix_agrees_with_scipy(angle):
    actual = rotvec_to_matrix(torch.from_numpy(angle * AXIS))
    np.testing.assert_allclose(actual, Rotation.from_rotvec(angle * AXIS).as_matrix(), atol=1e-12)


@pytest.mark.parametrize("angle", ANGLES)
@pytest.mark.parametrize("axis", [AXIS, *np.eye(3), *-np.eye(3)], ids=str)
def test_matrix_to_rotvec_agrees_with_scipy(angle, axis):
    matrix = Rotation.from_rotvec(angle * axis).as_matrix()
    back = Rotation.from_rotvec(matrix_to_rotvec(torch.from_numpy(matrix)).numpy()).as_matrix()
    np.testing.assert_allclose(back, matrix, atol=1e-12)


def test_conversions_take_any_batch_dimensions():
    matrices = random_rotations(2, 3, 5)
    rotvecs = matrix_to_rotvec(matrices)
    assert rotvecs.shape == (2, 3, 5, 3)
    np.testing.assert_allclose(rotvec_to_matrix(rotvecs), matrices, atol=1e-12)


def test_rotvec_to_matrix_has_the_right_gradient_at_zero():
    rotvec = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    jacobian = torch.autograd.functional.jacobian(rotvec_to_matrix, rotvec)
    step = 1e-6
    for i_axis in range(3):
        moved = torch.zeros(3, dtype=torch.float64)
        moved[i_axis] = step
        expected = (rotvec_to_matrix(moved) - torch.eye(3)) / step
        np.testing.assert_allclose(jacobian[..., i_axis], expected, atol=1e-5)


def test_rotvec_to_matrix_says_which_shape_it_got():
    with pytest.raises(ShapeError, match=r"`rotvec` .* got \(4, 2\)"):
        rotvec_to_matrix(torch.zeros(4, 2))


def test_nearest_rotation_undoes_a_stretch_and_never_mirrors():
    rotation = random_rotations(4)
    stretched = rotation @ torch.diag(torch.tensor([2.0, 1.0, 0.5], dtype=torch.float64))
    np.testing.assert_allclose(nearest_rotation(stretched), rotation, atol=1e-12)
    mirrored = rotation @ torch.diag(torch.tensor([1.0, 1.0, -0.1], dtype=torch.float64))
    np.testing.assert_allclose(torch.linalg.det(nearest_rotation(mirrored)), 1.0, atol=1e-12)


def test_fit_rotation_agrees_with_scipy():
    rng = np.random.default_rng(0)
    source, target, weight = rng.normal(size=(7, 3)), rng.normal(size=(7, 3)), rng.random(7)
    actual = fit_rotation(*(torch.from_numpy(value) for value in (source, target, weight)))
    mean = [(weight[:, None] * points).sum(0) / weight.sum() for points in (source, target)]
    expected, _ = Rotation.align_vectors(target - mean[1], source - mean[0], weights=weight)
    np.testing.assert_allclose(actual, expected.as_matrix(), atol=1e-9)


@pytest.mark.parametrize("order", ["xy", "yx", "yz", "zy", "xz", "zx"])
def test_axes_to_matrix_is_a_rotation_with_its_axes_where_they_were_put(order):
    first, second = torch.tensor([0.3, -1.0, 2.0]), torch.tensor([1.0, 1.0, 0.2])
    matrix = axes_to_matrix(first, second, order)
    np.testing.assert_allclose(matrix @ matrix.T, torch.eye(3), atol=1e-6)
    assert torch.linalg.det(matrix) == pytest.approx(1.0, abs=1e-6)
    column = matrix[:, "xyz".index(order[0])]
    np.testing.assert_allclose(column, first / first.norm(), atol=1e-6)
    assert matrix[:, "xyz".index(order[1])] @ second > 0


@pytest.mark.parametrize(
    "target", [(1, 0, 0), (0, 1, 0), (-1, 0, 0), (-1, 1e-4, 0), (0.2, -3, 1)], ids=str
)
def test_swing_between_reaches_its_target_without_twist(target):
    source, target = torch.tensor([1.0, 0.0, 0.0]), torch.tensor(target, dtype=torch.float32)
    swing = swing_between(source, target)
    np.testing.assert_allclose(swing @ source, target / target.norm(), atol=1e-3)
    np.testing.assert_allclose(swing @ swing.T, torch.eye(3), atol=1e-3)
    assert abs(float(matrix_to_rotvec(swing) @ source)) < 1e-3


@pytest.mark.parametrize("angle", [-3.0, -1.0, 0.0, 0.5, 2.9])
def test_twist_angle_splits_off_the_swing(angle):
    axis = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    swing = torch.from_numpy(Rotation.from_rotvec([0.7, -0.4, 0.0]).as_matrix())
    turn = rotvec_to_matrix(angle * axis)
    assert float(twist_angle(swing @ turn, axis)) == pytest.approx(angle, abs=1e-9)


def test_scale_rotation_is_slerp_from_rest():
    rotation = random_rotations(6)
    for fraction in (0.0, 0.3, 1.0):
        expected = [
            Slerp([0, 1], Rotation.from_matrix(np.stack([np.eye(3), matrix])))(fraction).as_matrix()
            for matrix in rotation.numpy()
        ]
        np.testing.assert_allclose(scale_rotation(rotation, fraction), expected, atol=1e-9)
