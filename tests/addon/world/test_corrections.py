import json

import bpy
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from reelrig.addon import corrections
from reelrig.addon.bodies import get_shipped_body
from reelrig.addon.camera import find_camera
from reelrig.addon.rig.reshape import reshape
from reelrig.addon.take import find_take
from reelrig.addon.verticals import up_of_line
from reelrig.core.errors import ReelrigError
from reelrig.core.skeletons import JOINT_INDEX
from tests.addon.evaluated import all_curves, coordinates, heads_at, root_curves
from tests.addon.fake_resolve import FLOOR_PELVIS_M, KNEE_BEND
from tests.addon.shots import make_shot
from tests.addon.takes import (
    ACCURACY,
    FRAMES,
    changed_paths,
    check_overlay,
    check_plays,
    snapshot,
    solved,
)

pytestmark = pytest.mark.usefixtures("fake_core")


def test_floor_here_is_the_current_frame(scene, shot, build):
    scene.render.fps = 60
    (armature,) = build(shot, start_frame=11)
    scene.frame_set(11 + 2 * 7)
    bpy.ops.reelrig.floor_here()
    head = heads_at(scene, armature, 11 + 2 * 7)[0]
    assert head[2] == pytest.approx(FLOOR_PELVIS_M, abs=ACCURACY)
    scene.frame_set(50)
    with pytest.raises(RuntimeError, match=r"Frame 50 is not in this take, .* from 11 to 33"):
        bpy.ops.reelrig.floor_here()


def test_real_height_changes_bones_and_way(scene, body, shot, build):
    (armature,) = build(shot)
    bpy.ops.reelrig.real_height(height_m=1.85)
    new = solved(shot, body, height_m=1.85)
    check_plays(scene, armature, new)
    check_overlay(scene, armature, new)
    bpy.ops.reelrig.real_height(height_m=0.0)
    check_plays(scene, armature, shot)


def test_focal_length_is_that_of_full_frame(scene, build, shot):
    (armature,) = build(shot)
    bpy.ops.reelrig.set_focal(focal_mm=50.0)
    assert find_camera(armature).data.lens == pytest.approx(50.0)
    bpy.ops.reelrig.set_focal(focal_mm=0.0)
    assert find_camera(armature).data.lens == pytest.approx(600 * 36 / 640)


def test_only_what_comes_out_otherwise_is_keyed(build, shot):
    (armature,) = build(shot)
    before = snapshot(armature)
    bpy.ops.reelrig.foot_lock(mode="always", strength=0.5)
    after = snapshot(armature)
    knee = 'pose.bones["left_knee"].rotation_quaternion'
    assert changed_paths(before, after) == {knee}
    quats = np.array([after[knee, i][0, :, 1] for i in range(4)]).T
    bend = [Rotation.from_quat(np.roll(quat, -1)).magnitude() for quat in quats]
    expected = np.abs(shot.rotvecs[:, JOINT_INDEX["left_knee"], 0] + KNEE_BEND / 2)
    np.testing.assert_allclose(bend, expected, atol=1e-5)
    bpy.ops.reelrig.forget_corrections()
    for key, points in before.items():
        np.testing.assert_allclose(snapshot(armature)[key], points, atol=1e-6)


def test_edits_elsewhere_stay(scene, build, shot):
    (armature,) = build(shot)
    arm = armature.pose.bones["left_elbow"]
    arm.rotation_quaternion = (0.8, 0.6, 0.0, 0.0)
    arm.keyframe_insert("rotation_quaternion", frame=3.5)
    arm.keyframe_insert("scale", frame=2)
    mine = {path for path, _ in snapshot(armature) if "left_elbow" in path}
    before = snapshot(armature)
    scene.frame_set(6)
    bpy.ops.reelrig.floor_here()
    bpy.ops.reelrig.vertical(lower_px=(300.0, 300.0), upper_px=(340.0, 60.0))
    changed = changed_paths(before, snapshot(armature))
    assert changed == {
        f'pose.bones["pelvis"].{part}' for part in ("location", "rotation_quaternion")
    }
    assert len(mine) == 2


def test_edits_of_solved_keys_are_carried_over(scene, body, build, shot):
    (armature,) = build(shot)
    location, rotation = (
        [curve for curve in all_curves(armature)[0] if curve.data_path.endswith(name)][:4]
        for name in ('["pelvis"].location', '["pelvis"].rotation_quaternion')
    )
    location[1].keyframe_points[4].co.y += 0.25  # up, in the bone's axes
    edit = Rotation.from_rotvec([0.0, 0.3, 0.0])
    played = Rotation.from_quat([rotation[i].keyframe_points[7].co.y for i in (1, 2, 3, 0)])
    edited = np.roll((played * edit).as_quat(), 1)
    for curve, value in zip(rotation, edited, strict=True):
        curve.keyframe_points[7].co.y = value
    mine = snapshot(armature)
    scene.frame_set(6)
    bpy.ops.reelrig.floor_here()
    bpy.ops.reelrig.vertical(lower_px=(300.0, 300.0), upper_px=(340.0, 60.0))
    up = up_of_line(solved(shot, body, floor_row=5), 5, (300.0, 300.0), (340.0, 60.0))
    new = solved(shot, body, floor_row=5, up_camera=up)
    for row in (0, 6, 11):
        check_plays(scene, armature, new, [row + 1])
    raised = heads_at(scene, armature, 5) - new.joints_world[4]
    np.testing.assert_allclose(raised, np.tile(raised[0], (len(raised), 1)), atol=ACCURACY)
    assert np.linalg.norm(raised[0]) == pytest.approx(0.25, abs=ACCURACY)
    turned = heads_at(scene, armature, 8) - new.joints_world[7]
    np.testing.assert_allclose(turned[0], 0, atol=ACCURACY)
    assert np.abs(turned).max() > 0.05
    bpy.ops.reelrig.forget_corrections()
    after = snapshot(armature)
    for path, points in mine.items():
        np.testing.assert_allclose(after[path][0], points[0], atol=2e-6)


def test_keys_moved_in_time_stay_there(scene, body, build, shot):
    (armature,) = build(shot)
    for curve in all_curves(armature)[0]:
        for key in curve.keyframe_points:
            key.co.x = 2 * key.co.x + 50
            key.interpolation = "BEZIER"
        curve.update()
    frames = snapshot(armature)['pose.bones["pelvis"].location', 0][0, :, 0]
    scene.frame_set(int(frames[5]))
    bpy.ops.reelrig.floor_here()
    new = solved(shot, body, floor_row=5)
    np.testing.assert_array_equal(coordinates(root_curves(armature)[0])[0, :, 0], frames)
    np.testing.assert_allclose(
        heads_at(scene, armature, frames[7]), new.joints_world[7], atol=ACCURACY
    )


def test_keys_in_an_nla_strip_are_found(scene, body, build, shot):
    (armature,) = build(shot)
    animation = armature.animation_data
    action, slot = animation.action, animation.action_slot
    animation.action = None
    strip = animation.nla_tracks.new().strips.new("take", 1, action)
    strip.action_slot = slot
    scene.frame_set(6)
    bpy.ops.reelrig.floor_here()
    assert animation.action is None
    check_plays(scene, armature, solved(shot, body, floor_row=5))


def test_a_new_shape_is_kept(scene, body, build, shot):
    (armature,) = build(shot)
    betas = np.array([1.0, -0.5, *[0] * 8])
    reshape(armature, betas, {}, get_shipped_body)
    before = [heads_at(scene, armature, frame) for frame in FRAMES]
    scene.frame_set(6)
    bpy.ops.reelrig.floor_here()
    lift = solved(shot, body, floor_row=5).trans[0] - shot.trans[0]
    for frame, heads in zip(FRAMES, before, strict=True):
        found = heads_at(scene, armature, frame) - heads
        np.testing.assert_allclose(found - found[:1], 0, atol=ACCURACY)
        assert found[0, 2] == pytest.approx(lift[2], rel=0.2)


def test_a_correction_is_one_undo_step(scene, body, build, shot):
    (armature,) = build(shot)
    name = armature.name
    bpy.ops.ed.undo_push(message="Before")
    before = snapshot(armature)
    bpy.ops.reelrig.real_height("EXEC_DEFAULT", True, height_m=1.9)
    bpy.ops.ed.undo()
    armature = bpy.data.objects[name]
    assert not changed_paths(before, snapshot(armature))
    assert json.loads(find_take(armature).take.world)["settings"]["height_m"] is None
    bpy.ops.ed.redo()
    check_plays(bpy.context.scene, bpy.data.objects[name], solved(shot, body, height_m=1.9))


def test_corrections_add_up(scene, body, build, shot):
    (armature,) = build(shot)
    scene.frame_set(6)
    bpy.ops.reelrig.floor_here()
    bpy.ops.reelrig.real_height(height_m=1.6)
    bpy.ops.reelrig.foot_lock(mode="always")
    new = solved(shot, body, floor_row=5, height_m=1.6, foot_lock="always")
    check_plays(scene, armature, new)
    bpy.ops.reelrig.forget_corrections()
    check_plays(scene, armature, shot)


def test_a_moving_camera_follows(scene, body, build):
    shot = make_shot(body, pan_deg=30.0, zoom=1.3)
    (armature,) = build(shot)
    scene.frame_set(4)
    bpy.ops.reelrig.vertical(lower_px=(300.0, 300.0), upper_px=(340.0, 60.0))
    up = up_of_line(shot, 3, (300.0, 300.0), (340.0, 60.0))
    assert len(bpy.data.actions) == 2
    check_overlay(scene, armature, solved(shot, body, up_camera=up))


# What cannot be


def test_what_stands_in_the_way_is_told(scene, build, shot, tmp_path):
    (armature,) = build(shot)
    with pytest.raises(RuntimeError, match="Two bones that stand above each other are needed, 0"):
        bpy.ops.reelrig.vertical()
    (tmp_path / "0.npz").unlink()
    before = snapshot(armature)
    with pytest.raises(RuntimeError, match="was not found"):
        bpy.ops.reelrig.floor_here()
    assert not changed_paths(before, snapshot(armature))
    armature.animation_data.action = None
    assert not bpy.ops.reelrig.floor_here.poll()


def test_a_motion_that_knows_no_camera_cannot_be_corrected(build, body):
    (armature,) = build(make_shot(body, world_json=""))
    assert not bpy.ops.reelrig.floor_here.poll()
    with pytest.raises(ReelrigError, match="does not hold what the camera saw"):
        corrections.get_take(armature)
