"""Whether the planned places of tensors ever clobber what is still to be read."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_edge.formats.c.graph import (
    Add,
    Convolution,
    Layer,
    MaxPool,
    Network,
    Pad,
    Shape,
    Tensor,
    Window,
)
from mnist_edge.formats.c.parse import parse
from mnist_edge.formats.c.plan import Plan, plan, workspace
from mnist_edge.formats.c.quantize import Multiplier, Range
from tests.formats.c.conftest import MODELS

KEPT = Range(0, 0, 255)


def tensor(number: int, *shape: int) -> Tensor:
    return Tensor(number, Shape(*shape), np.float32(1), 0)


def reads(layer: Layer, source: Tensor) -> np.ndarray:
    """What a layer reads of an input for each byte that it writes: bool (outputs, inputs)."""
    table = np.zeros((layer.output.shape.size, source.shape.size), bool)
    places = np.arange(source.shape.size).reshape(source.shape)
    for number, (row, column, channel) in enumerate(np.ndindex(layer.output.shape)):
        match layer:
            case Convolution() | MaxPool():
                window = layer.window
                top = row * window.down - window.top
                left = column * window.right - window.left
                rows = slice(max(top, 0), top + window.height)
                covered = places[rows, max(left, 0) : left + window.width]
                # A convolution has copied its window before it writes the first channel.
                if isinstance(layer, Convolution):
                    table[number - channel, covered.ravel()] = True
                else:
                    table[number, covered[..., channel]] = True
            case Pad():
                y, x = row - layer.top, column - layer.left
                if 0 <= y < source.shape.height and 0 <= x < source.shape.width:
                    table[number, places[y, x, channel]] = True
            case _:
                table[number, number] = True
    return table


def survives(network: Network, made: Plan) -> bool:
    """Run a network on who wrote each byte of the buffer last, and check all that is read."""
    writers = np.zeros((made.size, 2), int)
    outside = {network.input.number, network.output.number}
    for moment, layer in enumerate(network.layers):
        inputs = [source for source in layer.inputs if source.number not in outside]
        tables = [reads(layer, source) for source in inputs]
        if layer.workspace:
            start = made.offsets[workspace(moment)]
            writers[start : start + layer.workspace] = -1
        for number in range(layer.output.shape.size):
            for source, table in zip(inputs, tables, strict=True):
                read = np.flatnonzero(table[number])
                found = writers[made.offsets[source.number] + read]
                if (found != np.stack([np.full(len(read), source.number), read], axis=1)).any():
                    return False
            if layer.output.number not in outside:
                writers[made.offsets[layer.output.number] + number] = layer.output.number, number
    return True


def convolution(source: Tensor, result: Tensor, window: Window) -> Convolution:
    channels = result.shape.depth
    weights = np.zeros((channels, window.height, window.width, source.shape.depth), np.int8)
    multipliers = (Multiplier(1, 0),) * channels
    biases = np.zeros(channels, np.int64)
    return Convolution(source, result, window, weights, biases, multipliers, KEPT)


def residual() -> Network:
    field, scores = tensor(0, 9, 9, 1), tensor(9, 1, 1, 4)
    a, b, c, d = (tensor(number, 9, 9, 2) for number in (1, 2, 3, 4))
    padded, pooled = tensor(5, 12, 11, 2), tensor(6, 4, 4, 2)
    same = Window(3, 3, top=1, left=1)
    add = (Multiplier(1, 0),) * 3
    return Network(
        field,
        scores,
        (
            convolution(field, a, same),
            convolution(a, b, same),
            Add(a, c, b, add, KEPT),
            convolution(c, d, Window(1, 1)),
            Pad(d, padded, 2, 1),
            MaxPool(padded, pooled, Window(3, 3, 3, 3, top=1, left=0), KEPT),
            convolution(pooled, scores, Window(4, 4)),
        ),
    )


def test_nothing_is_overwritten_that_is_still_to_be_read() -> None:
    network = residual()
    made = plan(network)
    assert survives(network, made)
    # The largest moment: the sum takes the place of what it adds.
    assert made.size < sum(each.output.shape.size for each in network.layers)


def test_a_plan_that_is_any_tighter_fails() -> None:
    """The test above can fail: what reads is just ahead of what writes."""
    source, result = tensor(1, 6, 6, 2), tensor(2, 6, 6, 2)
    first = convolution(tensor(0, 6, 6, 1), source, Window(1, 1))
    second = convolution(source, result, Window(3, 3, top=1, left=1))
    last = convolution(result, tensor(9, 1, 1, 1), Window(6, 6))
    network = Network(first.input, last.output, (first, second, last))
    made = plan(network)
    assert survives(network, made)
    tighter = {**made.offsets, 1: made.offsets[1] - 2}
    assert not survives(network, Plan(tighter, made.size))


def test_the_largest_moment_is_placed_before_the_others() -> None:
    shapes = ((28, 1), (12, 7), (6, 16), (4, 24), (2, 28))
    tensors = [tensor(number, side, side, depth) for number, (side, depth) in enumerate(shapes)]
    windows = (Window(5, 5, 2, 2), Window(3, 3, 2, 2), Window(3, 3), Window(3, 3), Window(2, 2))
    pairs = zip(tensors, (*tensors[1:], tensor(9, 1, 1, 10)), windows, strict=True)
    layers = tuple(convolution(*each) for each in pairs)
    network = Network(tensors[0], layers[-1].output, layers)
    made = plan(network)
    assert survives(network, made)
    # The largest tensor, and of the others less than a tenth.
    assert made.size < 1.1 * tensors[1].shape.size


# With a field and scores, `micro` takes 4 kB at most, and `nano` 2 kB.
@pytest.mark.parametrize(
    ("name", "most"), [("tiny", 3600), ("edge", 3200), ("micro", 3206), ("nano", 1206)]
)
def test_the_shipped_models_keep_within_their_memory(name: str, most: int) -> None:
    network = parse((MODELS / f"{name}.int8.tflite").read_bytes())
    made = plan(network)
    assert made.size <= most
    assert survives(network, made)
