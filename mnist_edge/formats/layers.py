"""The layer table of any model file: what each layer gives, holds and costs.

A multiply-accumulate is one multiplication with its addition, in a convolution or a product of
matrices, for one picture; nothing else is counted. Left out of the table are inputs, conversions
between number types, and arithmetic on constants.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mnist_edge.errors import ModelError, first_line
from mnist_edge.extras import require

if TYPE_CHECKING:
    from pathlib import Path

    import keras

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


def read(path: Path) -> list[Layer]:
    """Read the layers of a model file, in the order of the file.

    Raises:
        ModelError: it is damaged, carries code, or is no `.keras`, `.onnx` or `.tflite` file.
        MissingExtra: the package that reads this format is not installed.
    """
    if path.suffix not in _READERS:
        raise ModelError(
            f"{path} is no model file, by its ending.",
            remedy=f"model files end in {', '.join(_READERS)}.",
        )
    layers_of, package, extra = _READERS[path.suffix]
    require(package, extra=extra)
    try:
        return list(layers_of(path))
    except Exception as error:
        # Neither Keras nor the readers of protocol and flat buffers have exceptions of their own.
        raise ModelError(
            f"{path} cannot be read as a {path.suffix} file: {first_line(error)}",
            remedy="check where it comes from; files that carry code are never run.",
        ) from error


def of_keras(model: keras.Model) -> Iterator[Layer]:
    """Yield the layers of a Keras model, and in place of a model among them that one's layers."""
    import keras

    products = (
        *(keras.layers.Dense, keras.layers.Conv1D, keras.layers.Conv2D),
        *(keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D),
    )
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            for inner in of_keras(layer):
                yield replace(inner, name=f"{layer.name}/{inner.name}")
        elif not isinstance(layer, keras.layers.InputLayer):
            output = layer.output.shape
            cost: int | None = 0
            if isinstance(layer, products):
                # The bias alone has one axis.
                kernels = [weight.shape for weight in layer.weights if len(weight.shape) > 1]
                cost = _cost((sum(map(math.prod, kernels)),), output[1:-1])
            yield Layer(layer.name, type(layer).__name__, output, layer.count_params(), cost)


def _cost(weights: Shape | None, positions: Shape | None) -> int | None:
    """Return the multiply-accumulates of using every weight once at every position."""
    if weights is None or positions is None or None in (*weights, *positions):
        return None
    return math.prod((*weights, *positions))  # type: ignore[arg-type]


@dataclass
class _Tensor:
    """A tensor in a graph: `counts` says that its numbers, if constant, are parameters."""

    shape: Shape | None
    constant: bool
    counts: bool


# The name and kind of an operation, what it takes, and what it gives.
_Operation = tuple[str, str, list[_Tensor], list[_Tensor]]

CONVERSIONS = {"QuantizeLinear", "DequantizeLinear", "Cast", "QUANTIZE", "DEQUANTIZE", "CAST"}

# The operations that multiply, with their second input.
_CONVOLUTIONS = {"Conv", "ConvInteger", "QLinearConv", "CONV_2D", "DEPTHWISE_CONV_2D"}
_PRODUCTS = {
    *("Gemm", "MatMul", "MatMulInteger", "QLinearMatMul"),
    *("FULLY_CONNECTED", "BATCH_MATMUL"),
}


def _of_graph(operations: Iterable[_Operation]) -> Iterator[Layer]:
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
            cost = _cost(operands[1].shape, positions)
        elif kind in _PRODUCTS:
            matrix = operands[1].shape
            # A stack of matrices has one for each of the first positions.
            cost = _cost(matrix and matrix[-2:], output and output[1:-1])
        # A constant without axes is a setting, such as the ends of a Clip.
        held = [t.shape for t in operands if t.constant and t.counts and t.shape]
        yield Layer(name, kind, output, sum(map(math.prod, held)), cost)  # type: ignore[arg-type]


def _of_keras_file(path: Path) -> Iterator[Layer]:
    import keras

    return of_keras(keras.saving.load_model(path, compile=False, safe_mode=True))


def _of_onnx(path: Path) -> Iterator[Layer]:
    import onnx

    graph = onnx.shape_inference.infer_shapes(onnx.load(path)).graph
    tensors: dict[str, _Tensor] = defaultdict(lambda: _Tensor(None, False, False))
    # An optional input that is left out has an empty name.
    tensors[""].constant = True
    for value in (*graph.input, *graph.value_info, *graph.output):
        kind = value.type.tensor_type
        sizes = [size.dim_value or None for size in kind.shape.dim]
        shape = tuple(sizes) if kind.HasField("shape") else None
        tensors[value.name] = _Tensor(shape, False, kind.elem_type != onnx.TensorProto.INT64)
    for value in graph.initializer:
        counts = value.data_type != onnx.TensorProto.INT64
        tensors[value.name] = _Tensor(tuple(value.dims), True, counts)
    return _of_graph(
        (
            node.name or node.output[0],
            node.op_type,
            [tensors[name] for name in node.input],
            [tensors[name] for name in node.output],
        )
        for node in graph.node
    )


def _of_tflite(path: Path) -> Iterator[Layer]:
    from ai_edge_litert import schema_py_generated as schema

    content = path.read_bytes()
    if not schema.Model.ModelBufferHasIdentifier(content, 0):
        raise ValueError("it does not begin as one.")
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    kinds = {value: name for name, value in vars(schema.BuiltinOperator).items()}
    plain = {schema.TensorType.INT32, schema.TensorType.INT64, schema.TensorType.BOOL}
    graph = model.subgraphs[0]
    tensors = [
        _Tensor(
            tuple(map(int, tensor.shape)) if tensor.shape is not None else (),
            constant=model.buffers[tensor.buffer].data is not None,
            # Biases of integer layers are int32 too, but have a scale.
            counts=tensor.type not in plain
            or (tensor.quantization is not None and tensor.quantization.scale is not None),
        )
        for tensor in graph.tensors
    ]
    # An optional input that is left out has the number -1.
    tensors.append(_Tensor(None, constant=True, counts=False))
    return _of_graph(
        (
            graph.tensors[operator.outputs[0]].name.decode().partition(";")[0],
            kinds[max(code.builtinCode, code.deprecatedBuiltinCode)],
            [tensors[index] for index in operator.inputs],
            [tensors[index] for index in operator.outputs],
        )
        for operator in graph.operators
        for code in [model.operatorCodes[operator.opcodeIndex]]
    )


_READERS = {
    ".keras": (_of_keras_file, "tensorflow", "train"),
    ".onnx": (_of_onnx, "onnx", "export"),
    ".tflite": (_of_tflite, "ai_edge_litert", "tflite"),
}
