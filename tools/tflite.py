"""A .tflite file read: its operators, shapes, and all its weights unpacked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from mediapipe.tasks.metadata import schema_py_generated as schema


@dataclass(frozen=True)
class Operator:
    kind: str  # as TensorFlow Lite's BuiltinOperator names it
    inputs: list[int]
    output: int
    options: Any


@dataclass(frozen=True)
class Tflite:
    operators: list[Operator]
    shapes: list[tuple[int, ...]]  # by tensor; channels last
    constants: dict[int, np.ndarray]  # by tensor
    input: int
    outputs: dict[str, int]


_DTYPES = {
    schema.TensorType.FLOAT32: np.dtype("<f4"),
    schema.TensorType.FLOAT16: np.dtype("<f2"),
    schema.TensorType.INT32: np.dtype("<i4"),
}
_KINDS = {value: name for name, value in vars(schema.BuiltinOperator).items()}


def read_tflite(data: bytes) -> Tflite:
    """The file's one graph. Weights that it unpacks as it runs are constants here."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    (graph,) = model.subgraphs
    shapes = [
        () if tensor.shape is None else tuple(map(int, tensor.shape)) for tensor in graph.tensors
    ]
    constants = {}
    for i_tensor, tensor in enumerate(graph.tensors):
        packed = model.buffers[tensor.buffer].data
        if packed is None or not len(packed):
            continue
        values = np.frombuffer(packed.tobytes(), _DTYPES[tensor.type])
        if tensor.sparsity is not None:
            values = densify(values, shapes[i_tensor], tensor.sparsity)
        constants[i_tensor] = values.reshape(shapes[i_tensor])

    operators = []
    for op in graph.operators:
        code = model.operatorCodes[op.opcodeIndex]
        # Old files leave the new field at zero.
        kind = _KINDS[max(code.builtinCode, code.deprecatedBuiltinCode)]
        (output,) = op.outputs
        if kind in ("DEQUANTIZE", "DENSIFY"):
            constants[output] = constants[op.inputs[0]]
        else:
            operators.append(Operator(kind, list(op.inputs), output, op.builtinOptions))
    (i_input,) = graph.inputs
    outputs = {graph.tensors[i].name.decode(): int(i) for i in graph.outputs}
    return Tflite(operators, shapes, constants, int(i_input), outputs)


def densify(values: np.ndarray, shape: tuple[int, ...], sparsity: Any) -> np.ndarray:
    """TensorFlow Lite's sparse tensor, written out.

    Its dimensions (the tensor's own, then those of a block) are walked in traversalOrder; a sparse
    one lists its indices between two segments, like the rows of a CSR matrix.
    """
    num_dims = len(shape)
    block_map = [] if sparsity.blockMap is None else list(sparsity.blockMap)
    sizes = list(shape)
    block_sizes = []
    for i_block, dim in enumerate(block_map):
        level = list(sparsity.traversalOrder).index(num_dims + i_block)
        block_sizes.append(int(sparsity.dimMetadata[level].denseSize))
        sizes[dim] //= block_sizes[-1]
    sizes += block_sizes

    positions = [(0, ())]  # (position within the level, index of each dimension walked so far)
    for level, dim in zip(sparsity.dimMetadata, sparsity.traversalOrder, strict=True):
        next_positions = []
        for position, index in positions:
            if level.format == schema.DimensionType.DENSE:
                size = sizes[dim]
                next_positions += [(position * size + i, (*index, i)) for i in range(size)]
            else:
                first, last = level.arraySegments.values[position : position + 2]
                indices = level.arrayIndices.values
                next_positions += [(i, (*index, int(indices[i]))) for i in range(first, last)]
        positions = next_positions

    walked = np.array([index for _, index in positions])
    full = np.empty_like(walked)
    full[:, list(sparsity.traversalOrder)] = walked
    for i_block, dim in enumerate(block_map):
        full[:, dim] = full[:, dim] * block_sizes[i_block] + full[:, num_dims + i_block]
    dense = np.zeros(shape, values.dtype)
    dense[tuple(full[:, :num_dims].T)] = values[: len(full)]
    return dense
