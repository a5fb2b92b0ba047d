"""Shape checks for public entrances."""

from __future__ import annotations

from typing import Any

from .errors import ShapeError


def check_shape(name: str, array: Any, pattern: str, **sizes: int) -> None:
    """Raise ShapeError unless ``array.shape`` fits ``pattern``, e.g. ``"T J 3"`` or ``"... 3"``.

    A number must match exactly, a letter given in ``sizes`` must have that size, other letters
    are free but equal wherever they stand twice. A leading ``...`` takes any batch dimensions.
    """
    wanted = pattern.split()
    shape = tuple(int(size) for size in array.shape)
    has_batch = wanted[0] == "..."
    if has_batch:
        wanted = wanted[1:]
    found = shape[len(shape) - len(wanted) :] if has_batch else shape
    known = dict(sizes)
    fits = len(found) == len(wanted) and len(shape) >= len(wanted)
    if fits:
        for word, size in zip(wanted, found, strict=True):
            expected = int(word) if word.isdigit() else known.setdefault(word, size)
            fits = fits and expected == size
    if not fits:
        named = "".join(f", {letter}={size}" for letter, size in sizes.items())
        raise ShapeError(f"`{name}` must have shape ({pattern}){named}, got {shape}.")
