"""Attention over the frames nearby, at their true times: what a part's branch knows of movement."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_REACH = 8  # frames looked at before and after each
_TIME_SCALES_S = (0.03, 0.1, 0.3, 1.0)
_NUM_EDGE = 9 + 1 + len(_TIME_SCALES_S)  # turn, sign of the time, nearness
_NUM_HEADS = 4
_UNSEEN = -1e4  # added to the logits of frames that are not there


def at_nearby(values: Tensor) -> Tensor:
    """[B, T, 2 * reach + 1, ...] each frame's neighbours in ``values`` [B, T, ...]; zeros outside.

    A view of padded values: nothing is copied per neighbour.
    """
    padding = (0, 0) * (values.ndim - 2) + (_REACH, _REACH)
    nearby = nn.functional.pad(values, padding).unfold(1, 2 * _REACH + 1, 1)
    return nearby.movedim(-1, 2)


class Nearby:
    """What lies between each frame and its neighbours."""

    def __init__(self, axes: Tensor, is_seen: Tensor, time_s: Tensor) -> None:
        """``axes`` [B, T, 3, 3] view from part, ``is_seen`` [B, T] bool, ``time_s`` [B, T]."""
        turn = axes.mT[:, :, None] @ at_nearby(axes)
        # Times outside the clip are zeros, which is why they are masked here too.
        is_there = at_nearby(torch.ones_like(time_s)) > 0
        self.gap_s = torch.where(is_there, at_nearby(time_s) - time_s[..., None], 0.0)
        self.logits = torch.where(is_there & at_nearby(is_seen.float()).bool(), 0.0, _UNSEEN)
        scales = torch.tensor(_TIME_SCALES_S)
        nearness = torch.exp(-self.gap_s.abs()[..., None] / scales)
        signs = self.gap_s.sign()[..., None]
        self.edges = torch.cat([turn.flatten(3), signs * (1 - nearness[..., 1:2]), nearness], -1)


class NearbyAttention(nn.Module):
    """One block of a transformer: attention over the neighbours, then a small network per frame.

    Keys and values know how the neighbour is turned against the frame and how far off it is in
    time; each head forgets with time at a pace of its own.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.norm_after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.edge = nn.Linear(_NUM_EDGE, 2 * width)
        self.log_pace = nn.Parameter(torch.linspace(-1, 2, _NUM_HEADS))
        self.out = nn.Linear(width, width)
        self.inner = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, tokens: Tensor, nearby: Nearby) -> Tensor:
        """[B, T, width] from tokens [B, T, width]."""
        heads = (_NUM_HEADS, -1)
        normed = self.norm(tokens)
        query = self.query(normed).unflatten(-1, heads)
        both = at_nearby(self.key_value(normed)) + self.edge(nearby.edges)
        key, value = both.unflatten(-1, (2, *heads)).unbind(3)
        logits = torch.einsum("bthc,btkhc->bthk", query, key) * query.shape[-1] ** -0.5
        forgetting = self.log_pace.exp()[:, None] * nearby.gap_s.abs()[:, :, None]
        share = (logits - forgetting + nearby.logits[:, :, None]).softmax(-1)
        seen = torch.einsum("bthk,btkhc->bthc", share, value).flatten(2)
        tokens = tokens + self.out(seen)
        return tokens + self.inner(self.norm_after(tokens))
