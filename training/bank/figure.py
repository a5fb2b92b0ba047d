"""The mean body as joints and a few points of its skin: where things are, what they touch."""

from __future__ import annotations

from functools import cache

import numpy as np

from reelrig.core.body.model import load_body
from reelrig.core.body.surface import surface_point
from reelrig.core.skeletons import CONTACT_NAMES, JOINT_INDEX, JOINT_NAMES, PARENTS

from . import quaternions

NUM_BODY = 22  # pelvis to wrists


def _other_side(name: str) -> str:
    swapped = {"left": "right", "right": "left"}
    return "_".join(swapped.get(word) or word for word in name.split("_"))


OTHER_SIDE = [JOINT_INDEX[_other_side(name)] for name in JOINT_NAMES[:NUM_BODY]]
_NUM_SKIN_POINTS = 110
_LEVELS = ([1, 2, 3], [4, 5, 6], [7, 8, 9], [10, 11, 12, 13, 14], [15, 16, 17], [18, 19], [20, 21])
_GROUND_SOFTNESS = 0.015  # m, how far above the lowest point skin still carries
_CONTACT_HEIGHT, _CONTACT_SPEED = 0.05, 0.35  # m, m/s
_SOLE_JOINTS = [JOINT_INDEX[f"{side}_{j}"] for side in ("left", "right") for j in ("ankle", "foot")]

# Capsules that stand for the trunk, head and thighs: joints at the ends, radius in metres.
_CAPSULES = (
    ("pelvis", "spine2", 0.125),
    ("spine2", "neck", 0.115),
    ("neck", "head", 0.055),
    ("left_hip", "left_knee", 0.06),
    ("right_hip", "right_knee", 0.06),
)
_HEAD_MIDDLE, _HEAD_RADIUS = np.array([0.0, 0.075, 0.02]), 0.095  # m, from the head joint
_PALM_M = 0.09  # from the wrist to the middle of the hand


@cache
def rest_joints() -> np.ndarray:
    """[55, 3] m, the mean body's joints at rest."""
    return load_body().template_joints.astype(np.float64)


@cache
def _offsets() -> np.ndarray:
    """[22, 3] m, each joint from its parent at rest."""
    joints = rest_joints()[:NUM_BODY]
    return np.concatenate([np.zeros((1, 3)), joints[1:] - joints[list(PARENTS[1:NUM_BODY])]])


@cache
def _skin_points() -> tuple[np.ndarray, np.ndarray]:
    """Joints [P] and places [P, 3] m from them: skin spread evenly, by farthest-point sampling."""
    body = load_body()
    owner = body.weights.argmax(1)
    while (owner >= NUM_BODY).any():  # fingers ride on the wrist, the jaw on the head
        owner = np.where(owner >= NUM_BODY, np.array(PARENTS)[owner], owner)
    points, picked = body.template.astype(np.float64), [int(body.template[:, 1].argmin())]
    distance = np.full(len(points), np.inf)
    while len(picked) < _NUM_SKIN_POINTS:
        distance = np.minimum(distance, ((points - points[picked[-1]]) ** 2).sum(1))
        picked.append(int(distance.argmax()))
    return owner[picked], points[picked] - rest_joints()[owner[picked]]


@cache
def _sole_points() -> tuple[np.ndarray, np.ndarray]:
    """Places [4, 3] m of heels and toe tips from their joints, heights [4] m over the sole."""
    body = load_body()
    names = [name.replace("_toe", "_foot_index") for name in CONTACT_NAMES]
    places = np.stack([surface_point(body, name, np.zeros(10)) for name in names])
    return places - rest_joints()[_SOLE_JOINTS], places[:, 1] - body.template[:, 1].min()


def pose(local: np.ndarray, pelvis: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Joints [T, 22, 3] m and world from joint [T, 22, 3, 3] of local turns [T, 22, 4].

    Joint 0 is world from body; ``pelvis`` [T, 3] m, the origin if None.
    """
    turns = quaternions.to_matrix(local)
    joints = np.zeros((len(local), NUM_BODY, 3))
    if pelvis is not None:
        joints[:, 0] = pelvis
    offsets = _offsets()
    for level in _LEVELS:
        parents = [PARENTS[j] for j in level]
        joints[:, level] = (
            joints[:, parents] + (turns[:, parents] @ offsets[level, :, None])[..., 0]
        )
        turns[:, level] = turns[:, parents] @ turns[:, level]
    return joints, turns


def skin(joints: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """[T, P, 3] m, the skin points of posed joints."""
    owner, places = _skin_points()
    return joints[:, owner] + (turns[:, owner] @ places[:, :, None])[..., 0]


def lowest(local: np.ndarray, pelvis: np.ndarray) -> np.ndarray:
    """[T] m, height of the lowest skin point."""
    return skin(*pose(local, pelvis))[..., 2].min(1)


def ground(local: np.ndarray) -> np.ndarray:
    """[T, 3] m, the pelvis of a body that touches the floor in every row and does not slide on it.

    The skin nearest to the floor carries: its mean speed is taken out of the pelvis' path.
    """
    points = skin(*pose(local))
    height = points[..., 2] - points[..., 2].min(1, keepdims=True)
    weight = np.exp(-height / _GROUND_SOFTNESS)
    weight = 0.5 * (weight[1:] + weight[:-1])
    step = np.diff(points[..., :2], axis=0)
    slide = (weight[..., None] * step).sum(1) / weight.sum(1)[:, None]
    pelvis = np.zeros((len(local), 3))
    pelvis[1:, :2] = -np.cumsum(slide, 0)
    pelvis[:, 2] = -points[..., 2].min(1)
    return pelvis


def contacts(local: np.ndarray, pelvis: np.ndarray, rate_hz: float) -> np.ndarray:
    """[T, 4] 0/1 by height and speed of heels and toe tips, CONTACT_NAMES' order."""
    joints, turns = pose(local, pelvis)
    places, rest_height = _sole_points()
    soles = joints[:, _SOLE_JOINTS] + (turns[:, _SOLE_JOINTS] @ places[:, :, None])[..., 0]
    velocity = np.gradient(soles, axis=0) if len(soles) > 1 else np.zeros_like(soles)
    speed = rate_hz * np.linalg.norm(velocity, axis=-1)
    is_low = soles[..., 2] - rest_height < _CONTACT_HEIGHT
    return (is_low & (speed < _CONTACT_SPEED)).astype(np.uint8)


def arms_inside(local: np.ndarray) -> np.ndarray:
    """[T] m, how deep the worst of elbows, forearms and hands sits in trunk, head or a thigh."""
    joints, turns = pose(local)
    elbows, wrists = joints[:, [18, 19]], joints[:, [20, 21]]
    along = np.array([[_PALM_M, 0, 0], [-_PALM_M, 0, 0]])
    palms = wrists + (turns[:, [20, 21]] @ along[:, :, None])[..., 0]
    points = np.concatenate([elbows, 0.5 * (elbows + wrists), wrists, palms], 1)
    depth = -np.inf * np.ones(points.shape[:2])
    for start, end, radius in _CAPSULES:
        a, b = joints[:, None, JOINT_INDEX[start]], joints[:, None, JOINT_INDEX[end]]
        share = ((points - a) * (b - a)).sum(-1) / ((b - a) ** 2).sum(-1)
        nearest = a + np.clip(share, 0, 1)[..., None] * (b - a)
        depth = np.maximum(depth, radius - np.linalg.norm(points - nearest, axis=-1))
    head = joints[:, 15] + turns[:, 15] @ _HEAD_MIDDLE
    depth = np.maximum(depth, _HEAD_RADIUS - np.linalg.norm(points - head[:, None], axis=-1))
    return depth.max(1)
