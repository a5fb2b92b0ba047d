"""The people found in a scene's video: their list, their pictures, whom a capture is asked for."""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
import bpy.utils.previews

from ..core.errors import OutputError
from ..core.protocol import FoundPerson

if TYPE_CHECKING:
    from .properties import ReelrigPerson, ReelrigSettings

MAIN, ALL = "0", "ALL"  # of the persons that can be chosen, the two that are always there

_ALL_VALUE = 1000  # as Blender stores it; the others are stored as their number

_previews: bpy.utils.previews.ImagePreviewCollection | None = None
_picture_folders: list[Path] = []


def find_inputs(settings: ReelrigSettings) -> tuple[str, float, float | None]:
    """What a list of people belongs to: the video, its first and last second."""
    return settings.video_path, *settings.range_s


def list_people(settings: ReelrigSettings, people: list[FoundPerson]) -> None:
    """Make the scene's list anew; the choice goes back to the main person, but All stays."""
    forget_people(settings)
    for found in people:
        person = settings.people.add()
        person.number = found["person"]
        person.first_s, person.last_s = found["first_s"], found["last_s"]
        person.share = found["share"]
        person.picture = found["thumbnail"] or ""
        _load_picture(person.picture)


def forget_people(settings: ReelrigSettings) -> None:
    """Empty the list: another video or range has other people."""
    if settings.person != ALL:
        settings.person = MAIN
    settings.people.clear()


def get_person(settings: ReelrigSettings) -> int | None:
    """The number of the chosen person; None for all."""
    return None if settings.person == ALL else int(settings.person)


def person_items(settings: ReelrigSettings, _context: bpy.types.Context | None) -> list[tuple]:
    """Who can be chosen, as items of an enum property."""
    return _make_items(tuple((p.number, describe_times(p)) for p in settings.people))


@cache  # Blender keeps no reference to an item's texts, so the lists must live on
def _make_items(people: tuple[tuple[int, str], ...]) -> list[tuple]:
    items = [
        (str(number), f"Person {number}", f"Seen {times}", "USER", number)
        for number, times in people
    ]
    if not items:
        description = "Who is largest and longest in the picture"
        items.append((MAIN, "Main Person", description, "USER", int(MAIN)))
    description = "Everybody who is found, each as a character"
    items.append((ALL, "All People", description, "COMMUNITY", _ALL_VALUE))
    return items


def describe_times(person: ReelrigPerson) -> str:
    return f"{person.first_s:.1f} to {person.last_s:.1f} s"


def describe_share(person: ReelrigPerson) -> str:
    return f"In {person.share:.0%} of the frames"


def new_picture_folder() -> Path:
    """An empty folder for people's pictures. It is there until Blender or the add-on is closed."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="reelrig_people_", dir=bpy.app.tempdir))
    except OSError as error:
        raise OutputError(
            f"No folder can be made in {bpy.app.tempdir}: {error.strerror}. Make room there, or "
            "choose another folder in Preferences > File Paths > Temporary Files."
        ) from error
    _picture_folders.append(folder)
    return folder


def get_icon(picture: str) -> int:
    """Blender's number of a person's picture; 0 where there is none, as in a file just opened."""
    preview = _previews.get(picture) if _previews is not None else None
    return preview.icon_id if preview is not None else 0


def remove_pictures() -> None:
    global _previews
    if _previews is not None:
        bpy.utils.previews.remove(_previews)
    _previews = None
    while _picture_folders:
        shutil.rmtree(_picture_folders.pop(), ignore_errors=True)


def _load_picture(picture: str) -> None:
    global _previews
    if _previews is None:
        _previews = bpy.utils.previews.new()
    if Path(picture).is_file() and picture not in _previews:
        _previews.load(picture, picture, "IMAGE")
