"""The layer table of any model file: what each layer gives, holds and costs.

A multiply-accumulate is one multiplication with its addition, in a convolution or a product of
matrices, for one picture; nothing else is counted. Left out of the table are inputs, conversions
between number types, and arithmetic on constants.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class Layer:
    """One layer of a Keras model, or one operation of an ONNX or TFLite graph.

    Attributes:
        name: its name in the file; of operations that were fused, that of the last.
        kind: what it does, in the format's own word.
        output: the shape of what it gives, batch first; None for a size, or for the whole, that
            the file leaves open.
        parameters: how many numbers it holds, BatchNormalization's statistics among them.
        multiply_accumulates: for one picture; None where the output's shape is open.
    """

    name: str
    kind: str
    output: Shape | None
    parameters: int
    multiply_accumulates: int | None


def totals(layers: Iterable[Layer]) -> tuple[int, int | None]:
    """Return the sums of parameters and of multiply-accumulates, None where one is unknown."""
    parameters, costs = 0, []
    for layer in layers:
        parameters += layer.parameters
        costs.append(layer.multiply_accumulates)
    return parameters, None if None in costs else sum(cost or 0 for cost in costs)


def cost_of(weights: Shape | None, positions: Shape | None) -> int | None:
    """Return the multiply-accumulates of using every weight once at every position."""
    if weights is None or positions is None or None in (*weights, *positions):
        return None
    return math.prod((*weights, *positions))  # type: ignore[arg-type]


@dataclass
class Tensor:
    """A tensor in a graph: `counts` says that its numbers, if constant, are parameters."""

    shape: Shape | None
    constant: bool
    counts: bool


# The name and kind of an operation, what it takes, and what it gives.
Operation = tuple[str, str, list[Tensor], list[Tensor]]

CONVERSIONS = {"QuantizeLinear", "DequantizeLinear", "Cast", "QUANTIZE", "DEQUANTIZE", "CAST"}

# The operations that multiply, with their second input.
_CONVOLUTIONS = {"Conv", "ConvInteger", "QLinearConv", "CONV_2D", "DEPTHWISE_CONV_2D"}
_PRODUCTS = {
    *("Gemm", "MatMul", "MatMulInteger", "QLinearMatMul"),
    *("FULLY_CONNECTED", "BATCH_MATMUL"),
}


def of_graph(operations: Iterable[Operation]) -> Iterator[Layer]:
    """Yield the layers that the operations of a graph, in their order, are."""
    for name, kind, inputs, outputs in operations:
        if all(tensor.constant for tensor in inputs):
            for tensor in outputs:
                tensor.constant = True
            continue
        if kind in CONVERSIONS:
            continue
        operands, output = inputs, outputs[0].shape
        if kind in {"QLinearConv", "QLinearMatMul"}:
            # The others are scales and zero points.
            operands = [inputs[0], inputs[3], *inputs[8:]]
        cost: int | None = 0
        if kind in _CONVOLUTIONS:
            # ONNX has the channels of pictures before their positions, TFLite after them.
            positions = output and (output[1:-1] if kind.isupper() else output[2:])
            cost = cost_of(operands[1].shape, positions)
        elif kind in _PRODUCTS:
            matrix = operands[1].shape
            # A stack of matrices has one for each of the first positions.
            cost = cost_of(matrix and matrix[-2:], output and output[1:-1])
        # A constant without axes is a setting, such as the ends of a Clip.
        held = [t.shape for t in operands if t.constant and t.counts and t.shape]
        yield Layer(name, kind, output, sum(map(math.prod, held)), cost)  # type: ignore[arg-type]
