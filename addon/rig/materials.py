"""What a body looks like: one plain material for each of its regions, without textures."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from ...core.body.model import BodyModel


@dataclass(frozen=True)
class _Look:
    color: tuple[float, float, float]  # linear RGB
    roughness: float
    subsurface: float = 0.0  # share of the light that goes through


_SKIN = "Skin"
_LOOKS = {
    _SKIN: _Look((0.66, 0.40, 0.29), 0.5, subsurface=0.15),
    "Suit": _Look((0.035, 0.045, 0.065), 0.75),
    "Eye White": _Look((0.78, 0.76, 0.73), 0.04),
    "Iris": _Look((0.09, 0.16, 0.21), 0.04),
    "Pupil": _Look((0.004, 0.004, 0.004), 0.04),
    "Teeth": _Look((0.72, 0.68, 0.58), 0.25),
    "Mouth": _Look((0.38, 0.11, 0.10), 0.35, subsurface=0.1),
    "Lips": _Look((0.50, 0.25, 0.21), 0.4, subsurface=0.15),
    "Brows and Lashes": _Look((0.035, 0.022, 0.015), 0.7),
}
_UNKNOWN = _Look((0.5, 0.5, 0.5), 0.5)
_SUBSURFACE_SCALE = 0.01  # m, how far red light goes in flesh


def add_materials(mesh: bpy.types.Mesh, body: BodyModel) -> None:
    """Give ``mesh``, made of the body's polygons, the body's materials; skin where it has none."""
    if body.polygon_materials is None or not body.material_names:
        mesh.materials.append(_new_material(_SKIN))
        return
    for name in body.material_names:
        mesh.materials.append(_new_material(name))
    mesh.polygons.foreach_set("material_index", body.polygon_materials.astype(np.int32))


def _new_material(name: str) -> bpy.types.Material:
    look = _LOOKS.get(name, _UNKNOWN)
    material = bpy.data.materials.new(name)
    if material.node_tree is None:  # before Blender 5.0
        material.use_nodes = True
    assert material.node_tree is not None
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    values = {
        "Base Color": (*look.color, 1.0),
        "Roughness": look.roughness,
        "Subsurface Weight": look.subsurface,
        "Subsurface Scale": _SUBSURFACE_SCALE,
    }
    for input_name, value in values.items():
        # The stubs know only the sockets' common base.
        shader.inputs[input_name].default_value = value  # pyright: ignore
    # The renderers take the shader's values, Workbench and the solid view the material's own.
    material.diffuse_color = (*look.color, 1.0)  # pyright: ignore[reportAttributeAccessIssue]
    material.roughness = look.roughness
    return material
