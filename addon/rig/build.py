"""The armature of a body: 55 bones named as SMPL-X's joints."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import bpy
import numpy as np
from mathutils import Vector

from ...core.skeletons import JOINT_NAMES, PARENTS, POSE_PARTS
from .rest import RestBones

_COLLECTIONS = {
    "Body": ("root_orient", "pose_body"),
    "Hands": ("pose_hand",),
    "Face": ("pose_jaw", "pose_eye"),
}


def build_armature(name: str, bones: RestBones) -> bpy.types.Object:
    """A new armature object, linked to no scene."""
    armature = bpy.data.armatures.new(name)
    obj = bpy.data.objects.new(name, armature)  # before its bones, or it gets no pose of them
    with edit_bones(armature) as edited:
        _add_bones(edited, bones)
    _sort_bones(armature)
    obj.show_in_front = True
    return obj


@contextmanager
def edit_bones(armature: bpy.types.Armature) -> Iterator[bpy.types.ArmatureEditBones]:
    """The bones of an armature to change at rest, whatever its objects are doing."""
    # Bones can be changed in edit mode only, and that needs an object in a scene. Both are our own
    # for the time being: the user's scene, selection and mode stay, and nothing is left in them
    # when something fails.
    workshop = bpy.data.scenes.new(armature.name)
    obj = bpy.data.objects.new(armature.name, armature)
    is_mirrored = armature.use_mirror_x
    armature.use_mirror_x = False  # or each bone would move its counterpart too
    try:
        workshop.collection.objects.link(obj)
        view_layer = workshop.view_layers[0]
        view_layer.objects.active = obj
        with bpy.context.temp_override(
            scene=workshop,
            view_layer=view_layer,
            object=obj,
            active_object=obj,
            selected_objects=[obj],
        ):
            bpy.ops.object.mode_set(mode="EDIT")
            yield armature.edit_bones
            bpy.ops.object.mode_set(mode="OBJECT")
    finally:
        armature.use_mirror_x = is_mirrored
        bpy.data.objects.remove(obj)
        bpy.data.scenes.remove(workshop)


def _add_bones(edited: bpy.types.ArmatureEditBones, bones: RestBones) -> None:
    made = []
    for i_joint, name in enumerate(JOINT_NAMES):
        bone = edited.new(name)
        bone.head, bone.tail = bones.heads[i_joint], bones.tails[i_joint]
        bone.align_roll(Vector(bones.z_hints[i_joint]))
        if PARENTS[i_joint] >= 0:
            bone.parent = made[PARENTS[i_joint]]
        made.append(bone)


def _sort_bones(armature: bpy.types.Armature) -> None:
    for name, parts in _COLLECTIONS.items():
        collection = armature.collections.new(name)
        for part in parts:
            for joint_name in JOINT_NAMES[POSE_PARTS[part]]:
                collection.assign(armature.bones[joint_name])


def bone_axes(armature: bpy.types.Object) -> np.ndarray:
    """[55, 3, 3] rest matrices (armature from bone) in the order of JOINT_NAMES."""
    assert isinstance(armature.data, bpy.types.Armature)
    bones = [armature.data.bones[name] for name in JOINT_NAMES]
    return np.array([bone.matrix_local.to_3x3() for bone in bones], dtype=np.float64)
