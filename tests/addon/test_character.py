import bpy
import numpy as np
import pytest
from scipy.spatial.transform import Rotation, Slerp

from reelrig.addon import character
from reelrig.addon.character import (
    add_character,
    betas_for_body,
    find_loss,
    rotvecs_for_body,
)
from reelrig.addon.rig.correctives import switch_correctives
from reelrig.addon.rig.shape import Shape, find_character, read_shape
from reelrig.core.body.measures import MEASURE_NAMES, measure_body
from reelrig.core.body.model import load_body
from reelrig.core.frames import WORLD_FROM_BODY
from reelrig.core.motion import read_motion
from reelrig.core.skeletons import ARKIT_INDEX, JOINT_NAMES, NUM_JOINTS
from tests.addon.evaluated import all_curves, heads_at, skin_of, vertices_at
from tests.addon.motions import (
    SOME_BETAS,
    expected_joints,
    expected_vertices,
    make_motion,
    make_random_motion,
    make_smooth_motion,
)
from tests.synthetic_smplx import EXPRESSION_UNITS, UNIT_SHARE, write_synthetic_smplx

UNITS_OF_BONES = {"jawOpen", "jawLeft", "jawRight"}


@pytest.fixture(scope="module")
def body():
    return load_body()


@pytest.fixture(scope="module")
def plain_body(tmp_path_factory):
    """A body as SMPL-X's own files are: without ARKit units, sliders, quads and materials."""
    from reelrig.core.body import model

    with np.load(model.FREE_BODY_PATH) as file:
        extras = {"arkit_names", "quads", "quads_uv", "slider_names", "material_names"}
        values = {key: file[key] for key in file.files if key not in extras}
    values["v_template"] = values["v_template"] * 1.1  # another body, with other proportions
    path = tmp_path_factory.mktemp("body") / "SMPLX_PLAIN.npz"
    np.savez(path, **values)
    return load_body(path)


@pytest.fixture(scope="module")
def own_body(tmp_path_factory):
    """A body of SMPL-X's sizes, with the landmarks that its own files have."""
    folder = tmp_path_factory.mktemp("own_body")
    return load_body(write_synthetic_smplx(folder / "SMPLX_NEUTRAL.npz"))


@pytest.fixture(autouse=True)
def thirty_fps(scene):
    """The rate of the made-up motions, so that their rows fall on whole frames."""
    scene.render.fps = 30


def test_bone_heads_play_the_joints(scene, body):
    motion = make_random_motion()
    armature = add_character(scene, motion, body, start_frame=5)
    expected = expected_joints(motion, body)
    found = [heads_at(scene, armature, 5 + i_frame) for i_frame in range(motion.num_frames)]
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_bone_heads_play_the_joints_of_the_mean_shape(scene, body):
    motion = make_random_motion(betas=np.zeros(10), seed=1)
    armature = add_character(scene, motion, body)
    np.testing.assert_allclose(
        heads_at(scene, armature, 7), expected_joints(motion, body)[6], atol=2e-5
    )


def test_skin_is_linear_blend_skinning_of_the_shape_and_the_face(scene, body):
    arkit = np.random.default_rng(2).uniform(0, 1, (12, 52))
    motion = make_random_motion(arkit=arkit)
    skin = skin_of(add_character(scene, motion, body))
    switch_correctives(skin, use=False)
    for i_frame in (0, 5, 11):
        values = [
            0.0 if name in UNITS_OF_BONES else arkit[i_frame, ARKIT_INDEX[name]]
            for name in body.arkit_names
        ]
        expected = expected_vertices(motion, body, i_frame, body.arkit_dirs @ values)
        np.testing.assert_allclose(vertices_at(scene, skin, 1 + i_frame), expected, atol=2e-5)


def test_skin_at_rest_is_the_solved_shape(scene, body):
    armature = add_character(scene, make_random_motion(), body)
    armature.data.pose_position = "REST"
    expected = body.rest_vertices(SOME_BETAS) @ WORLD_FROM_BODY.T
    np.testing.assert_allclose(vertices_at(scene, skin_of(armature), 1), expected, atol=2e-6)


def test_quads_and_smooth_shading(scene, body, plain_body):
    mesh = skin_of(add_character(scene, make_motion(), body)).data
    assert len(mesh.polygons) == len(body.quads)
    assert all(polygon.use_smooth for polygon in mesh.polygons)
    plain = skin_of(add_character(scene, make_motion(), plain_body)).data
    assert len(plain.polygons) == len(plain_body.faces)


def test_face_scores_are_keyed_and_the_bones_units_and_expressions_are_not(scene, body):
    arkit = np.random.default_rng(3).uniform(0, 1, (12, 52))
    expression = np.ones((12, 10))
    motion = make_motion(arkit=arkit, expression=expression)
    armature = add_character(scene, motion, body)
    blocks = skin_of(armature).data.shape_keys.key_blocks
    scene.frame_set(4)
    for name in body.arkit_names:
        expected = 0.0 if name in UNITS_OF_BONES else arkit[3, ARKIT_INDEX[name]]
        assert blocks[name].value == pytest.approx(expected, abs=1e-6), name
    pose_curves, key_curves = all_curves(armature)
    assert len(pose_curves) == 4 * NUM_JOINTS + 3
    assert len(key_curves) == 52 - 3
    assert {len(curve.keyframe_points) for curve in pose_curves + key_curves} == {12}


def test_expression_of_another_tool_is_keyed_where_the_body_has_no_units(scene, plain_body):
    expression = np.random.default_rng(4).normal(0, 1, (12, 10))
    expression[2, 0] = 4.5  # beyond the usual range, which has to widen
    motion = make_motion(expression=expression)
    armature = add_character(scene, motion, plain_body)
    blocks = skin_of(armature).data.shape_keys.key_blocks
    scene.frame_set(3)
    found = [blocks[f"expression_{i + 1:02d}"].value for i in range(10)]
    np.testing.assert_allclose(found, expression[2], atol=1e-6)
    assert blocks["expression_01"].slider_max == 5.0
    assert blocks["expression_02"].slider_max == 3.0
    assert len(all_curves(armature)[1]) == 10
    assert find_loss(motion, plain_body) is None


def test_scores_become_expression_where_the_body_has_no_units(scene, own_body):
    arkit = np.zeros((12, 52))
    unit = EXPRESSION_UNITS[1]
    arkit[:, ARKIT_INDEX[unit]] = 0.25
    motion = make_motion(arkit=arkit, expression=np.ones((12, 10)))
    armature = add_character(scene, motion, own_body)
    scene.frame_set(3)
    blocks = skin_of(armature).data.shape_keys.key_blocks
    found = [blocks[f"expression_{i + 1:02d}"].value for i in range(10)]
    expected = np.zeros(10)
    expected[1] = 0.25 / UNIT_SHARE
    np.testing.assert_allclose(found, expected, atol=0.1)


def test_jaw_opens_by_the_angle_of_another_body(body, own_body):
    arkit = np.zeros((12, 52))
    arkit[:, ARKIT_INDEX["jawOpen"]] = np.linspace(0, 1, 12)
    made_on_free_body = {
        "measures": measure_body(body, SOME_BETAS),
        "measure_names": MEASURE_NAMES,
        "joints_world": expected_joints(make_random_motion(), body),
    }
    motion = make_random_motion(arkit=arkit, **made_on_free_body)
    np.testing.assert_array_equal(rotvecs_for_body(motion, body), motion.rotvecs)
    found = rotvecs_for_body(motion, own_body)
    jaw = JOINT_NAMES.index("jaw")
    np.testing.assert_allclose(found[-1, jaw], (own_body.jaw_open_angle, 0, 0), atol=1e-6)
    np.testing.assert_allclose(found[0, jaw], 0, atol=1e-6)
    np.testing.assert_array_equal(
        np.delete(found, jaw, axis=1), np.delete(motion.rotvecs, jaw, axis=1)
    )
    by_hand = make_random_motion(**made_on_free_body)
    np.testing.assert_array_equal(rotvecs_for_body(by_hand, own_body), by_hand.rotvecs)


def test_expression_without_scores_is_told_where_the_body_cannot_show_it(scene, body):
    motion = make_motion(expression=np.ones((12, 10)))
    assert "Choose your own SMPL-X body" in (find_loss(motion, body) or "")
    assert find_loss(make_motion(arkit=np.ones((12, 52))), body) is None
    armature = add_character(scene, motion, body)
    assert all_curves(armature)[1] == []


def test_character_remembers_its_shape_and_body(scene, body, plain_body):
    armature = add_character(scene, make_motion(betas=SOME_BETAS), body)
    neutral = dict.fromkeys(body.slider_names, 0.0)
    expected = Shape("FULL", tuple(SOME_BETAS), neutral)
    assert read_shape(armature.data) == read_shape(skin_of(armature).data) == expected
    plain = add_character(scene, make_motion(betas=SOME_BETAS), plain_body)
    assert read_shape(plain.data) == Shape(str(plain_body.path), tuple(SOME_BETAS), {})
    assert find_character(skin_of(plain)) == plain


def test_keys_are_linear_grouped_by_bone_and_continuous_in_sign(scene, body):
    armature = add_character(scene, make_random_motion(40), body)
    pose_curves, _ = all_curves(armature)
    assert {curve.group.name for curve in pose_curves} == set(JOINT_NAMES)
    quats = [curve for curve in pose_curves if curve.data_path.endswith("rotation_quaternion")]
    assert len(quats) == 220
    values = np.array([[key.co.y for key in curve.keyframe_points] for curve in quats])
    rows = values.reshape(NUM_JOINTS, 4, 40)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert (rows[:, :, 1:] * rows[:, :, :-1]).sum(axis=1).min() >= 0
    assert {key.interpolation for curve in quats for key in curve.keyframe_points} == {"LINEAR"}


def test_one_action_moves_bones_and_shape_keys(scene, body):
    armature = add_character(scene, make_motion(), body)
    keys = skin_of(armature).data.shape_keys
    assert armature.animation_data.action == keys.animation_data.action
    assert {slot.target_id_type for slot in armature.animation_data.action.slots} == {
        "OBJECT",
        "KEY",
    }
    assert len(bpy.data.actions) == 1


def test_rows_at_another_rate_stand_on_their_moments(scene, body):
    motion = make_smooth_motion(13, mocap_frame_rate=30.0)
    scene.render.fps, scene.render.fps_base = 24, 1.0
    armature = add_character(scene, motion, body, start_frame=1)
    assert (scene.render.fps, scene.render.fps_base) == (24, 1.0)
    (times,) = {
        tuple(key.co.x for key in curve.keyframe_points) for curve in all_curves(armature)[0]
    }
    np.testing.assert_allclose(times, 1 + np.arange(13) * 0.8, atol=1e-5)
    expected = expected_joints(motion, body)
    np.testing.assert_allclose(heads_at(scene, armature, 1 + 7 * 0.8), expected[7], atol=1e-4)


def test_resampled_rows_stand_on_whole_frames_between_their_neighbours(scene, body):
    motion = make_smooth_motion(31, mocap_frame_rate=30.0)
    scene.render.fps, scene.render.fps_base = 24, 1.0
    armature = add_character(scene, motion, body, start_frame=1, resample=True)
    (times,) = {
        tuple(key.co.x for key in curve.keyframe_points) for curve in all_curves(armature)[0]
    }
    assert times == tuple(range(1, 26))
    rows = (np.arange(25)) * 30 / 24
    joints = range(NUM_JOINTS)
    poses = [Slerp(np.arange(31), Rotation.from_rotvec(motion.rotvecs[:, j]))(rows) for j in joints]
    rotvecs = np.stack([rotations.as_rotvec() for rotations in poses], axis=1)
    trans = np.array([np.interp(rows, np.arange(31), column) for column in motion.trans.T]).T
    resampled = make_motion(25, poses=rotvecs.reshape(25, -1), trans=trans, betas=motion.betas)
    expected = expected_joints(resampled, body)
    for frame in (1, 2, 14, 25):
        np.testing.assert_allclose(heads_at(scene, armature, frame), expected[frame - 1], atol=2e-5)


def test_2997_in_a_2997_scene_stands_on_whole_frames(scene, body):
    scene.render.fps, scene.render.fps_base = 30, 1.001
    armature = add_character(scene, make_motion(40, mocap_frame_rate=29.97), body)
    times = [key.co.x for key in all_curves(armature)[0][0].keyframe_points]
    assert times == list(range(1, 41))


def test_one_row_makes_one_key(scene, body):
    armature = add_character(scene, make_random_motion(1), body)
    assert len(all_curves(armature)[0][0].keyframe_points) == 1


@pytest.mark.parametrize("stage", ["build_skin", "_key_bones", "_key_shapes"])
def test_a_failure_midway_leaves_nothing(scene, body, monkeypatch, stage):
    kinds = ("objects", "armatures", "meshes", "materials", "actions", "collections", "scenes")
    kinds = (*kinds, "shape_keys")

    def fail(*_args):
        raise RuntimeError("out of luck")

    before = {kind: len(getattr(bpy.data, kind)) for kind in kinds}
    monkeypatch.setattr(character, stage, fail)
    with pytest.raises(RuntimeError, match="out of luck"):
        add_character(scene, make_motion(), body)
    assert {kind: len(getattr(bpy.data, kind)) for kind in kinds} == before
    assert not scene.collection.children


def test_two_characters_live_side_by_side(scene, body):
    first = add_character(scene, make_random_motion(seed=1), body)
    second = add_character(scene, make_random_motion(seed=2), body, start_frame=3)
    assert [c.name for c in scene.collection.children] == [
        "Reelrig made_up.mp4",
        "Reelrig made_up.mp4.001",
    ]
    for armature, seed, start in ((first, 1, 1), (second, 2, 3)):
        expected = expected_joints(make_random_motion(seed=seed), body)
        np.testing.assert_allclose(heads_at(scene, armature, start + 4), expected[4], atol=2e-5)


def test_motion_of_another_tool(scene, body, tmp_path):
    rng = np.random.default_rng(5)
    path = tmp_path / "amass_stageii.npz"
    poses = rng.normal(0, 0.3, (6, 165))
    np.savez(
        path, poses=poses, trans=np.ones((6, 3)), betas=rng.normal(0, 1, 16), mocap_framerate=120.0
    )
    motion = read_motion(path, lambda text: None)
    armature = add_character(scene, motion, body)
    scene.frame_set(1)
    assert len(all_curves(armature)[0][0].keyframe_points) == 6
    assert betas_for_body(motion, body).shape == (10,)


def test_betas_of_another_body_are_solved_from_the_measures(body, plain_body):
    fitted = make_random_motion()
    values = {
        "measures": measure_body(body, SOME_BETAS),
        "measure_names": MEASURE_NAMES,
        "joints_world": expected_joints(fitted, body),
    }
    motion = make_random_motion(**values)
    np.testing.assert_array_equal(betas_for_body(motion, body), SOME_BETAS)
    solved = betas_for_body(motion, plain_body)
    wanted, found = values["measures"], measure_body(plain_body, solved)
    assert (
        np.abs(found - wanted).max()
        < np.abs(measure_body(plain_body, SOME_BETAS) - wanted).max() / 3
    )
