"""People of many proportions as joints and points, without a skin: quick enough for every step.

Points of the skin go rigidly with the joint that holds them most.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from reelrig.core.body.measures import MEASURE_LENGTHS, MEASURE_NAMES, measure_body
from reelrig.core.body.model import BodyModel
from reelrig.core.body.skinning import pose_joints
from reelrig.core.lift.sts.observation import PALM_LANDMARKS, SIDES
from reelrig.core.lift.sts.points import POINT_NAMES, STARTS
from reelrig.core.skeletons import (
    BODY_LANDMARK_INDEX,
    JOINT_INDEX,
    LANDMARK_PARTS,
    NUM_JOINTS,
    PARENTS,
)

# Rows of the 553 landmarks that the body's network is told of: the body's, then both palms'.
SEEN_LANDMARKS: tuple[int, ...] = (
    *range(LANDMARK_PARTS["body"].stop),
    *(LANDMARK_PARTS[f"{side}_hand"].start + i for side in SIDES for i in PALM_LANDMARKS),
)


def other_side(name: str) -> str:
    """The name of what lies on the other side of the body."""
    return name.replace("left", "?").replace("right", "left").replace("?", "right")


_JOINT_ROWS = [JOINT_INDEX[name] for name in POINT_NAMES if name in JOINT_INDEX]
_SKIN_ROWS = [
    SEEN_LANDMARKS.index(BODY_LANDMARK_INDEX[name])
    for name in POINT_NAMES
    if name not in JOINT_INDEX
]
MIRRORED_POINTS = [POINT_NAMES.index(other_side(name)) for name in POINT_NAMES]


@dataclass(frozen=True, eq=False)
class Proportions:
    """B people at rest."""

    joints: Tensor  # [B, 55, 3] m
    skin: Tensor  # [B, 45, 3] m, the seen landmarks from the joint that holds each
    log_measures: Tensor  # [B, M]

    @property
    def bones(self) -> Tensor:
        """[B, 35, 3] m at rest, as place_points takes them."""
        starts = self.joints[:, STARTS[: len(_JOINT_ROWS)]]
        return torch.cat([self.joints[:, _JOINT_ROWS] - starts, self.skin[:, _SKIN_ROWS]], 1)


@dataclass(frozen=True, eq=False)
class PosedPeople:
    joints: Tensor  # [B, T, 55, 3] m, world
    turns: Tensor  # [B, T, 55, 3, 3] world from joint
    landmarks: Tensor  # [B, T, 45, 3] m, SEEN_LANDMARKS


class Skeleton:
    """The joints and landmarks of a body model."""

    def __init__(self, body: BodyModel) -> None:
        assert body.landmarks is not None
        table, rows = body.landmarks, np.array(SEEN_LANDMARKS)
        self.body = body
        self.rest_joints = torch.from_numpy(body.template_joints)
        self.joint_dirs = torch.from_numpy(np.float32(body.joint_shape_dirs))
        self.joint_weights = torch.from_numpy(np.float32(table.joint_weights[rows]))
        self.on_skin = torch.from_numpy(table.faces[rows] >= 0)
        corners = body.faces[np.maximum(table.faces[rows], 0)]
        shares = table.barycentric[rows]
        holder = np.einsum("kc,kcj->kj", shares, body.weights[corners]).argmax(1)
        self.holder = torch.from_numpy(holder)
        skin = np.einsum("kc,kcx->kx", shares, body.template[corners])
        dirs = np.einsum("kc,kcxb->kxb", shares, body.shape_dirs[corners])
        self.skin = torch.from_numpy(np.float32(skin))
        self.skin_dirs = torch.from_numpy(np.float32(dirs))
        self._stature = _stature_slopes(body)

    def proportions(self, betas: Tensor, scales: Tensor) -> Proportions:
        """Of ``betas`` [B, 10], and each bone [B, 55] (that ends at the joint) times its scale."""
        plain = self.rest_joints + torch.einsum("jxb,nb->njx", self.joint_dirs, betas)
        joints = [plain[:, 0]]
        for joint in range(1, NUM_JOINTS):
            parent = PARENTS[joint]
            bone = plain[:, joint] - plain[:, parent]
            joints.append(joints[parent] + scales[:, joint, None] * bone)
        rest = torch.stack(joints, 1)
        skin = self.skin + torch.einsum("kxb,nb->nkx", self.skin_dirs, betas)
        offsets = scales[:, self.holder, None] * (skin - plain[:, self.holder])
        return Proportions(rest, offsets, self._log_measures(plain, rest, betas))

    def _log_measures(self, plain: Tensor, rest: Tensor, betas: Tensor) -> Tensor:
        mean, slope = self._stature
        grown = _height(rest) - _height(plain)
        lengths = [mean + betas @ slope + grown]
        for pairs in MEASURE_LENGTHS.values():
            bones = [_middle(rest, end) - _middle(rest, start) for start, end in pairs]
            lengths.append(torch.stack([bone.norm(dim=-1) for bone in bones]).mean(0))
        assert len(lengths) == len(MEASURE_NAMES)
        return torch.stack(lengths, -1).log()

    def pose(self, people: Proportions, rotations: Tensor, pelvis: Tensor) -> PosedPeople:
        """``rotations`` [B, T, 55, 3, 3] parent from joint, ``pelvis`` [B, T, 3] m the joint."""
        num_people, num_rows = rotations.shape[:2]

        def by_row(values: Tensor) -> Tensor:
            return values[:, None].expand(-1, num_rows, *values.shape[1:]).flatten(0, 1)

        rest = by_row(people.joints)
        trans = pelvis.flatten(0, 1) - rest[:, 0]
        joints, turns = pose_joints(rest, rotations.flatten(0, 1), trans)
        held = joints[:, self.holder] + (
            turns[:, self.holder] @ by_row(people.skin)[..., None]
        ).squeeze(-1)
        between = torch.einsum("kj,njx->nkx", self.joint_weights, joints)
        landmarks = torch.where(self.on_skin[:, None], held, between)
        shape = (num_people, num_rows)
        return PosedPeople(*(values.unflatten(0, shape) for values in (joints, turns, landmarks)))


def _stature_slopes(body: BodyModel) -> tuple[float, Tensor]:
    mean = measure_body(body, np.zeros(10))[0]
    slopes = [measure_body(body, row)[0] - mean for row in np.eye(10)]
    return float(mean), torch.tensor(slopes, dtype=torch.float32)


def _height(rest: Tensor) -> Tensor:
    """[B] m, from the ankles to the head."""
    ankles = _middle(rest, ("left_ankle", "right_ankle"))
    return rest[:, JOINT_INDEX["head"], 1] - ankles[:, 1]


def _middle(per_joint: Tensor, names: tuple[str, ...]) -> Tensor:
    return per_joint[:, [JOINT_INDEX[name] for name in names]].mean(1)
