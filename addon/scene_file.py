"""A motion file to a .blend without a window: ``python -m reelrig.addon.scene_file``."""

from __future__ import annotations

import argparse
import math
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import bpy
import numpy as np

from ..core.errors import OutputError, ReelrigError
from ..core.motion import Motion, check_writable, read_motion
from .background import find_video
from .bodies import FULL, LIGHT, get_body, get_shipped_body
from .character import find_loss
from .world import add_people

_START_FRAME = 1
_CAMERA_PITCH = math.radians(8)  # how far the camera looks down
_CAMERA_MARGIN = 1.15  # size of the picture by that of the motion
_MAX_FPS = 32767  # Blender's limit


def main(argv: Sequence[str] | None = None) -> int:
    """Build a .blend with a keyed character from a motion file."""
    parser = argparse.ArgumentParser(
        prog="python -m reelrig.addon.scene_file", description=main.__doc__
    )
    parser.add_argument("motion", type=Path, help="motion file (.npz)")
    parser.add_argument("-o", "--output", type=Path, required=True, help="scene to write (.blend)")
    bodies = parser.add_mutually_exclusive_group()
    bodies.add_argument("--body", type=Path, help="SMPL-X body (.npz); default: the free body")
    bodies.add_argument("--light", action="store_true", help="the free body with few vertices")
    parser.add_argument("--export", type=Path, help=f"also export to {' or '.join(_EXPORTERS)}")
    args = parser.parse_args(argv)
    try:
        build_scene_file(
            args.motion,
            args.output,
            body_path=args.body,
            detail=LIGHT if args.light else FULL,
            export_path=args.export,
        )
    except ReelrigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def build_scene_file(
    motion_path: Path,
    scene_path: Path,
    *,
    body_path: Path | None = None,
    detail: str = FULL,
    export_path: Path | None = None,
) -> None:
    """Write the scene, and the export where one is asked for, each whole or not at all.

    The body is the user's own at ``body_path``, or the free one in a ``detail``, FULL or LIGHT.
    Replaces whatever file this Blender has open.
    """
    check_writable(scene_path, ".blend")
    if export_path is not None:
        check_writable(export_path, *_EXPORTERS)
    body = get_body(body_path) if body_path else get_shipped_body(detail)
    motion = read_motion(motion_path, _warn)
    loss = find_loss(motion, body)
    if loss:
        _warn(loss)
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene = bpy.context.scene
    set_scene_timing(scene, motion)
    (armature,) = add_people(
        scene,
        [motion],
        [motion_path],
        body,
        start_frame=_START_FRAME,
        video=find_video(motion.source, motion_path.parent, Path.cwd()),
        warn=_warn,
    )
    _select(armature)
    facing = _facing_angle(scene, armature)
    _add_light(scene, facing)
    _add_camera(scene, armature, facing)
    _write_whole(scene_path, _save)
    if export_path is not None:
        _write_whole(export_path, _EXPORTERS[export_path.suffix.lower()])


def set_scene_timing(scene: bpy.types.Scene, motion: Motion) -> None:
    """Give the scene the motion's frame rate and length: one frame a row."""
    fps = min(max(round(motion.mocap_frame_rate), 1), _MAX_FPS)
    scene.render.fps = fps
    scene.render.fps_base = fps / motion.mocap_frame_rate
    scene.frame_start = _START_FRAME
    scene.frame_end = _START_FRAME + motion.num_frames - 1
    scene.frame_set(_START_FRAME)


def _warn(text: str) -> None:
    sys.stderr.write(f"warning: {text}\n")


def _select(armature: bpy.types.Object) -> None:
    """Select the character, which is what gets exported; its armature is the active object."""
    for obj in (armature, *armature.children):
        obj.select_set(True)
    bpy.context.view_layer.objects.active = armature


def _facing_angle(scene: bpy.types.Scene, armature: bpy.types.Object) -> float:
    """Angle about z (rad) from -y to where the person faces halfway through."""
    scene.frame_set((scene.frame_start + scene.frame_end) // 2)
    forward = _pose_bones(armature)["pelvis"].z_axis
    return math.atan2(forward.x, -forward.y)


def _add_light(scene: bpy.types.Scene, facing: float) -> None:
    """A sun that lights the person's front from above, and a grey sky."""
    sun = bpy.data.lights.new("Sun", "SUN")
    assert isinstance(sun, bpy.types.SunLight)
    sun.energy = 3.0
    obj = bpy.data.objects.new("Sun", sun)
    obj.rotation_euler = (math.radians(40), math.radians(15), facing)
    scene.collection.objects.link(obj)
    scene.world = bpy.data.worlds.new("World")
    scene.world.color = (0.25, 0.25, 0.25)


def _add_camera(scene: bpy.types.Scene, armature: bpy.types.Object, facing: float) -> None:
    """A camera before the person that sees the whole motion."""
    lens = bpy.data.cameras.new("Camera")
    camera = bpy.data.objects.new("Camera", lens)
    scene.collection.objects.link(camera)
    scene.camera = camera
    camera.rotation_euler = (math.pi / 2 - _CAMERA_PITCH, 0.0, facing)
    points = _sample_points(scene, armature)
    points = points.mean(axis=0) + _CAMERA_MARGIN * (points - points.mean(axis=0))
    depsgraph = bpy.context.evaluated_depsgraph_get()
    camera.location, _ = camera.camera_fit_coords(depsgraph, points.ravel().tolist())
    lens.clip_end = 100.0 + 2.0 * camera.location.length


def _sample_points(scene: bpy.types.Scene, armature: bpy.types.Object) -> np.ndarray:
    """[N, 3] m, the ends of all bones at moments spread over the motion."""
    bones, points = _pose_bones(armature), []
    for frame in np.unique(np.linspace(scene.frame_start, scene.frame_end, 25).astype(int)):
        scene.frame_set(int(frame))
        points += [end[:] for bone in bones for end in (bone.head, bone.tail)]
    scene.frame_set(scene.frame_start)
    return np.array(points)


def _pose_bones(armature: bpy.types.Object) -> bpy.types.bpy_prop_collection:
    assert armature.pose is not None
    return armature.pose.bones


def _write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` make a file of this name elsewhere, then put it in place in one step."""
    with tempfile.TemporaryDirectory(prefix=".reelrig-", dir=path.parent) as folder:
        partial = Path(folder) / path.name
        try:
            write(partial)
            os.replace(partial, path)
        except (RuntimeError, OSError) as error:
            raise OutputError(
                f"{path} could not be written: {error}. Choose another folder."
            ) from error


def _save(path: Path) -> None:
    # The compressed file is a small part of the size: keys and shape keys repeat themselves.
    bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=True, copy=True, check_existing=False)


def _export_fbx(path: Path) -> None:
    bpy.ops.export_scene.fbx(
        filepath=str(path),
        check_existing=False,
        use_selection=True,
        add_leaf_bones=False,
        bake_anim_use_nla_strips=False,
        bake_anim_use_all_actions=False,
        bake_anim_simplify_factor=0.0,
    )


def _export_glb(path: Path) -> None:
    bpy.ops.export_scene.gltf(
        filepath=str(path),
        check_existing=False,
        export_format="GLB",
        use_selection=True,
        export_animation_mode="ACTIVE_ACTIONS",
        export_morph_normal=False,
    )


def _export_bvh(path: Path) -> None:
    scene = bpy.context.scene
    bpy.ops.export_anim.bvh(
        filepath=str(path),
        check_existing=False,
        frame_start=scene.frame_start,
        frame_end=scene.frame_end,
        root_transform_only=True,
    )


def _export_usd(path: Path) -> None:
    bpy.ops.wm.usd_export(
        filepath=str(path),
        check_existing=False,
        selected_objects_only=True,
        export_animation=True,
        export_armatures=True,
        export_shapekeys=True,
    )


_EXPORTERS: dict[str, Callable[[Path], None]] = {
    ".fbx": _export_fbx,
    ".glb": _export_glb,
    ".bvh": _export_bvh,
    ".usd": _export_usd,
}


def _run_and_leave() -> None:
    """Run main and end the process with its status."""
    status = 1
    try:
        status = main()
    except SystemExit as stop:  # argparse's own way out
        status = stop.code if isinstance(stop.code, int) else 1
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    shutil.rmtree(bpy.app.tempdir, ignore_errors=True)  # Blender's own tidying is left out below
    # bpy 4.5 can hang for ever in its static destructors, so Python's way out is not taken.
    os._exit(status)


if __name__ == "__main__":
    _run_and_leave()
