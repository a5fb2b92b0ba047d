"""Layers on the CPU: oneDNN's, with packed weights, and with what follows done in the same pass.

The operators are those that torch's own compiler emits (torch/_inductor/mkldnn_ir.py). Plain
`conv2d` packs the weights at every call and passes over its result again for the activation, and
plain `linear` uses a library that is half as fast on AMD's processors.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from . import operations
from .operations import Function, Step, activate, even_padding

_ACTIVATIONS = {None: ("none", []), "relu": ("relu", []), "relu6": ("hardtanh", [0.0, 6.0])}
_DILATION = [1, 1]


def has_onednn() -> bool:
    """Whether this build of torch has the operators: those for ARM may lack them."""
    ops = torch.ops.mkldnn
    return torch.backends.mkldnn.is_available() and hasattr(ops, "_convolution_pointwise")


def bind_step(step: Step, weights: list[Tensor]) -> Function:
    """As operations.bind_step; a sum is written over the residual where that is free."""
    if step["op"] == "conv":
        return _bind_conv(step, *weights)
    if step["op"] == "linear":
        return _bind_linear(step, *weights)
    return operations.bind_step(step, weights)


def _bind_conv(step: Step, weight: Tensor, bias: Tensor) -> Function:
    ops = torch.ops.mkldnn
    run, add_to = ops._convolution_pointwise.default, ops._convolution_pointwise_.binary
    weight, padding, prepare = even_padding(step, weight)
    geometry = (padding, step["stride"], _DILATION, step["groups"])
    activation, limits = _ACTIVATIONS[step["activation"]]
    pack = _Packed(lambda x: ops._reorder_convolution_weight(weight, *geometry, x.shape))

    def conv(x: Tensor) -> Tensor:
        x = prepare(x)
        return run(x, pack(x), bias, *geometry, activation, limits, "")

    def conv_over_residual(x: Tensor, residual: Tensor) -> Tensor:
        total = add_to(residual, x, pack(x), bias, *geometry, "add", None, None, [], None)
        return activate(step, total)

    def conv_with_residual(x: Tensor, residual: Tensor) -> Tensor:
        return activate(step, run(x, pack(x), bias, *geometry, "none", [], "").add_(residual))

    if "residual_is_free" not in step:
        return conv
    return conv_over_residual if step["residual_is_free"] else conv_with_residual


def _bind_linear(step: Step, weight: Tensor, bias: Tensor) -> Function:
    ops = torch.ops.mkldnn
    run = ops._linear_pointwise.default
    activation, limits = _ACTIVATIONS[step["activation"]]
    pack = _Packed(lambda x: ops._reorder_linear_weight(weight, x.numel() // x.shape[-1]))
    return lambda x: run(x, pack(x), bias, activation, limits, "")


class _Packed:
    """A layer's weights, packed for each size of batch that comes.

    The best packing depends on it: with another batch's, some layers take 30 times as long.
    """

    def __init__(self, pack: Callable[[Tensor], Tensor]) -> None:
        self._pack = pack
        self._packed: dict[int, Tensor] = {}

    def __call__(self, x: Tensor) -> Tensor:
        if len(x) not in self._packed:
            self._packed[len(x)] = self._pack(x)
        return self._packed[len(x)]
