"""Playback of one keyed character: frames a second, in the Blender at hand.

python training/bench_playback.py [--frames 240] [--repeats 5] [--body BODY.npz]

All 55 bones and all face keys are keyed on every frame and never at rest. A frame is
``scene.frame_set`` and the evaluated mesh with its normals; drawing is not in it. The best of the
repeats counts: other work on the machine only makes them slower. The time of all cores together
hardly depends on it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
from package import load_package

load_package()

# ruff: noqa: E402  (the package has to be loaded first)
from reelrig.addon.keys.curves import write_pose, write_shape_keys
from reelrig.addon.rig.build import bone_axes, build_armature
from reelrig.addon.rig.convert import bone_quats
from reelrig.addon.rig.correctives import find_correctives, switch_correctives
from reelrig.addon.rig.rest import rest_bones
from reelrig.addon.rig.skin import build_skin, skin_shape_keys
from reelrig.core.body.model import FREE_BODY_PATH, NUM_BETAS, BodyModel, load_body
from reelrig.core.skeletons import JOINT_NAMES, NUM_JOINTS


def build_character(body: BodyModel) -> tuple[bpy.types.Object, bpy.types.Object]:
    """Armature and skin in an empty file."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    betas, sliders = np.zeros(NUM_BETAS), np.zeros(len(body.slider_names))
    armature = build_armature("bench", rest_bones(body, betas))
    skin = build_skin("bench body", body, betas, sliders, armature)
    for obj in (armature, skin):
        bpy.context.scene.collection.objects.link(obj)
    bpy.context.view_layer.update()
    return armature, skin


def key_motion(armature: bpy.types.Object, skin: bpy.types.Object, num_frames: int) -> None:
    """Every bone swings about its own axis at its own pace, every face key opens and closes."""
    rng = np.random.default_rng(0)
    seconds = np.arange(num_frames) / 30
    frames = 1.0 + np.arange(num_frames)
    waves = np.sin(seconds[:, None, None] * rng.uniform(1, 5, (NUM_JOINTS, 3)) + 1)
    quats = bone_quats(0.4 * waves, bone_axes(armature))
    action = bpy.data.actions.new("bench")
    bones = {name: quats[:, i_joint] for i_joint, name in enumerate(JOINT_NAMES)}
    write_pose(armature, action, frames, bones, {JOINT_NAMES[0]: waves[:, 0]})
    shape_keys = skin_shape_keys(skin)
    driven = {key.name for key in find_correctives(skin)}
    face = [key.name for key in shape_keys.key_blocks[1:] if key.name not in driven]
    faces = {name: 0.5 + 0.4 * np.sin(seconds * rng.uniform(1, 8) + 1) for name in face}
    write_shape_keys(shape_keys, action, frames, faces)


def time_best(repeats: int, run: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the fastest of the ``repeats``, by the clock and of all cores together."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter(), time.process_time()
        run()
        times.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    clock, cores = zip(*times, strict=True)
    return min(clock), min(cores)


def play(skin: bpy.types.Object, num_frames: int) -> None:
    scene = bpy.context.scene
    depsgraph = bpy.context.evaluated_depsgraph_get()
    for frame in range(1, num_frames + 1):
        scene.frame_set(frame)
        mesh = skin.evaluated_get(depsgraph).data
        assert mesh.vertex_normals[0].vector.length > 0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--body", type=Path, default=FREE_BODY_PATH)
    args = parser.parse_args()
    body = load_body(args.body)
    assert body.pose_correctives, "the body has no pose correctives to time"
    build_s, _ = time_best(args.repeats, lambda: build_character(body))
    armature, skin = build_character(body)
    key_motion(armature, skin, args.frames)
    num_correctives = len(find_correctives(skin))
    num_face = len(skin_shape_keys(skin).key_blocks) - 1 - num_correctives
    print(
        f"Blender {bpy.app.version_string}, {os.cpu_count()} cores: {body.num_vertices} vertices, "
        f"{num_face} face keys, {num_correctives} correctives, built in {build_s:.2f} s"
    )
    for use in (True, False):
        switch_correctives(skin, use)
        play(skin, 2)
        clock, cores = time_best(args.repeats, lambda: play(skin, args.frames))
        print(
            f"correctives {'on' if use else 'off'}: {args.frames / clock:.0f} frames/s, "
            f"{1000 * clock / args.frames:.2f} ms a frame, "
            f"{1000 * cores / args.frames:.2f} ms of all cores"
        )


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    shutil.rmtree(bpy.app.tempdir, ignore_errors=True)
    os._exit(0)  # bpy 4.5 can hang for ever in Python's own way out
