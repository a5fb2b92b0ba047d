"""The smplx package's forward pass, which the body layer is compared with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import smplx
import torch
from torch import Tensor


def pose_with_smplx(
    path: Path, betas: Tensor, expression: Tensor, rotvecs: Tensor, trans: Tensor
) -> tuple[Tensor, Tensor]:
    """Vertices [T, V, 3] and joints [T, 55, 3] of the body file at ``path``.

    ``betas`` [10], ``expression`` [T, 10], ``rotvecs`` [T, 55, 3] rad, ``trans`` [T, 3] m.
    """
    num_frames = len(rotvecs)
    model = smplx.SMPLX(
        model_path=str(path),
        use_pca=False,
        flat_hand_mean=True,
        num_betas=10,
        num_expression_coeffs=10,
        batch_size=num_frames,
    )
    posed = model(
        betas=betas.expand(num_frames, -1),
        expression=expression,
        global_orient=rotvecs[:, 0],
        body_pose=rotvecs[:, 1:22].flatten(1),
        jaw_pose=rotvecs[:, 22],
        leye_pose=rotvecs[:, 23],
        reye_pose=rotvecs[:, 24],
        left_hand_pose=rotvecs[:, 25:40].flatten(1),
        right_hand_pose=rotvecs[:, 40:].flatten(1),
        transl=trans,
    )
    return posed.vertices.detach(), posed.joints[:, :55].detach()


def random_pose(
    seed: int, pose_scale: float, num_frames: int = 3
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Betas, expression, rotation vectors and translation, as pose_with_smplx takes them."""
    rng = np.random.default_rng(seed)
    shapes = ((10,), (num_frames, 10), (num_frames, 55, 3), (num_frames, 3))
    betas, expression, rotvecs, trans = (
        torch.from_numpy(rng.normal(size=shape).astype(np.float32)) for shape in shapes
    )
    return betas, expression, pose_scale * rotvecs, trans
