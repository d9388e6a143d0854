"""Somebody else's ONNX graph between nodes that feed it: `image` in 0 to 1, probabilities out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from mnist_edge.contract import LABELS, SIZE
from mnist_edge.errors import ConversionError, first_line
from mnist_edge.files import sha256_of
from mnist_edge.formats.family import Adopted, Format
from mnist_edge.formats.onnx.convert import IR_VERSION, OPSET, quantize
from mnist_edge.runtime.engines.encoding import SMALLEST, side_of

if TYPE_CHECKING:
    from mnist_edge.contract import TensorSpec
    from mnist_edge.formats.foreign import Feeding

# onnx' names of the types of an input.
_TYPES = {
    "float16": TensorProto.FLOAT16,
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "int8": TensorProto.INT8,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "uint8": TensorProto.UINT8,
}


def adopt(path: Path, feeding: Feeding, rows: Mapping[str, Format]) -> Adopted:
    """Bring a graph into the form of our own, and make it take any number of pictures if it can.

    Args:
        path: the file as it is.
        feeding: how it is fed, and what its answers stand for.
        rows: the formats that can be made of it, by name.

    Raises:
        ConversionError: it cannot be converted to our opset.
    """
    graph = wrap(path, feeding, free_batch=True)
    if not _takes_any_number(graph):
        graph = wrap(path, feeding, free_batch=False)
    size = graph.graph.input[0].type.tensor_type.shape.dim[0].dim_value or None
    conversions = {
        name: replace(
            conversion,
            convert=make,
            input=replace(conversion.input, shape=(size, 1, SIZE, SIZE)),
            output=replace(conversion.output, shape=(size, len(LABELS))),
        )
        for name, make in (("onnx", _as_it_is), ("onnx-int8", partial(quantize, theirs=True)))
        if (conversion := rows[name].conversion)
    }
    return Adopted(graph, conversions, sha256_of(path))


def _as_it_is(graph: onnx.ModelProto, _pictures: object) -> bytes:
    return graph.SerializeToString(deterministic=True)  # type: ignore[no-any-return]


def _takes_any_number(graph: onnx.ModelProto) -> bool:
    """Tell whether a graph answers each of several pictures as it answers it alone."""
    import onnxruntime

    pictures = np.random.default_rng(0).random((3, 1, SIZE, SIZE), np.float32)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        (together,) = session.run(None, {"image": pictures})
        apart = [session.run(None, {"image": picture[None]})[0] for picture in pictures]
    except Exception:
        # onnxruntime's exceptions have no public base class below Exception.
        return False
    return together.shape == (3, len(LABELS)) and np.allclose(
        together, np.concatenate(apart), atol=1e-4
    )


def wrap(path: Path, feeding: Feeding, *, free_batch: bool) -> onnx.ModelProto:
    """Return a graph from `image` (batch, 1, 28, 28), 0 to 1, to `probabilities` (batch, 10).

    External data is taken in, and an opset older than ours is converted to it.

    Args:
        path: the file as it is.
        feeding: how it is fed, and what its answers stand for.
        free_batch: whether a batch that the file fixes is to become free; its reshapes are changed
            to keep the first size. It is for the caller to see that the answers are the same.

    Raises:
        ConversionError: it cannot be converted to our opset.
    """
    model = onnx.compose.add_prefix(_modern(onnx.load(path), path), "original/")
    graph = model.graph
    stored = {tensor.name for tensor in graph.initializer}
    (source,) = (value for value in graph.input if value.name not in stored)
    answer = graph.output[0]
    batch: int | str = source.type.tensor_type.shape.dim[0].dim_value or "batch"
    if free_batch and isinstance(batch, int):
        _free(graph, batch)
        batch = "batch"
    front = _Nodes("image", "feed")
    _feed(front, feeding.input, source.name)
    behind = _Nodes(answer.name, "answer")
    _conclude(behind, feeding.answers)
    nodes = [*front.nodes, *graph.node, *behind.nodes]
    ends = ("image", [batch, 1, SIZE, SIZE]), ("probabilities", [batch, len(LABELS)])
    image, probabilities = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in ends
    )
    constants = [*graph.initializer, *front.constants, *behind.constants]
    whole = helper.make_graph(nodes, "mnist-edge", [image], [probabilities], constants)
    wrapped = helper.make_model(
        whole,
        opset_imports=model.opset_import,
        functions=model.functions,
        ir_version=max(model.ir_version, IR_VERSION),
        producer_name="mnist-edge",
    )
    onnx.checker.check_model(wrapped)
    return wrapped


class _Nodes:
    """Nodes in a row, each applied to what the last gave."""

    def __init__(self, name: str, prefix: str) -> None:
        self.last = name
        self._prefix = prefix
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, kind: str, *others: object, output: str = "", **attributes: object) -> None:
        """Apply an operation to the last value and to constants, arrays or names of values."""
        output = output or f"{self._prefix}{len(self.nodes) + 1}"
        inputs = [self.last]
        for place, other in enumerate(others):
            if isinstance(other, np.ndarray):
                name = f"{output}.{place}"
                self.constants.append(numpy_helper.from_array(other, name))
                inputs.append(name)
            else:
                inputs.append(str(other))
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        self.last = output


def _feed(nodes: _Nodes, spec: TensorSpec, target: str) -> None:
    """Add what makes an input of the picture, and give it the name that the graph knows."""
    low, high = spec.range
    side = side_of(spec)
    if spec.transposed:
        nodes.add("Transpose", perm=[0, 1, 3, 2])
    if spec.fit == "padded":
        before = (side - SIZE) // 2
        after = side - SIZE - before
        nodes.add("Pad", np.array([0, 0, before, before, 0, 0, after, after]))
    elif spec.fit == "resized":
        scales = np.array([1, 1, side / SIZE, side / SIZE], np.float32)
        nodes.add("Resize", "", scales, mode="linear")
    if spec.values == "binary":
        nodes.add("Greater", np.array(0.5, np.float32))
        nodes.add("Cast", to=TensorProto.FLOAT)
    elif spec.values == "unit-columns":
        columns = nodes.last
        nodes.add("Mul", columns)
        nodes.add("ReduceSum", np.array([2]), keepdims=1)
        nodes.add("Sqrt")
        # The norm of a column of grey levels is 0, or that of the lowest at least.
        nodes.add("Max", np.array(1 / 255, np.float32))
        norm, nodes.last = nodes.last, columns
        nodes.add("Div", norm)
    if high - low != 1:
        nodes.add("Mul", np.array(high - low, np.float32))
    if low:
        nodes.add("Add", np.array(low, np.float32))
    sizes = [size or 1 for size in spec.shape[1:]]
    if spec.layout in ("NHWC", "NCHW") and 3 in (sizes[0], sizes[-1]):
        nodes.add("Concat", nodes.last, nodes.last, axis=1)
        if spec.layout == "NHWC":
            nodes.add("Transpose", perm=[0, 2, 3, 1])
    elif spec.layout != "NCHW":
        nodes.add("Reshape", np.array([-1, *sizes]))
    if np.dtype(spec.dtype).kind in "iu":
        nodes.add("Round")
    nodes.add("Cast", output=target, to=_TYPES[spec.dtype])


def _conclude(nodes: _Nodes, answers: str) -> None:
    """Add what makes probabilities of the answers."""
    nodes.add("Cast", to=TensorProto.FLOAT)
    if answers == "sigmoids":
        limits = (np.array(limit, np.float32) for limit in (SMALLEST, 1 - SMALLEST))
        nodes.add("Clip", *limits)
        inside = nodes.last
        nodes.add("Neg")
        nodes.add("Add", np.array(1, np.float32))
        outside, nodes.last = nodes.last, inside
        nodes.add("Div", outside)
        nodes.add("Log")
    shape = np.array([-1, len(LABELS)])
    if answers == "probabilities":
        nodes.add("Reshape", shape, output="probabilities")
    else:
        nodes.add("Reshape", shape)
        nodes.add("Softmax", output="probabilities", axis=1)


def _modern(model: onnx.ModelProto, path: Path) -> onnx.ModelProto:
    version = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    if version >= OPSET:
        return model
    try:
        return onnx.version_converter.convert_version(model, OPSET)
    except Exception as error:
        # Each converter of an operation raises what it likes.
        raise ConversionError(
            f"{path} is of opset {version} and cannot be converted to {OPSET}: {first_line(error)}",
            remedy=f"export it again where it was made, with opset {OPSET} or later.",
        ) from error


def _free(graph: onnx.GraphProto, batch: int) -> None:
    """Let the reshapes of a graph keep the first size in place of a batch written into them."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            constants[node.output[0]] = node.attribute[0].t
    for node in graph.node:
        tensor = constants.get(node.input[1]) if node.op_type == "Reshape" else None
        if tensor is not None:
            shape = numpy_helper.to_array(tensor).copy()
            if len(shape) > 1 and shape[0] == batch:
                shape[0] = 0
                tensor.CopyFrom(numpy_helper.from_array(shape, tensor.name))
