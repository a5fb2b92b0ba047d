"""The skin of a body: mesh, weights, shape keys and material."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import bpy
import numpy as np

from ...core.body.model import BodyModel
from ...core.frames import WORLD_FROM_BODY
from ...core.skeletons import JOINT_NAMES

_SKIN_COLOR = (0.80, 0.56, 0.45, 1.0)  # linear RGBA
_HARD_SLIDER_LIMIT = 10.0  # Blender's own for shape keys


@dataclass(frozen=True, eq=False)
class _Key:
    """One shape key: the mean shape plus ``offsets`` at value 1."""

    name: str
    offsets: np.ndarray  # [V, 3] m, body axes
    lowest: float
    highest: float
    value: float = 0.0


def build_skin(
    name: str, body: BodyModel, betas: np.ndarray, armature: bpy.types.Object
) -> bpy.types.Object:
    """A new mesh object that ``armature`` deforms, in the shape ``betas`` [10]; in no scene."""
    mesh = bpy.data.meshes.new(name)
    faces = body.faces if body.quads is None else body.quads
    mesh.from_pydata(body.template @ WORLD_FROM_BODY.T, [], faces)
    mesh.shade_smooth()
    mesh.materials.append(_new_material(name))
    obj = bpy.data.objects.new(name, mesh)
    _add_weights(obj, body.weights)
    _add_shape_keys(obj, body, betas)
    obj.parent = armature
    modifier = obj.modifiers.new("Armature", "ARMATURE")
    assert isinstance(modifier, bpy.types.ArmatureModifier)
    modifier.object = armature
    return obj


def beta_key_name(i_beta: int) -> str:
    return f"beta_{i_beta + 1:02d}"


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
    key.slider_min = max(min(key.slider_min, math.floor(lowest)), -_HARD_SLIDER_LIMIT)
    key.slider_max = min(max(key.slider_max, math.ceil(highest)), _HARD_SLIDER_LIMIT)


def _add_weights(obj: bpy.types.Object, weights: np.ndarray) -> None:
    for i_joint, name in enumerate(JOINT_NAMES):
        group = obj.vertex_groups.new(name=name)
        for i_vertex in np.flatnonzero(weights[:, i_joint]).tolist():
            group.add([i_vertex], weights[i_vertex, i_joint], "REPLACE")


def _add_shape_keys(obj: bpy.types.Object, body: BodyModel, betas: np.ndarray) -> None:
    obj.shape_key_add(name="Basis", from_mix=False)
    for key in _keys(body, betas):
        block = obj.shape_key_add(name=key.name, from_mix=False)
        shape = (body.template + key.offsets) @ WORLD_FROM_BODY.T
        block.data.foreach_set("co", shape.astype(np.float32).ravel())
        block.slider_min, block.slider_max = key.lowest, key.highest
        fit_slider(block, np.array(key.value))
        block.value = key.value


def _keys(body: BodyModel, betas: np.ndarray) -> Iterator[_Key]:
    for i_beta, value in enumerate(betas):
        yield _Key(beta_key_name(i_beta), body.shape_dirs[..., i_beta], -5.0, 5.0, float(value))
    for i_expression in range(body.expression_dirs.shape[2]):
        offsets = body.expression_dirs[..., i_expression]
        yield _Key(expression_key_name(i_expression), offsets, -3.0, 3.0)
    if body.arkit_dirs is not None:
        for i_unit, name in enumerate(body.arkit_names):
            yield _Key(name, body.arkit_dirs[..., i_unit], 0.0, 1.0)


def _new_material(name: str) -> bpy.types.Material:
    material = bpy.data.materials.new(name)
    if material.node_tree is None:  # before Blender 5.0
        material.use_nodes = True
    assert material.node_tree is not None
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    color = shader.inputs["Base Color"]
    assert isinstance(color, bpy.types.NodeSocketColor)
    # The renderers take the shader's colour, Workbench and the solid view the material's own.
    # The stubs know no sequence as a colour, which Blender takes.
    color.default_value = _SKIN_COLOR  # pyright: ignore[reportAttributeAccessIssue]
    material.diffuse_color = _SKIN_COLOR  # pyright: ignore[reportAttributeAccessIssue]
    return material
