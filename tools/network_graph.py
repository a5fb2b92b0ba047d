"""From TensorFlow Lite's graph to ours, the one that core/detect/network.py runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from tflite import Operator, Tflite

_ACTIVATIONS = {0: None, 1: "relu", 3: "relu6"}  # schema.ActivationFunctionType
_SAME = 0  # schema.Padding
_VIEWS = ("permute", "reshape", "slice")  # share their input's memory

Step = dict[str, Any]


class Graph:
    """Walks a .tflite graph once and collects the steps and constants of ours.

    Pictures are channels first in ours, unless the network's input is no picture: then every
    tensor keeps its layout and a 1x1 convolution is a linear layer. All has room for any batch.
    """

    def __init__(self, model: Tflite, outputs: dict[str, tuple[str, tuple[int, ...]]]):
        self.constants: dict[str, np.ndarray] = {}
        self.steps: list[Step] = []
        self.outputs = {name: name for name in outputs}
        self._model = model
        self._is_picture = len(model.shapes[model.input]) == 4
        self._names = {model.input: "input"}
        self._uses = Counter(i for operator in model.operators for i in operator.inputs)
        self._padding: dict[int, np.ndarray] = {}  # that a convolution is to add, by its input

        shape = model.shapes[model.input]
        self.input_shape = [shape[i] for i in self._order(len(shape))[1:]]
        for operator in model.operators:
            self._convert(operator)
        for name, (theirs, item_shape) in outputs.items():
            last = self._names[model.outputs[theirs]]
            self._append("reshape", [last], name, shape=list(item_shape))
        self.steps = mark_free(merge_additions(self.steps))

    def _convert(self, operator: Operator) -> None:
        if operator.kind in _ELEMENTWISE:
            self._elementwise(operator)
        elif operator.kind in ("MEAN", "SUM"):
            self._reduce(operator)
        else:
            getattr(self, f"_{operator.kind.lower()}")(operator)

    # What the operators below are made of

    def _append(
        self,
        op: str,
        inputs: list[str],
        output: str,
        weights: Sequence[str] = (),
        **attributes: Any,
    ) -> None:
        self.steps.append(
            {"op": op, "inputs": inputs, "weights": list(weights), "output": output, **attributes}
        )

    def _emit(self, op: str, operator: Operator, num_inputs: int = 1, **attributes: Any) -> None:
        """A step that makes the operator's output out of its first inputs."""
        inputs = [self._input(i) for i in operator.inputs[:num_inputs]]
        name = self._names[operator.output] = f"t{operator.output}"
        self._append(op, inputs, name, **attributes)

    def _input(self, i_tensor: int) -> str:
        if i_tensor in self._names:
            return self._names[i_tensor]
        assert not self._is_picture  # whose layout of constants would have to be ours
        return self._constant(f"c{i_tensor}", self._model.constants[i_tensor])

    def _constant(self, name: str, values: np.ndarray) -> str:
        self.constants[name] = np.ascontiguousarray(values)
        return name

    def _value(self, operator: Operator, i_input: int) -> np.ndarray:
        return self._model.constants[operator.inputs[i_input]]

    def _shape(self, i_tensor: int) -> tuple[int, ...]:
        return self._model.shapes[i_tensor]

    def _order(self, num_dims: int) -> list[int]:
        """Their dimensions in our order."""
        is_picture = self._is_picture and num_dims == 4
        return [0, 3, 1, 2] if is_picture else list(range(num_dims))

    def _dims(self, operator: Operator, theirs: np.ndarray | int) -> list[int]:
        """Dimensions of the first input, as ours counts them."""
        num_dims = len(self._shape(operator.inputs[0]))
        order = self._order(num_dims)
        return [order.index(int(dim) % num_dims) for dim in np.reshape(theirs, -1)]

    # Layers

    def _conv_2d(self, operator: Operator) -> None:
        weight = self._value(operator, 1)  # [out, height, width, in]
        if self._is_picture:
            self._convolution(operator, weight.transpose(0, 3, 1, 2), groups=1)
        else:
            assert weight.shape[1:3] == (1, 1)
            self._linear(operator, weight[:, 0, 0])

    def _depthwise_conv_2d(self, operator: Operator) -> None:
        weight = self._value(operator, 1)  # [1, height, width, channels]
        self._convolution(operator, weight.transpose(3, 0, 1, 2), groups=weight.shape[3])

    def _convolution(self, operator: Operator, weight: np.ndarray, groups: int) -> None:
        options = operator.options
        assert (options.dilationHFactor, options.dilationWFactor) == (1, 1)
        stride = [options.strideH, options.strideW]
        i_input = operator.inputs[0]
        padding = self._padding.get(i_input)
        if padding is None:
            padding = np.zeros((2, 2), int)
        if options.padding == _SAME:
            size = np.array(self._shape(i_input)[1:3])
            total = (-(-size // stride) - 1) * stride + weight.shape[2:] - size
            before = np.maximum(total, 0) // 2
            padding = padding + np.stack([before, np.maximum(total, 0) - before], axis=1)
        self._layer(
            "conv",
            operator,
            weight,
            stride=stride,
            padding=padding.reshape(-1).tolist(),  # top, bottom, left, right
            groups=groups,
        )

    def _fully_connected(self, operator: Operator) -> None:
        self._linear(operator, self._value(operator, 1))

    def _linear(self, operator: Operator, weight: np.ndarray) -> None:
        self._layer("linear", operator, weight)

    def _layer(self, op: str, operator: Operator, weight: np.ndarray, **attributes: Any) -> None:
        name = f"t{operator.output}"
        weights = [
            self._constant(f"{name}.weight", weight),
            self._constant(f"{name}.bias", self._value(operator, 2)),
        ]
        activation = _ACTIVATIONS[operator.options.fusedActivationFunction]
        self._emit(op, operator, weights=weights, **attributes, activation=activation)

    def _prelu(self, operator: Operator) -> None:
        slope = self._constant(f"t{operator.output}.slope", self._value(operator, 1).reshape(-1))
        self._emit("prelu", operator, weights=[slope])

    def _relu(self, operator: Operator) -> None:
        """Becomes the activation of the step before, where nothing else looks at that one."""
        i_input = operator.inputs[0]
        before = self.steps[-1]
        assert before["output"] == self._names[i_input]
        assert before["activation"] is None
        assert self._uses[i_input] == 1
        before["activation"] = "relu"
        self._names[operator.output] = before["output"]

    # Arithmetic

    def _add(self, operator: Operator) -> None:
        activation = _ACTIVATIONS[operator.options.fusedActivationFunction]
        self._emit("add", operator, num_inputs=2, activation=activation)

    def _elementwise(self, operator: Operator) -> None:
        self._emit(_ELEMENTWISE[operator.kind], operator, num_inputs=len(operator.inputs))

    def _reduce(self, operator: Operator) -> None:
        dims = self._dims(operator, self._value(operator, 1))
        self._emit(operator.kind.lower(), operator, dims=dims, keep=operator.options.keepDims)

    def _max_pool_2d(self, operator: Operator) -> None:
        options = operator.options
        size = [options.filterHeight, options.filterWidth]
        assert size == [options.strideH, options.strideW]
        assert not np.any(np.mod(self._shape(operator.inputs[0])[1:3], size))
        self._emit("max_pool", operator, size=size)

    def _resize_bilinear(self, operator: Operator) -> None:
        assert operator.options.halfPixelCenters
        assert not operator.options.alignCorners
        self._emit("resize", operator, size=self._value(operator, 1).tolist())

    # Where values stand

    def _pad(self, operator: Operator) -> None:
        """Rows and columns are left to the convolution that follows, channels are a step."""
        rows = self._value(operator, 1)  # [dimension, (before, after)]
        if rows[1:3].any():
            assert not rows[[0, 3]].any()
            self._padding[operator.output] = rows[1:3]
            self._names[operator.output] = self._names[operator.inputs[0]]
        else:
            assert not rows[3, 0]
            self._emit("pad_channels", operator, number=int(rows[3, 1]))

    def _reshape(self, operator: Operator) -> None:
        source = self._names[operator.inputs[0]]
        shape = self._shape(operator.output)
        name = self._names[operator.output] = f"t{operator.output}"
        if self._is_picture and self._shape(operator.inputs[0])[1:3] != (1, 1):
            assert len(shape) < 4  # a picture flattened, which theirs is with channels last
            self._append("permute", [source], f"{name}.flat", order=[0, 2, 3, 1])
            source = f"{name}.flat"
        self._append("reshape", [source], name, shape=list(shape[1:]))

    def _transpose(self, operator: Operator) -> None:
        assert not self._is_picture
        self._emit("permute", operator, order=self._value(operator, 1).tolist())

    def _strided_slice(self, operator: Operator) -> None:
        begin, end, stride = (self._value(operator, i).tolist() for i in (1, 2, 3))
        options = operator.options
        assert set(stride) == {1}
        name = self._names[operator.inputs[0]]
        for dim, size in enumerate(self._shape(operator.inputs[0])):
            first = 0 if options.beginMask >> dim & 1 else begin[dim]
            last = size if options.endMask >> dim & 1 else end[dim]
            if dim > 0 and (first, last) != (0, size):
                (ours,) = self._dims(operator, dim)
                whole, name = name, f"t{operator.output}.{dim}"
                self._append("slice", [whole], name, dim=ours, first=first, last=last)
        self._names[operator.output] = name

    def _concatenation(self, operator: Operator) -> None:
        (dim,) = self._dims(operator, operator.options.axis)
        self._emit("concat", operator, num_inputs=len(operator.inputs), dim=dim)

    def _depth_to_space(self, operator: Operator) -> None:
        self._emit("depth_to_space", operator, block=operator.options.blockSize)


_ELEMENTWISE = {
    "DIV": "div",
    "LOGISTIC": "sigmoid",
    "MUL": "mul",
    "NEG": "neg",
    "RSQRT": "rsqrt",
    "SQRT": "sqrt",
    "SQUARED_DIFFERENCE": "squared_difference",
    "SUB": "sub",
}


def merge_additions(steps: list[Step]) -> list[Step]:
    """Convolutions of which only a sum is used make that sum: its other half is their residual."""
    uses = Counter(name for step in steps for name in step["inputs"])
    mergeable = {
        step["output"]: step
        for step in steps
        if step["op"] == "conv" and step["activation"] is None and uses[step["output"]] == 1
    }
    merged: dict[str, Step] = {}  # by output
    for step in steps:
        convolved = next((name for name in step["inputs"] if name in mergeable), None)
        if step["op"] == "add" and convolved is not None:
            (residual,) = (name for name in step["inputs"] if name != convolved)
            convolution = merged.pop(convolved)
            step = convolution | {
                "inputs": [*convolution["inputs"], residual],
                "output": step["output"],
                "activation": step["activation"],
            }
        merged[step["output"]] = step
    return list(merged.values())


def mark_free(steps: list[Step]) -> list[Step]:
    """Residuals that nothing needs later, so that the sum may be written over them."""
    last_use = {name: step["output"] for step in steps for name in step["inputs"]}
    views = [step for step in steps if step["op"] in _VIEWS]
    shared = {"input"}.union(*([step["output"], *step["inputs"]] for step in views))
    for step in steps:
        if step["op"] == "conv" and len(step["inputs"]) == 2:
            source, residual = step["inputs"]
            is_last_use = last_use[residual] == step["output"] and residual != source
            step["residual_is_free"] = is_last_use and residual not in shared
    return steps
