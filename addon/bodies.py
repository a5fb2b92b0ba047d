"""Which bodies there are: the free one in two details, and the user's own SMPL-X.

A character remembers its body by a name: FULL, LIGHT, or the path of the user's own file.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from ..core.body.model import FREE_BODY_PATH, LIGHT_BODY_PATH, BodyModel, load_body
from ..core.errors import ModelFileError

FULL, LIGHT = "FULL", "LIGHT"

_SHIPPED = {FULL: FREE_BODY_PATH, LIGHT: LIGHT_BODY_PATH}


def body_name(body: BodyModel) -> str:
    """The name by which a character remembers ``body``."""
    names = {path: name for name, path in _SHIPPED.items()}
    return names.get(body.path, str(body.path))


def get_body(path: Path) -> BodyModel:
    """The body of a file, read once as long as the file stays as it is."""
    try:
        stat = path.stat()
    except OSError:
        return load_body(path)  # which says what is the matter
    return _read(path, stat.st_mtime_ns, stat.st_size)


def get_shipped_body(detail: str) -> BodyModel:
    """The free body, FULL or LIGHT."""
    return get_body(_SHIPPED[detail])


def get_named_body(name: str, own: Path | None) -> BodyModel:
    """The body that a character remembers by ``name``.

    Where the user's file was moved since, ``own``, the body of the preferences, takes its place if
    it is called the same.
    """
    if name in _SHIPPED:
        return get_shipped_body(name)
    path = Path(name)
    if path.is_file():
        return get_body(path)
    if own is not None and own.name == path.name:
        return get_body(own)
    raise ModelFileError(
        f"{path}, the body of this character, was not found. "
        "Choose where it lies now as your own body in Preferences > Add-ons > Reelrig."
    )


@lru_cache(maxsize=4)
def _read(path: Path, _mtime_ns: int, _size: int) -> BodyModel:
    return load_body(path)
