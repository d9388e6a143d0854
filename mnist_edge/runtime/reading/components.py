"""Connected components of a mask: their labels, sizes, outlines and boxes."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_edge.runtime.reading.views import Box

Mask = NDArray[np.bool_]
Chosen = NDArray[np.bool_]  # (n,): which of n components
Numbers = NDArray[np.intp]  # (n,) unless it says otherwise

# A pen's path by the outline it leaves: on both sides, and in square pixels 4 / pi too long.
PATH = math.pi / 8


class Components(NamedTuple):
    """The 8-connected components of a mask of shape (H, W), n of them."""

    labels: Numbers  # (H, W): the component of each pixel, n where there is none
    area: Numbers  # pixels
    outline: Numbers  # sides of pixels that face no ink: other pixels or the picture's edge
    contact: Numbers  # the sides among them that face the picture's edge
    box: Numbers  # (n, 4): left, top, right and bottom; the latter two are past the end
    length: Numbers  # the longer side of the box

    def longest(self, among: Chosen) -> int:
        """Return the number of the longest component among some."""
        return int((self.length * among).argmax())

    def of(self, chosen: Chosen) -> tuple[Mask, Box]:
        """Return where some components are, (H, W), and the box around them."""
        known = np.zeros(len(chosen) + 1, np.bool_)
        known[:-1] = chosen
        boxes = self.box[chosen]
        first, last = boxes.min(axis=0).tolist(), boxes.max(axis=0).tolist()
        return known[self.labels], (*first[:2], *last[2:])


def connected_components(mask: NDArray[np.bool_]) -> Components:
    """Label the 8-connected components of a boolean mask of shape (H, W).

    Horizontal runs of pixels are the nodes, touching runs of neighbouring rows the edges of a
    graph, whose components are found by joining trees (Galler and Fischer 1964).
    """
    height, width = mask.shape
    stride = width + 2
    padded = np.zeros((height + 2, stride), np.int8)
    padded[1:-1, 1:-1] = mask
    inked = padded.ravel()
    ends = (inked[1:] != inked[:-1]).nonzero()[0] + 1
    first, past = ends[::2], ends[1::2]

    low = past.searchsorted(first + (stride - 1), side="right")
    touching = first.searchsorted(past + stride, side="right") - low
    upper = np.arange(len(first)).repeat(touching)
    lower = np.arange(len(upper)) + (low - touching.cumsum() + touching).repeat(touching)
    parents = list(range(len(first)))
    for above, below in zip(upper.tolist(), lower.tolist(), strict=True):
        a, b = above, below
        while a != parents[a]:
            a = parents[a]
        while b != parents[b]:
            b = parents[b]
        parents[max(a, b)] = parents[below] = min(a, b)
    n, numbers = 0, list[int]()
    for run, parent in enumerate(parents):  # which is no later one
        numbers.append(n if parent == run else numbers[parent])
        n += parent == run
    of_run = np.array(numbers, np.intp)

    pixels = inked.nonzero()[0]
    of_pixel = of_run.repeat(past - first)
    labels = np.full(len(inked), n)
    labels[pixels] = of_pixel
    field = labels.reshape(padded.shape)[1:-1, 1:-1]
    edge = np.concatenate([field[0], field[-1], field[:, 0], field[:, -1]])
    facing = 2 - inked[pixels - stride] - inked[pixels + stride]
    row = first // stride
    before = row * stride + 1  # the row's first pixel
    box = np.empty((4, n), np.intp)
    box[:2], box[2:] = max(width, height), 0
    np.minimum.at(box[0], of_run, first - before)
    np.minimum.at(box[1], of_run, row - 1)
    np.maximum.at(box[2], of_run, past - before)
    np.maximum.at(box[3], of_run, row)
    return Components(
        field,
        area=np.bincount(of_pixel, minlength=n),
        outline=2 * np.bincount(of_run, minlength=n)
        + np.bincount(of_pixel, facing, minlength=n).astype(np.intp),
        contact=np.bincount(edge, minlength=n + 1)[:n],
        box=box.T,
        length=np.maximum(box[2] - box[0], box[3] - box[1]),
    )
