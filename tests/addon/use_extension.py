"""Install the extension's zip into an empty Blender, capture a video, and say what came of it.

Run by test_extension.py as a program of its own: use_extension.py ZIP VIDEO END_S
"""

import json
import os
import subprocess
import sys
from importlib import import_module
from unittest.mock import patch

import bpy
import numpy as np

MODULE = "bl_ext.user_default.reelrig"


def use_extension(zip_path: str, video: str, end_s: float) -> dict:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.extensions.package_install_files(
        repo="user_default", filepath=zip_path, enable_on_install=True
    )
    scene = bpy.context.scene
    scene.reelrig.video_path = video
    scene.reelrig.use_range = True
    scene.reelrig.end_s = end_s
    fps = scene.render.fps
    assert bpy.ops.reelrig.capture() == {"FINISHED"}
    assert bpy.ops.reelrig.build() == {"FINISHED"}
    assert scene.render.fps == fps
    found = describe(scene) | {"joint errors in mm": joint_errors_mm(scene), "wheel": find_wheel()}
    bpy.ops.preferences.addon_disable(module=MODULE)
    return found | {"types after disabling": [n for n in dir(bpy.types) if "REELRIG" in n]}


def describe(scene: bpy.types.Scene) -> dict:
    armatures = [item for item in scene.objects if item.type == "ARMATURE"]
    captures = import_module(f"{MODULE}.addon.results").captures_folder()
    return {
        "bones": [len(armature.data.bones) for armature in armatures],
        "are keyed": [armature.animation_data.action is not None for armature in armatures],
        "skins": len([item for item in scene.objects if item.type == "MESH"]),
        "results": [result.name for result in scene.reelrig.results],
        "frames": scene.reelrig.results[0].num_frames,
        "confidence": scene.reelrig.results[0].body_confidence,
        "captures": [str(path.relative_to(captures)) for path in captures.rglob("*.npz")],
        "is in user folder": captures.is_relative_to(os.environ["BLENDER_USER_RESOURCES"]),
        "worker's packages in Blender": sorted({"torch", "av", "cv2"} & set(sys.modules)),
    }


def find_wheel() -> str:
    """Which of the zip's wheels a worker in Blender's own Python finds."""
    interpreters = import_module(f"{MODULE}.addon.interpreter")
    with patch.dict(os.environ, {interpreters.PYTHON_VARIABLE: ""}):
        interpreter = interpreters.find_interpreter(bpy.context)
    program = "import python_tag; print(python_tag.NAME)"
    worker = interpreter.start("-c", program, stdout=subprocess.PIPE)
    return worker.communicate(timeout=60)[0].strip()


def joint_errors_mm(scene: bpy.types.Scene) -> list[float]:
    """Largest error of the bone heads on each frame that falls on a row of the motion file."""
    motion = import_module(f"{MODULE}.core.motion").read_motion(
        scene.reelrig.results[0].path, print
    )
    names = import_module(f"{MODULE}.core.skeletons").JOINT_NAMES
    armature = next(item for item in scene.objects if item.type == "ARMATURE")
    rows_a_frame = motion.mocap_frame_rate * scene.render.fps_base / scene.render.fps
    errors = []
    for frame in range(scene.reelrig.start_frame, scene.frame_end + 1):
        row = (frame - scene.reelrig.start_frame) * rows_a_frame
        if round(row) < motion.num_frames and abs(row - round(row)) < 1e-3:
            scene.frame_set(frame)
            heads = [armature.pose.bones[name].head for name in names]
            error = np.array(heads) - motion.joints_world[round(row)]
            errors.append(1000 * float(np.abs(error).max()))
    return errors


if __name__ == "__main__":
    answer = use_extension(sys.argv[1], sys.argv[2], float(sys.argv[3]))
    sys.stdout.write("\n" + json.dumps(answer) + "\n")
    sys.stdout.flush()
    os._exit(0)
