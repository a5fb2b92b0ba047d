from dataclasses import replace

import bpy
import numpy as np
import pytest

from reelrig.addon.verticals import up_of_line
from tests.addon.evaluated import heads_at
from tests.addon.fake_resolve import FLOOR_PELVIS_M
from tests.addon.shots import make_shot
from tests.addon.takes import ACCURACY, activate, camera_place, check_overlay, check_plays, solved


@pytest.mark.usefixtures("fake_core")
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
