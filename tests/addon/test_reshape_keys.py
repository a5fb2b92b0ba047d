import bpy
import numpy as np
import pytest

from reelrig.addon.character import add_character
from reelrig.addon.rig.build import bone_axes
from reelrig.core.body.model import load_body
from tests.addon.evaluated import check_on_floor, coordinates, heads_at, root_curves
from tests.addon.harness import registered_addon
from tests.addon.motions import make_walk


@pytest.fixture(scope="module")
def walk():
    body = load_body()
    return make_walk(body), body


@pytest.fixture(autouse=True)
def walker(scene, walk):
    """A walking character, the active object."""
    scene.render.fps = 30
    with registered_addon():
        armature = add_character(scene, *walk)
        bpy.context.view_layer.objects.active = armature
        yield armature


@pytest.mark.parametrize("slider", ["stature", "leg_length", "weight", "age"])
@pytest.mark.parametrize("value", [-1.0, 1.0])
def test_feet_stay_on_the_floor(scene, walker, slider, value):
    check_on_floor(scene, walker)
    bpy.ops.reelrig.reshape(**{slider: value})
    check_on_floor(scene, walker)


def test_steps_grow_with_the_legs_from_where_the_walk_starts(scene, walker):
    frames = (1, 5, 12)
    before = np.array([heads_at(scene, walker, frame)[0, :2] for frame in frames])
    thigh, shank = (walker.data.bones[name].length for name in ("left_hip", "left_knee"))
    bpy.ops.reelrig.reshape(leg_length=1.0)
    after = np.array([heads_at(scene, walker, frame)[0, :2] for frame in frames])
    longer = walker.data.bones["left_hip"].length + walker.data.bones["left_knee"].length
    np.testing.assert_allclose(after[0], before[0], atol=1e-4)
    np.testing.assert_allclose(
        after[2] - after[0], (before[2] - before[0]) * longer / (thigh + shank), atol=1e-3
    )


def test_the_way_back_restores_every_key_and_handle(walker):
    curves = root_curves(walker)
    for curve in curves:
        for i, point in enumerate(curve.keyframe_points):
            point.interpolation = "BEZIER"
            point.handle_left_type = point.handle_right_type = "FREE"
            point.handle_left.y += 0.1 * i
            point.handle_right.y -= 0.05
    before = [coordinates(curve) for curve in curves]
    bpy.ops.reelrig.reshape(stature=1.0, leg_length=-0.4)
    moved = [coordinates(curve) for curve in root_curves(walker)]
    assert np.abs(np.array(moved) - before).max() > 0.05
    bpy.ops.reelrig.reshape(stature=0.0, leg_length=0.0)
    after = [coordinates(curve) for curve in root_curves(walker)]
    np.testing.assert_allclose(after, before, atol=1e-6)


def test_curves_between_the_keys_move_like_the_keys(walker):
    curves = root_curves(walker)
    for curve in curves:
        for point in curve.keyframe_points:
            point.interpolation = "BEZIER"
            point.handle_left_type = point.handle_right_type = "FREE"
            point.handle_right.y += 0.3
    moments = np.linspace(1, 12, 45)
    before = [np.array([curve.evaluate(moment) for moment in moments]) for curve in curves]
    bpy.ops.reelrig.reshape(leg_length=1.0)
    for curve, values in zip(root_curves(walker), before, strict=True):
        found = np.array([curve.evaluate(moment) for moment in moments])
        slope, offset = np.polyfit(values, found, 1)
        assert slope > 1.05
        np.testing.assert_allclose(found, slope * values + offset, atol=1e-5)


def test_without_keys_the_bone_itself_moves(scene, walker):
    scene.frame_set(4)
    walker.animation_data_clear()
    bpy.ops.reelrig.reshape(leg_length=1.0)
    check_on_floor(scene, walker, [4])
    bpy.ops.reelrig.reshape(leg_length=-1.0)
    check_on_floor(scene, walker, [4])


def test_a_channel_without_keys_moves_with_the_others(scene, walker):
    up = int(np.argmax(np.abs(bone_axes(walker)[0][2])))
    channels = walker.animation_data.action.layers[0].strips[0].channelbags[0]
    channels.fcurves.remove(root_curves(walker)[(up + 1) % 3])
    scene.frame_set(1)
    before = heads_at(scene, walker, 1)[0]
    bpy.ops.reelrig.reshape(leg_length=1.0)
    np.testing.assert_allclose(heads_at(scene, walker, 1)[0, :2], before[:2], atol=1e-4)


def test_keys_in_the_nla_move_and_what_is_added_is_only_scaled(scene, walker):
    animation = walker.animation_data
    walk, slot = animation.action, animation.action_slot
    nudge = walk.copy()
    nudge.name = "nudge"
    for curve in nudge.layers[0].strips[0].channelbag(nudge.slots[slot.identifier]).fcurves:
        if curve.data_path.endswith("location"):
            for point in curve.keyframe_points:
                point.co.y = 0.2
    animation.action = None
    for action, blend in ((walk, "REPLACE"), (nudge, "ADD")):
        strip = animation.nla_tracks.new().strips.new(action.name, 1, action)
        strip.action_slot = action.slots[slot.identifier]
        strip.blend_type = blend
    animation.nla_tracks[1].mute = True
    bpy.ops.reelrig.reshape(leg_length=1.0)
    check_on_floor(scene, walker)
    bag = nudge.layers[0].strips[0].channelbag(nudge.slots[slot.identifier])
    heights = {
        point.co.y
        for curve in bag.fcurves
        if curve.data_path.endswith("location")
        for point in curve.keyframe_points
    }
    assert len(heights) == 1
    assert 0.2 < heights.pop() < 0.25
