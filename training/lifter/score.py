"""How far a network's bodies are from the true ones, on sequences it was not trained on."""

from __future__ import annotations

import numpy as np
import torch

from reelrig.core.lift.sts.body_network import BodyNetwork
from reelrig.core.lift.sts.points import NUM_BODY_JOINTS, place_points

from ..scores import align
from ..synthesis.detected_source import DetectedSource
from .losses import joint_angle_errors

_BLOCK = 64


@torch.no_grad()
def score_network(network: BodyNetwork, source: DetectedSource) -> dict[str, float]:
    """Means over all rows: mm of 22 joints about the pelvis (mpjpe) and after alignment (pa_mpjpe),
    degrees of whole rotations (angle) and of the ground's direction (tilt).
    """
    num_rows = source.sequences.pelvis.shape[1]
    sums: dict[str, float] = {}
    blocks = torch.arange(len(source.sequences)).split(_BLOCK)
    for people in blocks:
        rows = torch.arange(num_rows).expand(len(people), -1)
        is_known = torch.zeros(len(people), dtype=torch.bool)
        observation, truth = source.take(people, rows, is_known, torch.ones(len(people)))
        estimate = network(observation)
        points = place_points(estimate.rotations, truth.bones)
        turned = truth.points @ estimate.view.camera_from_view
        joints, true_joints = points[:, :, :NUM_BODY_JOINTS], turned[:, :, :NUM_BODY_JOINTS]
        true_up = (estimate.view.camera_from_view.mT @ truth.up[..., None])[..., 0]
        tilt = torch.rad2deg(((estimate.up * true_up).sum(-1)).clamp(-1, 1).acos())
        aligned = align(joints.numpy(), true_joints.numpy())
        scores = {
            "mpjpe": 1e3 * (joints - true_joints).norm(dim=-1).mean(),
            "pa_mpjpe": 1e3 * np.linalg.norm(aligned - true_joints.numpy(), axis=-1).mean(),
            "angle": torch.rad2deg(joint_angle_errors(estimate, truth)).mean(),
            "tilt": tilt.mean(),
        }
        for name, value in scores.items():
            sums[name] = sums.get(name, 0.0) + float(value) * len(people)
    return {name: round(total / len(source.sequences), 3) for name, total in sums.items()}
