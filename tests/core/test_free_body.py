"""The shipped body's file against what docs/body_format.md promises of it."""

import re
from pathlib import Path

import numpy as np
import pytest

from core.body.model import FREE_BODY_PATH, load_body
from core.body.surface import VERTICES
from core.skeletons import ARKIT_NAMES, JOINT_INDEX, JOINT_NAMES, PARENTS

FORMAT_PAGE = Path(__file__).parents[2] / "docs" / "body_format.md"
LETTERS = "VFUQMS"  # sizes that the page leaves open
MIRROR = np.array([-1, 1, 1], np.float32)
MATERIALS = (
    *("Skin", "Suit", "Eye White", "Iris", "Pupil", "Teeth", "Mouth", "Brows and Lashes", "Lips"),
)
SLIDERS = (
    *("stature", "weight", "muscle", "gender", "age"),
    *("leg_length", "arm_length", "shoulder_width", "hip_width"),
)


@pytest.fixture(scope="module")
def file():
    with np.load(FREE_BODY_PATH, allow_pickle=False) as opened:
        return {key: opened[key] for key in opened.files}


@pytest.fixture(scope="module")
def body():
    return load_body()


def documented_shapes():
    """Key -> shape as written on the page: ("V", "3"); () for a single value."""
    shapes = {}
    for line in FORMAT_PAGE.read_text().splitlines():
        if line.startswith("| `"):
            keys, shape, _ = (cell.strip() for cell in line.strip("|").split(" | ", 2))
            keys = re.findall(r"`(\w+)`", keys)
            sizes = tuple(re.findall(r"\w+", shape)) if shape.startswith("[") else ()
            shapes.update(dict.fromkeys(keys, sizes))
    return shapes


def test_every_key_is_on_the_page_and_the_other_way_round(file):
    assert set(file) == set(documented_shapes())


def test_every_array_has_the_shape_on_the_page(file):
    sizes = {letter: set() for letter in LETTERS}
    for key, expected in documented_shapes().items():
        found = file[key].shape
        assert len(found) == len(expected), key
        for size, written in zip(found, expected, strict=True):
            if written in sizes:
                sizes[written].add(size)
            else:
                assert size == int(written), key
    assert {letter: len(found) for letter, found in sizes.items()} == dict.fromkeys(LETTERS, 1)


def test_nothing_is_pickled_and_everything_is_finite(file):
    for key, values in file.items():
        assert values.dtype.kind in "fiuU", key
        assert values.dtype.kind != "f" or np.isfinite(values).all(), key


def test_the_file_is_small():
    assert FREE_BODY_PATH.stat().st_size < 6e6


def test_names_are_those_that_the_code_knows(file):
    assert tuple(file["joint2num"].tolist()) == JOINT_NAMES
    assert sorted(file["arkit_names"].tolist()) == list(ARKIT_NAMES)
    assert tuple(file["slider_names"].tolist()) == SLIDERS
    assert tuple(file["material_names"].tolist()) == MATERIALS
    np.testing.assert_array_equal(file["kintree_table"], [PARENTS, range(55)])


def test_columns_lie_side_by_side(file):
    assert file["arkit_first"] == 310
    assert file["slider_first"] == 362
    used = file["shapedirs"].any((0, 1))
    last_slider = 362 + 2 * len(SLIDERS)
    assert used[:10].all()
    assert not used[10:300].any()
    assert used[300:last_slider].all()
    assert not used[last_slider:].any()


def test_weights_sum_to_one_with_at_most_eight_influences(body):
    np.testing.assert_allclose(body.weights.sum(1), 1, atol=1e-6)
    assert body.weights.min() >= 0
    assert (body.weights > 0).sum(1).max() <= 8


def test_joints_are_means_of_vertices(body):
    np.testing.assert_allclose(body.joint_regressor.sum(1), 1, atol=1e-5)
    assert body.joint_regressor.min() >= 0


def mirrored_joints():
    swap = {"left": "right", "right": "left"}
    words = [name.split("_") for name in JOINT_NAMES]
    return [JOINT_INDEX["_".join([swap.get(side, side), *rest])] for side, *rest in words]


@pytest.fixture(scope="module")
def mirrored(body):
    """[V] the vertex at each vertex's exact mirror image."""
    template = body.template + 0.0  # no negative zeros
    at = {tuple(point): i for i, point in enumerate(template.tolist())}
    assert len(at) == body.num_vertices, "two vertices share a place"
    return np.array([at[tuple(point)] for point in (template * MIRROR + 0.0).tolist()])


def test_the_template_is_mirrored_exactly(body, mirrored):
    np.testing.assert_array_equal(body.template[mirrored], body.template * MIRROR)


def test_weights_are_mirrored_exactly(body, mirrored):
    np.testing.assert_array_equal(body.weights[mirrored][:, mirrored_joints()], body.weights)


def test_faces_are_mirrored_exactly(body, mirrored):
    def as_set(quads):
        return {tuple(sorted(quad)) for quad in quads.tolist()}

    assert as_set(mirrored[body.quads]) == as_set(body.quads)


def test_joints_and_sliders_are_mirrored(body, mirrored):
    joints = body.template_joints
    np.testing.assert_allclose(joints[mirrored_joints()], joints * MIRROR, atol=1e-3)
    sliders = body.slider_dirs
    np.testing.assert_allclose(sliders[mirrored], sliders * MIRROR[:, None, None], atol=1e-4)


def test_the_skin_is_watertight(body):
    """Of the piece with the nose, every edge has two faces, which run along it in turn."""
    quads = body.quads[piece_of(body.quads, VERTICES["nose"], body.num_vertices)]
    assert len(quads) > 10_000
    edges = np.stack([quads, np.roll(quads, -1, axis=1)], -1).reshape(-1, 2)
    assert len(np.unique(edges, axis=0)) == len(edges)
    assert {tuple(edge) for edge in edges.tolist()} == {
        tuple(edge[::-1]) for edge in edges.tolist()
    }


def piece_of(quads, vertex, num_vertices):
    """[Q] bool: the quads that hang together with ``vertex``."""
    is_in = np.zeros(num_vertices, bool)
    is_in[vertex] = True
    while True:
        reached = is_in[quads].any(1)
        if is_in[quads[reached]].all():
            return reached
        is_in[quads[reached]] = True


def test_triangles_are_the_quads_in_halves(body):
    halves = body.quads[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3)
    assert {tuple(face) for face in halves.tolist()} == {tuple(f) for f in body.faces.tolist()}
    assert len(halves) == len(body.faces)
    assert body.faces.max() == body.num_vertices - 1  # none is left unused at the end


def test_every_quad_has_a_material_and_texture_coordinates(body):
    assert sorted(set(body.face_materials.tolist())) == list(range(len(MATERIALS)))
    assert body.quads_uv.max() < len(body.uv)
    assert body.uv.min() >= 0
    assert body.uv.max() <= 1


def test_landmarks_lie_on_the_skin_or_are_a_mix_of_joints(body):
    table = body.landmarks
    on_skin = table.faces >= 0
    assert on_skin[75:].all()
    assert table.faces.max() < len(body.faces)
    np.testing.assert_allclose(table.barycentric[on_skin].sum(1), 1, atol=1e-5)
    assert table.barycentric[on_skin].min() >= 0
    expected = np.where(on_skin[:75], 0, 1)
    np.testing.assert_allclose(table.joint_weights.sum(1), expected, atol=1e-5)


def test_landmarks_lie_where_their_names_say(body):
    points = body.landmark_points(body.template, body.template_joints)
    joints = body.template_joints
    for i_landmark, joint in ((11, "left_shoulder"), (26, "right_knee"), (33, "left_wrist")):
        assert np.linalg.norm(points[i_landmark] - joints[JOINT_INDEX[joint]]) < 0.06
    for i_iris, eye in ((75 + 468, "right_eye_smplhf"), (75 + 473, "left_eye_smplhf")):
        before_eye = points[i_iris] - joints[JOINT_INDEX[eye]]
        assert 0.005 < before_eye[2] < 0.02
        assert np.abs(before_eye[:2]).max() < 0.006


def test_units_of_the_gaze_move_lids_and_no_eyeball(body):
    is_eye = body.weights[:, 23:25].sum(1) > 0.5
    for i_unit, name in enumerate(body.arkit_names):
        if name.startswith("eyeLook"):
            assert not body.arkit_dirs[is_eye, :, i_unit].any()
            is_inward_or_outward = "In" in name or "Out" in name
            lowest = 0.0003 if is_inward_or_outward else 0.002
            assert np.abs(body.arkit_dirs[..., i_unit]).max() > lowest, name


def test_sliders_do_what_they_say(body):
    def height(name, value):
        sliders = np.where(np.array(body.slider_names) == name, value, 0.0)
        vertices = body.rest_vertices(np.zeros(10), sliders)
        return vertices[:, 1].max() - vertices[:, 1].min()

    assert height("stature", 1.0) > height("stature", 0.0) + 0.05
    assert height("stature", -1.0) < height("stature", 0.0) - 0.05
    assert height("leg_length", 1.0) > height("leg_length", -1.0) + 0.03
