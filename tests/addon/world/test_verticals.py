from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from reelrig.addon.camera import find_camera
from reelrig.addon.operators.vertical import find_place
from reelrig.addon.operators.view_camera import look_through, remember_view
from reelrig.addon.verticals import up_of_line, up_of_points
from reelrig.core.errors import ReelrigError
from reelrig.core.skeletons import JOINT_INDEX
from tests.addon.shots import project
from tests.addon.takes import check_overlay, check_plays, solved


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


# In Blender


@pytest.mark.usefixtures("fake_core")
def test_a_clicked_line_turns_the_take(scene, body, shot, build):
    (armature,) = build(shot)
    scene.frame_set(4)
    ends = ((300.0, 300.0), (340.0, 60.0))
    assert bpy.ops.reelrig.vertical(lower_px=ends[0], upper_px=ends[1]) == {"FINISHED"}
    new = solved(shot, body, up_camera=up_of_line(shot, 3, *ends))
    assert np.abs(new.trans - shot.trans).max() > 0.01
    check_plays(scene, armature, new)
    check_overlay(scene, armature, new)


@pytest.mark.usefixtures("fake_core")
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


# In a window


def region(kind, x, y, width, height):
    return SimpleNamespace(type=kind, x=x, y=y, width=width, height=height)


def test_a_click_counts_in_the_viewport_and_not_on_a_panel_over_it():
    area = SimpleNamespace(
        regions=[
            region("WINDOW", 100, 50, 800, 600),
            region("UI", 700, 50, 200, 600),
            region("TOOLS", 100, 50, 1, 600),  # hidden
        ]
    )
    assert find_place(area, (300, 250)) == (200, 200)
    assert find_place(area, (100, 50)) == (0, 0)
    assert find_place(area, (750, 250)) is None
    assert find_place(area, (300, 20)) is None


def test_what_was_looked_at_before_comes_back(scene, shot, build):
    (armature,) = build(shot)
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    scene.render.resolution_x = 777
    space = area.spaces.active
    space.region_3d.view_perspective = "ORTHO"
    with bpy.context.temp_override(window=window, area=area):
        put_back = remember_view(bpy.context)
        look_through(bpy.context, find_camera(armature))
        assert space.region_3d.view_perspective == "CAMERA"
        assert scene.render.resolution_x == shot.image_size[0]
        put_back()
    assert space.region_3d.view_perspective == "ORTHO"
    assert scene.render.resolution_x == 777
    assert scene.camera is None
