"""The steps of a network's graph as functions of torch, for any device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

Step = dict[str, Any]
Function = Callable[..., Tensor]


def bind_step(step: Step, weights: list[Tensor]) -> Function:
    """The step as a function of its tensors, the weights among its inputs left out."""
    if step["op"] == "conv":
        return _bind_conv(step, *weights)
    function = _FUNCTIONS[step["op"]]
    return lambda *tensors: function(step, *tensors, *weights)


def even_padding(step: Step, weight: Tensor) -> tuple[Tensor, list[int], Function]:
    """A convolution's weight, its padding of rows and of columns, and what its input goes through.

    torch pads both ends alike, TensorFlow's "same" the far end more. A depthwise kernel is made
    wider by zeros, which costs less than a padded copy of its input; a dense one would not be.
    """
    top, bottom, left, right = step["padding"]
    if (top, left) == (bottom, right):
        return weight, [top, left], lambda x: x
    if step["groups"] > 1:
        wider = functional.pad(weight, (right - left, 0, bottom - top, 0))
        return wider, [bottom, right], lambda x: x
    return weight, [0, 0], lambda x: functional.pad(x, (left, right, top, bottom))


def activate(step: Step, x: Tensor) -> Tensor:
    """The step's activation, in place."""
    if step["activation"] == "relu":
        return x.relu_()
    return x.clamp_(0.0, 6.0) if step["activation"] == "relu6" else x


def _bind_conv(step: Step, weight: Tensor, bias: Tensor) -> Function:
    """A convolution, the sum with a residual if there is one, and the activation."""
    weight, padding, prepare = even_padding(step, weight)
    stride, groups = step["stride"], step["groups"]

    def conv(x: Tensor, *residual: Tensor) -> Tensor:
        y = functional.conv2d(prepare(x), weight, bias, stride, padding, groups=groups)
        for other in residual:
            y += other
        return activate(step, y)

    return conv


def _linear(step: Step, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return activate(step, functional.linear(x, weight, bias))


def _resize(step: Step, x: Tensor) -> Tensor:
    return functional.interpolate(x, step["size"], mode="bilinear")


def _pad_channels(step: Step, x: Tensor) -> Tensor:
    return functional.pad(x, (0, 0, 0, 0, 0, step["number"]))


def _depth_to_space(step: Step, x: Tensor) -> Tensor:
    """TensorFlow's: a pixel's channels are the rows, columns and channels of its block."""
    n, channels, height, width = x.shape
    block = step["block"]
    blocks = x.reshape(n, block, block, channels // block**2, height, width)
    return blocks.permute(0, 3, 4, 1, 5, 2).reshape(n, -1, height * block, width * block)


def _concat(step: Step, *parts: Tensor) -> Tensor:
    n = max(len(part) for part in parts)  # a constant among them stands for every item
    return torch.cat([part.expand(n, *part.shape[1:]) for part in parts], step["dim"])


def _slice(step: Step, x: Tensor) -> Tensor:
    return x.narrow(step["dim"], step["first"], step["last"] - step["first"])


_FUNCTIONS: dict[str, Function] = {
    "add": lambda step, x, y: activate(step, x + y),
    "concat": _concat,
    "depth_to_space": _depth_to_space,
    "div": lambda step, x, y: x / y,
    "linear": _linear,
    "max_pool": lambda step, x: functional.max_pool2d(x, step["size"]),
    "mean": lambda step, x: x.mean(step["dims"], keepdim=step["keep"]),
    "mul": lambda step, x, y: x * y,
    "neg": lambda step, x: -x,
    "pad_channels": _pad_channels,
    "permute": lambda step, x: x.permute(step["order"]),
    "prelu": lambda step, x, slope: functional.prelu(x, slope),
    "reshape": lambda step, x: x.reshape(len(x), *step["shape"]),
    "resize": _resize,
    "rsqrt": lambda step, x: x.rsqrt(),
    "sigmoid": lambda step, x: x.sigmoid(),
    "slice": _slice,
    "sqrt": lambda step, x: x.sqrt(),
    "squared_difference": lambda step, x, y: (x - y).square(),
    "sub": lambda step, x, y: x - y,
    "sum": lambda step, x: x.sum(step["dims"], keepdim=step["keep"]),
}
