"""What the panel says of a world, and the operators of what they did."""

import bpy
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from reelrig.addon.change_words import (
    describe_growth,
    describe_keys,
    describe_lens,
    describe_lift,
    describe_lock,
    describe_turn,
)
from reelrig.addon.world_words import describe_world
from reelrig.core.world.resolve import WorldSettings
from tests.addon.fake_resolve import make_world_json
from tests.addon.takes import solved


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


def test_a_turn_is_told_with_its_angle_and_the_new_tilt(body, shot):
    up = shot.camera_from_world[0, :3, 2]
    leaning = Rotation.from_rotvec(np.radians([0, 0, 12.0])).apply(up)
    new = solved(shot, body, up_camera=tuple(leaning))
    tilt = np.degrees(np.arccos(-leaning[1]))
    angle = np.degrees(np.arccos(up @ leaning))
    said = f"Turned by {angle:.1f}°: the camera's tilt is {tilt:.0f}° now."
    assert describe_turn(shot, new) == said
    assert "already" in describe_turn(shot, shot)


def test_a_lift_is_told_in_centimetres(body, shot):
    new = solved(shot, body, floor_row=5)
    lift_cm = 100 * (new.joints_world - shot.joints_world)[0, 0, 2]
    way = "Raised" if lift_cm > 0 else "Lowered"
    assert describe_lift(shot, new) == f"{way} by {abs(lift_cm):.1f} cm."
    assert way not in describe_lift(new, shot)
    assert "already" in describe_lift(new, new)


def test_a_growth_is_told_and_what_the_body_could_not(body, shot):
    before = shot.measures[0]
    new = solved(shot, body, height_m=1.1 * before)
    assert (
        describe_growth(shot, new, None)
        == f"{1.1 * before:.2f} m tall now, 10.0% taller than before."
    )
    assert "9.1% smaller than before" in describe_growth(new, shot, None)
    assert "as before" in describe_growth(new, new, None)
    refused = describe_growth(shot, new, 2.4)
    assert f"Scale the take's world by {2.4 / (1.1 * before):.2f} if 2.40 m matter" in refused


def test_lens_and_lock_are_told(body, shot):
    new = solved(shot, body, focal_px=900.0)
    assert (
        describe_lens(shot, new, 50.6) == "Focal length 51 mm: people stand 1.50 times as far off."
    )
    assert describe_lens(new, new, 50.6) == "Focal length 51 mm, as before."
    assert describe_lock("ground", 0.5) == "Foot lock: Ground Only, strength 50%."


@pytest.mark.parametrize(
    ("bones", "num_people", "said"),
    [
        (set(), 1, "No key had to change."),
        ({"pelvis"}, 1, "New keys on pelvis, all others stay."),
        ({"left_knee", "left_hip"}, 1, "New keys on legs, all others stay."),
        ({"pelvis", "left_hip"}, 2, "New keys on pelvis and legs of 2 people, all others stay."),
    ],
)
def test_the_new_keys_are_told(bones, num_people, said):
    assert describe_keys(bones, num_people) == said


@pytest.mark.usefixtures("fake_core")
def test_an_operator_says_what_it_did_and_which_keys_are_new(build, shot, capfd):
    build(shot)
    bpy.ops.reelrig.foot_lock(mode="always", strength=0.5)
    said = "Foot lock: Always, strength 50%. New keys on legs, all others stay."
    assert said in capfd.readouterr().out
    bpy.ops.reelrig.forget_corrections()
    assert "The world is as estimated again. New keys on legs" in capfd.readouterr().out
