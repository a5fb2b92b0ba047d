import os
import re
import subprocess
import sys

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view

from reelrig.addon import scene_file
from reelrig.core.body.model import load_body
from reelrig.core.motion import Motion
from reelrig.core.skeletons import ARKIT_INDEX, JOINT_NAMES
from tests.addon.conftest import ROOT
from tests.addon.motions import expected_joints, make_smooth_motion

NUM_FRAMES = 20


@pytest.fixture(scope="module")
def motion() -> Motion:
    arkit = np.zeros((NUM_FRAMES, 52))
    arkit[:, ARKIT_INDEX["mouthSmileLeft"]] = np.linspace(0, 1, NUM_FRAMES)
    return make_smooth_motion(NUM_FRAMES, arkit=arkit, mocap_frame_rate=30.0)


@pytest.fixture
def motion_path(motion, tmp_path):
    return save(motion, tmp_path / "motion.npz")


def save(motion, path, **changes):
    """The motion as another tool's file."""
    keys = ("poses", "trans", "betas", "arkit", "mocap_frame_rate", "source")
    np.savez(path, **({key: getattr(motion, key) for key in keys} | changes))
    return path


def build(motion_path, *options) -> int:
    return scene_file.main([str(motion_path), *map(str, options)])


def test_scene_plays_the_motion_at_its_own_rate(motion, motion_path, tmp_path, capsys):
    save(motion, motion_path, mocap_frame_rate=29.97)
    output = tmp_path / "scene.blend"
    assert build(motion_path, "-o", output) == 0
    assert "warning: motion.npz lacks expression" in capsys.readouterr().err
    bpy.ops.wm.open_mainfile(filepath=str(output))
    scene = bpy.context.scene
    assert scene.render.fps / scene.render.fps_base == pytest.approx(29.97, abs=1e-5)
    assert (scene.frame_start, scene.frame_end, scene.frame_current) == (1, NUM_FRAMES, 1)
    assert bpy.context.object.type == "ARMATURE"
    check_heads(motion, atol=2e-5)


def test_camera_and_light_look_at_the_front_of_the_person(motion, motion_path, tmp_path):
    build(motion_path, "-o", tmp_path / "scene.blend")
    scene = bpy.context.scene
    scene.frame_set(10)
    camera = scene.camera
    armature = bpy.context.object
    to_camera = camera.matrix_world.translation - armature.pose.bones["pelvis"].head
    assert to_camera.normalized().dot(armature.pose.bones["pelvis"].z_axis) > 0.8
    for bone in armature.pose.bones:
        seen = world_to_camera_view(scene, camera, bone.head)
        assert 0 < seen.x < 1
        assert 0 < seen.y < 1
        assert seen.z > 0
    assert {obj.type for obj in scene.objects} == {"ARMATURE", "MESH", "CAMERA", "LIGHT"}


def import_fbx(path):
    bpy.ops.import_scene.fbx(filepath=str(path))


def import_glb(path):
    bpy.ops.import_scene.gltf(filepath=str(path))


def import_usd(path):
    bpy.ops.wm.usd_import(filepath=str(path))


def import_bvh(path):
    # The exporter writes Blender's own axes.
    bpy.ops.import_anim.bvh(filepath=str(path), axis_forward="Y", axis_up="Z", frame_start=1)


@pytest.mark.parametrize(
    ("suffix", "import_file", "has_shapes"),
    [
        (".fbx", import_fbx, True),
        (".glb", import_glb, True),
        (".usd", import_usd, True),
        (".bvh", import_bvh, False),
    ],
)
def test_exports_animate_the_right_bones(
    motion, motion_path, tmp_path, suffix, import_file, has_shapes
):
    exported = tmp_path / f"out{suffix}"
    assert build(motion_path, "-o", tmp_path / "scene.blend", "--export", exported) == 0
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.context.scene.render.fps = 30
    import_file(exported)
    check_heads(motion, atol=1e-3)
    if has_shapes:
        (shape_keys,) = bpy.data.shape_keys
        bpy.context.scene.frame_set(first_frame() + 10)
        smile = shape_keys.key_blocks["mouthSmileLeft"].value
        assert smile == pytest.approx(10 / 19, abs=1e-3)


def first_frame() -> int:
    """The frame of the first key; importers shift it in their own ways."""
    return int(bpy.data.actions[0].frame_range[0])


def check_heads(motion, atol):
    """The bones of the scene's one armature play the motion, first row at the first key."""
    scene = bpy.context.scene
    (armature,) = (obj for obj in scene.objects if obj.type == "ARMATURE")
    expected = expected_joints(motion, load_body())
    for i_frame in (0, 7, NUM_FRAMES - 1):
        scene.frame_set(first_frame() + i_frame)
        posed = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
        heads = [posed.matrix_world @ posed.pose.bones[name].head for name in JOINT_NAMES]
        np.testing.assert_allclose(np.array(heads), expected[i_frame], atol=atol)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["-o", "{tmp}/scene.txt"], r"scene\.txt must end in \.blend, got '\.txt'"),
        (["-o", "{tmp}/none/scene.blend"], "does not exist"),
        (["-o", "{tmp}/scene.blend", "--export", "{tmp}/out.dae"], r"must end in \.fbx or \.glb"),
        (["-o", "{tmp}/scene.blend", "--body", "{tmp}/none.npz"], "was not found"),
        (["-o", "{tmp}/scene.blend", "--body", "{tmp}/body.pkl"], "is a pickle"),
        (["-o", "{tmp}/scene.blend", "--body", "{tmp}/motion.npz"], "is not an SMPL-X body"),
    ],
)
def test_what_a_user_can_mend_ends_in_2_and_a_sentence(
    motion_path, tmp_path, capsys, options, sentence
):
    assert build(motion_path, *(option.format(tmp=tmp_path) for option in options)) == 2
    captured = capsys.readouterr()
    assert re.search(sentence, captured.err)
    assert [path.name for path in tmp_path.iterdir()] == ["motion.npz"]


def test_a_missing_motion_ends_in_2(tmp_path, capsys):
    assert build(tmp_path / "none.npz", "-o", tmp_path / "scene.blend") == 2
    assert "none.npz was not found" in capsys.readouterr().err


def test_a_failed_save_keeps_the_old_file(motion_path, tmp_path, monkeypatch, capsys):
    output = tmp_path / "scene.blend"
    output.write_text("old")

    def fail(path):
        path.write_text("half")
        raise RuntimeError("disk full")

    monkeypatch.setattr(scene_file, "_save", fail)
    assert build(motion_path, "-o", output) == 2
    assert "could not be written: disk full" in capsys.readouterr().err
    assert output.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["motion.npz", "scene.blend"]


@pytest.fixture
def run_python(tmp_path):
    """Run a Python of its own in which the repository is the package ``reelrig``."""
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "reelrig").symlink_to(ROOT, target_is_directory=True)

    def run(*args):
        environment = os.environ | {"PYTHONPATH": str(packages)}
        command = [sys.executable, *map(str, args)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)

    return run


def test_the_door_ends_with_its_status(run_python, motion_path, tmp_path):
    module = ("-m", "reelrig.addon.scene_file", motion_path)
    good = run_python(*module, "-o", tmp_path / "scene.blend")
    assert good.returncode == 0, good.stderr
    assert (tmp_path / "scene.blend").stat().st_size > 100_000
    bad = run_python(*module, "-o", tmp_path / "scene.txt")
    assert bad.returncode == 2
    assert bad.stderr.count("\n") == 1
    assert run_python(*module).returncode == 2


def test_the_door_needs_no_torch(run_python):
    code = (
        "import os, sys, reelrig.addon.scene_file\n"
        "os._exit(int('torch' in sys.modules))  # bpy 4.5 may hang in Python's own way out\n"
    )
    assert run_python("-c", code).returncode == 0
