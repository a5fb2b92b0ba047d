"""Another shape for a character that stands: bones, skins and the keys of its root follow.

Bones keep their directions at rest, so every rotation key means what it meant. All is moved by the
difference of the two shapes, so what the user sculpted, keyed or added stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import bpy
import numpy as np

from ...core.body.model import BodyModel
from ...core.errors import ReelrigError
from ...core.frames import WORLD_FROM_BODY
from ...core.skeletons import JOINT_NAMES
from ..keys.locations import LocationKeys, find_location_keys
from .build import bone_axes, edit_bones
from .rest import RestBones, rest_bones
from .root import ROOT, RootMove, Stance, move_roots
from .shape import Shape, find_armature, find_skins, get_shape, write_shape


def reshape(
    armature: bpy.types.Object,
    betas: Iterable[float],
    sliders: Mapping[str, float],
    get_body: Callable[[str], BodyModel],
) -> None:
    """Give the character of an armature object, with all its skins, another shape.

    ``betas`` [10]; ``sliders`` that are not named stay as they are. ``get_body`` turns the name of
    a body into the body. What cannot be reshaped is refused before anything has moved.
    """
    data = armature.data
    assert isinstance(data, bpy.types.Armature)
    old = get_shape(data)
    new = replace(old, betas=tuple(betas), sliders={**old.sliders, **sliders})
    objects = [obj for obj in bpy.data.objects if obj.data == data]
    keys = {obj: find_location_keys(obj, ROOT) for obj in objects}
    _check_bones(data)
    _check_keys(keys)
    skins = [_SkinMove.of(mesh, new, get_body) for mesh in _find_meshes(armature)]

    body = get_body(old.body)
    before, after = old.values(body), new.values(body)
    head_before = _root_head(data)
    _move_bones(data, rest_bones(body, *before), rest_bones(body, *after))
    move_roots(
        RootMove(
            old=Stance.of(body, *before),
            new=Stance.of(body, *after),
            head_before=head_before,
            head_after=_root_head(data),
            axes=bone_axes(armature)[0],
        ),
        keys,
    )
    for skin in skins:
        skin.apply()
    write_shape(data, new)


def _check_bones(armature: bpy.types.Armature) -> None:
    _check_editable(armature)
    missing = [name for name in JOINT_NAMES if name not in armature.bones]
    if missing:
        raise ReelrigError(
            f"The armature {armature.name} has no bone {missing[0]}. A new shape needs SMPL-X's "
            "55 bones by their names: give the bone its name back."
        )


def _check_keys(keys: Mapping[bpy.types.Object, list[LocationKeys]]) -> None:
    for entry in (entry for entries in keys.values() for entry in entries):
        _check_editable(entry.action)
        others = [user for user in entry.slot.users() if user not in keys]
        if others:
            raise ReelrigError(
                f"The action {entry.action.name} moves {others[0].name} too, which keeps its "
                "shape. Make the action a single-user copy first."
            )


def _check_editable(data: bpy.types.ID) -> None:
    if not data.is_editable:
        raise ReelrigError(
            f"{data.name} is linked from another file and cannot be changed here. "
            "Open that file, or make it local."
        )


def _find_meshes(armature: bpy.types.Object) -> list[bpy.types.Mesh]:
    """The meshes of the character's skins, each once."""
    meshes = []
    for skin in find_skins(armature):
        assert isinstance(skin.data, bpy.types.Mesh)
        if skin.data not in meshes:
            _check_users(skin.data, armature)
            meshes.append(skin.data)
    return meshes


def _check_users(mesh: bpy.types.Mesh, armature: bpy.types.Object) -> None:
    _check_editable(mesh)
    for obj in bpy.data.objects:
        owner = find_armature(obj) if obj.data == mesh else None
        if owner is not None and owner.data != armature.data:
            raise ReelrigError(
                f"The mesh {mesh.name} is the skin of {owner.name} too, which keeps its shape. "
                "Make the mesh a single-user copy first."
            )


@dataclass(frozen=True, eq=False)
class _SkinMove:
    """The way of a skin from its shape to another."""

    mesh: bpy.types.Mesh
    new: Shape
    offsets: np.ndarray  # [V, 3] float32 m, armature space

    @classmethod
    def of(cls, mesh: bpy.types.Mesh, new: Shape, get_body: Callable) -> _SkinMove:
        old = get_shape(mesh)
        body: BodyModel = get_body(old.body)
        if len(mesh.vertices) != body.num_vertices:
            raise ReelrigError(
                f"The skin {mesh.name} has {len(mesh.vertices)} vertices, its body "
                f"{body.num_vertices}: some were added or removed, or the body is another "
                "version. Build the character again and choose its shape before changing its mesh."
            )
        new = replace(new, body=old.body)
        moved = body.rest_vertices(*new.values(body)) - body.rest_vertices(*old.values(body))
        return cls(mesh, new, (moved @ WORLD_FROM_BODY.T).astype(np.float32))

    def apply(self) -> None:
        # Shape keys hold positions, not offsets: each has to follow the basis.
        keys = self.mesh.shape_keys
        shapes = [key.points for key in keys.key_blocks] if keys else []
        points = np.empty(self.offsets.size, np.float32)
        for shape in (self.mesh.vertices, *shapes):
            shape.foreach_get("co", points)
            shape.foreach_set("co", points + self.offsets.ravel())
        self.mesh.update()
        write_shape(self.mesh, self.new)


def _move_bones(armature: bpy.types.Armature, before: RestBones, after: RestBones) -> None:
    """Heads follow the joints, lengths the bones; directions stay.

    Bones that the user added go along with the joint above them.
    """
    shifts = dict(zip(JOINT_NAMES, after.heads - before.heads, strict=True))
    scales = dict(zip(JOINT_NAMES, _lengths(after) / _lengths(before), strict=True))
    with edit_bones(armature) as bones:
        ends = [(np.array(bone.head), np.array(bone.tail)) for bone in bones]
        for bone in bones:
            if bone.parent and bone.parent.name in shifts:
                bone.use_connect = False  # or it would drag its parent's tail, and so turn it
        for bone, (head, tail) in zip(bones, ends, strict=True):
            above = (bone.name, *(parent.name for parent in bone.parent_recursive))
            joint = next((name for name in above if name in shifts), None)
            if joint is not None:
                moved = head + shifts[joint]
                bone.head = moved
                bone.tail = moved + scales.get(bone.name, 1.0) * (tail - head)


def _lengths(bones: RestBones) -> np.ndarray:
    """[55] m"""
    return np.linalg.norm(bones.tails - bones.heads, axis=-1)


def _root_head(armature: bpy.types.Armature) -> np.ndarray:
    return np.array(armature.bones[ROOT].head_local, dtype=np.float64)
