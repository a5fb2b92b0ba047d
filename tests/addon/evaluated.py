"""What Blender makes of a character: its bones, its skin and its curves."""

from __future__ import annotations

import bpy
import numpy as np

from reelrig.core.skeletons import JOINT_NAMES

SOLE = 3e-3  # m, how far a sole may be off the floor


def heads_at(scene, armature, frame):
    """[55, 3] m, the bones' heads in the world as Blender evaluates them."""
    scene.frame_set(int(frame // 1), subframe=frame % 1)
    posed = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return np.array([posed.matrix_world @ posed.pose.bones[name].head for name in JOINT_NAMES])


def vertices_at(scene, skin, frame):
    """[V, 3] m, the skin in the world as Blender evaluates it."""
    scene.frame_set(frame)
    posed = skin.evaluated_get(bpy.context.evaluated_depsgraph_get())
    points = np.empty(3 * len(posed.data.vertices), np.float32)
    posed.data.vertices.foreach_get("co", points)
    world = np.array(posed.matrix_world)
    return points.reshape(-1, 3) @ world[:3, :3].T + world[:3, 3]


def skin_of(armature):
    (skin,) = armature.children
    return skin


def all_curves(armature):
    """F-curves of the armature and of the shape keys."""
    action = armature.animation_data.action
    strip = action.layers[0].strips[0]
    return [list(strip.channelbag(slot).fcurves) for slot in action.slots]


def curves_of(block):
    """F-curves of a data-block's own action."""
    animation = block.animation_data
    return animation.action.layers[0].strips[0].channelbag(animation.action_slot).fcurves


def root_curves(armature):
    """The three location curves of the pelvis."""
    return [curve for curve in all_curves(armature)[0] if curve.data_path.endswith("location")]


def coordinates(curve):
    """[3, N, 2] key points and their handles."""
    points = curve.keyframe_points
    return np.array(
        [[getattr(p, name)[:] for p in points] for name in ("co", "handle_left", "handle_right")]
    )


def check_on_floor(scene, armature, frames=range(1, 13)):
    """The lowest vertex of each frame is on the floor."""
    lowest = [vertices_at(scene, skin_of(armature), frame)[:, 2].min() for frame in frames]
    np.testing.assert_allclose(lowest, 0, atol=SOLE)
