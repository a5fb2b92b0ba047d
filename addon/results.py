"""The motions of a scene: where their files lie, how one becomes a character and a list entry."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import bpy

from ..core.errors import OutputError
from ..core.motion import Motion, read_motion
from ..core.skeletons import POSE_PARTS
from .bodies import get_body, get_shipped_body
from .character import add_character, find_loss
from .preferences import ROOT_PACKAGE, get_preferences
from .properties import get_active_result, get_settings

# The list tells how sure the motion is of each part: small hands say nothing of a good body.
_CONFIDENCE_PARTS = {
    "body": POSE_PARTS["pose_body"],
    "hands": POSE_PARTS["pose_hand"],
    "face": POSE_PARTS["pose_jaw"],
}


def captures_folder() -> Path:
    """Blender's own place for an extension's files; it outlives updates of the extension."""
    return Path(bpy.utils.extension_path_user(ROOT_PACKAGE, path="captures", create=True))


def new_motion_path(video: Path) -> Path:
    """Where the next motion of this video goes: a new folder, so that nothing is overwritten."""
    folder = captures_folder()
    for number in itertools.count(1):
        name = f"{video.stem}_{number:03d}"
        try:
            (folder / name).mkdir()
        except FileExistsError:
            continue
        except OSError as error:
            raise OutputError(
                f"{folder / name} cannot be made: {error.strerror}. "
                "Make room or give yourself the right to write there."
            ) from error
        return folder / name / f"{name}.npz"
    raise AssertionError("count() has no end")


def get_active_path(scene: bpy.types.Scene) -> Path:
    result = get_active_result(scene)
    assert result is not None, "the operator's poll asks for one"
    return Path(bpy.path.abspath(result.path))


def build_character(
    context: bpy.types.Context, motion: Motion, warn: Callable[[str], None]
) -> None:
    """Add a new character that plays the motion, as the scene's settings say, and select it."""
    settings = get_settings(context.scene)
    own = get_preferences(context).body
    body = get_body(own) if own else get_shipped_body(settings.detail)
    armature = add_character(
        context.scene,
        motion,
        body,
        start_frame=float(settings.start_frame),
        resample=settings.timing == "SCENE",
    )
    for selected in context.selected_objects:
        selected.select_set(False)
    armature.select_set(True)
    context.view_layer.objects.active = armature
    loss = find_loss(motion, body)
    if loss:
        warn(loss)
    _warn_of_hidden_end(context.scene, armature, warn)


def _warn_of_hidden_end(
    scene: bpy.types.Scene, armature: bpy.types.Object, warn: Callable[[str], None]
) -> None:
    last_frame = armature.animation_data.action.frame_range[1]  # pyright: ignore
    if last_frame > scene.frame_end:
        warn(
            f"The motion ends on frame {last_frame:.0f}, the scene on {scene.frame_end}. "
            "Raise End in the timeline to see all of it."
        )


def add_motion(context: bpy.types.Context, path: Path, warn: Callable[[str], None]) -> Motion:
    """Build a motion file's character and list the file. If that fails, the scene is untouched."""
    motion = read_motion(path, warn)
    build_character(context, motion, warn)
    settings = get_settings(context.scene)
    listed = [i for i, result in enumerate(settings.results) if Path(result.path) == path]
    settings.active_result = listed[0] if listed else len(settings.results)
    result = settings.results[listed[0]] if listed else settings.results.add()
    result.name = path.stem
    result.path = str(path)
    result.num_frames = motion.num_frames
    result.frame_rate = motion.mocap_frame_rate
    for part, joints in _CONFIDENCE_PARTS.items():
        setattr(result, f"{part}_confidence", float(motion.confidence[:, joints].mean()))
    result.date = datetime.fromtimestamp(path.stat().st_mtime).strftime("%Y-%m-%d %H:%M")
    return motion
