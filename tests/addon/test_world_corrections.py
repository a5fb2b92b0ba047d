import json
from dataclasses import replace

import bpy
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from reelrig.addon import corrections
from reelrig.addon.bodies import FULL, LIGHT, get_shipped_body
from reelrig.addon.camera import find_camera
from reelrig.addon.rig.reshape import reshape
from reelrig.addon.take import find_take
from reelrig.addon.verticals import up_of_line, up_of_points
from reelrig.addon.world import add_people
from reelrig.addon.world_words import describe_world
from reelrig.core.errors import ReelrigError
from reelrig.core.measured import CONTACT_POINTS, Measured
from reelrig.core.motion import write_motion
from reelrig.core.skeletons import JOINT_INDEX
from reelrig.core.world.resolve import WorldSettings
from reelrig.core.world.resolve import resolve as resolve_truly
from tests.addon import fake_resolve
from tests.addon.evaluated import all_curves, coordinates, heads_at, root_curves
from tests.addon.fake_resolve import FLOOR_PELVIS_M, KNEE_BEND, make_world_json
from tests.addon.harness import registered_addon
from tests.addon.shots import make_shot, project

ACCURACY = 1e-4  # m
FRAMES = (1, 5, 12)


@pytest.fixture(scope="module")
def body():
    return get_shipped_body(LIGHT)


@pytest.fixture(scope="module")
def shot(body):
    return make_shot(body, settings_json='{"body": null}')


@pytest.fixture(autouse=True)
def addon(scene, monkeypatch, body):
    """The add-on with a fake core, whose answers are known, and the light body for the full one."""
    scene.render.fps = 30
    monkeypatch.setattr(corrections, "resolve", fake_resolve.resolve)
    monkeypatch.setattr(corrections, "FULL", LIGHT)
    with registered_addon():
        yield


@pytest.fixture
def build(scene, body, tmp_path):
    """Adds the characters of motions, each from its file, with the first one active."""

    def build(*motions, body=body, **options):
        paths = [tmp_path / f"{motion.person}.npz" for motion in motions]
        for motion, path in zip(motions, paths, strict=True):
            write_motion(motion, path)
        people = add_people(scene, motions, paths, body, warn=pytest.fail, **options)
        activate(people[0])
        return people

    return build


def activate(armature):
    bpy.context.view_layer.objects.active = armature


def solved(motion, body, **settings):
    return fake_resolve.resolve(motion, WorldSettings(**settings), body)


def check_plays(scene, armature, motion, frames=FRAMES):
    for frame in frames:
        found = heads_at(scene, armature, frame)
        np.testing.assert_allclose(found, motion.joints_world[frame - 1], atol=ACCURACY)


def snapshot(armature):
    """Key points and handles by data path and channel."""
    return {
        (curve.data_path, curve.array_index): coordinates(curve)
        for curves in all_curves(armature)
        for curve in curves
    }


def changed_paths(before, after):
    assert before.keys() == after.keys()
    changed = [key for key in before if not np.array_equal(before[key], after[key])]
    return {path for path, _ in changed}


# Which way is up


def test_two_points_above_each_other_are_up(body, shot):
    leaning = shot.joints_world[4, [JOINT_INDEX["pelvis"], JOINT_INDEX["left_wrist"]]]
    up = up_of_points(shot, *leaning)
    assert np.linalg.norm(up) == pytest.approx(1)
    again = solved(shot, body, up_camera=up)
    lower, upper = again.joints_world[4, [JOINT_INDEX["pelvis"], JOINT_INDEX["left_wrist"]]]
    np.testing.assert_allclose((upper - lower)[:2], 0, atol=1e-6)
    assert upper[2] > lower[2]


def tilted(shot, body, axis, angle_deg):
    """The shot as it is solved when the camera's tilt about an axis of the camera is mistaken."""
    up = shot.camera_from_world[0, :3, 2]
    return solved(
        shot, body, up_camera=tuple(Rotation.from_rotvec(np.radians(angle_deg) * axis).apply(up))
    )


def see_pole(shot, foot, row=3):
    """Two pixels where the camera sees the ends of a vertical pole of 2 m."""
    return project(shot, np.array([foot, [*foot[:2], foot[2] + 2.0]]), row)


def test_a_line_puts_a_leaning_camera_right(body, shot):
    forward = np.array([0.0, 0.0, 1.0])
    mistaken = tilted(shot, body, forward, 12.0)
    middle = see_pole(shot, [0.7, 1.0, 0.0])
    up = up_of_line(mistaken, 3, *middle)
    np.testing.assert_allclose(up, shot.camera_from_world[0, :3, 2], atol=0.02)
    np.testing.assert_allclose(up_of_line(mistaken, 3, *middle[::-1]), up, atol=1e-9)


def test_lines_on_both_sides_find_up_whatever_was_mistaken(body, shot):
    up = tuple(tilted(shot, body, np.array([0.6, 0.0, 0.8]), 15.0).camera_from_world[0, :3, 2])
    truth = shot.camera_from_world[0, :3, 2]
    errors = []
    for turn in range(8):
        foot = [(-1.5, 3.0)[turn % 2], 0.0, 0.0]
        mistaken = solved(shot, body, up_camera=up)
        up = up_of_line(mistaken, 3, *see_pole(shot, foot))
        errors.append(np.degrees(np.arccos(np.clip(np.dot(up, truth), -1, 1))))
    assert errors[-1] < errors[0] / 3


def test_a_camera_on_its_side_takes_the_clicks_in_their_order(body, shot):
    lying = tilted(shot, body, np.array([0.0, 0.0, 1.0]), 90.0)
    pole = see_pole(shot, [0.7, 1.0, 0.0])
    up = up_of_line(lying, 3, *pole)
    assert np.dot(up, shot.camera_from_world[0, :3, 2]) > 0.9
    assert np.dot(up_of_line(lying, 3, *pole[::-1]), up) < -0.9


def test_points_too_near_to_each_other_are_refused(shot):
    with pytest.raises(ReelrigError, match=r"only 5 pixels apart.*a door frame"):
        up_of_line(shot, 0, (100, 100), (100, 105))
    with pytest.raises(ReelrigError, match=r"only 1 cm apart.*the head and a foot"):
        up_of_points(shot, np.zeros(3), np.array([0, 0.01, 0]))


# Corrections


def test_a_clicked_line_turns_the_take(scene, body, shot, build):
    (armature,) = build(shot)
    scene.frame_set(4)
    ends = ((300.0, 300.0), (340.0, 60.0))
    assert bpy.ops.reelrig.vertical(lower_px=ends[0], upper_px=ends[1]) == {"FINISHED"}
    new = solved(shot, body, up_camera=up_of_line(shot, 3, *ends))
    assert np.abs(new.trans - shot.trans).max() > 0.01
    check_plays(scene, armature, new)
    check_overlay(scene, armature, new)


def check_overlay(scene, armature, motion, joints=None, frame=6):
    """The character is where the camera of ``motion`` saw it, or other joints [T, 55, 3] m."""
    joints = motion.joints_world if joints is None else joints
    camera = find_camera(armature)
    heads = heads_at(scene, armature, frame)
    view = np.array(camera.evaluated_get(bpy.context.evaluated_depsgraph_get()).matrix_world)
    seen = (heads - view[:3, 3]) @ view[:3, :3]
    focal = camera.data.lens / 36 * max(motion.image_size)
    pixels = focal * seen[:, :2] / -seen[:, 2:] * (1, -1) + motion.image_size / 2
    expected = project(motion, joints[frame - 1], frame - 1)
    np.testing.assert_allclose(pixels, expected, atol=0.1)


def camera_place(motion):
    return np.linalg.inv(motion.camera_from_world[0])[:3, 3]


def test_two_selected_bones_turn_the_take(scene, body, shot, build):
    (armature,) = build(shot)
    scene.frame_set(5)
    bpy.ops.object.mode_set(mode="POSE")
    for bone in armature.pose.bones:
        # Blender 5 selects bones by their pose.
        selectable = bone if hasattr(bone, "select") else bone.bone
        selectable.select = bone.name in ("pelvis", "left_wrist")
    bpy.ops.reelrig.vertical()
    joints = shot.joints_world[4, [JOINT_INDEX["pelvis"], JOINT_INDEX["left_wrist"]]]
    new = solved(shot, body, up_camera=up_of_points(shot, *sorted(joints, key=lambda j: j[2])))
    check_plays(scene, armature, new)


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


def test_people_of_one_video_stay_together(scene, body, build, shot):
    aside = np.array([1.0, 0.5, 0.0])
    joints = shot.joints_world + aside
    other = make_shot(body, person=1, trans=shot.trans + aside, joints_world=joints)
    people = build(shot, other)
    bpy.ops.reelrig.vertical(lower_px=(300.0, 300.0), upper_px=(340.0, 60.0))
    up = up_of_line(shot, 0, (300.0, 300.0), (340.0, 60.0))
    turned = solved(shot, body, up_camera=up)
    # The camera stands where the first person's motion has it.
    beside = solved(other, body, up_camera=up)
    apart = camera_place(turned) - camera_place(beside)
    beside = replace(beside, joints_world=beside.joints_world + apart)
    for person, motion in zip(people, (turned, beside), strict=True):
        check_plays(scene, person, motion)
        check_overlay(scene, person, turned, motion.joints_world)
    activate(people[1])
    scene.frame_set(6)
    bpy.ops.reelrig.floor_here()  # shown by the second, meant for both
    lift = np.array([0, 0, FLOOR_PELVIS_M - beside.joints_world[5, 0, 2]])
    for person, motion in zip(people, (turned, beside), strict=True):
        found = heads_at(scene, person, 8)
        np.testing.assert_allclose(found, motion.joints_world[7] + lift, atol=ACCURACY)
        check_overlay(scene, person, turned, motion.joints_world)
    bpy.ops.reelrig.real_height(height_m=1.5)  # of the second only
    lengths = [
        np.linalg.norm(np.diff(heads_at(scene, person, 1)[[0, 3]], axis=0)) for person in people
    ]
    assert lengths[1] < 0.999 * lengths[0]
    activate(people[0])
    bpy.ops.reelrig.forget_corrections()
    check_plays(scene, people[0], shot)


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


# Words


def test_the_panel_says_what_is_known_and_how_surely():
    assert describe_world(make_world_json()) == [
        "Tilt 7°, sure to 2°",
        "Focal length 35 mm, sure to 15 %",
        "Size from a typical body, sure to 6 %: enter the real height",
        "The camera stands still",
    ]
    told = WorldSettings(up_camera=(0, -1, 0), floor_row=9, height_m=1.8, focal_px=900.0)
    note = "Nothing to see behind the people."
    assert describe_world(make_world_json(told, camera="moving", note=note)) == [
        "Tilt 7°, by your vertical",
        "Focal length 35 mm, as you said",
        "Size by the real height, 1.80 m",
        "The camera moves; the floor is as in pose 10",
        note,
    ]
    assert "capture again" in describe_world("")[0]


# With the true core


def test_the_true_core_solves_what_the_operators_ask(scene, build, monkeypatch):
    monkeypatch.setattr(corrections, "resolve", resolve_truly)
    monkeypatch.setattr(corrections, "FULL", FULL)  # the light body has no soles
    body = get_shipped_body(FULL)
    shot = make_shot(body)
    camera = shot.camera_from_world
    rotvecs = shot.rotvecs.copy()
    turns = Rotation.from_matrix(camera[:, :3, :3])
    rotvecs[:, 0] = (turns * Rotation.from_rotvec(rotvecs[:, 0])).as_rotvec()
    pelvis = shot.joints_world[:, 0]
    measured = Measured(
        poses=rotvecs.reshape(len(rotvecs), -1),
        pelvis=np.einsum("tab,tb->ta", camera[:, :3, :3], pelvis) + camera[:, :3, 3],
        measures=shot.measures,
        focal_px=shot.focal_px,
        focal_sigma=0.1,
        first_from_camera=np.tile(np.eye(3), (len(rotvecs), 1, 1)),
        contacts=np.full((len(rotvecs), len(CONTACT_POINTS)), 0.5),
        up_camera=camera[0, :3, 2],
        up_sigma_deg=2.0,
        scale_sigma=0.05,
    )
    known = make_shot(body, measured=measured, settings_json="{}")
    first = resolve_truly(known, WorldSettings(), body)
    (armature,) = build(first, body=body)
    bpy.ops.reelrig.vertical(lower_px=(300.0, 300.0), upper_px=(340.0, 60.0))
    bpy.ops.reelrig.set_focal(focal_mm=40.0)
    scene.frame_set(6)
    bpy.ops.reelrig.floor_here()
    bpy.ops.reelrig.real_height(height_m=1.7)
    bpy.ops.reelrig.foot_lock(mode="ground", strength=0.5)
    settings = corrections.read_settings(find_take(armature).take.world)
    assert (settings.floor_row, settings.foot_lock) == (5, "ground")
    assert settings.height_m == pytest.approx(1.7)
    new = resolve_truly(known, settings, body)
    check_plays(scene, armature, new)
    check_overlay(scene, armature, new)
    bpy.ops.reelrig.forget_corrections()
    check_plays(scene, armature, first)
