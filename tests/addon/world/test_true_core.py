"""The operators with the core that they are made for."""

from dataclasses import replace

import bpy
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from reelrig.addon import corrections
from reelrig.addon.bodies import FULL, get_shipped_body
from reelrig.addon.take import find_take
from reelrig.core.measured import CONTACT_POINTS, Measured
from reelrig.core.skeletons import JOINT_INDEX
from reelrig.core.world.resolve import WorldSettings, resolve
from reelrig.core.world.shot_ground import Actor, share_ground
from tests.addon.evaluated import heads_at
from tests.addon.harness import registered_addon
from tests.addon.shots import make_shot
from tests.addon.takes import (
    ACCURACY,
    FRAMES,
    activate,
    check_overlay,
    check_plays,
    snapshot,
)

LINE = {"lower_px": (300.0, 300.0), "upper_px": (340.0, 60.0)}


@pytest.fixture(scope="module")
def body():
    return get_shipped_body(FULL)  # the light one has no soles


@pytest.fixture(autouse=True)
def addon():
    with registered_addon():
        yield


def make_known(body, aside=(0.0, 0.0, 0.0), person=0):
    """A walk with all that was measured of it."""
    shot = make_shot(body)
    camera = shot.camera_from_world
    rotvecs = shot.rotvecs.copy()
    turns = Rotation.from_matrix(camera[:, :3, :3])
    rotvecs[:, 0] = (turns * Rotation.from_rotvec(rotvecs[:, 0])).as_rotvec()
    pelvis = shot.joints_world[:, 0] + aside
    measured = Measured(
        poses=rotvecs.reshape(len(rotvecs), -1),
        pelvis=np.einsum("tab,tb->ta", camera[:, :3, :3], pelvis) + camera[:, :3, 3],
        measures=shot.measures,
        focal_px=shot.focal_px,
        focal_sigma=0.1,
        first_from_camera=np.tile(np.eye(3), (len(rotvecs), 1, 1)),
        camera_place=np.zeros((len(rotvecs), 3)),
        contacts=np.full((len(rotvecs), len(CONTACT_POINTS)), 0.5),
        up_camera=camera[0, :3, 2],
        up_sigma_deg=2.0,
        scale_sigma=0.05,
    )
    return make_shot(body, measured=measured, settings_json="{}", person=person)


def test_the_true_core_solves_what_the_operators_ask(scene, body, build):
    known = make_known(body)
    first = resolve(known, WorldSettings(), body)
    (armature,) = build(first, body=body)
    before = snapshot(armature)
    bpy.ops.reelrig.vertical(**LINE)
    bpy.ops.reelrig.set_focal(focal_mm=40.0)
    scene.frame_set(6)
    bpy.ops.reelrig.floor_here()
    bpy.ops.reelrig.real_height(height_m=1.7)
    bpy.ops.reelrig.foot_lock(mode="ground", strength=0.5)
    settings = corrections.read_settings(find_take(armature).take.world)
    assert (settings.floor_row, settings.foot_lock) == (5, "ground")
    assert settings.height_m == pytest.approx(1.7)
    new = resolve(known, settings, body)
    check_plays(scene, armature, new)
    check_overlay(scene, armature, new)
    bpy.ops.reelrig.forget_corrections()
    check_plays(scene, armature, first)
    after = snapshot(armature)
    for path, points in before.items():  # handles follow with a rounding of their own
        np.testing.assert_allclose(after[path][0], points[0], rtol=1e-7, atol=1e-7)


@pytest.fixture
def pair(body, build):
    """Two people of one video, the first active, and their motions."""
    known = [make_known(body), make_known(body, aside=(1.0, 0.5, 0.0), person=1)]
    actors = [Actor(each.measured, each.confidence, each.mocap_frame_rate) for each in known]
    shared = share_ground(actors, body)
    first, second = (
        resolve(replace(each, measured=measured, measures=measured.measures), WorldSettings(), body)
        for each, measured in zip(known, shared, strict=True)
    )
    return build(first, second, body=body), (first, second)


def lowest(scene, armature):
    """m, the lowest joint of the feet over some frames."""
    feet = [JOINT_INDEX[f"{side}_foot"] for side in ("left", "right")]
    return min(heads_at(scene, armature, frame)[feet, 2].min() for frame in FRAMES)


def test_what_is_told_of_the_shot_moves_everybody(scene, pair):
    people, motions = pair
    assert len({person.parent for person in people}) == 1
    for person, motion in zip(people, motions, strict=True):
        check_overlay(scene, person, motions[0], motion.joints_world)
    activate(people[1])
    scene.frame_set(6)
    bpy.ops.reelrig.floor_here()
    heights = [lowest(scene, person) for person in people]
    assert heights[0] == pytest.approx(heights[1], abs=0.01)
    before = [heads_at(scene, person, 6) for person in people]
    bpy.ops.reelrig.vertical(**LINE)
    bpy.ops.reelrig.set_focal(focal_mm=50.0)
    settings = [corrections.read_settings(find_take(person).take.world) for person in people]
    assert settings[0] == replace(settings[1], floor_row=None)
    after = [heads_at(scene, person, 6) for person in people]
    for old, new in zip(before, after, strict=True):
        turn, _ = Rotation.align_vectors((new - new[0])[1:20], (old - old[0])[1:20])
        assert turn.magnitude() > 0.1
    bpy.ops.reelrig.forget_corrections()
    for person, motion in zip(people, motions, strict=True):
        check_plays(scene, person, motion)


def test_a_height_is_that_of_one_person_and_both_stay_on_the_floor(scene, pair):
    people, _ = pair
    for tall, other in (people[::-1], people):
        floors = [lowest(scene, tall), lowest(scene, other)]
        stays, grows = heads_at(scene, other, 6), heads_at(scene, tall, 6)
        activate(tall)
        bpy.ops.reelrig.real_height(height_m=1.95)
        stayed, grown = heads_at(scene, other, 6), heads_at(scene, tall, 6)
        np.testing.assert_allclose(stayed - stayed[0], stays - stays[0], atol=ACCURACY)
        assert np.ptp(grown[:, 2]) > 1.05 * np.ptp(grows[:, 2])
        assert [lowest(scene, tall), lowest(scene, other)] == pytest.approx(floors, abs=0.015)
