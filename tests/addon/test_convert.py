import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from reelrig.addon.rig.convert import (
    align_signs,
    bone_quats,
    multiply_quats,
    root_locations,
    rotvecs_to_quats,
)
from reelrig.core.frames import WORLD_FROM_BODY


def to_rotation(quats_wxyz: np.ndarray) -> Rotation:
    return Rotation.from_quat(np.roll(quats_wxyz, -1, axis=-1))


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1e-3, 1.0, np.pi, 4.0])
def test_rotvecs_to_quats_agrees_with_scipy(angle):
    rotvec = angle * np.array([1.0, -2.0, 2.0]) / 3.0
    difference = to_rotation(rotvecs_to_quats(rotvec)) * Rotation.from_rotvec(rotvec).inv()
    assert difference.magnitude() < 1e-12


def test_multiply_quats_agrees_with_scipy():
    first, second = Rotation.random(5, random_state=1), Rotation.random(5, random_state=2)
    a, b = (np.roll(rotation.as_quat(), 1, axis=-1) for rotation in (first, second))
    assert (to_rotation(multiply_quats(a, b)) * (first * second).inv()).magnitude().max() < 1e-12


def test_align_signs_only_flips_signs_and_leaves_no_jump():
    rotvecs = np.linspace([0.0, 0, 0], [0.0, 0, 12.0], 200)[:, None]  # almost two turns
    quats = np.roll(Rotation.from_rotvec(rotvecs[:, 0]).as_quat(), 1, axis=-1)[:, None]
    quats[::3] *= -1
    aligned = align_signs(quats)
    np.testing.assert_allclose(np.abs(aligned), np.abs(quats))
    assert np.abs(np.diff(aligned, axis=0)).max() < 0.05


def test_bone_quats_are_the_rotations_seen_in_bone_axes():
    axes = Rotation.random(55, random_state=3).as_matrix()
    rotvecs = np.random.default_rng(4).normal(0, 1, (6, 55, 3))
    body_rotations = Rotation.from_rotvec(rotvecs.reshape(-1, 3)).as_matrix().reshape(6, 55, 3, 3)
    to_world = np.broadcast_to(WORLD_FROM_BODY, (55, 3, 3)).copy()
    expected = axes.transpose(0, 2, 1) @ to_world @ body_rotations @ WORLD_FROM_BODY.T @ axes
    expected[:, 0] = axes[0].T @ body_rotations[:, 0] @ WORLD_FROM_BODY.T @ axes[0]
    found = to_rotation(bone_quats(rotvecs, axes).reshape(-1, 4)).as_matrix()
    np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=1e-6)


def test_root_stands_at_rest_where_the_translation_undoes_the_turn_upright():
    pelvis = np.array([0.01, -0.35, 0.02])
    trans = (WORLD_FROM_BODY @ pelvis - pelvis)[None]
    np.testing.assert_allclose(root_locations(trans, pelvis, np.eye(3)), 0, atol=1e-15)


def test_root_location_is_in_the_bones_own_axes():
    axes = Rotation.from_euler("z", 90, degrees=True).as_matrix()
    trans = np.array([[0.0, 2.0, 0.0]])
    np.testing.assert_allclose(root_locations(trans, np.zeros(3), axes), [[2, 0, 0]], atol=1e-12)
