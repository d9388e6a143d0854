"""Removing what tf2onnx leaves around the layers, and naming everything by what it is."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Weights = dict[str, NDArray[Any]]


def simplify(model: onnx.ModelProto, *, channels_last: bool) -> onnx.ModelProto:
    """Return the same network in as few nodes as it has layers.

    A Keras `Flatten` arrives as a transposition to channels-last and seven nodes of shape
    arithmetic; it becomes one `Flatten`, with the weights of the dense layer behind it in
    channels-first order instead. With `channels_last` the transposition stays: kernels that put
    channels last themselves do without it, and without the one back. The input's reshape from NCHW
    to NCHW goes, and a product with its bias, and with the scale and bias of BatchNormalization
    behind it, becomes one `Gemm`. tf2onnx numbers its names by a counter that runs on between
    conversions, so they are replaced: the same weights give the same bytes. A graph with graphs in
    it, as of a loop, stays as it is.
    """
    if any(attribute.HasField("g") for node in model.graph.node for attribute in node.attribute):
        return model
    model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    _flatten(model.graph, weights, channels_last=channels_last)
    # Now it is known what has two axes.
    model = onnx.shape_inference.infer_shapes(model)
    _multiply(model.graph, weights)
    nodes = _needed(model.graph)
    initializers = _rename(nodes, weights, model.graph)
    (image,), (answer,) = model.graph.input, model.graph.output
    for value in (image, answer):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    return helper.make_model(
        helper.make_graph(nodes, "mnist-edge", [image], [answer], initializers),
        opset_imports=[entry for entry in model.opset_import if not entry.domain],
        producer_name="mnist-edge",
    )


def _flatten(graph: onnx.GraphProto, weights: Weights, *, channels_last: bool) -> None:
    """Rewrite reshapes in place; what they replace is left unused."""
    shapes, users = _shapes(graph), _users(graph)
    maker = {output: node for node in graph.node for output in node.output}
    for node in graph.node:
        if node.op_type == "Reshape":
            # None where the shape is computed from the batch at hand.
            target = weights.get(node.input[1])
            sizes, following = shapes.get(node.input[0], []), users.get(node.output[0], [])
            kernels = [weights.get(user.input[1]) for user in following if user.op_type == "MatMul"]
            count = math.prod(sizes[1:])
            dense = len(kernels) == len(following) and all(
                kernel is not None and kernel.ndim == 2 and len(kernel) == count
                for kernel in kernels
            )
            if target is not None and list(target[1:]) == sizes[1:]:
                for user in following:
                    _exchange(user.input, {node.output[0]: node.input[0]})
            elif dense if target is None else len(target) == 2 and target[1] in {count, -1}:
                source = maker.get(node.input[0])
                if (
                    source is not None
                    and source.op_type == "Transpose"
                    and list(source.attribute[0].ints) == [0, 2, 3, 1]
                    and dense
                    and all(len(users[user.input[1]]) == 1 for user in following)
                    and not channels_last
                ):
                    _, channels, height, width = shapes[source.input[0]]
                    for user in following:
                        kernel = weights[user.input[1]].reshape(height, width, channels, -1)
                        first = kernel.transpose(2, 0, 1, 3).reshape(-1, kernel.shape[-1])
                        weights[user.input[1]] = np.ascontiguousarray(first)
                    node.input[0] = source.input[0]
                node.CopyFrom(helper.make_node("Flatten", node.input[:1], node.output, axis=1))


def _multiply(graph: onnx.GraphProto, weights: Weights) -> None:
    """Rewrite products of rows of numbers with constants, one row a picture, in place."""
    shapes, users = _shapes(graph), _users(graph)
    for node in graph.node:
        kernel = weights.get(node.input[1]) if node.op_type == "MatMul" else None
        if kernel is not None and kernel.ndim == len(shapes.get(node.input[0], [])) == 2:
            bias, last = np.zeros(1, np.float32), node
            while user := _scales_or_shifts(users.get(last.output[0], []), weights, kernel):
                constant = weights[user.input[1]]
                if user.op_type == "Mul":
                    kernel, bias = kernel * constant, bias * constant
                else:
                    bias = bias + constant
                last = user
            # Another layer may have the same kernel.
            inputs = [node.input[0], *(f"{node.output[0]}:{role}" for role in ("weight", "bias"))]
            weights[inputs[1]] = kernel
            weights[inputs[2]] = np.broadcast_to(bias.reshape(-1), kernel.shape[1:])
            last.CopyFrom(helper.make_node("Gemm", inputs, last.output))


def _shapes(graph: onnx.GraphProto) -> dict[str, list[int]]:
    """Return the known shapes by name, 0 for a size that is open."""
    return {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in [*graph.input, *graph.value_info]
    }


def _users(graph: onnx.GraphProto) -> dict[str, list[onnx.NodeProto]]:
    """Return the nodes that take each value."""
    users: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    return users


def _scales_or_shifts(
    users: list[onnx.NodeProto], weights: Weights, kernel: NDArray[Any]
) -> onnx.NodeProto | None:
    """Return what alone uses a product, if it multiplies or adds a constant to each column."""
    if len(users) != 1 or users[0].op_type not in {"Add", "Mul"}:
        return None
    constant = weights.get(users[0].input[1])
    alike = constant is not None and constant.shape in {(), (1,), kernel.shape[1:]}
    return users[0] if alike else None


def _needed(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Return the nodes that the output depends on, in their order."""
    place = {output: number for number, node in enumerate(graph.node) for output in node.output}
    needed: set[int] = set()
    wanted = [graph.output[0].name]
    while wanted:
        name = wanted.pop()
        if name in place and place[name] not in needed:
            needed.add(place[name])
            wanted += graph.node[place[name]].input
    return [graph.node[number] for number in sorted(needed)]


def _rename(
    nodes: list[onnx.NodeProto], weights: Weights, graph: onnx.GraphProto
) -> list[onnx.TensorProto]:
    """Name nodes and values in place, `conv1` and `conv1.weight`, and return the weights so."""
    names = {value.name: value.name for value in [*graph.input, *graph.output]}
    counts: Counter[str] = Counter()
    initializers = []
    for node in nodes:
        counts[node.op_type] += 1
        node.name = f"{node.op_type.lower()}{counts[node.op_type]}"
        roles = ["first", "weight", "bias", *map(str, range(3, len(node.input)))]
        for name, role in zip(node.input, roles, strict=False):
            if name in weights:
                names[name] = f"{node.name}.{role}"
                initializers.append(numpy_helper.from_array(weights[name], names[name]))
        names.setdefault(node.output[0], node.name)
        _exchange(node.input, names)
        _exchange(node.output, names)
    return initializers


def _exchange(values: Any, names: dict[str, str]) -> None:
    """Replace names in a node's inputs or outputs, in place."""
    values[:] = [names.get(name, name) for name in values]
