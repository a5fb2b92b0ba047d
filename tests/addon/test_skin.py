from dataclasses import replace

import bpy
import numpy as np
import pytest

from reelrig.addon.rig.build import build_armature
from reelrig.addon.rig.rest import rest_bones
from reelrig.addon.rig.skin import build_skin, expression_key_name, fit_slider
from reelrig.core.body.model import load_body
from reelrig.core.frames import WORLD_FROM_BODY
from reelrig.core.skeletons import JOINT_NAMES
from tests.addon.motions import SOME_BETAS
from tests.synthetic_smplx import write_synthetic_smplx


@pytest.fixture(scope="module")
def body():
    return load_body()


@pytest.fixture(scope="module")
def own_body(tmp_path_factory):
    """A body as SMPL-X's own files are: without ARKit units, sliders, quads and materials."""
    return load_body(write_synthetic_smplx(tmp_path_factory.mktemp("body") / "SMPLX_NEUTRAL.npz"))


def build(body, betas=SOME_BETAS, sliders=None):
    armature = build_armature("person", rest_bones(body, betas))
    return build_skin("person body", body, betas, sliders, armature)


def read(points, width=3, attribute="co"):
    values = np.empty(len(points) * width, np.float32)
    points.foreach_get(attribute, values)
    return values.reshape(-1, width)


def corner_values(faces, values):
    return values[np.asarray(faces).ravel()]


def test_rest_shape_is_that_of_betas_and_sliders(body):
    sliders = np.linspace(-1, 1, len(body.slider_names))
    mesh = build(body, SOME_BETAS, sliders).data
    expected = body.rest_vertices(SOME_BETAS, sliders) @ WORLD_FROM_BODY.T
    np.testing.assert_allclose(read(mesh.vertices), expected, atol=1e-6)
    basis = mesh.shape_keys.reference_key
    assert basis.name == "Basis"
    np.testing.assert_allclose(read(basis.points), expected, atol=1e-6)


def test_faces_are_smooth_quads_with_their_texture_coordinates(body):
    mesh = build(body).data
    assert [tuple(face.vertices) for face in mesh.polygons] == [tuple(q) for q in body.quads]
    assert all(face.use_smooth for face in mesh.polygons)
    found = read(mesh.uv_layers.active.uv, 2, "vector")
    np.testing.assert_array_equal(found, corner_values(body.quads_uv, body.uv))


def test_weights_are_the_bodys(body):
    skin = build(body)
    assert [group.name for group in skin.vertex_groups] == list(JOINT_NAMES)
    found = np.zeros_like(body.weights)
    for i_vertex, vertex in enumerate(skin.data.vertices):
        for entry in vertex.groups:
            found[i_vertex, entry.group] = entry.weight
    np.testing.assert_array_equal(found, body.weights)


def test_face_keys_are_the_arkit_units_at_rest(body):
    keys = build(body).data.shape_keys.key_blocks
    face = keys[1 : 1 + len(body.arkit_names)]
    assert tuple(key.name for key in face) == body.arkit_names
    assert all(key.name.startswith("corrective_") for key in keys[1 + len(face) :])
    assert {(key.slider_min, key.slider_max, key.value) for key in face} == {(0.0, 1.0, 0.0)}
    i_unit = body.arkit_names.index("jawOpen")
    offsets = read(keys["jawOpen"].points) - read(keys["Basis"].points)
    expected = body.arkit_dirs[..., i_unit] @ WORLD_FROM_BODY.T
    np.testing.assert_allclose(offsets, expected, atol=1e-6)


def test_a_body_without_arkit_units_has_expression_keys(own_body):
    keys = build(own_body).data.shape_keys.key_blocks
    names = [key.name for key in keys if not key.name.startswith("corrective_")]
    assert names == ["Basis", *(expression_key_name(i) for i in range(10))]
    assert {(key.slider_min, key.slider_max) for key in keys[1:11]} == {(-3.0, 3.0)}
    assert {key.value for key in keys[1:11]} == {0.0}


def test_a_body_without_regions_is_all_skin(own_body):
    mesh = build(own_body).data
    assert len(mesh.polygons) == len(own_body.faces)
    assert [material.name for material in mesh.materials] == ["Skin"]
    assert not mesh.uv_layers


def test_every_region_has_its_material(body):
    mesh = build(body).data
    assert tuple(material.name for material in mesh.materials) == body.material_names
    found = np.empty(len(mesh.polygons), np.int32)
    mesh.polygons.foreach_get("material_index", found)
    np.testing.assert_array_equal(found, body.polygon_materials)


def shader_of(material):
    (shader,) = (node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    return shader


def test_renderers_and_solid_view_show_the_same_colors(body):
    materials = build(body).data.materials
    for material in materials:
        color = shader_of(material).inputs["Base Color"].default_value
        assert tuple(color) == tuple(material.diffuse_color)
    assert len({tuple(material.diffuse_color) for material in materials}) == len(materials)


def test_an_unknown_region_is_grey(body):
    names = ("Tattoo", *body.material_names[1:])
    material = build(replace(body, material_names=names)).data.materials[0]
    assert material.name == "Tattoo"
    red, green, blue, _ = material.diffuse_color
    assert red == green == blue


def test_skin_hangs_on_the_armature_and_is_in_no_scene(body):
    skin = build(body)
    (modifier,) = skin.modifiers
    assert modifier.object == skin.parent
    assert skin.parent.type == "ARMATURE"
    assert not skin.users_collection


@pytest.mark.parametrize(
    ("values", "expected"),
    [([0.2, 0.9], (0.0, 1.0)), ([-1.3, 2.1], (-2.0, 3.0)), ([-40.0, 40.0], (-10.0, 10.0))],
)
def test_sliders_widen_to_hold_their_values(body, values, expected):
    key = build(body).data.shape_keys.key_blocks["browInnerUp"]
    fit_slider(key, np.array(values))
    assert (key.slider_min, key.slider_max) == expected


def test_building_twice_shares_nothing(body):
    first, second = build(body), build(body)
    assert first.data != second.data
    assert not set(first.data.materials) & set(second.data.materials)
    assert len(bpy.data.meshes) == 2
