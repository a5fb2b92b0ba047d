"""A long take in windows that a network can take, and its answers put together again."""

from __future__ import annotations

import torch
from torch import Tensor

WINDOW_ROWS = 32  # as in training
_DENSEST_HZ = 30.0  # rows of one window; faster videos are taken in turns, every other row or so

_WINDOWS_AT_ONCE = 16


def split_rows(num_rows: int, rate: float) -> list[Tensor]:
    """Rows of each window: overlapping by half, all of one spacing, every row in one or more."""
    step = min(max(1, round(rate / _DENSEST_HZ)), num_rows)
    windows = []
    for first in range(step):
        rows = torch.arange(first, num_rows, step)
        starts = range(0, max(len(rows) - WINDOW_ROWS // 2, 1), WINDOW_ROWS // 2)
        # The last window ends with the take instead of running short.
        ends = [min(start + WINDOW_ROWS, len(rows)) for start in starts]
        windows += [rows[max(end - WINDOW_ROWS, 0) : end] for end in ends if end > 0]
    return windows


def stack_rows(windows: list[Tensor]) -> list[Tensor]:
    """The windows in their order, neighbours of one length together as [W, N], not too many."""
    stacks: list[list[Tensor]] = []
    for rows in windows:
        is_alike = stacks and len(stacks[-1][0]) == len(rows)
        if is_alike and len(stacks[-1]) < _WINDOWS_AT_ONCE:
            stacks[-1].append(rows)
        else:
            stacks.append([rows])
    return [torch.stack(stack) for stack in stacks]


def join_rows(values: list[Tensor], windows: list[Tensor], num_rows: int) -> Tensor:
    """[T, ...] means of what the windows said [W, ...]; a window's middle counts most."""
    total = torch.zeros(num_rows, *values[0].shape[1:])
    weights = torch.zeros(num_rows)
    for value, rows in zip(values, windows, strict=True):
        inward = torch.arange(1, len(rows) + 1).float()
        weight = torch.minimum(inward, inward.flip(0))
        total.index_add_(0, rows, value * weight.reshape(-1, *([1] * (value.dim() - 1))))
        weights.index_add_(0, rows, weight)
    return total / weights.reshape(-1, *([1] * (total.dim() - 1)))
