"""A motion as a character in a scene: armature, skin and keys in one call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import bpy
import numpy as np

from ..core.body.measures import solve_betas
from ..core.body.model import NUM_BETAS, BodyModel
from ..core.frames import WORLD_FROM_BODY
from ..core.motion import Motion
from ..core.skeletons import ARKIT_BY_JOINTS, ARKIT_INDEX, JOINT_INDEX, JOINT_NAMES, PARENTS
from .bodies import body_name
from .keys import curves, timing
from .rig import convert
from .rig.build import bone_axes, build_armature
from .rig.rest import rest_bones
from .rig.root import ROOT, RootMove, Stance
from .rig.shape import Shape, get_shape, write_shape
from .rig.skin import build_skin, expression_key_name, fit_slider, skin_shape_keys

# Betas whose bones differ less than this from the motion's belong to the body at hand.
_SAME_BODY = 1e-3  # m
_SAME_SHAPE = 1e-6  # betas and sliders


def add_character(
    scene: bpy.types.Scene,
    motion: Motion,
    body: BodyModel,
    *,
    start_frame: float = 1,
    resample: bool = False,
) -> bpy.types.Object:
    """Add ``motion`` to ``scene`` as a keyed character; its armature object comes back.

    The first row stands on ``start_frame``, the rows run at the scene's frame rate: each at its
    true moment, or, with ``resample``, worked out for whole frames. If anything fails, neither the
    scene nor the file has anything new in it.
    """
    name = character_name(motion)
    betas = betas_for_body(motion, body)
    shape = Shape(body_name(body), tuple(betas), dict.fromkeys(body.slider_names, 0.0))
    with nothing_left_on_failure():
        armature = build_armature(name, rest_bones(body, betas))
        skin = build_skin(f"{name} body", body, *shape.values(body), armature)
        for obj in (armature, skin):
            assert obj.data is not None
            write_shape(obj.data, shape)
        action = bpy.data.actions.new(name)
        times = _key_times(scene, motion, start_frame, resample)
        _key_bones(armature, action, times, motion, body)
        _key_shapes(skin, action, times, shape_values(motion, body))
        collection = bpy.data.collections.new(name)
        collection.objects.link(armature)
        collection.objects.link(skin)
        scene.collection.children.link(collection)
    return armature


def character_name(motion: Motion) -> str:
    """The person goes before the source: Blender cuts long names at their end."""
    who = f"person {motion.person} " if motion.person else ""
    return f"Reelrig {who}{motion.source}"


def betas_for_body(motion: Motion, body: BodyModel) -> np.ndarray:
    """[10] betas that give ``body`` the shape of the person in ``motion``.

    The motion's own where they give the lengths of its bones, which is so for the body that was
    fitted. Else they belong to another body, and the motion's measures are solved for. A motion of
    another tool has neither joints nor measures, and is taken by its word.
    """
    if _is_of_body(motion, body):
        return _own_betas(motion)
    return solve_betas(body, motion.measure_names, motion.measures)


def rotvecs_for_body(motion: Motion, body: BodyModel) -> np.ndarray:
    """[T, 55, 3] rad, the rotations of ``motion``.

    All carry over from body to body but the jaw's, which on another body opens by that body's own
    angle for the same scores.
    """
    if _is_of_body(motion, body) or not motion.arkit.any():
        return motion.rotvecs
    rotvecs = motion.rotvecs.copy()
    rotvecs[:, JOINT_INDEX["jaw"]] = body.face_response.jaw_rotvecs(motion.arkit)
    return rotvecs


def _is_of_body(motion: Motion, body: BodyModel) -> bool:
    """Whether ``body`` has the bones that were fitted to ``motion``, as far as that is known."""
    if motion.joints_world is None or not len(motion.measures):
        return True
    found = _bone_lengths(body.rest_joints(_own_betas(motion)))
    return bool(np.abs(found - _bone_lengths(motion.joints_world[0])).max() < _SAME_BODY)


def _own_betas(motion: Motion) -> np.ndarray:
    """[10]"""
    betas = np.zeros(NUM_BETAS)
    count = min(len(motion.betas), NUM_BETAS)
    betas[:count] = motion.betas[:count]
    return betas


def shape_values(motion: Motion, body: BodyModel) -> dict[str, np.ndarray]:
    """Values [T] of the shape keys that ``motion`` moves on ``body``, by name.

    The ARKit units where the body has them, else the expression: a skin has keys for one of both.
    """
    if body.arkit_names:
        if not motion.arkit.any():
            return {}
        # The motion turns jaw and eyes by their bones: a keyed shape would do it twice.
        names = [name for name in body.arkit_names if not name.startswith(ARKIT_BY_JOINTS)]
        return {name: motion.arkit[:, ARKIT_INDEX[name]] for name in names if name in ARKIT_INDEX}
    expression = motion.expression
    if motion.arkit.any() and body.has_expression_from_arkit:
        expression = motion.arkit @ body.expression_from_arkit.T
    count = min(expression.shape[1], body.expression_dirs.shape[2])
    return {expression_key_name(i): expression[:, i] for i in range(count)}


def find_loss(motion: Motion, body: BodyModel) -> str | None:
    """A sentence on what of ``motion`` does not show on ``body``; None where all of it does."""
    if body.arkit_names and motion.expression.any() and not motion.arkit.any():
        return (
            "The motion moves the face by SMPL-X's expression, this body by ARKit units: "
            "of the face only jaw and eyes move. Choose your own SMPL-X body in the preferences."
        )
    return None


def _bone_lengths(joints: np.ndarray) -> np.ndarray:
    """[54] m, distances of the joints [55, 3] from their parents."""
    return np.linalg.norm(joints[1:] - joints[list(PARENTS[1:])], axis=-1)


def _key_times(
    scene: bpy.types.Scene, motion: Motion, start_frame: float, resample: bool
) -> timing.KeyTimes:
    scene_fps = scene.render.fps / scene.render.fps_base
    ratio = timing.rows_per_frame(motion.mocap_frame_rate, scene_fps)
    place = timing.whole_frame_times if resample else timing.exact_times
    return place(motion.num_frames, ratio, start_frame)


def _key_bones(
    armature: bpy.types.Object,
    action: bpy.types.Action,
    times: timing.KeyTimes,
    motion: Motion,
    body: BodyModel,
) -> None:
    curves.write_pose(
        armature,
        action,
        times.frames,
        bone_quats(armature, motion, body, times.rows),
        {ROOT: root_locations(armature, motion, body, times.rows)},
    )


def bone_quats(
    armature: bpy.types.Object, motion: Motion, body: BodyModel, rows: np.ndarray
) -> dict[str, np.ndarray]:
    """[N, 4] wxyz by bone name, the pose at ``rows`` [N] of ``motion``."""
    quats = convert.bone_quats(rotvecs_for_body(motion, body), bone_axes(armature))
    quats = timing.slerp_rows(quats, rows)
    return {name: quats[:, i_joint] for i_joint, name in enumerate(JOINT_NAMES)}


def root_locations(
    armature: bpy.types.Object, motion: Motion, body: BodyModel, rows: np.ndarray
) -> np.ndarray:
    """[N, 3] m, location of the pelvis bone at ``rows`` [N] of ``motion``.

    Where the character was given another shape than the motion's, its legs carry it.
    """
    axes = bone_axes(armature)[0]
    made = betas_for_body(motion, body), np.zeros(len(body.slider_names))
    shown = get_shape(armature.data).values(body)
    pelvis_rest = body.rest_joints(*made)[0]
    locations = convert.root_locations(motion.trans, pelvis_rest, axes)
    if any(np.abs(a - b).max(initial=0.0) > _SAME_SHAPE for a, b in zip(made, shown, strict=True)):
        move = RootMove(
            old=Stance.of(body, *made),
            new=Stance.of(body, *shown),
            head_before=WORLD_FROM_BODY @ pelvis_rest,
            head_after=WORLD_FROM_BODY @ body.rest_joints(*shown)[0],
            axes=axes,
        )
        locations = move.scale * locations + move.shift_from(locations[0])
    return timing.lerp_rows(locations, rows)


def _key_shapes(
    skin: bpy.types.Object,
    action: bpy.types.Action,
    times: timing.KeyTimes,
    values: dict[str, np.ndarray],
) -> None:
    shape_keys = skin_shape_keys(skin)
    for name, rows in values.items():
        fit_slider(shape_keys.key_blocks[name], rows)
    keyed = {name: timing.lerp_rows(rows, times.rows) for name, rows in values.items()}
    curves.write_shape_keys(shape_keys, action, times.frames, keyed)


@contextmanager
def nothing_left_on_failure() -> Iterator[None]:
    """Remove what was made within, whatever was raised there."""
    before = set(_data_blocks())
    try:
        yield
    except BaseException:
        bpy.data.batch_remove([block for block in _data_blocks() if block not in before])
        raise


def _data_blocks() -> Iterator[bpy.types.ID]:
    data = bpy.data
    for kind in (data.objects, data.armatures, data.meshes, data.materials, data.actions):
        yield from kind
    for kind in (data.collections, data.cameras, data.images, data.movieclips):
        yield from kind
