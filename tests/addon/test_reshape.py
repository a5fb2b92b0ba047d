import bpy
import numpy as np
import pytest

from reelrig.addon.character import add_character
from reelrig.addon.preferences import get_preferences
from reelrig.addon.rig.build import bone_axes, edit_bones
from reelrig.addon.rig.correctives import switch_correctives
from reelrig.addon.rig.shape import read_shape
from reelrig.core.body.model import load_body
from reelrig.core.frames import WORLD_FROM_BODY
from reelrig.core.skeletons import JOINT_NAMES
from tests.addon.evaluated import (
    all_curves,
    check_on_floor,
    coordinates,
    heads_at,
    root_curves,
    skin_of,
    vertices_at,
)
from tests.addon.harness import registered_addon
from tests.addon.motions import SOME_BETAS, make_motion, make_random_motion, make_walk
from tests.synthetic_smplx import write_synthetic_smplx


@pytest.fixture(scope="module")
def body():
    return load_body()


@pytest.fixture(scope="module")
def own_path(tmp_path_factory):
    return write_synthetic_smplx(tmp_path_factory.mktemp("body") / "SMPLX_NEUTRAL.npz")


@pytest.fixture(autouse=True)
def addon(scene):
    scene.render.fps = 30
    with registered_addon():
        yield


@pytest.fixture
def add(scene, body):
    """Add a character, make it the active object."""

    def add_active(motion, character_body=body):
        armature = add_character(scene, motion, character_body)
        bpy.context.view_layer.objects.active = armature
        return armature

    return add_active


@pytest.fixture
def walker(add, body):
    return add(make_walk(body))


def values_of(armature, body):
    return read_shape(armature.data).values(body)


def all_keys(armature):
    return [coordinates(curve)[0] for curve in all_curves(armature)[0]]


def turns_at(scene, armature, frame):
    """[55, 3, 3] rotations of the bones in the world."""
    scene.frame_set(frame)
    bones = armature.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones
    return np.array([bones[name].matrix.to_3x3() for name in JOINT_NAMES])


def check_rest(scene, armature, body):
    """Bones and skin lie at rest where the body has them in the shape that is remembered."""
    values = values_of(armature, body)
    heads = np.array([armature.data.bones[name].head_local for name in JOINT_NAMES])
    np.testing.assert_allclose(heads, body.rest_joints(*values) @ WORLD_FROM_BODY.T, atol=1e-5)
    armature.data.pose_position = "REST"
    expected = body.rest_vertices(*values) @ WORLD_FROM_BODY.T
    np.testing.assert_allclose(vertices_at(scene, skin_of(armature), 1), expected, atol=1e-5)
    armature.data.pose_position = "POSE"


@pytest.mark.parametrize(
    "change",
    [
        {"stature": 1.0},
        {"weight": -1.0, "muscle": 0.5, "gender": -0.7, "age": 1.0},
        {"leg_length": -1.0, "arm_length": 1.0, "shoulder_width": 1.0, "hip_width": -0.5},
        {"betas": SOME_BETAS},
    ],
)
def test_bones_and_skin_take_the_shape(scene, add, body, change):
    armature = add(make_random_motion(betas=np.zeros(10)))
    assert bpy.ops.reelrig.reshape(**change) == {"FINISHED"}
    shape = read_shape(armature.data)
    assert shape == read_shape(skin_of(armature).data)
    assert shape.sliders == pytest.approx(
        {name: change.get(name, 0.0) for name in body.slider_names}
    )
    assert shape.betas == pytest.approx(change.get("betas", np.zeros(10)))
    check_rest(scene, armature, body)


def test_what_is_not_named_stays(scene, add, body):
    armature = add(make_motion(betas=SOME_BETAS))
    bpy.ops.reelrig.reshape(stature=0.5)
    bpy.ops.reelrig.reshape(weight=-0.5)
    shape = read_shape(armature.data)
    assert (shape.sliders["stature"], shape.sliders["weight"]) == (0.5, -0.5)
    assert shape.betas == pytest.approx(SOME_BETAS)
    check_rest(scene, armature, body)


def test_bones_turn_as_before_and_grow_along_themselves(scene, add):
    armature = add(make_random_motion())
    axes, turns = bone_axes(armature), [turns_at(scene, armature, frame) for frame in (1, 7)]
    keys = all_keys(armature)[3:]
    lengths = {bone.name: bone.length for bone in armature.data.bones}
    bpy.ops.reelrig.reshape(weight=-1.0, leg_length=1.0, shoulder_width=1.0)
    np.testing.assert_allclose(bone_axes(armature), axes, atol=1e-5)
    for frame, before in zip((1, 7), turns, strict=True):
        np.testing.assert_allclose(turns_at(scene, armature, frame), before, atol=2e-5)
    np.testing.assert_array_equal(all_keys(armature)[3:], keys)
    bones = armature.data.bones
    assert bones["left_hip"].length > 1.02 * lengths["left_hip"]
    np.testing.assert_allclose(
        bones["left_hip"].length,
        (bones["left_knee"].head_local - bones["left_hip"].head_local).length,
        rtol=0.01,
    )


def test_one_undo_brings_everything_back(scene, walker):
    name, keys = walker.name, all_keys(walker)
    bpy.ops.ed.undo_push(message="Before")
    before = vertices_at(scene, skin_of(walker), 5)
    bpy.ops.reelrig.reshape("EXEC_DEFAULT", True, stature=1.0)  # True: with an undo step
    assert np.abs(vertices_at(scene, skin_of(bpy.data.objects[name]), 5) - before).max() > 0.1
    bpy.ops.ed.undo()
    walker = bpy.data.objects[name]
    np.testing.assert_array_equal(vertices_at(bpy.context.scene, skin_of(walker), 5), before)
    np.testing.assert_array_equal(all_keys(walker), keys)
    assert read_shape(walker.data).sliders["stature"] == 0.0
    bpy.ops.ed.redo()
    assert read_shape(bpy.data.objects[name].data).sliders["stature"] == 1.0


def test_sculpted_basis_and_the_users_keys_survive(scene, add, body):
    armature = add(make_motion())
    skin = skin_of(armature)
    bump = np.zeros((body.num_vertices, 3), np.float32)
    bump[100:200] = (0.01, 0.02, 0.03)
    blocks = skin.data.shape_keys.key_blocks
    for data in (blocks[0].points, skin.data.vertices):
        points = np.empty(bump.size, np.float32)
        data.foreach_get("co", points)
        data.foreach_set("co", points + bump.ravel())
    scar = skin.shape_key_add(name="scar", from_mix=False)
    scar.points[500].co.x += 0.05
    scar.value = 1.0
    smile = offsets_of(blocks, "mouthSmileLeft")
    bpy.ops.reelrig.reshape(weight=1.0, stature=0.5)
    blocks = skin.data.shape_keys.key_blocks
    expected = body.rest_vertices(*values_of(armature, body)) @ WORLD_FROM_BODY.T + bump
    np.testing.assert_allclose(positions(blocks[0].points), expected, atol=1e-5)
    np.testing.assert_allclose(positions(skin.data.vertices), expected, atol=1e-5)
    np.testing.assert_allclose(offsets_of(blocks, "mouthSmileLeft"), smile, atol=1e-6)
    expected[500, 0] += 0.05
    armature.data.pose_position = "REST"
    np.testing.assert_allclose(vertices_at(scene, skin, 1), expected, atol=1e-5)


def positions(data):
    points = np.empty((len(data), 3), np.float32)
    data.foreach_get("co", points.ravel())
    return points


def offsets_of(blocks, name):
    return positions(blocks[name].points) - positions(blocks[0].points)


def test_correctives_stay_valid(scene, add, body):
    armature = add(make_random_motion(betas=np.zeros(10)))
    skin = skin_of(armature)

    def correction():
        with_them = vertices_at(scene, skin, 3)
        switch_correctives(skin, use=False)
        without = vertices_at(scene, skin, 3)
        switch_correctives(skin, use=True)
        return with_them - without

    before = correction()
    assert np.abs(before).max() > 0.01
    bpy.ops.reelrig.reshape(stature=1.0)
    np.testing.assert_allclose(correction(), before, atol=1e-5)


def test_shape_survives_in_the_file_and_goes_on_from_there(scene, add, body, tmp_path):
    armature = add(make_walk(body))
    before = coordinates(root_curves(armature)[0])
    bpy.ops.reelrig.reshape(leg_length=0.5, betas=SOME_BETAS)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    armature = bpy.context.object
    assert read_shape(armature.data).sliders["leg_length"] == 0.5
    bpy.ops.reelrig.reshape(stature=-1.0)
    assert read_shape(armature.data).sliders["leg_length"] == 0.5
    check_rest(bpy.context.scene, armature, body)
    bpy.ops.reelrig.reshape(stature=0.0, leg_length=0.0, betas=np.zeros(10))
    np.testing.assert_allclose(coordinates(root_curves(armature)[0]), before, atol=1e-6)


@pytest.mark.parametrize("active", ["armature", "skin"])
@pytest.mark.parametrize("mode", ["OBJECT", "POSE"])
def test_mode_selection_and_frame_stay(scene, walker, active, mode):
    skin = skin_of(walker)
    scene.frame_set(5)
    objects = bpy.context.view_layer.objects
    skin.select_set(True)
    if mode == "POSE":
        bpy.ops.object.mode_set(mode="POSE")
        walker.data.bones.active = walker.data.bones["left_knee"]
    if active == "skin":
        if mode == "POSE":
            return  # a skin is no armature to pose
        objects.active = skin
    walker.pose.bones["head"].constraints.new("LIMIT_ROTATION").name = "mine"
    walker.pose.bones["head"]["mine"] = 3
    bpy.ops.reelrig.reshape(stature=1.0)
    assert bpy.context.mode == mode
    assert objects.active == (walker if active == "armature" else skin)
    assert bpy.context.selected_objects == [skin]
    assert scene.frame_current == 5
    assert list(bpy.data.scenes) == [scene]
    assert len(bpy.data.objects) == 2
    assert walker.pose.bones["head"].constraints[0].name == "mine"
    assert walker.pose.bones["head"]["mine"] == 3
    if mode == "POSE":
        assert walker.data.bones.active.name == "left_knee"


@pytest.mark.parametrize("hide", ["hide_viewport", "exclude", "unlink"])
def test_hidden_parts_follow(scene, add, body, hide):
    armature = add(make_motion())
    skin = skin_of(armature)
    if hide == "hide_viewport":
        armature.hide_viewport = skin.hide_viewport = True
    else:
        skin.users_collection[0].objects.unlink(skin)
    if hide == "exclude":
        hidden = bpy.data.collections.new("hidden")
        scene.collection.children.link(hidden)
        hidden.objects.link(skin)
        bpy.context.view_layer.layer_collection.children["hidden"].exclude = True
    bpy.ops.reelrig.reshape(stature=1.0)
    expected = body.rest_vertices(*values_of(armature, body)) @ WORLD_FROM_BODY.T
    np.testing.assert_allclose(positions(skin.data.vertices), expected, atol=1e-5)


def test_bones_of_the_user_go_along(scene, walker):
    with edit_bones(walker.data) as bones:
        prop = bones.new("prop")
        prop.parent = bones["left_wrist"]
        prop.head, prop.tail = prop.parent.tail, prop.parent.tail + prop.parent.vector
        prop.use_connect = True
        tip = bones.new("tip")
        tip.parent, tip.head, tip.tail = prop, prop.tail, prop.tail + prop.vector
        tip.use_connect = True
        floor = bones.new("floor")
        floor.head, floor.tail = (0, 0, 0), (0, 1, 0)
        bones["left_hip"].head += bones["left_hip"].vector * 0.05  # what the user moved stays moved
    walker.data.use_mirror_x = True
    names = ("left_wrist", "prop", "tip", "floor", "left_hip", "right_hip")
    before = {name: walker.data.bones[name].matrix_local.copy() for name in names}
    tip_length = walker.data.bones["tip"].length
    bpy.ops.reelrig.reshape(arm_length=1.0, leg_length=1.0)
    after = {name: walker.data.bones[name].matrix_local for name in names}
    moved = {name: after[name].translation - before[name].translation for name in names}
    assert moved["left_wrist"].x > 0.01
    np.testing.assert_allclose(moved["prop"], moved["left_wrist"], atol=1e-6)
    np.testing.assert_allclose(moved["tip"], moved["left_wrist"], atol=1e-6)
    assert moved["floor"].length == 0
    np.testing.assert_allclose(moved["left_hip"], moved["right_hip"].reflect((1, 0, 0)), atol=2e-3)
    for name in names:
        turned = np.array(after[name].to_3x3()) - before[name].to_3x3()
        np.testing.assert_allclose(turned, 0, atol=1e-5, err_msg=name)
    assert walker.data.bones["tip"].length == pytest.approx(tip_length, abs=1e-6)
    assert walker.data.use_mirror_x


def test_objects_that_share_the_data_follow_once(scene, walker):
    twin, twin_skin = walker.copy(), skin_of(walker).copy()
    twin_skin.parent = twin_skin.modifiers[0].object = twin
    for obj in (twin, twin_skin):
        scene.collection.objects.link(obj)
    bpy.ops.reelrig.reshape(stature=1.0)
    for armature in (walker, twin):
        check_on_floor(scene, armature, [1, 6])


def test_a_duplicate_has_a_shape_of_its_own(scene, walker, body):
    bpy.ops.reelrig.reshape(weight=1.0)
    for obj in (walker, skin_of(walker)):
        obj.select_set(True)
    bpy.ops.object.duplicate()
    twin = bpy.context.object
    before = vertices_at(scene, skin_of(walker), 6)
    bpy.ops.reelrig.reshape(stature=1.0)
    assert read_shape(twin.data).sliders["weight"] == 1.0
    check_rest(scene, twin, body)
    check_on_floor(scene, twin, [1, 6])
    np.testing.assert_array_equal(vertices_at(scene, skin_of(walker), 6), before)


@pytest.mark.parametrize(
    ("shared", "sentence"),
    [
        ("action", r"The action Reelrig made_up.mp4 moves .* too, which keeps its shape\. Make"),
        ("mesh", r"The mesh Reelrig made_up.mp4 body is the skin of .* too, .*\. Make the mesh"),
    ],
)
def test_what_others_share_is_refused_untouched(scene, walker, shared, sentence):
    twin, twin_skin = walker.copy(), skin_of(walker).copy()
    twin.data = twin.data.copy()
    twin_skin.parent = twin_skin.modifiers[0].object = twin
    if shared == "mesh":
        twin.animation_data_clear()
    else:
        twin_skin.data = twin_skin.data.copy()
    check_refused(scene, walker, sentence)


def check_refused(scene, armature, sentence):
    before = heads_at(scene, armature, 6), vertices_at(scene, skin_of(armature), 6)
    with pytest.raises(RuntimeError, match=sentence):
        bpy.ops.reelrig.reshape(stature=1.0)
    np.testing.assert_array_equal(heads_at(scene, armature, 6), before[0])
    np.testing.assert_array_equal(vertices_at(scene, skin_of(armature), 6), before[1])
    assert read_shape(armature.data).sliders.get("stature", 0.0) == 0.0


def test_an_edited_mesh_is_refused(scene, walker):
    skin = skin_of(walker)
    mesh = bpy.data.meshes.new("cube")
    mesh.from_pydata(np.eye(3), [], [(0, 1, 2)])
    mesh["reelrig_shape"] = skin.data["reelrig_shape"]
    skin.data = mesh
    check_refused(scene, walker, r"The skin cube has 3 vertices, its body \d+: .* Build the")


def test_a_renamed_bone_is_refused(scene, walker):
    walker.data.bones["left_index2"].name = "finger"
    with pytest.raises(
        RuntimeError, match=r"no bone left_index2\. .*: give the bone its name back"
    ):
        bpy.ops.reelrig.reshape(stature=1.0)
    assert read_shape(walker.data).sliders["stature"] == 0.0


def test_linked_data_is_refused(scene, walker, tmp_path):
    name = walker.name
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"))
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (_, linked):
        linked.objects = [name]
    bpy.context.collection.objects.link(bpy.data.objects[name])
    bpy.context.view_layer.objects.active = bpy.data.objects[name]
    with pytest.raises(RuntimeError, match="is linked from another file and cannot be changed"):
        bpy.ops.reelrig.reshape(stature=1.0)


def test_the_users_own_body_has_betas_and_no_sliders(scene, add, own_path):
    own = load_body(own_path)
    armature = add(make_motion(betas=np.zeros(10)), own)
    bpy.ops.reelrig.reshape(betas=SOME_BETAS, stature=1.0)
    shape = read_shape(armature.data)
    assert (shape.body, shape.sliders) == (str(own_path), {})
    assert shape.betas == pytest.approx(SOME_BETAS)
    check_rest(scene, armature, own)


def test_a_body_that_was_moved_is_found_in_the_preferences(scene, add, own_path, tmp_path):
    gone = tmp_path / own_path.name
    gone.write_bytes(own_path.read_bytes())
    armature = add(make_motion(), load_body(gone))
    gone.unlink()
    check_refused(scene, armature, r"SMPLX_NEUTRAL\.npz, the body of this .* Choose where it lies")
    get_preferences(bpy.context).body_path = str(own_path)
    bpy.ops.reelrig.reshape(betas=SOME_BETAS)
    check_rest(scene, armature, load_body(own_path))


def test_only_characters_have_a_shape(scene, walker):
    assert bpy.ops.reelrig.reshape.poll()
    bpy.ops.object.mode_set(mode="EDIT")
    assert not bpy.ops.reelrig.reshape.poll()
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.context.view_layer.objects.active = skin_of(walker)
    assert bpy.ops.reelrig.reshape.poll()
    other = bpy.data.objects.new("other", bpy.data.armatures.new("other"))
    scene.collection.objects.link(other)
    bpy.context.view_layer.objects.active = other
    assert not bpy.ops.reelrig.reshape.poll()
    bpy.context.view_layer.objects.active = None
    assert not bpy.ops.reelrig.reshape.poll()
