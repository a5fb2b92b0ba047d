"""Semantic graph convolutions over the landmarks of one frame.

Zhao et al. 2019, "Semantic graph convolutional networks for 3D human pose regression", eq. 3 and 4;
the partial branches of Sun et al. 2020 use four such layers.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import torch
from torch import Tensor, nn

_NUM_LAYERS, _NUM_GROUPS = 4, 4


def find_neighbours(num_nodes: int, edges: Iterable[tuple[int, int]]) -> Tensor:
    """[N, most + 1] int: each node itself, then who is joined to it; -1 where nobody is left."""
    joined: list[dict[int, None]] = [{node: None} for node in range(num_nodes)]
    for start, end in edges:
        joined[start][end] = joined[end][start] = None
    most = max(len(nodes) for nodes in joined)
    return torch.tensor([[*nodes, *[-1] * (most - len(nodes))] for nodes in joined])


class SemanticGraphConvolution(nn.Module):
    """A linear map of each node and one of its neighbours, mixed with learnt weights of the edges.

    ``neighbours`` [N, M] as of find_neighbours. Each group of channels has its own weights of the
    edges (in the paper every channel has, which costs more than it brings on graphs this small).
    """

    neighbours: Tensor

    def __init__(self, num_in: int, num_out: int, neighbours: Tensor) -> None:
        super().__init__()
        self.register_buffer("neighbours", neighbours.clone())  # safetensors shares none
        self.own = nn.Linear(num_in, num_out)
        self.others = nn.Linear(num_in, num_out, bias=False)
        self.edges = nn.Parameter(torch.zeros(_NUM_GROUPS, *neighbours.shape))

    def forward(self, nodes: Tensor) -> Tensor:
        """[B, N, num_out] from nodes [B, N, num_in]."""
        share = self.edges.masked_fill(self.neighbours < 0, -torch.inf).softmax(-1)
        num_nodes = len(self.neighbours)
        columns = self.neighbours.clamp_min(0).expand_as(share)[..., 1:]
        of_others = share.new_zeros(_NUM_GROUPS, num_nodes, num_nodes)
        of_others = of_others.scatter_add(-1, columns, share[..., 1:])
        groups = (_NUM_GROUPS, -1)
        own = self.own(nodes).unflatten(-1, groups) * share[..., 0].T[..., None]
        # One product of matrices per group for the whole batch, many times faster than one each.
        others = self.others(nodes).unflatten(-1, groups).permute(2, 1, 0, 3)
        mixed = (of_others @ others.flatten(2)).unflatten(-1, (len(nodes), -1))
        return (own + mixed.permute(2, 1, 0, 3)).flatten(2)


class GraphEncoder(nn.Module):
    """Four semantic graph convolutions, the later ones with a short cut; then one token."""

    def __init__(self, num_in: int, width: int, num_token: int, neighbours: Tensor) -> None:
        super().__init__()
        widths = [num_in, *(width for _ in range(_NUM_LAYERS))]
        self.layers = nn.ModuleList(
            SemanticGraphConvolution(before, after, neighbours)
            for before, after in pairwise(widths)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in self.layers)
        self.to_token = nn.Linear(len(neighbours) * width, num_token)

    def forward(self, nodes: Tensor) -> Tensor:
        """[B, num_token] from nodes [B, N, num_in]."""
        for layer, norm in zip(self.layers, self.norms, strict=True):
            updated = nn.functional.gelu(norm(layer(nodes)))
            nodes = updated if updated.shape != nodes.shape else nodes + updated
        return self.to_token(nodes.flatten(1))
