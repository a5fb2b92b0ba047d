import bpy
import numpy as np
import pytest
from mathutils import Euler
from scipy.spatial.transform import Rotation

from reelrig.addon import scene_file
from reelrig.addon.character import add_character
from reelrig.addon.rig.corrective_shapes import reduce_corrective, sample_range
from reelrig.addon.rig.correctives import (
    find_correctives,
    switch_correctives,
    uses_correctives,
    value_expression,
)
from reelrig.core.body.correctives import Corrective
from reelrig.core.body.model import load_body
from reelrig.core.errors import ReelrigError
from reelrig.core.skeletons import ARKIT_INDEX, JOINT_INDEX, JOINT_NAMES, NUM_JOINTS
from tests.addon.evaluated import skin_of, vertices_at
from tests.addon.harness import registered_addon
from tests.addon.motions import SOME_BETAS, expected_vertices, make_motion

NUM_FRAMES = 12
BEND = (0.2, 1.2, 0.1)  # rad


@pytest.fixture(scope="module")
def body():
    return load_body()


@pytest.fixture(autouse=True)
def thirty_fps(scene):
    """The rate of the made-up motions, so that their rows fall on whole frames."""
    scene.render.fps = 30


@pytest.fixture
def armature(scene, body):
    """A character at rest."""
    armature = add_character(scene, make_motion(1), body)
    armature.animation_data_clear()
    bpy.context.view_layer.update()
    return armature


@pytest.fixture
def skin(armature):
    return skin_of(armature)


def make_motion_in_range(seed, **values):
    """Every joint turned at random within what joints can do."""
    rng = np.random.default_rng(seed)
    rotvecs = np.zeros((NUM_FRAMES, NUM_JOINTS, 3))
    rotvecs[:, 0] = Rotation.random(NUM_FRAMES, random_state=seed).as_rotvec()
    for i_joint in range(1, NUM_JOINTS):
        quats = rng.permutation(sample_range(JOINT_NAMES[i_joint]))[:NUM_FRAMES]
        rotvecs[:, i_joint] = Rotation.from_quat(quats[:, [1, 2, 3, 0]]).as_rotvec()
    poses = rotvecs.reshape(NUM_FRAMES, -1)
    return make_motion(NUM_FRAMES, poses=poses, betas=SOME_BETAS, **values)


def corrective_offsets(body, rotvecs):
    """[V, 3] m, what SMPL-X's correctives add to the rest shape in a pose [55, 3]."""
    features = (Rotation.from_rotvec(rotvecs).as_matrix() - np.eye(3)).reshape(NUM_JOINTS, 9)
    offsets = np.zeros((body.num_vertices, 3))
    for corrective in body.pose_correctives:
        offsets[corrective.vertices] += corrective.dirs @ features[corrective.joint]
    return offsets


def values_of(skin):
    bpy.context.view_layer.update()
    return {key.name: key.value for key in find_correctives(skin)}


@pytest.mark.parametrize("seed", [0, 1])
def test_skin_is_smplx_skinning_to_a_hair(scene, body, seed):
    motion = make_motion_in_range(seed)
    skin = skin_of(add_character(scene, motion, body))
    errors, lacks = [], []
    for i_frame in range(NUM_FRAMES):
        offsets = corrective_offsets(body, motion.rotvecs[i_frame])
        expected = expected_vertices(motion, body, i_frame, offsets)
        errors.append(np.linalg.norm(vertices_at(scene, skin, 1 + i_frame) - expected, axis=1))
        lacks.append(np.linalg.norm(offsets, axis=1))
    errors, lacks = np.array(errors), np.array(lacks)
    assert errors.max() < 2e-3
    assert np.sqrt(np.mean(errors**2)) < 3e-4
    assert lacks.max() > 5 * errors.max()


def test_switched_off_the_skin_is_linear_blend_skinning_with_the_face(scene, body):
    arkit = np.zeros((NUM_FRAMES, 52))
    arkit[:, ARKIT_INDEX["mouthSmileLeft"]] = 1.0
    motion = make_motion_in_range(2, arkit=arkit)
    skin = skin_of(add_character(scene, motion, body))
    switch_correctives(skin, False)
    smile = body.arkit_dirs[..., body.arkit_names.index("mouthSmileLeft")]
    expected = expected_vertices(motion, body, 4, smile)
    np.testing.assert_allclose(vertices_at(scene, skin, 5), expected, atol=2e-5)


def test_switched_off_nothing_is_worked_out_and_on_again_all_of_it(armature, skin):
    drivers = skin.data.shape_keys.animation_data.drivers
    assert len(drivers) == len(find_correctives(skin)) > 0
    switch_correctives(skin, False)
    assert not uses_correctives(skin)
    assert all(key.mute for key in find_correctives(skin))
    assert all(driver.mute for driver in drivers)
    assert not any(key.mute for key in skin.data.shape_keys.key_blocks if "corr" not in key.name)
    armature.pose.bones["left_elbow"].rotation_quaternion = Euler(BEND).to_quaternion()
    assert max(map(abs, values_of(skin).values())) < 1e-6
    switch_correctives(skin, True)
    assert uses_correctives(skin)
    assert max(map(abs, values_of(skin).values())) > 0.3


def test_at_rest_nothing_is_added(skin):
    assert max(map(abs, values_of(skin).values())) < 1e-6


def test_drivers_need_no_python(skin):
    drivers = skin.data.shape_keys.animation_data.drivers
    assert all(driver.driver.is_simple_expression for driver in drivers)
    assert all(driver.driver.is_valid for driver in drivers)


def test_keys_are_named_by_their_joint_and_follow_no_other(armature, skin):
    armature.pose.bones["left_elbow"].rotation_quaternion = Euler(BEND).to_quaternion()
    moved = {name for name, value in values_of(skin).items() if abs(value) > 1e-6}
    assert "corrective_left_elbow_1" in moved
    assert all(name.startswith("corrective_left_elbow_") for name in moved)


@pytest.mark.parametrize("way", ["euler", "constraint"])
def test_values_follow_other_rotation_modes_and_constraints(armature, skin, way):
    bone = armature.pose.bones["right_elbow"]
    bone.rotation_quaternion = Euler(BEND).to_quaternion()
    expected = values_of(skin)
    bone.rotation_quaternion = (1, 0, 0, 0)
    if way == "euler":
        bone.rotation_mode = "XYZ"
        bone.rotation_euler = BEND
    else:
        limit = bone.constraints.new("LIMIT_ROTATION")
        limit.owner_space = "LOCAL"
        for axis, angle in zip("xyz", BEND, strict=True):
            setattr(limit, f"use_limit_{axis}", True)
            setattr(limit, f"min_{axis}", angle)
            setattr(limit, f"max_{axis}", angle)
    assert max(map(abs, expected.values())) > 0.3
    assert values_of(skin) == pytest.approx(expected, abs=1e-5)


def test_poses_out_of_range_are_not_cut_off(armature, skin):
    for bone in armature.pose.bones:
        bone.rotation_quaternion = Euler((-1.5, 1.5, 1.5)).to_quaternion()
    assert max(map(abs, values_of(skin).values())) > 1.0


def test_values_are_the_same_after_saving_and_loading(armature, skin, tmp_path):
    armature.pose.bones["left_elbow"].rotation_quaternion = Euler(BEND).to_quaternion()
    expected = values_of(skin)
    path = str(tmp_path / "scene.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path, use_scripts=False)
    (loaded,) = (obj for obj in bpy.context.scene.objects if obj.type == "MESH")
    assert values_of(loaded) == pytest.approx(expected, abs=1e-6)


def test_a_duplicate_follows_its_own_armature(armature, skin):
    for obj in (armature, skin):
        obj.select_set(True)
    bpy.ops.object.duplicate()
    twin = next(obj for obj in bpy.context.selected_objects if obj.type == "ARMATURE")
    twin.pose.bones["left_elbow"].rotation_quaternion = Euler(BEND).to_quaternion()
    assert max(map(abs, values_of(skin_of(twin)).values())) > 0.3
    assert max(map(abs, values_of(skin).values())) < 1e-6


@pytest.fixture
def library(armature, tmp_path):
    """A file with a character that bends an elbow."""
    armature.pose.bones["left_elbow"].rotation_quaternion = Euler(BEND).to_quaternion()
    path = str(tmp_path / "library.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    return path


def bring_character(library, link):
    """The skin of the character in the file, appended or linked."""
    with bpy.data.libraries.load(library, link=link) as (found, wanted):
        wanted.collections = found.collections
    bpy.context.scene.collection.children.link(wanted.collections[0])
    (skin,) = (obj for obj in bpy.context.scene.objects if obj.type == "MESH")
    return skin


def test_an_export_holds_the_keys_and_their_values(scene, tmp_path):
    motion, motion_path = make_motion_in_range(3), tmp_path / "motion.npz"
    np.savez(motion_path, poses=motion.poses, trans=motion.trans, mocap_frame_rate=30.0)
    path = tmp_path / "out.fbx"
    scene_file.build_scene_file(motion_path, tmp_path / "out.blend", export_path=path)
    expected = values_at(5)
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.context.scene.render.fps = 30
    bpy.ops.import_scene.fbx(filepath=str(path), anim_offset=0.0)
    assert values_at(5) == pytest.approx(expected, abs=1e-3)
    assert max(map(abs, expected.values())) > 0.5


def values_at(frame):
    """Values of the correctives of the only skin in the scene."""
    bpy.context.scene.frame_set(frame)
    (skin,) = (obj for obj in bpy.context.scene.objects if obj.type == "MESH")
    return values_of(skin)


@pytest.mark.parametrize("link", [False, True])
def test_in_another_file_the_drivers_still_work(library, link):
    skin = bring_character(library, link)
    assert max(map(abs, values_of(skin).values())) > 0.3


def test_a_linked_character_cannot_be_switched(library):
    skin = bring_character(library, link=True)
    with pytest.raises(ReelrigError, match="linked from another file"):
        switch_correctives(skin, False)


def test_operator_switches_and_undo_switches_back(armature, skin):
    with registered_addon():
        bpy.context.view_layer.objects.active = skin
        bpy.ops.ed.undo_push(message="Before")
        bpy.ops.reelrig.switch_correctives("EXEC_DEFAULT", True, use=False)
        name = skin.name
        assert not uses_correctives(bpy.data.objects[name])
        bpy.ops.ed.undo()
        assert uses_correctives(bpy.data.objects[name])


def test_operator_needs_a_character_with_correctives(scene):
    with registered_addon():
        assert not bpy.ops.reelrig.switch_correctives.poll()


def test_the_switch_is_kept_in_the_file(skin, tmp_path):
    switch_correctives(skin, False)
    path = str(tmp_path / "scene.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    (loaded,) = (obj for obj in bpy.context.scene.objects if obj.type == "MESH")
    assert not uses_correctives(loaded)


def test_value_expression_is_the_sum_over_the_rotation():
    rng = np.random.default_rng(0)
    for rotation in Rotation.random(20, random_state=1):
        gains = rng.normal(size=(3, 3))
        x, y, z, w = rotation.as_quat()
        found = eval(value_expression(gains), {}, {"w": w, "x": x, "y": y, "z": z})
        expected = np.sum(gains * (rotation.as_matrix() - np.eye(3)))
        assert found == pytest.approx(expected, abs=1e-3)


def make_corrective(joint_name, dirs):
    return Corrective(JOINT_INDEX[joint_name], np.arange(len(dirs)), np.float32(dirs))


def movement(shapes, rotations):
    """[T, n, 3] m, what the shapes add in the rotations [T, 3, 3]."""
    values = [np.sum(shape.gains * (rotations - np.eye(3)), axis=(1, 2)) for shape in shapes]
    return sum(np.multiply.outer(v, s.offsets) for v, s in zip(values, shapes, strict=True))


def test_few_shapes_hold_what_a_joint_adds_over_its_range(body):
    for corrective in body.pose_correctives:
        shapes = list(reduce_corrective(corrective))
        quats = sample_range(JOINT_NAMES[corrective.joint])
        rotations = Rotation.from_quat(quats[:, [1, 2, 3, 0]]).as_matrix()
        features = (rotations - np.eye(3)).reshape(-1, 9)
        missing = np.einsum("vcf,tf->tvc", corrective.dirs, features)
        if shapes:
            missing = missing - movement(shapes, rotations)
        per_vertex = np.sqrt(np.mean(np.sum(missing**2, axis=2), axis=0))
        assert per_vertex.max() < 5.1e-4


def test_shapes_are_less_than_half_of_smplxs(body):
    shapes = [shape for c in body.pose_correctives for shape in reduce_corrective(c)]
    assert 0 < len(shapes) < 9 * len(body.pose_correctives) / 2


def test_what_moves_along_one_direction_takes_one_shape():
    rng = np.random.default_rng(0)
    gains, offsets = rng.normal(size=9), 0.01 * rng.normal(size=(40, 3))
    (shape,) = reduce_corrective(make_corrective("left_knee", np.multiply.outer(offsets, gains)))
    rotations = Rotation.random(20, random_state=0).as_matrix()
    expected = np.multiply.outer((rotations - np.eye(3)).reshape(-1, 9) @ gains, offsets)
    np.testing.assert_allclose(movement([shape], rotations), expected, atol=1e-6)


def test_what_cannot_be_seen_takes_no_shape():
    dirs = 1e-4 * np.random.default_rng(0).normal(size=(40, 3, 9))
    assert not list(reduce_corrective(make_corrective("left_elbow", dirs)))


def test_values_reach_one_within_the_range(body):
    corrective = next(c for c in body.pose_correctives if JOINT_NAMES[c.joint] == "left_shoulder")
    quats = sample_range("left_shoulder")
    features = Rotation.from_quat(quats[:, [1, 2, 3, 0]]).as_matrix() - np.eye(3)
    for shape in reduce_corrective(corrective):
        values = np.sum(shape.gains * features, axis=(1, 2))
        assert values[np.argmax(np.abs(values))] == pytest.approx(1.0)


def test_ranges_of_left_and_right_mirror_each_other():
    left, right = sample_range("left_elbow"), sample_range("right_elbow")
    np.testing.assert_allclose(right, left * (1, 1, -1, -1), atol=1e-12)
