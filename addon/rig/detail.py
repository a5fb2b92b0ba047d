"""The two details of a character's skin: the full one, and a light one for fast preview."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import bpy

from ...core.body.model import BodyModel
from ..bodies import FULL
from .correctives import find_correctives, switch_correctives, uses_correctives
from .shape import find_armature, find_skins, get_shape, write_shape
from .skin import build_skin, skin_shape_keys


def get_detail(armature: bpy.types.Object) -> str | None:
    """The detail that the viewport shows, FULL or LIGHT; None where it shows no skin."""
    shown = (_detail(skin) for skin in _own_skins(armature) if not skin.hide_viewport)
    return next(shown, None)


def show_detail(
    armature: bpy.types.Object, detail: str, get_body: Callable[[str], BodyModel]
) -> None:
    """Show the character's skin in one detail, and build it where it is the first time.

    Renders have the full skin where there is one. ``get_body`` turns a detail into its body.
    """
    skins = _own_skins(armature)
    if not any(_detail(skin) == detail for skin in skins):
        skins.append(_add_skin(armature, detail, get_body(detail), skins))
    has_full = any(_detail(skin) == FULL for skin in skins)
    for skin in skins:
        skin.hide_viewport = _detail(skin) != detail
        skin.hide_render = has_full and _detail(skin) != FULL


def _own_skins(armature: bpy.types.Object) -> list[bpy.types.Object]:
    """Without those of objects that share the armature's data: each shows its own detail."""
    return [skin for skin in find_skins(armature) if find_armature(skin) == armature]


def _detail(skin: bpy.types.Object) -> str:
    return get_shape(skin.data).body


def _add_skin(
    armature: bpy.types.Object, detail: str, body: BodyModel, others: list[bpy.types.Object]
) -> bpy.types.Object:
    """A skin in the character's shape that looks and moves like the ones it has."""
    shape = get_shape(armature.data)
    skin = build_skin(f"{armature.name} {detail.lower()}", body, *shape.values(body), armature)
    assert skin.data is not None
    write_shape(skin.data, replace(shape, body=detail))
    for collection in (others[0] if others else armature).users_collection:
        collection.objects.link(skin)
    if others:
        _copy_keys(others[0], skin)
        _copy_materials(others[0], skin)
    return skin


def _copy_keys(source: bpy.types.Object, target: bpy.types.Object) -> None:
    """Give the target's shape keys the values and the animation of the source's."""
    old, new = skin_shape_keys(source), skin_shape_keys(target)
    driven = {key.name for key in find_correctives(target)}
    for key in new.key_blocks:
        if key.name in old.key_blocks and key.name not in driven:
            like = old.key_blocks[key.name]
            key.slider_min, key.slider_max = like.slider_min, like.slider_max
            key.value, key.mute = like.value, like.mute
    if old.animation_data and old.animation_data.action:
        animation = new.animation_data_create()
        assert animation is not None
        animation.action = old.animation_data.action
        animation.action_slot = old.animation_data.action_slot
    switch_correctives(target, uses_correctives(source))


def _copy_materials(source: bpy.types.Object, target: bpy.types.Object) -> None:
    """Both details have the same regions, and what the user made of them belongs to both."""
    assert isinstance(source.data, bpy.types.Mesh)
    assert isinstance(target.data, bpy.types.Mesh)
    made = list(target.data.materials)
    for slot, material in enumerate(source.data.materials[: len(made)]):
        target.data.materials[slot] = material
    bpy.data.batch_remove([material for material in made if material and not material.users])
