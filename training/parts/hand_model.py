"""The free body's left hand alone: its 21 landmarks by forward kinematics, in torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from reelrig.core.body.model import BodyModel, load_body
from reelrig.core.skeletons import JOINT_INDEX, LANDMARK_PARTS

_WRIST, _ELBOW = JOINT_INDEX["left_wrist"], JOINT_INDEX["left_elbow"]
_FIRST = JOINT_INDEX["left_index1"]
_JOINTS = [_ELBOW, _WRIST, *range(_FIRST, _FIRST + 15)]
# Landmarks on the skin of the fingertips, in the order of SMPL-X's fingers.
_TIPS = {"index": 8, "middle": 12, "pinky": 20, "ring": 16, "thumb": 4}


@dataclass(frozen=True)
class HandShape:
    """B hands at rest: m from the wrist, in the left hand's rest axes."""

    joints: Tensor  # [B, 5, 3, 3] three joints of each finger, SMPL-X's order
    tips: Tensor  # [B, 5, 3]
    elbow: Tensor  # [B, 3]


class HandModel:
    """Shapes of hands and their landmarks."""

    def __init__(self, body: BodyModel | None = None) -> None:
        body = load_body() if body is None else body
        assert body.landmarks is not None  # the shipped body has them
        rows = LANDMARK_PARTS["left_hand"].start + np.array(list(_TIPS.values()))
        corners = body.faces[body.landmarks.faces[rows]]
        shares = body.landmarks.barycentric[rows]
        tips = np.einsum("kc,kcx->kx", shares, body.template[corners])
        tip_dirs = np.einsum("kc,kcxb->kxb", shares, body.shape_dirs[corners])
        points = np.concatenate([body.template_joints[_JOINTS], tips])
        dirs = np.concatenate([body.joint_shape_dirs[_JOINTS], tip_dirs])
        self.points = torch.from_numpy(np.float32(points - points[1]))
        self.dirs = torch.from_numpy(np.float32(dirs - dirs[1]))
        weights = body.landmarks.joint_weights[LANDMARK_PARTS["left_hand"]][:, _JOINTS]
        on_tips = np.zeros((len(weights), len(_TIPS)), np.float32)
        on_tips[list(_TIPS.values()), np.arange(len(_TIPS))] = 1
        self.weights = torch.from_numpy(np.float32(np.concatenate([weights, on_tips], 1)))

    def shape(self, betas: Tensor) -> HandShape:
        """Hands of the shapes ``betas`` [B, 10]."""
        points = self.points + torch.einsum("pxb,nb->npx", self.dirs, betas)
        return HandShape(points[:, 2:17].unflatten(1, (5, 3)), points[:, 17:], points[:, 0])

    def landmarks(self, shape: HandShape, fingers: Tensor, wrist: Tensor | None = None) -> Tensor:
        """[B, T, 21, 3] m from the wrist, in the hand's axes.

        ``fingers`` [B, T, 15, 3, 3] parent from joint; ``wrist`` [B, T, 3, 3] forearm from hand,
        straight where it is None: the first landmark lies a little up the arm.
        """
        local = fingers.unflatten(2, (5, 3))
        rest = shape.joints[:, None]
        bones = torch.cat([rest[..., 1:, :], shape.tips[:, None, :, None]], -2) - rest
        first = local[:, :, :, 0]
        second = first @ local[:, :, :, 1]
        third = second @ local[:, :, :, 2]
        ends = [rest[..., 0, :].expand(*fingers.shape[:2], 5, 3)]
        for i_bone, turn in enumerate((first, second, third)):
            ends.append(ends[-1] + (turn @ bones[..., i_bone, :, None])[..., 0])
        elbow = shape.elbow[:, None].expand(*fingers.shape[:2], 3)
        if wrist is not None:
            elbow = (wrist.mT @ elbow[..., None])[..., 0]
        joints = torch.stack(ends[:3], 3).flatten(2, 3)
        all_points = [elbow[:, :, None], torch.zeros_like(elbow)[:, :, None], joints, ends[3]]
        return self.weights @ torch.cat(all_points, 2)
