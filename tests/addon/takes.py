"""What tests ask of a take in Blender: what it plays, which keys changed, whether it overlays."""

from __future__ import annotations

import bpy
import numpy as np

from reelrig.addon.camera import find_camera
from reelrig.addon.world import add_people
from reelrig.core.world.resolve import WorldSettings
from tests.addon import fake_resolve
from tests.addon.evaluated import all_curves, coordinates, heads_at
from tests.addon.shots import project

ACCURACY = 1e-4  # m
FRAMES = (1, 5, 12)


def refuse_warnings(text):
    raise AssertionError(text)


def add(scene, body, *motions, warn=refuse_warnings, **options):
    """The characters of motions, and their camera."""
    paths = [f"/captures/{motion.person}.npz" for motion in motions]
    people = add_people(scene, motions, paths, body, warn=warn, **options)
    return people, find_camera(people[0])


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


def check_overlay(scene, armature, motion, joints=None, frame=6):
    """The character is where the camera of ``motion`` saw it, or other joints [T, 55, 3] m."""
    joints = motion.joints_world if joints is None else joints
    camera = find_camera(armature)
    heads = heads_at(scene, armature, frame)
    view = np.array(camera.evaluated_get(bpy.context.evaluated_depsgraph_get()).matrix_world)
    seen = (heads - view[:3, 3]) @ view[:3, :3]
    focal = camera.data.lens / 36 * max(motion.image_size)
    pixels = focal * seen[:, :2] / -seen[:, 2:] * (1, -1) + motion.axis_px
    expected = project(motion, joints[frame - 1], frame - 1)
    np.testing.assert_allclose(pixels, expected, atol=0.1)


def camera_place(motion):
    return np.linalg.inv(motion.camera_from_world[0])[:3, 3]
