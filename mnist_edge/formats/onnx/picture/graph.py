"""ONNX graphs written as expressions: Python's operators between values make nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import DTypeLike
from onnx import helper, numpy_helper

# What an operation gives, where that is not of the type of its first input.
_GIVES: dict[str, type[np.generic]] = {
    **dict.fromkeys(("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"), np.bool_),
    **dict.fromkeys(("ArgMax", "Shape"), np.int64),
}


class Graph:
    """Nodes and constants in the order in which they are made; names begin with the stage.

    Attributes:
        nodes: those of the innermost graph that is being made.
        constants: by name, those of all graphs in it too.
    """

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self._counts: Counter[str] = Counter()
        self._stages: list[str] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Begin the names of what is made meanwhile with that of a stage."""
        self._stages.append(name)
        try:
            yield
        finally:
            self._stages.pop()

    @contextmanager
    def inner(self) -> Iterator[list[onnx.NodeProto]]:
        """Make nodes of a graph within this one meanwhile."""
        outer, self.nodes = self.nodes, []
        try:
            yield self.nodes
        finally:
            self.nodes = outer

    def name(self, kind: str) -> str:
        """Return a name that nothing else has."""
        name = "/".join((*self._stages, kind))
        self._counts[name] += 1
        return f"{name}{self._counts[name]}"

    def input(self, name: str, dtype: DTypeLike) -> Value:
        """Return what comes in by a name."""
        return Value(self, name, np.dtype(dtype))

    def constant(self, value: Any, dtype: DTypeLike) -> Value:
        """Return a constant; the same number twice is one."""
        array = np.asarray(value, dtype)
        name = f"{array.dtype.name}:{array}" if array.ndim == 0 else self.name("constant")
        self.constants.setdefault(name, numpy_helper.from_array(array, name))
        return Value(self, name, array.dtype)

    def include(self, model: onnx.ModelProto, picture: Value, prefix: str) -> Value:
        """Take in a model of one float32 input and output, and return its answer to a value."""
        inner = onnx.compose.add_prefix(model, prefix).graph
        (image,), (answer,) = inner.input, inner.output
        for node in inner.node:
            node.input[:] = [picture.name if name == image.name else name for name in node.input]
        self.nodes += inner.node
        self.constants |= {tensor.name: tensor for tensor in inner.initializer}
        return Value(self, answer.name, np.dtype(np.float32))


@dataclass(frozen=True, eq=False)
class Value:
    """What a node gives, a constant, or an input.

    Attributes:
        graph: where it is.
        name: its name there.
        dtype: of its elements.
    """

    graph: Graph
    name: str
    dtype: np.dtype[Any]

    __array_ufunc__ = None  # so that an array to the left of an operator leaves it to this class

    def __add__(self, other: Any) -> Value:
        return op("Add", self, other)

    def __radd__(self, other: Any) -> Value:
        return op("Add", other, self)

    def __sub__(self, other: Any) -> Value:
        return op("Sub", self, other)

    def __rsub__(self, other: Any) -> Value:
        return op("Sub", other, self)

    def __mul__(self, other: Any) -> Value:
        return op("Mul", self, other)

    def __rmul__(self, other: Any) -> Value:
        return op("Mul", other, self)

    def __truediv__(self, other: Any) -> Value:
        return op("Div", self, other)

    def __rtruediv__(self, other: Any) -> Value:
        return op("Div", other, self)

    def __matmul__(self, other: Any) -> Value:
        return op("MatMul", self, other)

    def __neg__(self) -> Value:
        return op("Neg", self)

    def __gt__(self, other: Any) -> Value:
        return op("Greater", self, other)

    def __ge__(self, other: Any) -> Value:
        return op("GreaterOrEqual", self, other)

    def __lt__(self, other: Any) -> Value:
        return op("Less", self, other)

    def __and__(self, other: Value) -> Value:
        return op("And", self, other)

    def __or__(self, other: Value) -> Value:
        return op("Or", self, other)

    def __invert__(self) -> Value:
        return op("Not", self)

    def __getitem__(self, number: int) -> Value:
        return op("Gather", self, np.array(number))

    def to(self, dtype: DTypeLike) -> Value:
        """Return it as another type."""
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return op("Cast", self, to=kind, dtype=dtype)


def op(kind: str, *inputs: Any, dtype: DTypeLike = None, **attributes: Any) -> Value:
    """Apply an operation of ONNX, the first of its outputs taken.

    Args:
        kind: its name.
        inputs: values; arrays, which are constants; numbers, of the first value's type; None for
            an input that is left out.
        dtype: of what it gives, where the operation does not tell.
        attributes: the operation's own.
    """
    first = next(each for each in inputs if isinstance(each, Value))
    graph = first.graph
    names = []
    for each in inputs:
        if each is None:
            names.append("")
        elif isinstance(each, Value):
            names.append(each.name)
        else:
            own = each.dtype if isinstance(each, np.ndarray) else first.dtype
            names.append(graph.constant(each, own).name)
    output = graph.name(kind)
    outputs = [output, f"{output}:indices"] if kind == "TopK" else [output]
    graph.nodes.append(helper.make_node(kind, names, outputs, name=output, **attributes))
    return Value(graph, output, np.dtype(dtype or _GIVES.get(kind, first.dtype)))


def repeat(count: Value, value: Value, step: Callable[[Value, Value], Value]) -> Value:
    """Apply a step, which is given its number from 0 on and the value, so many times."""
    graph = value.graph
    number = graph.input(graph.name("number"), np.int64)
    before = graph.input(graph.name("before"), value.dtype)
    going = graph.name("going")
    with graph.inner() as nodes:
        after = step(number, before)
        on = op("Identity", graph.input(going, np.bool_))
    ends = (
        [_info(number, ()), _info(graph.input(going, np.bool_), ()), _info(before)],
        [_info(on, ()), _info(after)],
    )
    body = helper.make_graph(nodes, graph.name("body"), *ends)
    return op("Loop", count, None, value, body=body, dtype=value.dtype)


def either(condition: Value, then: Callable[[], Value], otherwise: Callable[[], Value]) -> Value:
    """Make one value or another, and only that."""
    graph = condition.graph
    branches = {}
    for name, make in (("then_branch", then), ("else_branch", otherwise)):
        with graph.inner() as nodes:
            value = op("Identity", make())
        branches[name] = helper.make_graph(nodes, graph.name(name), [], [_info(value)])
    return op("If", condition, dtype=value.dtype, **branches)


def _info(value: Value, shape: tuple[int, ...] | None = None) -> onnx.ValueInfoProto:
    kind = helper.np_dtype_to_tensor_dtype(value.dtype)
    return helper.make_tensor_value_info(value.name, kind, shape)
