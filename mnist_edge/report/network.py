"""Inside a model: what each layer gives for one picture, and the filters of the first."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.contract import SIZE
from mnist_edge.errors import ModelError, first_line
from mnist_edge.extras import require
from mnist_edge.formats.layers import CONVERSIONS
from mnist_edge.runtime.engines.onnx import ELEMENTS

if TYPE_CHECKING:
    from mnist_edge.contract import TensorSpec

Array = NDArray[Any]

# The operations that give the same values in another type, or in an order that is no picture's.
UNSEEN = CONVERSIONS | {"Reshape", "Transpose", "TRANSPOSE"}


@dataclass(frozen=True, eq=False)
class Node:
    """One layer of a Keras model, or one operation of an ONNX or TFLite graph.

    Attributes:
        name: its name in the file.
        kind: what it does, in the format's own word; `input` of the picture itself.
        inputs: the names of the nodes whose output it takes.
        output: float32, what it gave for the picture: (rows, columns, channels) or (numbers,).
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    output: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Network:
    """A model at work.

    Attributes:
        nodes: the picture, and then the layers in an order in which they can run.
        filters: float32 (rows, columns, count) of the first convolution, over pixels also where
            the file takes it over blocks of them; None where there is none.
    """

    nodes: list[Node]
    filters: NDArray[np.float32] | None


def read(path: Path, spec: TensorSpec, image: NDArray[np.uint8]) -> Network:
    """Run a model file on one picture and keep what every layer gives.

    Args:
        path: a `.keras`, `.onnx` or `.tflite` file.
        spec: its input.
        image: uint8 (28, 28), ink 255 on 0.

    Raises:
        ModelError: it is damaged, or cannot be run layer by layer.
        MissingExtra: the package that reads this format is not installed.
    """
    reader, package, extra = _READERS[path.suffix]
    require(package, extra=extra)
    low, high = spec.range
    pixels = (low + image * ((high - low) / 255)).astype(np.float32)
    batch = pixels.reshape((1, 1, *image.shape) if spec.layout == "NCHW" else (1, *image.shape, 1))
    try:
        return reader(path, batch)
    except Exception as error:
        # Each library raises what it likes for a graph that is not what it expects.
        raise ModelError(
            f"{path} cannot be run layer by layer: {first_line(error)}",
            remedy="look at another format of the same model.",
        ) from error


def _filters(kernel: Array) -> NDArray[np.float32]:
    """Put the channels of a kernel (rows, columns, channels, count) back into blocks of pixels."""
    rows, columns, channels, count = kernel.shape
    side = math.isqrt(channels)
    blocks = kernel[:, :, : side * side].reshape(rows, columns, side, side, count)
    return blocks.transpose(0, 2, 1, 3, 4).reshape(rows * side, columns * side, count)


def _of_keras(path: Path, batch: Array) -> Network:
    from mnist_edge.training.keras_model import load

    model = load(path)
    layers = {layer.name: layer for layer in model.layers}
    values: dict[str, Any] = {}
    nodes = []
    for entry in model.get_config()["layers"]:
        name = entry["config"]["name"]
        # A sequential model does not write down what is clear.
        calls = entry.get("inbound_nodes")
        inputs = tuple(values)[-1:] if calls is None else tuple(_sources(calls))
        taken = [values[source] for source in inputs]
        values[name] = layers[name](taken[0] if len(taken) == 1 else taken) if taken else batch
        nodes.append(_node(name, entry["class_name"], inputs, np.asarray(values[name])))
    kernels = (np.asarray(weight) for weight in model.weights if len(weight.shape) == 4)
    kernel = next(kernels, None)
    return Network(nodes, None if kernel is None else _filters(kernel))


def _sources(arguments: Any) -> Iterator[str]:
    """Yield the names of the layers whose output is among the arguments of a saved call."""
    if isinstance(arguments, dict):
        if "keras_history" in arguments:
            yield arguments["keras_history"][0]
        arguments = list(arguments.values())
    if isinstance(arguments, list | tuple):
        for argument in arguments:
            yield from _sources(argument)


def _of_onnx(path: Path, batch: Array) -> Network:
    import onnx
    import onnxruntime

    model = onnx.load(path)
    operations, weights = model.graph.node, model.graph.initializer
    given = [operation.output[0] for operation in operations]
    answers = {answer.name for answer in model.graph.output}
    model.graph.output.extend(
        onnx.ValueInfoProto(name=name) for name in given if name not in answers
    )
    options = onnxruntime.SessionOptions()
    # Fused operations would give something else than the file says.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    image = session.get_inputs()[0]
    pixels = batch.astype(np.uint8) if image.type == ELEMENTS["uint8"] else batch
    values = {weight.name: onnx.numpy_helper.to_array(weight) for weight in weights}
    values |= zip(given, session.run(given, {image.name: pixels}), strict=True)
    # Channels come first in ONNX, and last here.
    nodes = _connected(
        image.name,
        batch,
        (
            (each.name or each.output[0], each.op_type, each.input, each.output[0])
            for each in operations
        ),
        lambda name: np.moveaxis(values[name], 1, -1) if values[name].ndim == 4 else values[name],
    )
    kernel = next((values[each.input[1]] for each in operations if each.op_type == "Conv"), None)
    return Network(nodes, None if kernel is None else _filters(kernel.transpose(2, 3, 1, 0)))


def _of_tflite(path: Path, batch: Array) -> Network:
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    names = {value: name for name, value in vars(schema.BuiltinOperator).items()}
    kinds = [
        names[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in model.operatorCodes
    ]
    tensors, operations = model.subgraphs[0].tensors, model.subgraphs[0].operators
    interpreter = Interpreter(
        str(path),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    (image,) = interpreter.get_input_details()
    scale, zero_point = image["quantization"]
    pixels = batch
    if scale:
        limits = np.iinfo(image["dtype"])
        pixels = np.rint(batch / scale + zero_point).clip(limits.min, limits.max)
    interpreter.set_tensor(image["index"], pixels.astype(image["dtype"]).reshape(image["shape"]))
    interpreter.invoke()
    details = {detail["index"]: detail for detail in interpreter.get_tensor_details()}

    def value(index: int) -> Array:
        """Return a tensor's real values."""
        stored: Array = interpreter.get_tensor(index)
        parameters = details[index]["quantization_parameters"]
        if not len(parameters["scales"]):
            return stored
        axes = [1] * stored.ndim
        axes[parameters["quantized_dimension"]] = -1
        scales, zero_points = (parameters[key].reshape(axes) for key in ("scales", "zero_points"))
        real: Array = (stored.astype(np.float32) - zero_points) * scales
        return real

    nodes = _connected(
        image["index"],
        batch,
        (
            (
                tensors[each.outputs[0]].name.decode().partition(";")[0],
                kinds[each.opcodeIndex],
                each.inputs,
                each.outputs[0],
            )
            for each in operations
        ),
        value,
    )
    kernels = (each.inputs[1] for each in operations if kinds[each.opcodeIndex] == "CONV_2D")
    kernel = next(map(value, kernels), None)
    return Network(nodes, None if kernel is None else _filters(kernel.transpose(1, 2, 3, 0)))


def _connected(
    image: Hashable,
    batch: Array,
    operations: Iterable[tuple[str, str, Iterable[Hashable], Hashable]],
    value: Callable[[Any], Array],
) -> list[Node]:
    """Return the picture and the operations that depend on it, but not those in `UNSEEN`.

    Args:
        image: what the graph calls its input.
        batch: the values of that, one picture of one channel.
        operations: name, kind, inputs and output of each.
        value: returns what was computed for an output.
    """
    origins = {image: "image"}
    nodes = [_node("image", "input", (), batch.reshape(1, SIZE, SIZE, 1))]
    for name, kind, inputs, output in operations:
        sources = tuple(origins[taken] for taken in inputs if taken in origins)
        if kind in UNSEEN and sources:
            origins[output] = sources[0]
        elif sources:
            origins[output] = name
            nodes.append(_node(name, kind, sources, value(output)))
    return nodes


def _node(name: str, kind: str, inputs: tuple[str, ...], batch: Array) -> Node:
    output = batch[0] if batch.ndim > 1 else batch
    return Node(name, kind, inputs, output.astype(np.float32))


_READERS = {
    ".keras": (_of_keras, "tensorflow", "train"),
    ".onnx": (_of_onnx, "onnx", "export"),
    ".tflite": (_of_tflite, "ai_edge_litert", "tflite"),
}
