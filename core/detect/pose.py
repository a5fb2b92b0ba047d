"""Body landmarks of people in their regions (MediaPipe's BlazePose GHUM networks)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ..skeletons import BODY_LANDMARKS
from .engine import Engine
from .regions import Pictures, crop, regions_towards, to_picture, turn_world

PoseModel = Literal["lite", "full", "heavy"]

_SIDE = 256
_SCALE = 1.25
_HIPS, _REACH = 33, 34  # the region's points: mid-hip, and how far the body reaches
_MIN_PEAK = 0.5  # a heat map below it does not move its point
_WINDOW = 7  # pixels of the heat map about the point
# Which point each of the 39 is in a mirror.
_MIRRORED = [
    *(
        BODY_LANDMARKS.index(
            name.replace("left", "?").replace("right", "left").replace("?", "right")
        )
        for name in BODY_LANDMARKS
    ),
    *(33, 34, 37, 38, 35, 36),
]


@dataclass(frozen=True, eq=False, slots=True)
class Poses:
    """N bodies: BODY_LANDMARKS, the region's two points, two of the left and of the right hand."""

    points: Tensor  # [N, 39, 3] pixels; z from the mid-hip, away from the camera
    visibility: Tensor  # [N, 39] 0..1, in the picture and not hidden
    presence: Tensor  # [N, 39] 0..1, in the picture
    peak: Tensor  # [N, 39] 0..1, the heat map's maximum near the point
    world: Tensor  # [N, 39, 3] metres from the mid-hip, camera axes
    score: Tensor  # [N] 0..1, whether there is a body
    mask: Tensor | None  # [N, 256, 256] 0..1 across the region, where asked for


def see_poses(
    engine: Engine,
    pictures: Pictures,
    picture_of: Tensor,
    regions: Tensor,
    model: PoseModel,
    *,
    mirrored: bool = False,
    with_mask: bool = False,
) -> Poses:
    """The bodies in regions [N, 4] of pictures [N].

    ``mirrored`` shows the network the mirror image and turns back what it saw.
    """
    batch = crop(pictures, picture_of, regions, _SIDE, engine, mirrored=mirrored)
    outputs = ["landmarks", "presence", "heatmap", "world"] + ["segmentation"] * with_mask
    raw = engine.run(f"pose_{model}", batch, outputs)
    landmarks, world = raw["landmarks"], raw["world"]
    xy, peak = _refine(landmarks[..., :2] / _SIDE, raw["heatmap"])
    mask = raw["segmentation"].sigmoid() if with_mask else None
    order = slice(None)
    if mirrored:
        order = torch.tensor(_MIRRORED, device=engine.device)
        if mask is not None:
            mask = mask.flip(-1).roll(1, -1)  # column i of 256 is the mirror image's 256 - i
    points = torch.cat([xy, landmarks[..., 2:3] / _SIDE], -1)
    return Poses(
        points=to_picture(points, regions, mirrored=mirrored)[:, order],
        visibility=landmarks[..., 3].sigmoid()[:, order],
        presence=landmarks[..., 4].sigmoid()[:, order],
        peak=peak[:, order],
        world=turn_world(world, regions, mirrored=mirrored)[:, order],
        score=raw["presence"].clone(),
        mask=mask,
    )


def regions_of_poses(points: Tensor) -> Tensor:
    """Regions [N, 4] for the next look at bodies seen at Poses.points [N, 39, 3]."""
    return regions_towards(points[:, _HIPS, :2], points[:, _REACH, :2], scale=_SCALE)


def _refine(points: Tensor, heatmaps: Tensor) -> tuple[Tensor, Tensor]:
    """Points [N, K, 2], 0 to 1, with logits [N, K, S, S] about them; the maximum there [N, K].

    Where that is sure, a point moves to the middle of mass near it (MediaPipe's
    RefineLandmarksFromHeatmapCalculator).
    """
    side = heatmaps.shape[-1]
    reach = torch.arange(_WINDOW, device=points.device) - _WINDOW // 2
    centre = (points * side).long()
    place = centre[..., None] + reach  # [N, K, 2, window]
    is_inside = (place >= 0) & (place < side)
    place = place.clamp(0, side - 1)
    columns, rows = place.unbind(2)
    index = (rows[..., :, None] * side + columns[..., None, :]).flatten(2)
    weight = heatmaps.flatten(2).gather(2, index).sigmoid().unflatten(2, (_WINDOW, _WINDOW))
    weight = weight * (is_inside[:, :, 1, :, None] & is_inside[:, :, 0, None, :])
    peak = weight.amax((2, 3))
    total = weight.sum((2, 3)).clamp(min=torch.finfo(weight.dtype).tiny)
    x = (weight.sum(2) * columns).sum(2) / total
    y = (weight.sum(3) * rows).sum(2) / total
    is_in_crop = ((centre >= 0) & (centre < side)).all(-1)
    is_sure = (peak >= _MIN_PEAK) & is_in_crop
    return torch.where(is_sure[..., None], torch.stack([x, y], -1) / side, points), peak
