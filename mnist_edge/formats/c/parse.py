"""From the bytes of an int8 TFLite file to its layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import repeat
from typing import Any, NoReturn

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from mnist_edge.contract import LABELS, SIZE
from mnist_edge.errors import ConversionError
from mnist_edge.formats.c.graph import (
    Add,
    AveragePool,
    Convolution,
    Dense,
    Depthwise,
    Layer,
    MaxPool,
    Network,
    Pad,
    Rescale,
    Shape,
    Softmax,
    Tensor,
    Window,
)
from mnist_edge.formats.c.quantize import (
    INT32_MAX,
    OFFSET,
    Range,
    exact,
    limits,
    quantized,
    rounds_alike,
    softmax_scale,
)


def _names(table: type) -> dict[int, str]:
    return {value: name for name, value in vars(table).items() if isinstance(value, int)}


_OPERATORS = _names(schema.BuiltinOperator)
_ACTIVATIONS = _names(schema.ActivationFunctionType)
_TYPES = _names(schema.TensorType)

_BUILD = (
    "build the network from convolutions, dense layers, pooling, ReLU, ReLU6, padding, additions "
    "and softmax"
)
# What the operators that are most often missing are called in Keras, and what to take instead.
_INSTEAD = {
    "MUL": "put BatchNormalization directly behind a convolution or dense layer, before its "
    "activation, where it becomes a part of that; leave out other products, as of Rescaling",
    "MEAN": "take AveragePooling2D over the whole height and width in place of "
    "GlobalAveragePooling2D",
    "REDUCE_MAX": "take MaxPooling2D over the whole height and width in place of "
    "GlobalMaxPooling2D",
    "ELU": "take ReLU in place of ELU",
    "LEAKY_RELU": "take ReLU in place of LeakyReLU",
    "MINIMUM": "take ReLU or ReLU(6) in place of ReLU with another maximum",
}


def parse(content: bytes) -> Network:
    """Read an int8 TFLite file.

    Raises:
        ConversionError: it is none, or has an operator that the C header has not; the cause names
            the operator.
    """
    try:
        model = schema.ModelT.InitFromPackedBuf(content, 0)
        (graph,) = model.subgraphs
    except Exception as error:
        # What the generated code raises depends on where the bytes stop making sense.
        raise _damaged() from error
    try:
        return _Parser(model, graph).network()
    except (ConversionError, MemoryError):
        raise
    except Exception as error:
        # Likewise numpy, of numbers that do not belong together.
        raise _damaged() from error


def _damaged() -> ConversionError:
    return ConversionError(
        "c: this is not an int8 TFLite file of one graph.",
        remedy="make one with mnist-edge export --formats tflite-int8.",
    )


def _refuse(what: str, instead: str = _BUILD) -> NoReturn:
    _give_up(f"the header has no {what}", instead)


def _give_up(cause: str, instead: str = "train the network again") -> NoReturn:
    raise ConversionError(f"c: {cause}.", remedy=f"leave c out with --formats, or {instead}.")


class _Parser:
    """One file's graph, and the layers found so far."""

    def __init__(self, model: Any, graph: Any) -> None:
        self._model, self._graph = model, graph
        self._tensors: dict[int, Tensor] = {}
        self._layers: list[Layer] = []
        # Tensors of SPACE_TO_DEPTH, with what they were made of and the size of their blocks.
        self._blocks: dict[int, tuple[Tensor, int]] = {}

    def network(self) -> Network:
        (first,), (last,) = self._graph.inputs, self._graph.outputs
        self._tensors[first] = self._described(first)
        names = [self._name_of(operator) for operator in self._graph.operators]
        if missing := [name for name in names if name not in _CONVERT]:
            # DEQUANTIZE only leads to one that the converter has no integers for.
            name = min(missing, key="DEQUANTIZE".__eq__)
            _refuse(f"operator {name}", _INSTEAD.get(name, _BUILD))
        for name, operator in zip(names, self._graph.operators, strict=True):
            for index in operator.inputs[: 2 if name == "ADD" else 1]:
                if index in self._blocks and name != "CONV_2D":
                    _refuse("operator SPACE_TO_DEPTH before anything but a convolution")
            _CONVERT[name](self, operator)
        field, scores = self._tensors[first], self._tensors[last]
        if (field.shape.size, scores.shape.size) != (SIZE * SIZE, len(LABELS)):
            _give_up(
                f"the network takes {field.shape.size} numbers and gives {scores.shape.size}, not "
                f"{SIZE * SIZE} and {len(LABELS)}",
                "export a classifier of the ten digits",
            )
        return Network(field, scores, tuple(self._layers))

    def _name_of(self, operator: Any) -> str:
        code = self._model.operatorCodes[operator.opcodeIndex]
        return _OPERATORS[max(code.builtinCode, code.deprecatedBuiltinCode)]

    # Tensors

    def _described(self, index: int, number: int | None = None) -> Tensor:
        """Return an activation; the memory is its own unless a number is given."""
        tensor = self._graph.tensors[index]
        kind = _TYPES[tensor.type]
        if kind not in {"INT8", "UINT8"}:
            _refuse(f"activations of type {kind}")
        sizes = [int(size) for size in tensor.shape]
        if not 1 <= len(sizes) <= 4 or math.prod(sizes[:-3], start=1) != 1:
            _refuse(f"activations of shape {sizes}")
        shape = Shape(*(1, 1, *sizes)[-3:])
        (scale,), (zero,) = tensor.quantization.scale, tensor.quantization.zeroPoint
        zero = int(zero) + (OFFSET if kind == "INT8" else 0)
        return Tensor(int(index) if number is None else number, shape, np.float32(scale), zero)

    def _constant(self, index: int, dtype: type) -> NDArray[Any]:
        tensor = self._graph.tensors[index]
        data = self._model.buffers[tensor.buffer].data
        expected = np.dtype(dtype).name.upper()
        if data is None or _TYPES[tensor.type] != expected:
            _refuse(f"weights that are not constants of type {expected}")
        little = np.dtype(dtype).newbyteorder("<")
        values = np.frombuffer(bytes(data), little).reshape([int(size) for size in tensor.shape])
        return values.astype(dtype)

    def _ends(self, operator: Any) -> tuple[Tensor, Tensor]:
        """Return an operator's first input and its output, which gets memory of its own."""
        output = self._tensors[operator.outputs[0]] = self._described(operator.outputs[0])
        return self._tensors[operator.inputs[0]], output

    def alias(self, operator: Any) -> None:
        """Let an operator's output be its input."""
        (index,), number = operator.outputs, self._tensors[operator.inputs[0]].number
        self._tensors[index] = self._described(index, number)

    # Operators

    def quantize(self, operator: Any) -> None:
        source, result = self._tensors[operator.inputs[0]], self._described(operator.outputs[0])
        if (source.scale, source.zero) == (result.scale, result.zero):
            self.alias(operator)
            return
        source, result = self._ends(operator)
        factor = quantized(float(source.scale) / float(result.scale))
        self._layers.append(Rescale(source, result, factor, Range(result.zero, 0, 255)))

    def relu(self, operator: Any, name: str = "RELU") -> None:
        source, result = self._ends(operator)
        # TFLite divides these two as float32: ReluPrepare in lite/kernels/activations.cc.
        factor = quantized(float(source.scale / result.scale))
        self._layers.append(Rescale(source, result, factor, _range(name, result)))

    def relu6(self, operator: Any) -> None:
        self.relu(operator, "RELU6")

    def space_to_depth(self, operator: Any) -> None:
        source = self._tensors[operator.inputs[0]]
        index = operator.outputs[0]
        self._blocks[index] = source, operator.builtinOptions.blockSize
        self._tensors[index] = self._described(index)

    def conv_2d(self, operator: Any) -> None:
        options = operator.builtinOptions
        source, result = self._ends(operator)
        weights = self._constant(operator.inputs[1], np.int8)
        weights = _ungrouped(weights, source.shape.depth)
        weights = _dilated(weights, options.dilationHFactor, options.dilationWFactor)
        window = _window(options, source.shape, result.shape, *weights.shape[1:3])
        if operator.inputs[0] in self._blocks:
            # Over blocks of pixels it is one over pixels, and the blocks need no memory.
            source, size = self._blocks[operator.inputs[0]]
            weights = _over_pixels(weights, size)
            window = Window(*(size * number for number in window))
        self._convolution(operator, Convolution, source, result, window, weights)

    def depthwise_conv_2d(self, operator: Any) -> None:
        options = operator.builtinOptions
        source, result = self._ends(operator)
        weights = self._constant(operator.inputs[1], np.int8)
        weights = _dilated(weights, options.dilationHFactor, options.dilationWFactor)[0]
        window = _window(options, source.shape, result.shape, *weights.shape[:2])
        self._convolution(operator, Depthwise, source, result, window, weights)

    def fully_connected(self, operator: Any) -> None:
        options = operator.builtinOptions
        if _name(options.weightsFormat, schema.FullyConnectedOptionsWeightsFormat) != "DEFAULT":
            _refuse("shuffled weights")
        source, result = self._ends(operator)
        weights = self._constant(operator.inputs[1], np.int8)
        if source.shape.size != weights.shape[1]:
            _refuse("FULLY_CONNECTED of several vectors")
        source = source._replace(shape=Shape(1, 1, source.shape.size))
        weights = weights[:, np.newaxis, np.newaxis]
        self._convolution(operator, Dense, source, result, Window(1, 1), weights)

    def _convolution(
        self,
        operator: Any,
        kind: type[Convolution],
        source: Tensor,
        result: Tensor,
        window: Window,
        weights: NDArray[np.int8],
    ) -> None:
        channels = result.shape.depth
        if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
            biases = self._constant(operator.inputs[2], np.int32).astype(np.int64)
        else:
            biases = np.zeros(channels, np.int64)
        axes = (0, 1) if kind is Depthwise else (1, 2, 3)
        wide = weights.astype(np.int64)
        factors = self._factors(operator, source, result, channels)
        multipliers = tuple(map(exact if kind is Dense else quantized, factors))
        most = np.abs(biases) + 255 * np.abs(wide).sum(axis=axes)
        most *= [2 ** max(0, multiplier.exponent) for multiplier in multipliers]
        if most.max() > INT32_MAX:
            _give_up("the sums of a layer may not fit 32 bits")
        biases -= source.zero * wide.sum(axis=axes)
        kept = _range(_ACTIVATIONS[operator.builtinOptions.fusedActivationFunction], result)
        if kind is Dense and not all(map(rounds_alike, factors, most.tolist(), repeat(kept))):
            _give_up("the results of a dense layer are too near to halves")
        self._layers.append(kind(source, result, window, weights, biases, multipliers, kept))

    def _factors(self, operator: Any, source: Tensor, result: Tensor, channels: int) -> list[float]:
        """Return what each output channel's sums are multiplied by.

        Source: `PopulateConvolutionQuantizationParams` in tensorflow/lite/kernels/kernel_util.cc.
        """
        quantization = self._graph.tensors[operator.inputs[1]].quantization
        if np.any(quantization.zeroPoint):
            _refuse("weights with a zero point")
        scales = [float(np.float32(scale)) for scale in quantization.scale]
        if len(scales) not in {1, channels}:
            _give_up(f"a layer has {channels} channels and {len(scales)} scales")
        factors = [float(source.scale) * scale / float(result.scale) for scale in scales]
        return factors * (channels // len(factors))

    def max_pool_2d(self, operator: Any, kind: type[MaxPool | AveragePool] = MaxPool) -> None:
        options = operator.builtinOptions
        source, result = self._ends(operator)
        window = _window(
            options, source.shape, result.shape, options.filterHeight, options.filterWidth
        )
        kept = _range(_ACTIVATIONS[options.fusedActivationFunction], result)
        self._layers.append(kind(source, result, window, kept._replace(zero=0)))

    def average_pool_2d(self, operator: Any) -> None:
        self.max_pool_2d(operator, AveragePool)

    def pad(self, operator: Any) -> None:
        source, result = self._ends(operator)
        edges = self._constant(operator.inputs[1], np.int32).tolist()
        if len(edges) != 4 or edges[0] != [0, 0] or edges[3] != [0, 0]:
            _refuse("PAD of anything but rows and columns")
        self._layers.append(Pad(source, result, edges[1][0], edges[2][0]))

    def add(self, operator: Any) -> None:
        if operator.inputs[1] not in self._tensors:
            _refuse("ADD of a constant")
        source, result = self._ends(operator)
        other = self._tensors[operator.inputs[1]]
        if not source.shape == other.shape == result.shape:
            _refuse("ADD of different shapes")
        # Source: Prepare in tensorflow/lite/kernels/add.cc, the left shift of 20 included.
        twice = 2 * float(max(source.scale, other.scale))
        multipliers = (
            quantized(float(source.scale) / twice),
            quantized(float(other.scale) / twice),
            quantized(twice / (2**20 * float(result.scale))),
        )
        kept = _range(_ACTIVATIONS[operator.builtinOptions.fusedActivationFunction], result)
        self._layers.append(Add(source, result, other, multipliers, kept))

    def softmax(self, operator: Any) -> None:
        source, result = self._ends(operator)
        if source.shape.size != source.shape.depth:
            _refuse("SOFTMAX of several vectors")
        if (float(result.scale), result.zero) != (1 / 256, 0):
            _refuse("SOFTMAX whose output is not in 1/256")
        scale = softmax_scale(operator.builtinOptions.beta, source.scale)
        if scale.multiplier.exponent < 1:  # with which TFLite's own kernel ends the process
            _give_up("all answers are nearly alike")
        self._layers.append(Softmax(source, result, scale))


_CONVERT: dict[str, Callable[[_Parser, Any], None]] = {
    "QUANTIZE": _Parser.quantize,
    "RESHAPE": _Parser.alias,
    "RELU": _Parser.relu,
    "RELU6": _Parser.relu6,
    "SPACE_TO_DEPTH": _Parser.space_to_depth,
    "CONV_2D": _Parser.conv_2d,
    "DEPTHWISE_CONV_2D": _Parser.depthwise_conv_2d,
    "FULLY_CONNECTED": _Parser.fully_connected,
    "MAX_POOL_2D": _Parser.max_pool_2d,
    "AVERAGE_POOL_2D": _Parser.average_pool_2d,
    "PAD": _Parser.pad,
    "ADD": _Parser.add,
    "SOFTMAX": _Parser.softmax,
}


def _name(value: int, table: type) -> str:
    return _names(table)[value]


def _range(activation: str, output: Tensor) -> Range:
    if activation not in {"NONE", "RELU", "RELU6"}:
        _refuse(f"activation {activation}")
    return Range(output.zero, *limits(activation, output.scale, output.zero))


def _window(options: Any, source: Shape, result: Shape, height: int, width: int) -> Window:
    """Return how a kernel moves; `SAME` pads the smaller half before the picture."""
    down, right = options.strideH, options.strideW
    top = left = 0
    if _name(options.padding, schema.Padding) == "SAME":
        top = max(0, (result.height - 1) * down + height - source.height) // 2
        left = max(0, (result.width - 1) * right + width - source.width) // 2
    return Window(height, width, down, right, top, left)


def _dilated(weights: NDArray[np.int8], rows: int, columns: int) -> NDArray[np.int8]:
    """Return a kernel with the zeros that dilation stands for."""
    first, height, width, last = weights.shape
    size = (first, (height - 1) * rows + 1, (width - 1) * columns + 1, last)
    dilated = np.zeros(size, np.int8)
    dilated[:, ::rows, ::columns] = weights
    return dilated


def _ungrouped(weights: NDArray[np.int8], depth: int) -> NDArray[np.int8]:
    """Return kernels over all input channels, zero where theirs is another group."""
    filters, height, width, own = weights.shape
    whole = np.zeros((filters, height, width, depth), np.int8)
    groups = depth // own
    for number in range(filters):
        start = number // (filters // groups) * own
        whole[number, ..., start : start + own] = weights[number]
    return whole


def _over_pixels(weights: NDArray[np.int8], size: int) -> NDArray[np.int8]:
    """Return a kernel over blocks of pixels as one over the pixels themselves."""
    filters, height, width, depth = weights.shape
    pixels = weights.reshape(filters, height, width, size, size, depth // size**2)
    return pixels.transpose(0, 1, 3, 2, 4, 5).reshape(
        filters, height * size, width * size, depth // size**2
    )
