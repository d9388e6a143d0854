"""Where each tensor lies in the scratch buffer.

A tensor may take the place of another that is not needed any more, and also of one that is just
being read, as far as the reading is always ahead of the writing: "Reducing Memory Use with Diagonal
Memory Optimisation", Blacker, Bridges and Hadfield, 2020, https://arxiv.org/abs/2010.01668.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mnist_edge.formats.c.graph import Layer, Network, Tensor


class Plan(NamedTuple):
    """Where tensors lie.

    Attributes:
        offsets: of each tensor's number and each workspace's, in bytes from the buffer's start.
        size: of the buffer.
    """

    offsets: dict[int, int]
    size: int


@dataclass
class _Block:
    """The memory of a tensor: its size, and the layers that write it first and read it last."""

    size: int
    first: int
    last: int


def workspace(moment: int) -> int:
    """Return the number of the memory that the layer of an index uses while it runs."""
    return -1 - moment


def plan(network: Network) -> Plan:
    """Place all tensors but the field and the scores, which the caller holds."""
    outside = {network.input.number, network.output.number}
    blocks: dict[int, _Block] = {}
    leads: dict[tuple[int, int], int] = {}
    for moment, layer in enumerate(network.layers):
        if layer.output.number not in outside:
            blocks[layer.output.number] = _Block(layer.output.shape.size, moment, moment)
        if layer.workspace:
            blocks[workspace(moment)] = _Block(layer.workspace, moment, moment)
        for tensor in layer.inputs:
            if tensor.number not in outside:
                blocks[tensor.number].last = moment
                leads[tensor.number, layer.output.number] = _lead(layer, tensor)
    backwards = sorted(blocks, reverse=True, key=lambda number: blocks[number].first)
    by_size = sorted(blocks, reverse=True, key=lambda number: blocks[number].size)
    alive = [
        sum(block.size for block in blocks.values() if block.first <= moment <= block.last)
        for moment in range(len(network.layers))
    ]

    def urgency(number: int) -> tuple[int, bool]:
        """Return how much there is at once, and that what outlives its layer comes first."""
        block = blocks[number]
        return max(alive[block.first : block.last + 1]), number >= 0

    by_urgency = sorted(backwards, reverse=True, key=urgency)
    plans = [_place(order, blocks, leads) for order in (backwards, by_size, by_urgency)]
    return min(plans, key=lambda candidate: candidate.size)


def _lead(layer: Layer, tensor: Tensor) -> int:
    """Return how many bytes a layer's output has to begin before an input that it overwrites."""
    written = np.arange(layer.output.shape.size)
    return max(0, int((written + 1 - layer.oldest_reads(tensor)).max()))


def _place(
    order: Iterable[int], blocks: dict[int, _Block], leads: dict[tuple[int, int], int]
) -> Plan:
    """Place tensors one after the other, each as low as those before it allow."""
    offsets: dict[int, int] = {}

    def fits(number: int, offset: int) -> bool:
        return all(_apart(number, offset, other, offsets[other]) for other in offsets)

    def _apart(one: int, at: int, other: int, other_at: int) -> bool:
        a, b = blocks[one], blocks[other]
        if a.last < b.first or b.last < a.first:
            return True
        if at + a.size <= other_at or other_at + b.size <= at:
            return True
        if a.last == b.first and (one, other) in leads:
            return at - other_at >= leads[one, other]
        if b.last == a.first and (other, one) in leads:
            return other_at - at >= leads[other, one]
        return False

    for number in order:
        candidates = {0}
        for other, offset in offsets.items():
            candidates.add(offset + blocks[other].size)
            candidates.add(offset + leads.get((number, other), 0))
            candidates.add(max(0, offset - leads.get((other, number), 0)))
        offsets[number] = min(offset for offset in candidates if fits(number, offset))
    size = max((offsets[number] + blocks[number].size for number in offsets), default=0)
    return Plan(offsets, size)
