"""The body layer against the smplx package, and what a body file must hold."""

import numpy as np
import pytest
import smplx
import torch

from core.body.measures import MEASURE_NAMES, measure_body, solve_betas
from core.body.model import FREE_BODY_PATH, load_body
from core.body.skinning import Skin, joints_from_pose
from core.body.surface import surface_point
from core.errors import ModelFileError
from core.rotation import rotvec_to_matrix
from core.skeletons import ARKIT_NAMES, JOINT_INDEX, PARENTS

T = 3


@pytest.fixture(scope="module")
def body():
    return load_body()


@pytest.fixture(scope="module")
def smplx_path(body, tmp_path_factory):
    """The shipped body with the one key that only the smplx package asks for."""
    with np.load(FREE_BODY_PATH, allow_pickle=False) as file:
        values = {key: file[key] for key in file.files}
    values["joint2num"] = np.array([], dtype=np.float32)
    path = tmp_path_factory.mktemp("body") / "SMPLX_NEUTRAL.npz"
    np.savez(path, **values)
    return path


def random_pose(seed, pose_scale):
    rng = np.random.default_rng(seed)
    return (
        torch.from_numpy(rng.normal(size=10).astype(np.float32)),
        torch.from_numpy(rng.normal(size=(T, 10)).astype(np.float32)),
        torch.from_numpy((pose_scale * rng.normal(size=(T, 55, 3))).astype(np.float32)),
        torch.from_numpy(rng.normal(size=(T, 3)).astype(np.float32)),
    )


@pytest.mark.parametrize(("seed", "pose_scale"), [(0, 0.0), (1, 0.3), (2, 1.0)])
def test_vertices_and_joints_agree_with_smplx(body, smplx_path, seed, pose_scale):
    betas, expression, rotvecs, trans = random_pose(seed, pose_scale)
    reference = smplx.SMPLX(
        model_path=str(smplx_path),
        use_pca=False,
        flat_hand_mean=True,
        num_betas=10,
        num_expression_coeffs=10,
        batch_size=T,
    )
    expected = reference(
        betas=betas.expand(T, -1),
        expression=expression,
        global_orient=rotvecs[:, 0],
        body_pose=rotvecs[:, 1:22].flatten(1),
        jaw_pose=rotvecs[:, 22],
        leye_pose=rotvecs[:, 23],
        reye_pose=rotvecs[:, 24],
        left_hand_pose=rotvecs[:, 25:40].flatten(1),
        right_hand_pose=rotvecs[:, 40:].flatten(1),
        transl=trans,
    )
    vertices, joints = Skin(body).pose_vertices(betas, expression, rotvec_to_matrix(rotvecs), trans)
    np.testing.assert_allclose(vertices, expected.vertices.detach(), atol=1e-5)
    np.testing.assert_allclose(joints, expected.joints[:, :55].detach(), atol=1e-5)


def test_joints_alone_are_the_joints_of_the_skin(body):
    betas, _, rotvecs, trans = random_pose(3, 0.5)
    rotations = rotvec_to_matrix(rotvecs)
    _, with_skin = Skin(body).pose_vertices(betas, torch.zeros(T, 10), rotations, trans)
    joints, _ = joints_from_pose(body, betas.numpy(), rotations, trans)
    np.testing.assert_allclose(joints, with_skin, atol=1e-6)


def test_forward_kinematics_agrees_with_a_plain_walk_down_the_tree(body):
    betas, _, rotvecs, trans = random_pose(4, 1.0)
    rotations = rotvec_to_matrix(rotvecs)
    joints, turns = joints_from_pose(body, betas.numpy(), rotations, trans)
    rest = body.rest_joints(betas.numpy())
    for i_joint, parent in enumerate(PARENTS):
        if parent < 0:
            expected_turn, expected = rotations[:, 0], rest[0] + trans.numpy()
        else:
            expected_turn = turns[:, parent] @ rotations[:, i_joint]
            expected = joints[:, parent] + turns[:, parent] @ (rest[i_joint] - rest[parent])
        np.testing.assert_allclose(turns[:, i_joint], expected_turn, atol=1e-5)
        np.testing.assert_allclose(joints[:, i_joint], expected, atol=1e-5)


def test_the_rest_pose_has_the_axes_the_code_assumes(body):
    joints = body.template_joints
    assert joints[JOINT_INDEX["left_shoulder"], 0] > 0.1  # x to the person's left
    assert joints[JOINT_INDEX["head"], 1] > joints[JOINT_INDEX["left_foot"], 1] + 1.2  # y up
    nose, ear = surface_point(body, "nose", np.zeros(10)), surface_point(body, "left_ear", [0.0])
    assert nose[2] > ear[2] + 0.05  # z forward


def test_betas_are_recovered_from_measures(body):
    for seed in range(5):
        truth = np.random.default_rng(seed).normal(size=10)
        wanted = measure_body(body, truth)
        found = measure_body(body, solve_betas(body, MEASURE_NAMES, wanted))
        # The prior pulls odd bodies toward the mean, by about the trust in a measure.
        np.testing.assert_allclose(found, wanted, atol=0.02)


def test_few_measures_give_an_ordinary_body(body):
    betas = solve_betas(body, ("thigh", "unheard_of"), np.array([0.42, 99.0]))
    assert np.abs(betas).max() < 2.0
    measures = dict(zip(MEASURE_NAMES, measure_body(body, betas), strict=True))
    assert measures["thigh"] == pytest.approx(0.42, abs=0.012)


def test_the_first_beta_makes_a_taller_body(body):
    assert measure_body(body, np.eye(10)[0])[0] > measure_body(body, np.zeros(10))[0] + 0.05


def test_expression_from_arkit_is_the_closest_one(body):
    units = body.arkit_dirs.reshape(-1, 52)
    basis = body.expression_dirs.reshape(-1, 10)
    i_smile = ARKIT_NAMES.index("mouthSmileLeft")
    expected, *_ = np.linalg.lstsq(basis, units[:, i_smile], rcond=None)
    np.testing.assert_allclose(body.expression_from_arkit[:, i_smile], expected, atol=1e-3)
    assert not body.expression_from_arkit[:, ARKIT_NAMES.index("jawOpen")].any()


def broken(tmp_path, **changes):
    """The shipped body with keys replaced, or left out where the value is None."""
    with np.load(FREE_BODY_PATH, allow_pickle=False) as file:
        values = {key: file[key] for key in file.files if key != "posedirs"}
    values["posedirs"] = np.zeros((1, 3, 486), np.float32)
    values.update(changes)
    path = tmp_path / "body.npz"
    np.savez(path, **{key: value for key, value in values.items() if value is not None})
    return path


def test_missing_keys_are_named(tmp_path):
    with pytest.raises(ModelFileError, match="not an SMPL-X body: weights, kintree_table missing"):
        load_body(broken(tmp_path, weights=None, kintree_table=None))


def test_a_pickle_is_refused_with_a_way_out(tmp_path):
    path = tmp_path / "SMPLX_NEUTRAL.pkl"
    path.write_bytes(b"\x80\x04")
    with pytest.raises(ModelFileError, match=r"pickle.*Choose the \.npz"):
        load_body(path)


@pytest.mark.parametrize(("joints", "name"), [(24, "an SMPL body"), (52, "an SMPL-H body")])
def test_other_bodies_are_called_by_their_name(tmp_path, joints, name):
    with pytest.raises(ModelFileError, match=f"{name} with {joints} joints"):
        load_body(broken(tmp_path, kintree_table=np.zeros((2, joints), np.int64)))


def test_wrong_sizes_are_named(tmp_path):
    with pytest.raises(ModelFileError, match=r"`weights` has shape \(5, 55\)"):
        load_body(broken(tmp_path, weights=np.zeros((5, 55), np.float32)))


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04cut"])
def test_a_file_that_is_no_npz_is_refused(tmp_path, content):
    path = tmp_path / "body.npz"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"is not an \.npz file, or it is cut short"):
        load_body(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelFileError, match="was not found"):
        load_body(tmp_path / "SMPLX_NEUTRAL.npz")


def test_the_shipped_body_holds_no_pickled_member():
    with np.load(FREE_BODY_PATH, allow_pickle=False) as file:
        assert all(file[key].dtype != object for key in file.files)
