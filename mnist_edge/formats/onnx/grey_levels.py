"""The input of a quantized ONNX graph: grey levels as they are, in place of numbers to quantize."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from mnist_edge.contract import SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator

    import onnx


def steps_of_grey_levels(graph: onnx.GraphProto) -> dict[str, list[dict[str, Any]]]:
    """Return onnxruntime's `TensorQuantOverrides` that quantize pictures in 256 steps from 0 to 1.

    Calibration pictures need not have black and white, and would give other steps.
    """
    steps = {"scale": np.array(1 / 255, np.float32), "zero_point": np.array(0, np.uint8)}
    return {name: [steps] for name in (graph.input[0].name, *_block_sizes(graph))}


def take_grey_levels(graph: onnx.GraphProto) -> None:
    """Let a network that was quantized in `steps_of_grey_levels` take uint8 pictures, in place.

    Such a picture is its grey levels: what quantizes it goes, and with it the caller's conversion
    to floats.
    """
    (image,) = graph.input
    block_sizes = _block_sizes(graph)
    replaced: dict[str, str] = {}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        source = node.input[0]
        if node.output[0] in block_sizes:
            continue
        if node.op_type == "QuantizeLinear" and source in (image.name, *block_sizes):
            replaced[node.output[0]] = source
            if source in block_sizes:
                nodes += _in_blocks(graph, image.name, source, block_sizes[source])
        else:
            node.input[:] = [replaced.get(name, name) for name in node.input]
            nodes.append(node)
    image.type.tensor_type.elem_type = TensorProto.UINT8
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)


def _block_sizes(graph: onnx.GraphProto) -> dict[str, int]:
    """Return the tensors that hold the picture in blocks of pixels, and the side of a block."""
    return {
        node.output[0]: helper.get_node_attr_value(node, "blocksize")
        for node in graph.node
        if node.op_type == "SpaceToDepth" and node.input[0] == graph.input[0].name
    }


def _in_blocks(
    graph: onnx.GraphProto, image: str, blocks: str, size: int
) -> Iterator[onnx.NodeProto]:
    """Yield what gathers pixels in blocks, as `SpaceToDepth` does.

    Up to onnxruntime 1.26 that one takes no bytes. The last of these transpositions is cancelled by
    that of the integer kernels, which put channels last.
    """
    side = SIZE // size
    rows, gathered, last = f"{blocks}.1", f"{blocks}.2", f"{blocks}.3"
    for value, shape in (
        (rows, [0, side, size, side, size]),
        (last, [0, side, side, size * size]),
    ):
        graph.initializer.append(numpy_helper.from_array(np.array(shape), f"{value}.shape"))
    make = helper.make_node
    yield make("Reshape", [image, f"{rows}.shape"], [rows], name=rows)
    yield make("Transpose", [rows], [gathered], name=gathered, perm=[0, 1, 3, 2, 4])
    yield make("Reshape", [gathered, f"{last}.shape"], [last], name=last)
    yield make("Transpose", [last], [blocks], name=blocks, perm=[0, 3, 1, 2])
