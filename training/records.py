"""Dataclasses of arrays, such as Landmarks, in .npz files."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

Record = TypeVar("Record")


def to_arrays(record: Any) -> dict[str, np.ndarray]:
    return {field.name: np.asarray(getattr(record, field.name)) for field in fields(record)}


def from_arrays(kind: type[Record], arrays: dict[str, np.ndarray], prefix: str = "") -> Record:
    """The record whose fields, their names with ``prefix``, are among ``arrays``.

    Numbers, texts and sizes are that again.
    """
    values: dict[str, Any] = {}
    for field in fields(kind):  # pyright: ignore[reportArgumentType]
        value = arrays[prefix + field.name]
        is_array = value.ndim > 0 and field.name != "image_size"
        values[field.name] = value if is_array else _plain(value)
    return kind(**values)


def _plain(value: np.ndarray) -> Any:
    return value.item() if value.ndim == 0 else tuple(value.tolist())


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """The file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".part{os.getpid()}")
    with part.open("wb") as file:
        np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]
    part.replace(path)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
