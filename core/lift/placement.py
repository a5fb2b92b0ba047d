"""Where the person stands before the camera, from the size and place of the picture.

A pinhole camera whose principal point is the picture's middle sees a point X, moved by t, at
u = f (X + t)_xy / (X + t)_z: linear in t once multiplied out.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..body.measures import solve_betas
from ..body.skinning import joints_from_pose
from ..landmarks import Landmarks
from ..skeletons import BODY_LANDMARK_INDEX, JOINT_INDEX
from .rest import reference_body

# Landmarks that lie on SMPL-X joints of the same name.
_SHARED = tuple(
    f"{side}_{name}"
    for name in ("hip", "shoulder", "knee", "ankle", "elbow", "wrist")
    for side in ("left", "right")
)
_NEAREST_M = 0.3
_SURE_SLANT = 0.3  # of the slant that the length asks for
# Seen length by true length: a bone above the first is taken as the network gives it, below the
# second as its length asks; near full length the slant depends too much on the length's error.
_FULL_LENGTH_RANGE = (0.95, 0.75)
_MIN_WEIGHT = 1e-3  # keeps the system solvable in rows where hardly anything is seen


def pixel_slopes(points_px: Tensor, focal_px: float, image_size: tuple[int, int]) -> Tensor:
    """[..., 2] x / z and y / z of the rays through pixels [..., 2], camera axes."""
    return (points_px - torch.tensor(image_size) / 2) / focal_px


def solve_offset(points: Tensor, slopes: Tensor, confidence: Tensor) -> Tensor:
    """[T, 3] m, the shift that brings points [T, N, 3] m closest to their rays.

    ``slopes`` [T, N, 2] as of pixel_slopes, ``confidence`` [T, N]. Weighted least squares.
    """
    weight = (confidence**2).clamp_min(_MIN_WEIGHT)
    # Rows of the system: t_xy - slope t_z = slope X_z - X_xy.
    one, zero = torch.ones_like(weight), torch.zeros_like(weight)
    across = torch.stack([one, zero, -slopes[..., 0]], -1)
    down = torch.stack([zero, one, -slopes[..., 1]], -1)
    matrix = torch.cat([across, down], 1)
    target = (slopes * points[..., 2:] - points[..., :2]).transpose(1, 2).flatten(1)
    weights = weight.repeat(1, 2)[..., None]
    normal = matrix.transpose(1, 2) @ (weights * matrix)
    right = matrix.transpose(1, 2) @ (weights * target[..., None])
    offset = torch.linalg.solve(normal.double(), right.double())[..., 0].float()
    return torch.cat([offset[:, :2], offset[:, 2:].clamp_min(_NEAREST_M)], 1)


def put_on_rays(points: Tensor, slopes: Tensor, confidence: Tensor) -> Tensor:
    """[T, N, 3] m: the points moved before the camera and onto their pixels' rays.

    The networks see a landmark's place in the picture far better than its place in space, so
    of a point seen well only the depth is kept; an unseen one keeps its place in space.
    """
    placed = points + solve_offset(points, slopes, confidence)[:, None]
    on_ray = torch.cat([slopes * placed[..., 2:], placed[..., 2:]], -1)
    return placed + confidence[..., None] * (on_ray - placed)


def stretch_bone(start: Tensor, end: Tensor, slopes: Tensor, length: float) -> Tensor:
    """[T, 3] m: ``end`` moved along its ray so that its bone from ``start`` has its length.

    All [T, 3] before the camera, ``slopes`` [T, 2] of the end's pixel. The networks flatten bones
    that point at the camera; the picture shows how short they look, and that tells their slant
    (Taylor 2000, "Reconstruction of articulated objects from point correspondences"). Which way
    they slant is the network's word, and so is the slant of a bone that is seen in full length.
    """
    ray = torch.nn.functional.pad(slopes, (0, 1), value=1.0)
    ray_square = (ray * ray).sum(-1)
    nearest_z = (ray * start).sum(-1) / ray_square
    seen_length = torch.linalg.vector_norm(nearest_z[:, None] * ray - start, dim=-1)
    slant = ((length**2 - seen_length**2).clamp_min(0) / ray_square).sqrt()
    # A slant that the network hardly gives is taken in part, so that it cannot flip in a frame.
    guessed = end[:, 2] - nearest_z
    slant = slant * (guessed / (_SURE_SLANT * slant).clamp_min(1e-6)).clamp(-1, 1)
    full, short = _FULL_LENGTH_RANGE
    trust = ((full - seen_length / length) / (full - short)).clamp(0, 1)[:, None]
    return end + trust * ((nearest_z + slant)[:, None] * ray - end)


def place_pelvis(
    landmarks: Landmarks,
    rotations: Tensor,
    names: tuple[str, ...],
    measures: np.ndarray,
    focal_px: float,
) -> Tensor:
    """[T, 3] m, the pelvis in camera axes: where the posed body is seen as the landmarks are.

    Posed is the reference body with ``measures`` [M] m. ``rotations`` [T, 55, 3, 3] are parent from
    joint.
    """
    betas = solve_betas(reference_body(), names, measures)
    joints, _ = joints_from_pose(reference_body(), betas, rotations, torch.zeros(len(rotations), 3))
    seen = [JOINT_INDEX[name] for name in _SHARED]
    rows = [BODY_LANDMARK_INDEX[name] for name in _SHARED]
    points_px = torch.from_numpy(landmarks.points_px[:, rows])
    return solve_offset(
        (joints - joints[:, :1])[:, seen],
        pixel_slopes(points_px, focal_px, landmarks.image_size),
        torch.from_numpy(landmarks.confidence[:, rows]),
    )
