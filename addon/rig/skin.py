"""The skin of a body: mesh, weights, shape keys and materials."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import bpy
import numpy as np

from ...core.body.model import BodyModel
from ...core.frames import WORLD_FROM_BODY
from ...core.skeletons import JOINT_NAMES
from .correctives import add_correctives
from .materials import add_materials
from .shape_keys import SLIDER_LIMIT, add_key


@dataclass(frozen=True, eq=False)
class _Key:
    """One shape key: the rest shape plus ``offsets`` at value 1."""

    name: str
    offsets: np.ndarray  # [V, 3] m, body axes
    slider: tuple[float, float]  # lowest and highest value


def build_skin(
    name: str,
    body: BodyModel,
    betas: np.ndarray,
    sliders: np.ndarray | None,
    armature: bpy.types.Object,
) -> bpy.types.Object:
    """A new mesh object that ``armature`` deforms, in no scene.

    Its shape at rest is that of ``betas`` [B <= 10] and the shape ``sliders`` [S]. It has shape
    keys for the face, and driven ones for the pose correctives.
    """
    mesh = _new_mesh(name, body, body.rest_vertices(betas, sliders))
    add_materials(mesh, body)
    obj = bpy.data.objects.new(name, mesh)
    _add_weights(obj, body.weights)
    _add_face_keys(obj, body)
    add_correctives(obj, body, armature)
    obj.parent = armature
    modifier = obj.modifiers.new("Armature", "ARMATURE")
    assert isinstance(modifier, bpy.types.ArmatureModifier)
    modifier.object = armature
    return obj


def expression_key_name(i_expression: int) -> str:
    return f"expression_{i_expression + 1:02d}"


def skin_shape_keys(skin: bpy.types.Object) -> bpy.types.Key:
    """The data-block that holds the shape keys of a skin."""
    assert isinstance(skin.data, bpy.types.Mesh)
    assert skin.data.shape_keys is not None
    return skin.data.shape_keys


def fit_slider(key: bpy.types.ShapeKey, values: np.ndarray) -> None:
    """Widen the key's range to hold ``values``, which Blender would silently cut to it."""
    lowest, highest = float(np.min(values)), float(np.max(values))
    key.slider_min = max(min(key.slider_min, math.floor(lowest)), -SLIDER_LIMIT)
    key.slider_max = min(max(key.slider_max, math.ceil(highest)), SLIDER_LIMIT)


def _new_mesh(name: str, body: BodyModel, rest: np.ndarray) -> bpy.types.Mesh:
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(rest @ WORLD_FROM_BODY.T, [], body.polygons)
    mesh.shade_smooth()
    if body.uv is not None and body.quads_uv is not None:
        layer = mesh.uv_layers.new(name="UVMap")
        assert layer is not None
        layer.uv.foreach_set("vector", body.uv[body.quads_uv].ravel())
    return mesh


def _add_weights(obj: bpy.types.Object, weights: np.ndarray) -> None:
    for i_joint, name in enumerate(JOINT_NAMES):
        group = obj.vertex_groups.new(name=name)
        for i_vertex in np.flatnonzero(weights[:, i_joint]).tolist():
            group.add([i_vertex], weights[i_vertex, i_joint], "REPLACE")


def _add_face_keys(obj: bpy.types.Object, body: BodyModel) -> None:
    obj.shape_key_add(name="Basis", from_mix=False)
    for key in _face_keys(body):
        add_key(obj, key.name, key.offsets, key.slider)


def _face_keys(body: BodyModel) -> Iterator[_Key]:
    """The ARKit units where the body has them, else the expression: both move the same skin."""
    if body.arkit_dirs is not None:
        for i_unit, name in enumerate(body.arkit_names):
            yield _Key(name, body.arkit_dirs[..., i_unit], (0.0, 1.0))
    else:
        for i_expression in range(body.expression_dirs.shape[2]):
            offsets = body.expression_dirs[..., i_expression]
            yield _Key(expression_key_name(i_expression), offsets, (-3.0, 3.0))
