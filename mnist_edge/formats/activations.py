"""Inside a model: what each layer gives for one picture, and the filters of the first."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.contract import SIZE
from mnist_edge.formats.layers import CONVERSIONS

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


def filters(kernel: Array) -> NDArray[np.float32]:
    """Put the channels of a kernel (rows, columns, channels, count) back into blocks of pixels."""
    rows, columns, channels, count = kernel.shape
    side = math.isqrt(channels)
    blocks = kernel[:, :, : side * side].reshape(rows, columns, side, side, count)
    return blocks.transpose(0, 2, 1, 3, 4).reshape(rows * side, columns * side, count)


def connected(
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
    picture = batch.reshape(1, SIZE, SIZE, 1) if batch.size == SIZE**2 else batch
    nodes = [node("image", "input", (), picture)]
    for name, kind, inputs, output in operations:
        sources = tuple(origins[taken] for taken in inputs if taken in origins)
        if kind in UNSEEN and sources:
            origins[output] = sources[0]
        elif sources:
            origins[output] = name
            nodes.append(node(name, kind, sources, value(output)))
    return nodes


def node(name: str, kind: str, inputs: tuple[str, ...], batch: Array) -> Node:
    """Return a node by what it gave for a batch of one picture."""
    output = batch[0] if batch.ndim > 1 else batch
    return Node(name, kind, inputs, output.astype(np.float32))
