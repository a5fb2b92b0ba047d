"""SMPL-X's forward pass: joints by forward kinematics, vertices by linear blend skinning.

Pavlakos et al. 2019, "Expressive Body Capture", section 3.1; Loper et al. 2015, SMPL, eq. 2-9.
"""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import Tensor

from ..check import check_shape
from ..skeletons import NUM_JOINTS, PARENTS
from .model import BodyModel


def _depths() -> list[int]:
    depths = [0] * NUM_JOINTS
    for i_joint in range(1, NUM_JOINTS):
        depths[i_joint] = depths[PARENTS[i_joint]] + 1
    return depths


# The joints sorted by their depth in the tree. All joints of one depth are posed at once, from
# their parents, which all lie one depth above; a row of _PARENT_ROWS says which of those it is.
_BY_DEPTH = [[i for i, d in enumerate(_depths()) if d == depth] for depth in range(11)]
_PARENT_ROWS = [
    torch.tensor([above.index(PARENTS[i]) for i in joints])
    for above, joints in itertools.pairwise(_BY_DEPTH)
]
_LEVEL_SIZES = [len(joints) for joints in _BY_DEPTH]
_ORDER = torch.tensor([i for joints in _BY_DEPTH for i in joints])
_INVERSE_ORDER = torch.argsort(_ORDER)
_BLOCK = 2048  # rows posed at once
_PARENTS = torch.tensor((0, *PARENTS[1:]))


def pose_joints(rest_joints: Tensor, rotations: Tensor, trans: Tensor) -> tuple[Tensor, Tensor]:
    """Joints [T, 55, 3] m and rotations [T, 55, 3, 3] (world from joint) of posed bodies.

    ``rest_joints`` [55, 3] or [T, 55, 3]; ``rotations`` [T, 55, 3, 3], parent from joint;
    ``trans`` [T, 3]. The root turns about the pelvis joint, not about the origin.
    """
    check_shape("rotations", rotations, "T 55 3 3")
    check_shape("trans", trans, "T 3", T=len(rotations))
    rest = rest_joints.expand(len(rotations), NUM_JOINTS, 3)
    offsets = rest - rest[:, _PARENTS]
    # Components first, frames last: products of 3x3 matrices become a few long vector
    # operations, many times faster than thousands of tiny matrix products.
    parent_from_joint = torch.cat([rotations, offsets[..., None]], -1).permute(2, 3, 1, 0)
    levels = parent_from_joint[:, :, _ORDER].contiguous().split(_LEVEL_SIZES, 2)
    first_joint = (rest[:, 0] + trans).T[:, None, None]
    posed = [torch.cat([levels[0][:, :3], first_joint], 1)]
    for parent_rows, local in zip(_PARENT_ROWS, levels[1:], strict=True):
        above = posed[-1][:, :, parent_rows]
        product = above[:, 0, None] * local[0]
        product = torch.addcmul(product, above[:, 1, None], local[1])
        product = torch.addcmul(product, above[:, 2, None], local[2])
        product[:, 3] += above[:, 3]
        posed.append(product)
    world_from_joint = torch.cat(posed, 2)[:, :, _INVERSE_ORDER].permute(3, 2, 0, 1)
    return world_from_joint[..., 3], world_from_joint[..., :3]


class Skin:
    """The skin of one body model, ready for posing."""

    def __init__(self, body: BodyModel) -> None:
        self.template = torch.from_numpy(body.template)
        self.joint_regressor = torch.from_numpy(body.joint_regressor)
        self.shape_dirs = torch.from_numpy(body.shape_dirs)
        self.expression_dirs = torch.from_numpy(body.expression_dirs)
        self.weights = torch.from_numpy(body.weights)
        self.correctives = [
            (each.joint, torch.from_numpy(each.vertices), torch.from_numpy(each.dirs))
            for each in body.pose_correctives
        ]

    def pose_vertices(
        self, betas: Tensor, expression: Tensor, rotations: Tensor, trans: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Vertices [T, V, 3] and joints [T, 55, 3], m.

        ``betas`` [B], ``expression`` [T, E], ``rotations`` [T, 55, 3, 3], ``trans`` [T, 3].
        """
        num_frames = len(rotations)
        check_shape("expression", expression, "T E", T=num_frames)
        shaped = self.template + self.shape_dirs[..., : len(betas)] @ betas
        expressive = shaped + torch.einsum(
            "vce,te->tvc", self.expression_dirs[..., : expression.shape[1]], expression
        )
        # Expression moves the face's joints too, as in smplx.
        rest_joints = self.joint_regressor @ expressive
        # The translation comes last, as in smplx: weights need not sum to exactly 1.
        joints, world_from_joint = pose_joints(rest_joints, rotations, torch.zeros_like(trans))
        corrected = expressive + self._corrective_offsets(rotations)
        offsets = joints - (world_from_joint @ rest_joints[..., None])[..., 0]
        transforms = torch.cat([world_from_joint, offsets[..., None]], -1).flatten(2)
        blended = (self.weights @ transforms).unflatten(-1, (3, 4))
        turned = (blended[..., :3] @ corrected[..., None])[..., 0]
        return turned + blended[..., 3] + trans[:, None], joints + trans[:, None]

    def _corrective_offsets(self, rotations: Tensor) -> Tensor:
        """[T, V, 3] m, what the turned joints [T, 55, 3, 3] add to the skin at rest."""
        features = (rotations - torch.eye(3)).flatten(2)
        # Frames last, so that a vertex's values lie together where they are added.
        offsets = torch.zeros(*self.template.shape, len(rotations))
        for joint, vertices, dirs in self.correctives:
            offsets.index_add_(0, vertices, dirs @ features[:, joint].T)
        return offsets.permute(2, 0, 1)


def joints_from_pose(
    body: BodyModel, betas: np.ndarray, rotations: Tensor, trans: Tensor
) -> tuple[Tensor, Tensor]:
    """pose_joints for the shape ``betas`` [B] of ``body``, in blocks that keep memory flat."""
    rest = torch.from_numpy(body.rest_joints(betas).astype(np.float32)).to(rotations.dtype)
    blocks = [
        pose_joints(rest, block, shift)
        for block, shift in zip(rotations.split(_BLOCK), trans.split(_BLOCK), strict=True)
    ]
    joints, turns = (torch.cat(field) for field in zip(*blocks, strict=True))
    return joints, turns
