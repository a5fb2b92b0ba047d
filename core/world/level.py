"""The first world: a camera that is taken to be level and at rest, and one flat floor.

Bounded on purpose: a camera that looks down or leans tilts the whole take by as much, and a
moving camera moves it. Where the floor is comes from the feet, once for the whole clip.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..body.model import BodyModel
from ..body.surface import surface_point
from ..frames import WORLD_FROM_LEVEL_CAMERA
from ..skeletons import CONTACT_NAMES, JOINT_INDEX

# The floor is where the lower foot is at its lowest, leaving out the lowest few rows as noise.
_FLOOR_PERCENTILE = 10.0
_MIN_FOOT_CONFIDENCE = 0.15
# A foot is in contact below this height and this speed; both fade over as much again.
_CONTACT_HEIGHT_M = 0.04
_CONTACT_SPEED_M_S = 0.4

# Sole points by contact name: the joint that carries each, and the surface point at rest.
_SOLES = {
    f"{side}_{part}": (f"{side}_{joint}", f"{side}_{point}")
    for side in ("left", "right")
    for part, joint, point in (("heel", "ankle", "heel"), ("toe", "foot", "foot_index"))
}


def pose_soles(body: BodyModel, betas: np.ndarray, joints: Tensor, turns: Tensor) -> Tensor:
    """[T, 4, 3] m, heels and toes in the order of CONTACT_NAMES, in the axes of ``joints``.

    ``joints`` [T, 55, 3] m and ``turns`` [T, 55, 3, 3] (those axes from joint) as posed.
    """
    rest = body.rest_joints(betas)
    points = []
    for name in CONTACT_NAMES:
        joint, point = _SOLES[name]
        i_joint = JOINT_INDEX[joint]
        offset = torch.from_numpy(np.float32(surface_point(body, point, betas) - rest[i_joint]))
        points.append(joints[:, i_joint] + turns[:, i_joint] @ offset)
    return torch.stack(points, 1)


def level_world_from_camera(soles_camera: Tensor, confidence: Tensor, start: Tensor) -> Tensor:
    """[4, 4] world from camera: z up, floor at z = 0, the person's start above the origin.

    ``soles_camera`` [T, 4, 3] m, ``confidence`` [T, 55], ``start`` [3] m in camera axes.
    """
    world_from_camera = torch.eye(4)
    turn = torch.from_numpy(np.float32(WORLD_FROM_LEVEL_CAMERA))
    world_from_camera[:3, :3] = turn
    feet = [JOINT_INDEX["left_ankle"], JOINT_INDEX["right_ankle"]]
    shown = confidence[:, feet].amin(1) > _MIN_FOOT_CONFIDENCE
    # Feet that are never shown well still say more of the floor than nothing.
    rows = shown if shown.any() else torch.ones_like(shown)
    lowest = (soles_camera[rows] @ turn.T)[..., 2].amin(1)
    floor = float(np.percentile(lowest.numpy(), _FLOOR_PERCENTILE))
    world_from_camera[:2, 3] = -(turn @ start)[:2]
    world_from_camera[2, 3] = -floor
    return world_from_camera


def contact_scores(soles_world: Tensor, rate: float) -> Tensor:
    """[T, 4] 0..1: low and slow soles. ``soles_world`` [T, 4, 3] m at ``rate`` rows a second."""
    height = soles_world[..., 2]
    moved = torch.linalg.vector_norm(torch.diff(soles_world, dim=0), dim=-1) * rate
    speed = torch.maximum(
        torch.cat([moved[:1], moved]), torch.cat([moved, moved[-1:]])
    )  # of the faster of the two steps beside each row
    return _fade(height, _CONTACT_HEIGHT_M) * _fade(speed, _CONTACT_SPEED_M_S)


def _fade(value: Tensor, limit: float) -> Tensor:
    """1 below ``limit``, 0 above twice of it."""
    return (2 - value / limit).clamp(0, 1)
