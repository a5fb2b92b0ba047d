"""The people of one video in a scene: their characters and their camera, under one empty.

The empty is the world of the take: turned or moved, it takes along all that was captured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import bpy

from ..core.body.model import BodyModel
from ..core.errors import VideoError
from ..core.motion import Motion
from .background import show_video
from .camera import build_camera, has_camera, place_camera
from .character import add_character, character_name, nothing_left_on_failure
from .take import find_take, mark_world, plan_take, write_take

_WORLD_SIZE = 0.5  # m, of the empty as it is drawn


def add_people(
    scene: bpy.types.Scene,
    motions: Sequence[Motion],
    paths: Sequence[Path],
    body: BodyModel,
    *,
    start_frame: float = 1,
    resample: bool = False,
    video: Path | None = None,
    warn: Callable[[str], None],
) -> list[bpy.types.Object]:
    """Add the motions of one video, read from ``paths``; their armature objects come back.

    Where the motions know their camera, it comes with the characters, with ``video`` behind them.
    If anything fails, neither the scene nor the file has anything new in it.
    """
    with nothing_left_on_failure():
        people = []
        for motion, path in zip(motions, paths, strict=True):
            person = add_character(scene, motion, body, start_frame=start_frame, resample=resample)
            assert person.animation_data is not None
            assert person.animation_data.action is not None
            take = plan_take(scene, motion, path, start_frame, resample)
            write_take(person.animation_data.action, take)
            people.append(person)
        if has_camera(motions[0]):
            _add_world(people, motions[0], video, warn)
    return people


def _add_world(
    people: list[bpy.types.Object],
    motion: Motion,
    video: Path | None,
    warn: Callable[[str], None],
) -> None:
    """Hang ``people`` under an empty, with the camera of ``motion``, the first one's."""
    name = character_name(motion)
    world = bpy.data.objects.new(f"{name} world", None)
    world.empty_display_size = _WORLD_SIZE
    mark_world(world)
    camera = build_camera(f"{name} camera", motion)
    keyed = find_take(people[0])
    assert keyed is not None
    times = keyed.take.key_times(motion.num_frames)
    place_camera(camera, motion, times)
    if video is not None:
        try:
            show_video(camera, video, motion, times)
        except VideoError as error:
            warn(f"The camera shows no video. {error}")
    for child in (*people, camera):
        child.parent = world
    collection = people[0].users_collection[0]
    collection.objects.link(world)
    collection.objects.link(camera)
