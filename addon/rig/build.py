"""The armature of a body: 55 bones named as SMPL-X's joints."""

from __future__ import annotations

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
    obj = bpy.data.objects.new(name, armature)
    # Bones can be made in edit mode only, and that needs a scene. A scene of our own leaves the
    # user's scene, selection and mode alone, and nothing in it when something fails.
    workshop = bpy.data.scenes.new(name)
    try:
        _add_bones(obj, workshop, bones)
    finally:
        bpy.data.scenes.remove(workshop)
    _sort_bones(armature)
    obj.show_in_front = True
    return obj


def _add_bones(obj: bpy.types.Object, scene: bpy.types.Scene, bones: RestBones) -> None:
    scene.collection.objects.link(obj)
    view_layer = scene.view_layers[0]
    view_layer.objects.active = obj
    with bpy.context.temp_override(
        scene=scene, view_layer=view_layer, object=obj, active_object=obj, selected_objects=[obj]
    ):
        bpy.ops.object.mode_set(mode="EDIT")
        assert isinstance(obj.data, bpy.types.Armature)
        _fill_edit_bones(obj.data.edit_bones, bones)
        bpy.ops.object.mode_set(mode="OBJECT")


def _fill_edit_bones(edit_bones: bpy.types.ArmatureEditBones, bones: RestBones) -> None:
    made = []
    for i_joint, name in enumerate(JOINT_NAMES):
        bone = edit_bones.new(name)
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
