"""Shape keys out of the core's offsets."""

from __future__ import annotations

import bpy
import numpy as np

from ...core.frames import WORLD_FROM_BODY

SLIDER_LIMIT = 10.0  # Blender's own for the values of shape keys, either way


def add_key(
    skin: bpy.types.Object,
    name: str,
    offsets: np.ndarray,
    slider: tuple[float, float],
    vertices: np.ndarray | None = None,
) -> bpy.types.ShapeKey:
    """Add a key that moves ``vertices`` [n] (None: all) by ``offsets`` [n, 3] m, in body axes.

    ``slider`` is the lowest and the highest value. ``skin`` has a Basis.
    """
    key = skin.shape_key_add(name=name, from_mix=False)
    points = np.empty((len(key.points), 3), np.float32)
    key.points.foreach_get("co", points.ravel())
    points[slice(None) if vertices is None else vertices] += offsets @ WORLD_FROM_BODY.T
    key.points.foreach_set("co", points.ravel())
    key.slider_min, key.slider_max = slider
    key.value = 0.0  # Blender 5.2 makes keys with a value of 1
    return key
