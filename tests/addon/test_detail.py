import bpy
import numpy as np
import pytest

from reelrig.addon import bodies, scene_file
from reelrig.addon.character import add_character
from reelrig.addon.rig.correctives import uses_correctives
from reelrig.addon.rig.detail import get_detail
from reelrig.addon.rig.shape import find_skins, read_shape
from reelrig.core.body.model import FREE_BODY_PATH, LIGHT_BODY_PATH, load_body
from reelrig.core.frames import WORLD_FROM_BODY
from reelrig.core.skeletons import ARKIT_INDEX
from tests.addon.evaluated import vertices_at
from tests.addon.harness import registered_addon
from tests.addon.motions import make_motion, make_walk
from tests.synthetic_smplx import write_synthetic_smplx


@pytest.fixture(scope="module")
def body():
    return load_body()


@pytest.fixture(scope="module")
def light():
    return load_body(LIGHT_BODY_PATH)


@pytest.fixture(autouse=True)
def addon(scene, monkeypatch, body, light):
    """The add-on; both bodies are read once."""
    scene.render.fps = 30
    shipped = {FREE_BODY_PATH: body, LIGHT_BODY_PATH: light}
    monkeypatch.setattr(bodies, "get_body", lambda path: shipped.get(path) or load_body(path))
    with registered_addon():
        yield


@pytest.fixture
def walker(scene, body):
    arkit = np.zeros((12, 52))
    arkit[:, ARKIT_INDEX["mouthSmileLeft"]] = np.linspace(0, 1, 12)
    armature = add_character(scene, make_walk(body, arkit=arkit), body)
    bpy.context.view_layer.objects.active = armature
    return armature


def skins_by_body(armature):
    return {read_shape(skin.data).body: skin for skin in find_skins(armature)}


def shared_vertices(body, light):
    """Vertices of the light body and those of the full one that they are; hairs are others."""
    places = {tuple(place): i for i, place in enumerate(body.template.tolist())}
    pairs = [(i, places.get(tuple(place))) for i, place in enumerate(light.template.tolist())]
    shared = np.array([pair for pair in pairs if pair[1] is not None])
    assert len(shared) > 2000
    return shared.T


def test_light_skin_stands_and_moves_as_the_full_one(scene, walker, body, light):
    bpy.ops.reelrig.reshape(weight=1.0, leg_length=-0.5)
    assert bpy.ops.reelrig.switch_detail(detail="LIGHT") == {"FINISHED"}
    skins = skins_by_body(walker)
    assert get_detail(walker) == "LIGHT"
    assert len(skins["LIGHT"].data.vertices) == light.num_vertices
    skins["FULL"].hide_viewport = False
    rows, full_rows = shared_vertices(body, light)
    # Each skin keeps its own principal correctives, to half a millimetre rms.
    for use, tolerance in ((True, 3e-3), (False, 2e-5)):
        bpy.ops.reelrig.switch_correctives(use=use)
        for frame in (1, 8):
            full = vertices_at(scene, skins["FULL"], frame)[full_rows]
            found = vertices_at(scene, skins["LIGHT"], frame)[rows]
            np.testing.assert_allclose(found, full, atol=tolerance)
    keys = {name: skin.data.shape_keys for name, skin in skins.items()}
    assert keys["LIGHT"].animation_data.action_slot == keys["FULL"].animation_data.action_slot
    assert keys["LIGHT"].key_blocks["mouthSmileLeft"].value == pytest.approx(7 / 11)


def test_viewport_shows_one_skin_and_renders_the_full_one(scene, walker):
    def hidden():
        skins = skins_by_body(walker)
        return {name: (skin.hide_viewport, skin.hide_render) for name, skin in skins.items()}

    bpy.ops.reelrig.switch_detail(detail="LIGHT")
    assert hidden() == {"FULL": (True, False), "LIGHT": (False, True)}
    bpy.ops.reelrig.switch_detail(detail="FULL")
    assert hidden() == {"FULL": (False, False), "LIGHT": (True, True)}
    assert len(bpy.data.meshes) == 2


def test_both_skins_take_a_new_shape(scene, walker, body, light):
    bpy.ops.reelrig.switch_detail(detail="LIGHT")
    bpy.ops.reelrig.reshape(stature=1.0)
    walker.data.pose_position = "REST"
    skins = skins_by_body(walker)
    skins["FULL"].hide_viewport = False
    for name, skin_body in (("FULL", body), ("LIGHT", light)):
        values = read_shape(skins[name].data).values(skin_body)
        expected = skin_body.rest_vertices(*values) @ WORLD_FROM_BODY.T
        np.testing.assert_allclose(vertices_at(scene, skins[name], 1), expected, atol=1e-5)


def test_what_the_user_set_goes_over_to_the_other_skin(walker):
    (full,) = find_skins(walker)
    full.data.materials[0] = bpy.data.materials.new("mine")
    full.data.shape_keys.key_blocks["jawLeft"].value = 0.3
    full.data.shape_keys.key_blocks["cheekPuff"].mute = True
    bpy.ops.reelrig.switch_correctives(use=False)
    materials = len(bpy.data.materials)
    bpy.ops.reelrig.switch_detail(detail="LIGHT")
    light = skins_by_body(walker)["LIGHT"]
    assert list(light.data.materials) == list(full.data.materials)
    assert len(bpy.data.materials) == materials
    assert light.data.shape_keys.key_blocks["jawLeft"].value == pytest.approx(0.3)
    assert light.data.shape_keys.key_blocks["cheekPuff"].mute
    assert not uses_correctives(light)
    assert light.users_collection == full.users_collection
    assert light.parent == walker


def test_active_skin_hands_over_to_the_armature(walker):
    (full,) = find_skins(walker)
    bpy.context.view_layer.objects.active = full
    bpy.ops.reelrig.switch_detail(detail="LIGHT")
    assert bpy.context.object == walker


def test_a_character_without_a_skin_gets_one(walker, body):
    (full,) = find_skins(walker)
    bpy.data.objects.remove(full)
    assert get_detail(walker) is None
    bpy.ops.reelrig.switch_detail(detail="FULL")
    (full,) = find_skins(walker)
    assert len(full.data.vertices) == body.num_vertices


def test_switch_is_one_undo_step(walker):
    name = walker.name
    bpy.ops.ed.undo_push(message="Before")
    bpy.ops.reelrig.switch_detail("EXEC_DEFAULT", True, detail="LIGHT")
    assert len(bpy.data.meshes) == 2
    bpy.ops.ed.undo()
    assert len(bpy.data.meshes) == 1
    assert get_detail(bpy.data.objects[name]) == "FULL"


def test_the_users_own_body_has_one_detail(scene, tmp_path):
    own = load_body(write_synthetic_smplx(tmp_path / "SMPLX_NEUTRAL.npz"))
    armature = add_character(scene, make_motion(1), own)
    bpy.context.view_layer.objects.active = armature
    assert bpy.ops.reelrig.reshape.poll()
    assert not bpy.ops.reelrig.switch_detail.poll()


@pytest.mark.parametrize("detail", ["FULL", "LIGHT"])
def test_new_characters_get_the_chosen_skin(scene, tmp_path, body, light, detail):
    path = tmp_path / "walk.npz"
    np.savez(path, poses=np.zeros((3, 165)), trans=np.zeros((3, 3)), mocap_frame_rate=30.0)
    scene.reelrig.detail = detail
    bpy.ops.reelrig.open_motion(filepath=str(path))
    (mesh,) = bpy.data.meshes
    assert len(mesh.vertices) == {"FULL": body, "LIGHT": light}[detail].num_vertices
    assert read_shape(mesh).body == detail


def test_command_line_builds_the_light_skin(tmp_path, light):
    path, scene_path = tmp_path / "walk.npz", tmp_path / "scene.blend"
    np.savez(path, poses=np.zeros((3, 165)), trans=np.zeros((3, 3)), mocap_frame_rate=30.0)
    assert scene_file.main([str(path), "-o", str(scene_path), "--light"]) == 0
    bpy.ops.wm.open_mainfile(filepath=str(scene_path))
    (mesh,) = bpy.data.meshes
    assert len(mesh.vertices) == light.num_vertices
    with pytest.raises(SystemExit):
        scene_file.main([str(path), "-o", str(scene_path), "--light", "--body", "own.npz"])
