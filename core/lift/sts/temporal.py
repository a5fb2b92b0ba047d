"""Attention over the rows of a window, at their true times."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

# The rotary angles' wave lengths: from the quickest movement that rows can show to what a window
# spans.
_SHORTEST_S, _LONGEST_S = 0.08, 12.0


class TemporalEncoder(nn.Module):
    """Transformer over rows [B, T, D]; a row's place is its time in seconds, so any rate will do.

    Times enter as rotary phases (Su et al. 2021, RoFormer, section 3.2) of continuous time: what
    counts is how far apart two rows are.
    """

    pulse: Tensor  # [W] rad/s

    def __init__(self, width: int, num_layers: int, num_heads: int, widening: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([_Layer(width, num_heads, widening) for _ in range(num_layers)])
        num_waves = width // num_heads // 2
        ratio = torch.linspace(0, 1, num_waves)
        waves_s = _SHORTEST_S * (_LONGEST_S / _SHORTEST_S) ** ratio
        self.register_buffer("pulse", 2 * math.pi / waves_s, persistent=False)

    def forward(self, rows: Tensor, time_s: Tensor) -> Tensor:
        """[B, T, D] from ``rows`` [B, T, D] at ``time_s`` [B, T]."""
        since = time_s - time_s[:, :1]
        angles = since[:, None, :, None] * self.pulse
        turn = torch.stack([angles.cos(), angles.sin()])
        for layer in self.layers:
            rows = layer(rows, turn)
        return rows


class _Layer(nn.Module):
    def __init__(self, width: int, num_heads: int, widening: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.before_attention = nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.after_attention = nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, widening * width),
            nn.GELU(),
            nn.Linear(widening * width, width),
        )

    def forward(self, rows: Tensor, turn: Tensor) -> Tensor:
        normed = self.before_attention(rows)
        # [3, B, heads, T, width of a head]
        split = self.queries_keys_values(normed).unflatten(-1, (3, self.num_heads, -1))
        queries, keys, values = split.permute(2, 0, 3, 1, 4)
        # Spelled out: for windows this short several times as fast on a CPU as the fused kernel.
        likeness = _rotate(queries, turn) @ _rotate(keys, turn).transpose(-1, -2)
        shares = torch.softmax(likeness * queries.shape[-1] ** -0.5, -1)
        seen = shares.to(values.dtype) @ values
        rows = rows + self.after_attention(seen.transpose(1, 2).flatten(2))
        return rows + self.mlp(rows)


def _rotate(values: Tensor, turn: Tensor) -> Tensor:
    """Pairs of ``values`` [B, heads, T, W] turned by the angles' (cos, sin) [2, B, 1, T, W / 2]."""
    first, second = values.chunk(2, -1)
    cos, sin = turn.to(values.dtype)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], -1)
