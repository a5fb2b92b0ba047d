"""Times Reelrig's keyframe writer against Blender's keyframe_insert, in the Blender at hand.

python training/bench_keys.py [--frames 10000] [--inserted-frames 300]

Both key the same character: quaternions of 55 bones, the root's location, 52 shape keys, 275
curves in all. keyframe_insert gets a short piece only, which is to its favour: each new key costs
it a copy of the curve, so its time grows with the square of the length.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable

import bpy
import numpy as np
from package import load_package

load_package()

# ruff: noqa: E402  (the package has to be loaded first)
from reelrig.addon.keys.curves import write_pose, write_shape_keys
from reelrig.addon.rig.build import build_armature
from reelrig.addon.rig.rest import rest_bones
from reelrig.addon.rig.skin import build_skin, skin_shape_keys
from reelrig.core.body.model import NUM_BETAS, load_body
from reelrig.core.skeletons import JOINT_NAMES, NUM_JOINTS

NUM_SHAPES = 52
NUM_CURVES = 4 * NUM_JOINTS + 3 + NUM_SHAPES


class Keys:
    """Made-up values of every curve over T frames."""

    def __init__(self, num_frames: int, shape_names: list[str]) -> None:
        rng = np.random.default_rng(0)
        quats = rng.normal(0, 1, (num_frames, NUM_JOINTS, 4))
        quats /= np.linalg.norm(quats, axis=-1, keepdims=True)
        self.frames = 1.0 + np.arange(num_frames)
        self.quats = {name: quats[:, i] for i, name in enumerate(JOINT_NAMES)}
        self.locations = {JOINT_NAMES[0]: rng.normal(0, 1, (num_frames, 3))}
        self.shapes = {name: rng.uniform(0, 1, num_frames) for name in shape_names}

    @property
    def count(self) -> int:
        return len(self.frames) * NUM_CURVES


def make_character() -> tuple[bpy.types.Object, bpy.types.Key, list[str]]:
    """Armature, shape keys and the names of those to key, in an empty file."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    body, betas = load_body(), np.zeros(NUM_BETAS)
    armature = build_armature("bench", rest_bones(body, betas))
    skin = build_skin("bench body", body, betas, None, armature)
    for obj in (armature, skin):
        bpy.context.scene.collection.objects.link(obj)
    shape_keys = skin_shape_keys(skin)
    return armature, shape_keys, list(body.arkit_names)


def write_in_bulk(armature: bpy.types.Object, shape_keys: bpy.types.Key, keys: Keys) -> None:
    action = bpy.data.actions.new("bench")
    write_pose(armature, action, keys.frames, keys.quats, keys.locations)
    write_shape_keys(shape_keys, action, keys.frames, keys.shapes)


def insert_one_by_one(armature: bpy.types.Object, shape_keys: bpy.types.Key, keys: Keys) -> None:
    assert armature.pose is not None
    bones = armature.pose.bones
    for i_frame, frame in enumerate(keys.frames):
        for name, quats in keys.quats.items():
            bones[name].rotation_quaternion = quats[i_frame]
            bones[name].keyframe_insert("rotation_quaternion", frame=frame)
        for name, locations in keys.locations.items():
            bones[name].location = locations[i_frame]
            bones[name].keyframe_insert("location", frame=frame)
        for name, values in keys.shapes.items():
            shape_keys.key_blocks[name].value = values[i_frame]
            shape_keys.key_blocks[name].keyframe_insert("value", frame=frame)


def count_keys() -> int:
    """Keys in all actions of the file."""
    bags = [
        bag
        for action in bpy.data.actions
        for layer in action.layers
        for strip in layer.strips
        if isinstance(strip, bpy.types.ActionKeyframeStrip)
        for bag in strip.channelbags
    ]
    return sum(len(curve.keyframe_points) for bag in bags for curve in bag.fcurves)


def time_keys(write: Callable[..., None], num_frames: int) -> tuple[float, float]:
    """Seconds taken and keys per second."""
    armature, shape_keys, names = make_character()
    keys = Keys(num_frames, names)
    start = time.perf_counter()
    write(armature, shape_keys, keys)
    seconds = time.perf_counter() - start
    assert count_keys() == keys.count
    return seconds, keys.count / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--inserted-frames", type=int, default=300)
    args = parser.parse_args()
    rates = {}
    for write, num_frames in (
        (write_in_bulk, args.frames),
        (insert_one_by_one, args.inserted_frames),
    ):
        seconds, rates[write] = time_keys(write, num_frames)
        num_keys = num_frames * NUM_CURVES
        print(
            f"{write.__name__}: {num_frames} frames, {num_keys:,} keys in {seconds:.3f} s, "
            f"{rates[write]:,.0f} keys/s"
        )
    ratio = rates[write_in_bulk] / rates[insert_one_by_one]
    print(f"Blender {bpy.app.version_string}: {ratio:.0f} times as fast")


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    shutil.rmtree(bpy.app.tempdir, ignore_errors=True)
    os._exit(0)  # bpy 4.5 can hang for ever in Python's own way out
