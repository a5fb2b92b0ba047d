"""Made-up motions, and what a body does in them worked out by scipy instead of by Reelrig."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from reelrig.core.body.model import BodyModel
from reelrig.core.motion import Motion
from reelrig.core.skeletons import JOINT_INDEX, NUM_JOINTS, PARENTS

SOME_BETAS = np.array([1.5, -1.0, 0.5, 0.8, -0.6, 0.4, -0.3, 0.2, 1.1, -0.9])


def make_motion(num_frames: int = 12, **values) -> Motion:
    """A body at rest in a motion of another tool, but for the ``values`` given."""
    neutral = {
        "mocap_frame_rate": 30.0,
        "trans": np.zeros((num_frames, 3)),
        "poses": np.zeros((num_frames, 165)),
        "betas": np.zeros(10),
        "expression": np.zeros((num_frames, 10)),
        "measures": np.zeros(0),
        "measure_names": (),
        "arkit": np.zeros((num_frames, 52)),
        "confidence": np.ones((num_frames, NUM_JOINTS)),
        "contacts": np.zeros((num_frames, 4)),
        "frame_index": np.arange(num_frames),
        "time_s": np.arange(num_frames) / 30.0,
        "joints_world": None,
        "camera_from_world": None,
        "focal_px": None,
        "image_size": None,
        "landmarks_px": None,
        "landmarks_confidence": None,
        "person": 0,
        "source": "made_up.mp4",
        "settings_json": "{}",
    }
    return Motion(**(neutral | values))


def make_random_motion(num_frames: int = 12, seed: int = 0, **values) -> Motion:
    """All joints turned at random, a few degrees from row to row, the root by any angle."""
    rng = np.random.default_rng(seed)
    poses = rng.normal(0, 0.5, (num_frames, NUM_JOINTS, 3))
    poses[:, 0] = Rotation.random(num_frames, random_state=seed).as_rotvec()
    trans = rng.uniform(-2, 2, (num_frames, 3))
    random = {"poses": poses.reshape(num_frames, -1), "trans": trans, "betas": SOME_BETAS}
    return make_motion(num_frames, **(random | values))


def make_smooth_motion(num_frames: int = 12, seed: int = 0, **values) -> Motion:
    """All joints swinging to and fro, the root walking: for what samples between rows."""
    rng = np.random.default_rng(seed)
    moments = np.linspace(0, 2, num_frames)[:, None, None]
    poses = 0.5 * np.sin(moments * rng.uniform(1, 3, (NUM_JOINTS, 3)))
    upright = Rotation.from_euler("x", 90, degrees=True)
    poses[:, 0] = (Rotation.from_rotvec(poses[:, 0]) * upright).as_rotvec()
    trans = np.linspace((0, 0, 1.3), (0.4, -1.0, 1.3), num_frames)
    smooth = {"poses": poses.reshape(num_frames, -1), "trans": trans, "betas": SOME_BETAS}
    return make_motion(num_frames, **(smooth | values))


def expected_transforms(
    motion: Motion, body: BodyModel, betas: np.ndarray, i_frame: int
) -> tuple[np.ndarray, np.ndarray]:
    """World rotations [55, 3, 3] and joints [55, 3] m of one row, by a chain of scipy rotations."""
    rest = body.rest_joints(betas)
    local = Rotation.from_rotvec(motion.rotvecs[i_frame])
    rotations = [local[0]]
    joints = [rest[0] + motion.trans[i_frame]]
    for i_joint in range(1, NUM_JOINTS):
        parent = PARENTS[i_joint]
        rotations.append(rotations[parent] * local[i_joint])
        joints.append(joints[parent] + rotations[parent].apply(rest[i_joint] - rest[parent]))
    return np.array([rotation.as_matrix() for rotation in rotations]), np.array(joints)


def expected_joints(motion: Motion, body: BodyModel) -> np.ndarray:
    """[T, 55, 3] m, the joints in the world."""
    frames = range(motion.num_frames)
    return np.array([expected_transforms(motion, body, motion.betas, i)[1] for i in frames])


def expected_vertices(
    motion: Motion, body: BodyModel, i_frame: int, offsets: np.ndarray
) -> np.ndarray:
    """[V, 3] m, linear blend skinning of the shaped rest plus ``offsets`` [V, 3]."""
    rotations, joints = expected_transforms(motion, body, motion.betas, i_frame)
    rest, rest_joints = body.rest_vertices(motion.betas) + offsets, body.rest_joints(motion.betas)
    moved = np.einsum("jab,vjb->vja", rotations, rest[:, None] - rest_joints) + joints
    # The free body's weights are rounded; Blender makes their sum 1, and so does this.
    weights = body.weights / body.weights.sum(axis=1, keepdims=True)
    return np.einsum("vj,vja->va", weights, moved)


def make_walk(body: BodyModel, num_frames: int = 12, **values) -> Motion:
    """A walk of the mean shape with level feet; its lowest vertex is at z = 0 in every row."""
    phases = np.linspace(0, 2 * np.pi, num_frames)
    poses = np.zeros((num_frames, NUM_JOINTS, 3))
    poses[:, 0] = Rotation.from_euler("x", 90, degrees=True).as_rotvec()
    for side, phase in (("left", 0.0), ("right", np.pi)):
        hip = 0.4 * np.sin(phases + phase) + 0.1
        knee = 0.2 + 0.5 * np.clip(np.sin(phases + phase + 1), 0, 1)
        for part, angle in (("hip", -hip), ("knee", knee), ("ankle", hip - knee)):
            poses[:, JOINT_INDEX[f"{side}_{part}"], 0] = angle
    poses = poses.reshape(num_frames, -1)
    trans = np.linspace((0.7, 0.3, 0), (0.7, -0.9, 0), num_frames)
    aloft = make_motion(num_frames, poses=poses, trans=trans)
    for i_frame, row in enumerate(trans):
        row[2] -= expected_vertices(aloft, body, i_frame, np.zeros(3))[:, 2].min()
    return make_motion(num_frames, **({"poses": poses, "trans": trans} | values))
