"""Regions: turned squares of a picture, cut out for the networks, and what they saw put back.

A region is a row (centre x, centre y, size, angle) of float32: a square of ``size`` pixels whose x
axis is turned by ``angle`` radians against the picture's, clockwise on the screen. Whole numbers of
pixels are the pixels' centres, as in MediaPipe.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
import torch
from torch import Tensor

from .engine import Engine

Pictures = list[Tensor]  # uint8 [H, W, 3] RGB on the engine's device, all of one size
Border = Literal["edge", "black"]

_BORDERS = {"edge": cv2.BORDER_REPLICATE, "black": cv2.BORDER_CONSTANT}
_CV_FINE, _CV_PARTS = 1024, 32  # a pixel's parts in which OpenCV adds up places, and weighs
_CROPS_AT_ONCE = 32  # on a GPU; a crop of 256 x 256 takes some 10 MB while it is made


def upload(engine: Engine, images: Sequence[np.ndarray]) -> Pictures:
    """The images, [H, W, 3] uint8 RGB of one size, on the engine's device."""
    if engine.device.type == "cpu":
        return [torch.from_numpy(image) for image in images]
    is_cuda = engine.device.type == "cuda"  # which copies beside its work out of pinned memory
    batch = torch.empty(len(images), *images[0].shape, dtype=torch.uint8, pin_memory=is_cuda)
    for row, image in zip(batch, images, strict=True):
        row.copy_(torch.from_numpy(image))
    return list(batch.to(engine.device, non_blocking=is_cuda))


def picture_from_crop(regions: Tensor, *, mirrored: bool = False) -> Tensor:
    """[N, 2, 3]: ``xy_picture = matrix @ (x, y, 1)``, crop from 0 to 1, picture in pixels.

    A mirrored crop has its x axis the other way round.
    """
    x, y, size, angle = regions.unbind(-1)
    cos, sin = angle.cos() * size, angle.sin() * size
    flip = -1.0 if mirrored else 1.0
    across = torch.stack([cos * flip, sin * flip], -1)
    down = torch.stack([-sin, cos], -1)
    start = torch.stack([x, y], -1) - (across + down) / 2
    return torch.stack([across, down, start], -1)


def to_picture(points: Tensor, regions: Tensor, *, mirrored: bool = False) -> Tensor:
    """Points [N, K, 2 or 3] of crops, 0 to 1, in pixels of the picture; z is scaled as x and y."""
    matrices = picture_from_crop(regions, mirrored=mirrored)
    xy = points[..., :2] @ matrices[:, :, :2].mT + matrices[:, None, :, 2]
    return torch.cat([xy, points[..., 2:] * regions[:, None, 2:3]], -1)


def turn(points: Tensor, angles: Tensor) -> Tensor:
    """Points [N, K, 2] turned about the origin by angles [N], clockwise on the screen."""
    x, y = points.unbind(-1)
    cos, sin = angles[:, None].cos(), angles[:, None].sin()
    return torch.stack([x * cos - y * sin, x * sin + y * cos], -1)


def turn_world(points: Tensor, regions: Tensor, *, mirrored: bool = False) -> Tensor:
    """Points [N, K, 3] in metres, from the crops' axes to the camera's."""
    x, y, z = points.split(1, -1)
    xy = torch.cat([-x if mirrored else x, y], -1)
    return torch.cat([turn(xy, regions[:, 3]), z], -1)


def angle_upright(vectors: Tensor) -> Tensor:
    """[...] angles of the regions in which the vectors [..., 2] of the picture point upwards."""
    return torch.atan2(vectors[..., 0], -vectors[..., 1])


def angle_level(vectors: Tensor) -> Tensor:
    """[...] angles of the regions in which the vectors [..., 2] of the picture point right."""
    return torch.atan2(vectors[..., 1], vectors[..., 0])


def bounding_boxes(points: Tensor) -> tuple[Tensor, Tensor]:
    """Centres [N, 2], width and height [N, 2] of the boxes about points [N, K, 2]."""
    low, high = points.amin(1), points.amax(1)
    return (low + high) / 2, high - low


def square_regions(
    centres: Tensor, extents: Tensor, angles: Tensor, *, scale: float, shift_y: float = 0.0
) -> Tensor:
    """Regions [N, 4] about boxes of centres [N, 2], width and height [N, 2] and angles [N].

    The centre moves down the region's y axis by ``shift_y`` heights of its box; the longer side,
    scaled, is the size (MediaPipe's RectTransformationCalculator with square_long).
    """
    shift = extents[:, 1] * shift_y
    moved = centres + torch.stack([-angles.sin() * shift, angles.cos() * shift], -1)
    return torch.cat([moved, extents.amax(-1, keepdim=True) * scale, angles[:, None]], -1)


def regions_towards(centres: Tensor, ends: Tensor, *, scale: float, shift_y: float = 0.0) -> Tensor:
    """Regions [N, 4] about centres [N, 2] with the ends [N, 2] above, in the middle of an edge.

    Scaled and shifted as by ``square_regions``.
    """
    vectors = ends - centres
    sizes = 2 * torch.linalg.vector_norm(vectors, dim=-1, keepdim=True).expand(-1, 2)
    return square_regions(centres, sizes, angle_upright(vectors), scale=scale, shift_y=shift_y)


def crop(
    pictures: Pictures,
    picture_of: Tensor,
    regions: Tensor,
    side: int,
    engine: Engine,
    *,
    border: Border = "edge",
    mirrored: bool = False,
) -> Tensor:
    """[N, 3, side, side] in 0..1, of the engine's dtype, for regions [N, 4] of pictures [N].

    Beyond the picture its ``edge`` goes on, or all is ``black``. Interpolated between four pixels,
    also where the crop is the coarser: so the networks were trained.
    """
    if not len(regions):
        return torch.empty(0, 3, side, side, dtype=engine.dtype, device=engine.device)
    matrices = picture_from_crop(regions, mirrored=mirrored)
    matrices = torch.cat([matrices[..., :2] / side, matrices[..., 2:]], -1)
    if engine.device.type == "cpu":
        batch = _warp(pictures, picture_of.tolist(), matrices.numpy(), side, border)
        return batch.to(engine.dtype).mul_(1 / 255)  # in place: fresh memory is the slow part
    stacked = torch.stack(pictures)
    parts = zip(picture_of.split(_CROPS_AT_ONCE), matrices.split(_CROPS_AT_ONCE), strict=True)
    return torch.cat([_gather(stacked, *part, side, border).to(engine.dtype) for part in parts])


def _warp(
    pictures: Pictures, picture_of: list[int], matrices: np.ndarray, side: int, border: Border
) -> Tensor:
    """[N, 3, side, side] uint8, by OpenCV: the fastest there is on a CPU."""
    batch = np.empty((len(matrices), side, side, 3), np.uint8)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    for row, i_picture, matrix in zip(batch, picture_of, matrices, strict=True):
        image = pictures[i_picture].numpy()
        cv2.warpAffine(
            image, matrix, (side, side), dst=row, flags=flags, borderMode=_BORDERS[border]
        )
    return torch.from_numpy(batch).permute(0, 3, 1, 2)


def _gather(
    pictures: Tensor, picture_of: Tensor, matrices: Tensor, side: int, border: Border
) -> Tensor:
    """[N, 3, side, side] in 0..1: the same on a GPU, without waiting for the regions.

    It rounds where OpenCV does: a grey level's difference can move the pose networks' points by
    pixels, and a capture should not depend on the device.
    """
    height, width = pictures.shape[1:3]
    steps = torch.arange(side, device=matrices.device, dtype=matrices.dtype)
    across, down, start = (matrices[..., None] * _CV_FINE).unbind(2)
    columns, lines = (across * steps).round(), (down * steps + start).round()
    place = (columns[:, :, None] + lines[..., None]) / (_CV_FINE // _CV_PARTS)
    x, y = ((place + 0.5).floor() / _CV_PARTS).unbind(1)
    left, top = x.floor(), y.floor()
    rows = pictures.reshape(-1, 3)
    total = torch.zeros(*x.shape, 3, device=matrices.device)
    for i_x, weight_x in ((left, left + 1 - x), (left + 1, x - left)):
        for i_y, weight_y in ((top, top + 1 - y), (top + 1, y - top)):
            weight = weight_x * weight_y
            if border == "black":
                weight = weight * ((i_x >= 0) & (i_x < width) & (i_y >= 0) & (i_y < height))
            # Bounded as whole numbers: what is no number becomes one, and no index is wrong.
            column, line = i_x.long().clamp(0, width - 1), i_y.long().clamp(0, height - 1)
            index = (picture_of[:, None, None] * height + line) * width + column
            total += rows[index] * weight[..., None]
    return (total + 0.5).floor().permute(0, 3, 1, 2) / 255
