"""Body files that cannot be used, and what is said of them."""

import zipfile

import numpy as np
import pytest

from core.body.model import load_body
from core.errors import ModelFileError
from core.skeletons import PARENTS


def tree(parents):
    return np.array([parents, range(len(parents))])


def write_body(path, save=np.savez, **changes):
    """A tetrahedron with SMPL-X's joints; keys replaced, or left out where the value is None."""
    values = {
        "v_template": np.eye(4, 3),
        "f": np.array([[0, 1, 2], [0, 2, 3], [0, 3, 1], [1, 3, 2]]),
        "shapedirs": np.zeros((4, 3, 20)),
        "posedirs": np.zeros((4, 3, 486)),
        "J_regressor": np.full((55, 4), 0.25),
        "weights": np.eye(4, 55),
        "kintree_table": tree(PARENTS),
    } | changes
    save(path, **{key: value for key, value in values.items() if value is not None})
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "body.npz"


def test_the_smallest_body_is_a_body(path):
    body = load_body(write_body(path))
    assert body.num_vertices == 4
    assert body.pose_correctives == ()
    assert not body.has_expression_from_arkit
    assert not body.expression_from_arkit.any()
    assert (body.jaw_open_angle, body.jaw_side_angle) == (0.32, 0.09)


def test_missing_keys_are_named(path):
    write_body(path, weights=None, kintree_table=None)
    with pytest.raises(ModelFileError, match="not an SMPL-X body: weights, kintree_table missing"):
        load_body(path)


@pytest.mark.parametrize(
    "name", ["SMPLX_NEUTRAL.pkl", "SMPL_NEUTRAL.pkl", "MANO_LEFT.pkl", "FLAME_NEUTRAL.PKL"]
)
def test_a_pickle_is_refused_with_a_way_out(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"\x80\x04")
    expected = r"pickle.*not opened\. Choose the \.npz.* if it is SMPL-X.*MANO and FLAME do not fit"
    with pytest.raises(ModelFileError, match=expected):
        load_body(path)


@pytest.mark.parametrize(
    ("num_joints", "name"),
    [
        (5, "a FLAME head"),
        (16, "a MANO hand"),
        (24, "an SMPL body"),
        (52, "an SMPL-H body"),
        (33, "another model"),
    ],
)
def test_other_models_are_called_by_their_name(path, num_joints, name):
    """Told by their joints alone: their files lack keys besides, or hold pickled ones."""
    write_body(path, kintree_table=tree([0] * num_joints), posedirs=None, J_regressor=pickled())
    expected = f"is {name} with {num_joints} joints.*55 were expected. Choose SMPLX_NEUTRAL.npz"
    with pytest.raises(ModelFileError, match=expected):
        load_body(path)


def pickled():
    return np.array({}, dtype=object)


def test_another_tree_is_refused(path):
    parents = list(PARENTS)
    parents[15] = 3
    with pytest.raises(ModelFileError, match="hangs joint head on joint 3, SMPL-X on 12"):
        load_body(write_body(path, kintree_table=tree(parents)))


def test_wrong_sizes_are_named(path):
    with pytest.raises(ModelFileError, match=r"`weights` has shape \(5, 55\), \(4, 55\) was"):
        load_body(write_body(path, weights=np.zeros((5, 55))))


def test_too_few_shape_columns_are_named(path):
    with pytest.raises(ModelFileError, match="`shapedirs` has 10 columns, at least 20"):
        load_body(write_body(path, shapedirs=np.zeros((4, 3, 10))))


def test_correctives_of_another_size_are_named_when_they_are_read(path):
    body = load_body(write_body(path, posedirs=np.zeros((4, 3, 207))))
    with pytest.raises(ModelFileError, match=r"has shape \(4, 3, 207\), \(4, 3, 486\) was"):
        _ = body.pose_correctives


def test_a_pickled_member_that_is_needed_is_refused(path):
    write_body(path, weights=pickled())
    with pytest.raises(ModelFileError, match="could not be read as an SMPL-X body: Object arrays"):
        load_body(path)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04cut"])
def test_a_file_that_is_no_npz_is_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"is not an \.npz file, or it is cut short"):
        load_body(path)


def test_one_bare_array_is_refused(path):
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(ModelFileError, match="holds one bare array"):
        load_body(path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_damaged_file_is_refused(path, save):
    write_body(path, save)
    with zipfile.ZipFile(path) as file:
        start = file.getinfo("weights.npy").header_offset
    content = bytearray(path.read_bytes())
    content[start + 70 : start + 100] = bytes(30)
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="could not be read as an SMPL-X body"):
        load_body(path)


def test_a_missing_file_is_named(path):
    with pytest.raises(ModelFileError, match="was not found"):
        load_body(path)
