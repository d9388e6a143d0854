"""Weights in few bits: what a packed layer holds, and that a header unpacks it."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_edge.formats.c import gate
from mnist_edge.formats.c.graph import Convolution
from mnist_edge.formats.c.pack import Packed, pack
from mnist_edge.formats.c.parse import parse
from mnist_edge.training.quantization import levels
from tests.formats.c.conftest import CONTRACT, fields, header, needs_cc
from tests.formats.c.networks import after, int8, layer


def unpacked(packed: Packed, channels: int, count: int) -> list[list[int]]:
    """Weights by the words of `Packed`, one after the other."""
    table, rows = np.split(packed.content, [2**packed.bits])
    each = 8 // packed.bits
    return [
        [
            int(table[byte % 256 >> packed.bits * place & 2**packed.bits - 1])
            for byte in row.tolist()
            for place in range(each)
        ][:count]
        for row in rows.reshape(channels, -1)
    ]


@pytest.mark.parametrize(("values", "bits"), [(2, 2), (4, 2), (5, 4), (16, 4)])
@pytest.mark.parametrize("count", [60, 61, 62, 63])
def test_few_values_take_few_bits(values: int, bits: int, count: int) -> None:
    rng = np.random.default_rng(0)
    weights = rng.choice(np.linspace(-128, 127, values).astype(np.int8), (7, count))
    packed = pack(weights)
    assert packed.bits == bits
    assert packed.content.size == 2**bits + 7 * -(-count * bits // 8)
    assert unpacked(packed, 7, count) == weights.tolist()


def test_many_values_stay_as_they_are() -> None:
    weights = np.arange(-8, 9, dtype=np.int8).repeat(9).reshape(3, 51)
    assert pack(weights).bits == 8
    assert pack(weights).content.tolist() == weights.ravel().tolist()


def test_a_table_that_saves_nothing_is_not_made() -> None:
    assert pack(np.arange(16, dtype=np.int8).reshape(2, 8)).bits == 8


BODY = after(
    layer("Conv2D", 7, 3, activation="relu"),
    layer("Conv2D", 6, 3, strides=2),
    layer("Conv2D", 5, 1),
)


@needs_cc
@pytest.mark.parametrize("bits", [(2,) * 5, (4,) * 5, (8, 4, 2, 4, 2), (4, 2, 8, 2, 8)])
def test_headers_of_few_bits_are_exact(bits: tuple[int, ...]) -> None:
    tflite = int8(BODY, bits)
    layers = [each for each in parse(tflite).layers if isinstance(each, Convolution)]
    for each, width in zip(layers, bits, strict=True):
        # The converter scales each channel by its largest weight, and finds the steps again.
        assert set(each.weights.ravel()) <= set(levels(width))
    gate.check(header(tflite, CONTRACT), tflite, CONTRACT.name, fields(200, seed=1))
