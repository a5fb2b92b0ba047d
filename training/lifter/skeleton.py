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
from reelrig.core.lift.sts.body_network import NUM_BODY_JOINTS
from reelrig.core.lift.sts.observation import PALM_LANDMARKS, SIDES
from reelrig.core.skeletons import (
    BODY_LANDMARK_INDEX,
    JOINT_INDEX,
    JOINT_NAMES,
    LANDMARK_PARTS,
    NUM_JOINTS,
    PARENTS,
)

# Rows of the 553 landmarks that the body's network is told of: the body's, then both palms'.
SEEN_LANDMARKS: tuple[int, ...] = (
    *range(LANDMARK_PARTS["body"].stop),
    *(LANDMARK_PARTS[f"{side}_hand"].start + i for side in SIDES for i in PALM_LANDMARKS),
)
# The points that the network's rotations place: body joints, knuckles, and skin of head and feet.
_KNUCKLES = tuple(f"{side}_{name}1" for side in SIDES for name in ("index", "middle", "pinky"))
_SKIN_POINTS = ("nose", "left_ear", "right_ear", "left_heel", "right_heel")
_SKIN_POINTS += ("left_foot_index", "right_foot_index")
POINT_JOINTS = (*range(NUM_BODY_JOINTS), *(JOINT_INDEX[name] for name in _KNUCKLES))
POINT_NAMES = (*(JOINT_NAMES[joint] for joint in POINT_JOINTS), *_SKIN_POINTS)
NUM_POINTS = len(POINT_NAMES)


def other_side(name: str) -> str:
    """The name of what lies on the other side of the body."""
    return name.replace("left", "?").replace("right", "left").replace("?", "right")


MIRRORED_POINTS = [POINT_NAMES.index(other_side(name)) for name in POINT_NAMES]


@dataclass(frozen=True, eq=False)
class Proportions:
    """B people at rest."""

    joints: Tensor  # [B, 55, 3] m
    skin: Tensor  # [B, 45, 3] m, the seen landmarks from the joint that holds each
    log_measures: Tensor  # [B, M]


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


class PointPlacer:
    """The points that 22 rotations place, about the pelvis: sums of turned bones along the chains.

    With rotations that are whole (view from joint), a joint's place is linear in them.
    """

    def __init__(self, skeleton: Skeleton) -> None:
        rows = [SEEN_LANDMARKS.index(BODY_LANDMARK_INDEX[name]) for name in _SKIN_POINTS]
        self.skin_rows = torch.tensor(rows)
        holders = skeleton.holder[self.skin_rows].tolist()
        chains = torch.zeros(NUM_POINTS, NUM_POINTS)
        bones: list[int] = []  # the joint whose turn moves each point's own bone
        for point, joint in enumerate((*POINT_JOINTS, *holders)):
            above = PARENTS[joint] if point < len(POINT_JOINTS) else joint
            bones.append(max(above, 0))
            chains[point, point] = 1.0
            while above > 0:
                chains[point, above] = 1.0
                above = PARENTS[above]
        chains[0] = 0.0  # the pelvis is the origin
        self.chains = chains
        self.bones = torch.tensor(bones)
        self.point_joints = torch.tensor(POINT_JOINTS)
        self.parents = torch.tensor([max(PARENTS[joint], 0) for joint in POINT_JOINTS])

    def to(self, device: str) -> PointPlacer:
        self.chains = self.chains.to(device)
        return self

    def bone_offsets(self, people: Proportions) -> Tensor:
        """[B, 35, 3] m, each point's own bone at rest."""
        joints = people.joints[:, self.point_joints] - people.joints[:, self.parents]
        return torch.cat([joints, people.skin[:, self.skin_rows]], 1)

    def place(self, rotations: Tensor, offsets: Tensor) -> Tensor:
        """[B, T, 35, 3] m about the pelvis.

        ``rotations`` [B, T, 22, 3, 3] (those axes from joint), ``offsets`` [B, 35, 3].
        """
        bones = (rotations[:, :, self.bones] @ offsets[:, None, :, :, None]).squeeze(-1)
        return self.chains @ bones


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
