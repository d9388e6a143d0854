"""ONNX graphs written as expressions: Python's operators between values make nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import DTypeLike
from onnx import helper, numpy_helper

# What an operation gives, where that is not of the type of its first input.
_GIVES: dict[str, type[np.generic]] = {
    **dict.fromkeys(("Equal", "Greater", "GreaterOrEqual", "Less"), np.bool_),
    **dict.fromkeys(("ArgMax", "Shape", "Size"), np.int64),
}

_STAGE = ContextVar("_STAGE", default="")
_END = np.iinfo(np.int64).max


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Begin the names of what is made meanwhile with that of a stage; decorates functions too."""
    before = _STAGE.set(f"{name}/")
    try:
        yield
    finally:
        _STAGE.reset(before)


class Graph:
    """Nodes and constants in the order in which they are made.

    Attributes:
        nodes: those of the innermost graph that is being made.
        constants: by name, those of all graphs in it too.
    """

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self._counts: Counter[str] = Counter()

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
        name = f"{_STAGE.get()}{kind}"
        self._counts[name] += 1
        return f"{name}{self._counts[name]}"

    def value(self, name: str, dtype: DTypeLike) -> Value:
        """Return what has a name already, such as an input."""
        return Value(self, name, np.dtype(dtype))

    def constant(
        self, content: Any, dtype: DTypeLike | None = None, name: str | None = None
    ) -> Value:
        """Return a constant; equal numbers are one."""
        array = np.asarray(content, dtype)
        if name is None:
            name = f"{array.dtype}:{array}" if array.ndim == 0 else self.name("constant")
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(array, name)
        return Value(self, name, array.dtype)

    def include(self, model: onnx.ModelProto, picture: Value) -> Value:
        """Take in a model of one float32 input and output, and return its answer to a value."""
        inner = onnx.compose.add_prefix(model, _STAGE.get()).graph
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

    def __rmatmul__(self, other: Any) -> Value:
        return op("MatMul", other, self)

    def __neg__(self) -> Value:
        return op("Neg", self)

    def __abs__(self) -> Value:
        return op("Abs", self)

    def __gt__(self, other: Any) -> Value:
        return op("Greater", self, other)

    def __ge__(self, other: Any) -> Value:
        return op("GreaterOrEqual", self, other)

    def __lt__(self, other: Any) -> Value:
        return op("Less", self, other)

    def __and__(self, other: Value) -> Value:
        return op("And", self, other)

    def __invert__(self) -> Value:
        return op("Not", self)

    def __getitem__(self, part: int | slice | list[int]) -> Value:
        """Take parts along the first axis: one, those of a list, or those from one to another."""
        if isinstance(part, slice):
            start, stop = part.start or 0, _END if part.stop is None else part.stop
            return op("Slice", self, np.array([start]), np.array([stop]))
        return op("Gather", self, np.array(part))

    @property
    def shape(self) -> Value:
        """Its sizes, int64."""
        return op("Shape", self)

    @property
    def transposed(self) -> Value:
        """Of a matrix, its rows as columns."""
        return op("Transpose", self, perm=[1, 0])

    def to(self, dtype: DTypeLike) -> Value:
        """Return it as another type."""
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return op("Cast", self, to=kind, dtype=dtype)

    def reshaped(self, *sizes: int | Value) -> Value:
        """Return it in another shape, of numbers and of values (n,)."""
        known = all(isinstance(size, int) for size in sizes)
        shape = np.array(sizes, np.int64) if known else joined(self.graph, *sizes)
        return op("Reshape", self, shape)

    def unsqueezed(self, *axes: int) -> Value:
        """Return it with axes of size 1 put in."""
        return op("Unsqueeze", self, np.array(axes))

    def squeezed(self, *axes: int) -> Value:
        """Return it without these axes, of size 1."""
        return op("Squeeze", self, np.array(axes))

    def sum(self, *axes: int) -> Value:
        """Return its sum along axes, or all of it."""
        return op("ReduceSum", self, np.array(axes) if axes else None, keepdims=0)

    def mean(self, *axes: int) -> Value:
        """Return its mean along axes, or that of all."""
        return op("ReduceMean", self, keepdims=0, axes=axes or None)

    def max(self, *axes: int) -> Value:
        """Return the largest along axes, or of all."""
        return op("ReduceMax", self, keepdims=0, axes=axes or None)

    def clip(self, low: float, high: float) -> Value:
        """Return it within limits."""
        return op("Clip", self, low, high)

    def at_least(self, limit: Any) -> Value:
        """Return the larger of it and a limit."""
        return op("Max", self, limit)

    def at_most(self, limit: Any) -> Value:
        """Return the smaller of it and a limit."""
        return op("Min", self, limit)


def op(kind: str, *inputs: Any, dtype: DTypeLike | None = None, **attributes: Any) -> Value:
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
        if each is None or isinstance(each, Value):
            names.append(each.name if each else "")
        else:
            own = None if isinstance(each, np.ndarray) else first.dtype
            names.append(graph.constant(each, own).name)
    output = graph.name(kind)
    # TopK has to give the places too.
    outputs = [output, f"{output}:places"] if kind == "TopK" else [output]
    graph.nodes.append(helper.make_node(kind, names, outputs, name=output, **attributes))
    return Value(graph, output, np.dtype(dtype or _GIVES.get(kind, first.dtype)))


def joined(graph: Graph, *parts: int | Value) -> Value:
    """Return numbers and values (n,) of int64 as one."""
    values = (
        part if isinstance(part, Value) else graph.constant([part], np.int64) for part in parts
    )
    return op("Concat", *values, axis=0)


def arange(count: Value) -> Value:
    """Return the numbers from 0 on, so many, int64 () or (1,): float32 (count,)."""
    zero, one = (count.graph.constant(number) for number in (0, 1))
    return op("Range", zero, count.reshaped(), one).to(np.float32)


def where(condition: Value, then: Any, otherwise: Any) -> Value:
    """Take elements from one or the other, of which one may be a number."""
    dtype = next(each.dtype for each in (then, otherwise) if isinstance(each, Value))
    both = (
        each if isinstance(each, Value) else condition.graph.constant(each, dtype)
        for each in (then, otherwise)
    )
    return op("Where", condition, *both, dtype=dtype)


def repeat(count: Value, value: Value, step: Callable[[Value, Value], Value]) -> Value:
    """Apply a step so many times; it is given its number, from 0 on, and the value so far."""
    graph = value.graph
    number = graph.value(graph.name("number"), np.int64)
    going = graph.value(graph.name("going"), np.bool_)
    before = graph.value(graph.name("before"), value.dtype)
    with graph.inner() as nodes:
        after = step(number, before)
        still = op("Identity", going)
    inputs = [_info(number, ()), _info(going, ()), _info(before)]
    body = helper.make_graph(nodes, graph.name("body"), inputs, [_info(still, ()), _info(after)])
    return op("Loop", count, None, value, body=body, dtype=value.dtype)


def either(condition: Value, then: Callable[[], Value], otherwise: Callable[[], Value]) -> Value:
    """Make one value or the other, and only that."""
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
