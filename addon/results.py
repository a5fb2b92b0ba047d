"""The motions of a scene: where their files lie, how one becomes a character and a list entry."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import bpy

from ..core.errors import OutputError
from ..core.motion import Motion, read_motion
from ..core.skeletons import POSE_PARTS
from .background import find_video
from .bodies import get_body, get_shipped_body
from .character import find_loss
from .preferences import ROOT_PACKAGE, get_preferences
from .properties import ReelrigSettings, get_active_result, get_settings
from .world import add_people

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


def build_characters(
    context: bpy.types.Context,
    motions: Sequence[Motion],
    paths: Sequence[Path],
    warn: Callable[[str], None],
) -> None:
    """Add new characters that play the motions of one video, read from ``paths``, and select them.

    All as the scene's settings say. If one fails, the scene is untouched.
    """
    settings = get_settings(context.scene)
    own = get_preferences(context).body
    body = get_body(own) if own else get_shipped_body(settings.detail)
    armatures = add_people(
        context.scene,
        motions,
        paths,
        body,
        start_frame=float(settings.start_frame),
        resample=settings.timing == "SCENE",
        video=find_video(motions[0].source, *_video_places(settings, paths[0])),
        warn=warn,
    )
    for selected in context.selected_objects:
        selected.select_set(False)
    for armature in armatures:
        armature.select_set(True)
    context.view_layer.objects.active = armatures[0]
    for loss in dict.fromkeys(find_loss(motion, body) for motion in motions):
        if loss:
            warn(loss)
    _warn_of_hidden_end(context.scene, armatures, warn)


def _video_places(settings: ReelrigSettings, path: Path) -> list[Path | None]:
    """Where the video of the motion at ``path`` may lie."""
    remembered = [result.video for result in settings.results if Path(result.path) == path]
    known = [bpy.path.abspath(place) for place in (*remembered, settings.video_path) if place]
    return [*map(Path, known), path.parent]


def _warn_of_hidden_end(
    scene: bpy.types.Scene, armatures: list[bpy.types.Object], warn: Callable[[str], None]
) -> None:
    last_frame = max(armature.animation_data.action.frame_range[1] for armature in armatures)  # pyright: ignore
    if last_frame > scene.frame_end:
        warn(
            f"The motion ends on frame {last_frame:.0f}, the scene on {scene.frame_end}. "
            "Raise End in the timeline to see all of it."
        )


def add_motions(
    context: bpy.types.Context, paths: Sequence[Path], warn: Callable[[str], None]
) -> list[Motion]:
    """Build the motion files' characters and list the files, the first as the active one.

    If one fails, the scene is untouched.
    """
    motions = [read_motion(path, warn) for path in paths]
    build_characters(context, motions, paths, warn)
    settings = get_settings(context.scene)
    places = [_list_motion(settings, *pair) for pair in zip(paths, motions, strict=True)]
    settings.active_result = places[0]
    return motions


def _list_motion(settings: ReelrigSettings, path: Path, motion: Motion) -> int:
    """List a motion file, or tell its entry anew; the entry's place."""
    listed = [i for i, result in enumerate(settings.results) if Path(result.path) == path]
    place = listed[0] if listed else len(settings.results)
    result = settings.results[place] if listed else settings.results.add()
    result.name = path.stem
    result.video = str(find_video(motion.source, *_video_places(settings, path)) or "")
    result.path = str(path)
    result.num_frames = motion.num_frames
    result.frame_rate = motion.mocap_frame_rate
    for part, joints in _CONFIDENCE_PARTS.items():
        setattr(result, f"{part}_confidence", float(motion.confidence[:, joints].mean()))
    result.date = datetime.fromtimestamp(path.stat().st_mtime).strftime("%Y-%m-%d %H:%M")
    return place
