"""The operations of an ONNX file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mnist_edge.formats.layers import Layer, Tensor, of_graph

if TYPE_CHECKING:
    from pathlib import Path

# What the names of the network's nodes begin with in a file that reads pictures.
NETWORK = "network"


def read(path: Path) -> Iterator[Layer]:
    """Yield the operations of a file."""
    import onnx

    graph = onnx.shape_inference.infer_shapes(onnx.load(path)).graph
    tensors: dict[str, Tensor] = defaultdict(lambda: Tensor(None, False, False))
    # An optional input that is left out has an empty name.
    tensors[""].constant = True
    for value in (*graph.input, *graph.value_info, *graph.output):
        kind = value.type.tensor_type
        sizes = [size.dim_value or None for size in kind.shape.dim]
        shape = tuple(sizes) if kind.HasField("shape") else None
        tensors[value.name] = Tensor(shape, False, kind.elem_type != onnx.TensorProto.INT64)
    for value in graph.initializer:
        counts = value.data_type != onnx.TensorProto.INT64
        tensors[value.name] = Tensor(tuple(value.dims), True, counts)
    # A file that reads pictures has hundreds of steps before its network.
    network = [node for node in graph.node if node.name.startswith(f"{NETWORK}/")]
    return of_graph(
        (
            node.name or node.output[0],
            node.op_type,
            [tensors[name] for name in node.input],
            [tensors[name] for name in node.output],
        )
        for node in network or graph.node
    )
