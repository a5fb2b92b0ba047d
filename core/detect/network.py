"""One network of MediaPipe's: a small executor of a graph that is data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from . import onednn, operations
from .network_files import read_network_file
from .operations import Function, Step


@dataclass(frozen=True)
class _Call:
    run: Function
    inputs: tuple[str, ...]
    output: str
    finished: tuple[str, ...] = ()  # tensors that no later call needs


class Network:
    """The graph of a network, bound to a device and a precision.

    In half precision what makes an output, its last layer and all after it, is done in float32:
    between 128 and 256 pixels, half precision has steps of an eighth of a pixel. A network that
    takes coordinates is done in float32 altogether.
    """

    def __init__(self, name: str, device: torch.device, dtype: torch.dtype) -> None:
        graph, constants = read_network_file(name)
        steps: list[Step] = graph["steps"]
        self.name = name
        self.input_shape: tuple[int, ...] = tuple(graph["input_shape"])  # of one item
        self.output_shapes: dict[str, tuple[int, ...]] = {
            step["output"]: tuple(step["shape"])
            for step in steps
            if step["output"] in graph["outputs"]
        }
        is_picture = len(self.input_shape) == 3
        # Convolutions are fastest with channels last; MPS knows only channels first.
        is_channels_last = is_picture and device.type != "mps"
        self._layout = torch.channels_last if is_channels_last else torch.contiguous_format
        self._device = device
        self._dtype = dtype if is_picture else torch.float32
        self._constants = {
            name: self._place(constants[name], self._dtype)
            for step in steps
            for name in step["inputs"]
            if name in constants
        }
        exact = _last_layers(steps, graph["outputs"])
        self._calls = [self._bind(step, constants, step["output"] in exact) for step in steps]
        self._plans: dict[tuple[str, ...], list[_Call]] = {}

    @torch.inference_mode()
    def __call__(self, batch: Tensor, outputs: Sequence[str] | None = None) -> dict[str, Tensor]:
        """The outputs asked for (all when None) of a batch [N, *input_shape], in float32.

        Only what they need is computed.
        """
        wanted = tuple(self.output_shapes if outputs is None else outputs)
        if wanted not in self._plans:
            self._plans[wanted] = self._plan(wanted)
        values = {"input": self._place(batch, self._dtype), **self._constants}
        for call in self._plans[wanted]:
            values[call.output] = call.run(*[values[name] for name in call.inputs])
            for name in call.finished:
                del values[name]
        return {name: values[name] for name in wanted}

    def _place(self, tensor: Tensor, dtype: torch.dtype) -> Tensor:
        layout = self._layout if tensor.ndim == 4 else torch.contiguous_format
        return tensor.to(self._device, dtype, memory_format=layout)

    def _bind(self, step: Step, constants: dict[str, Tensor], is_exact: bool) -> _Call:
        dtype = torch.float32 if is_exact else self._dtype
        weights = [self._place(constants[name], dtype) for name in step["weights"]]
        is_onednn = self._device.type == "cpu" and onednn.has_onednn()
        run = (onednn if is_onednn else operations).bind_step(step, weights)
        inputs = tuple(step["inputs"])
        if dtype == self._dtype:
            return _Call(run, inputs, step["output"])
        return _Call(lambda *tensors: run(*[x.to(dtype) for x in tensors]), inputs, step["output"])

    def _plan(self, wanted: tuple[str, ...]) -> list[_Call]:
        """The calls that the outputs need, in order, and after which a tensor is finished."""
        needed = {*wanted, *self._constants}
        plan = []
        for call in reversed(self._calls):
            if call.output in needed:
                finished = tuple(name for name in set(call.inputs) if name not in needed)
                plan.append(replace(call, finished=finished))
                needed.update(call.inputs)
        return plan[::-1]


def _last_layers(steps: list[Step], outputs: Sequence[str]) -> set[str]:
    """What is made from an output's last layer on, that layer included."""
    found = set(outputs)
    for step in reversed(steps):
        if step["output"] in found and not step["weights"]:
            found.update(step["inputs"])
    return found
