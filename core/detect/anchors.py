"""What MediaPipe's detectors have in common: anchors, and overlapping finds merged (SSD)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

_MIN_OVERLAP = 0.3  # intersection over union from which two finds are one


@cache
def make_anchors(side: int, strides: Sequence[int], device: torch.device) -> Tensor:
    """[A, 2] centres, 0 to 1 across the crop: two of each stride in each cell of its grid.

    As MediaPipe's SsdAnchorsCalculator, all of one size. Equal strides share their cells.
    """
    anchors = []
    for stride in dict.fromkeys(strides):
        num_cells = side // stride
        centres = (torch.arange(num_cells, device=device) + 0.5) / num_cells
        grid = torch.cartesian_prod(centres, centres).flip(-1)  # line by line
        anchors.append(grid.repeat_interleave(2 * strides.count(stride), dim=0))
    return torch.cat(anchors)


def decode(boxes: Tensor, anchors: Tensor, side: int) -> Tensor:
    """[N, A, 2 + K, 2], 0 to 1 across the crop: two corners of the box, then its K points.

    ``boxes`` [N, A, 4 + 2 K] in pixels of the crop: centre, width and height, points.
    """
    pairs = boxes.unflatten(-1, (-1, 2)) / side
    centre, half = pairs[:, :, :1], pairs[:, :, 1:2] / 2
    return torch.cat([centre - half, centre + half, pairs[:, :, 2:]], 2) + anchors[:, None]


def merge_overlapping(
    finds: Tensor, scores: Tensor, *, min_score: float, most: int
) -> tuple[Tensor, Tensor]:
    """At most M finds [N, M, 2 + K, 2] of ``decode``'s and scores [N, M], the best first.

    All that overlap with the best are averaged by their ``scores`` [N, A], then the best of the
    others is taken ("weighted" non-maximum suppression; the score is the best's). What was not
    found has score 0; the first is the best one even below ``min_score``.
    """
    is_box = (finds[:, :, 1] >= finds[:, :, 0]).all(-1)
    scores = scores * is_box
    left = scores * (scores >= min_score)
    merged_finds, merged_scores = [], []
    for i_found in range(most):
        if i_found and not left.any():
            break
        score, best = (left if i_found else scores).max(1, keepdim=True)
        box = finds.take_along_dim(best[..., None, None], 1)
        is_same = (_overlap(finds, box) > _MIN_OVERLAP).scatter(1, best, True)
        weight = (left * is_same).scatter(1, best, score)
        total = weight.sum(1)[:, None, None].clamp(min=torch.finfo(weight.dtype).tiny)
        merged_finds.append(torch.einsum("na,nakc->nkc", weight, finds) / total)
        merged_scores.append(score[:, 0] * (score[:, 0] >= min_score))
        left = left * ~is_same
    return torch.stack(merged_finds, 1), torch.stack(merged_scores, 1)


def _overlap(boxes: Tensor, box: Tensor) -> Tensor:
    """[N, A] intersection over union of finds [N, A, 2 + K, 2] with one of each N."""
    low = torch.maximum(boxes[:, :, 0], box[:, :, 0])
    high = torch.minimum(boxes[:, :, 1], box[:, :, 1])
    shared = (high - low).clamp(min=0).prod(-1)
    areas, area = ((each[:, :, 1] - each[:, :, 0]).prod(-1) for each in (boxes, box))
    return shared / (areas + area - shared)
