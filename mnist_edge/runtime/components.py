"""Connected components of a mask: their labels, sizes, outlines and boxes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Components(NamedTuple):
    """The 8-connected components of a mask of shape (H, W), n of them.

    Attributes:
        labels: intp (H, W), the component of each pixel, n where there is none.
        area: intp (n,), pixels.
        outline: intp (n,), sides of pixels that face no ink: other pixels or the picture's edge.
        contact: intp (n,), the sides among them that face the picture's edge.
        box: intp (n, 4), left, top, right and bottom; the latter two are past the end.
    """

    labels: NDArray[np.intp]
    area: NDArray[np.intp]
    outline: NDArray[np.intp]
    contact: NDArray[np.intp]
    box: NDArray[np.intp]


def connected_components(mask: NDArray[np.bool_]) -> Components:
    """Label the 8-connected components of a boolean mask of shape (H, W).

    Horizontal runs of pixels are the nodes, touching runs of neighbouring rows the edges of a
    graph, in which every node takes the least label around it until nothing changes.
    """
    height, width = mask.shape
    stride = width + 1  # a column more than there is, so that runs end with their row
    y, x = np.nonzero(mask)
    position = y * stride + x
    starts = np.diff(position, prepend=-2) != 1
    first = position[starts]
    last = position[np.append(starts[1:], True)[: len(position)]]

    low = np.searchsorted(last, first + stride - 1)
    touching = np.searchsorted(first, last + stride + 1, side="right") - low
    upper = np.repeat(np.arange(len(first)), touching)
    lower = np.arange(len(upper)) + np.repeat(low - touching.cumsum() + touching, touching)

    root = np.arange(len(first))
    while (root[upper] != root[lower]).any():
        least = np.minimum(root[upper], root[lower])
        np.minimum.at(root, root[upper], least)
        np.minimum.at(root, root[lower], least)
        root = root[root]
    is_root = root == np.arange(len(root))
    of_run = (np.cumsum(is_root) - 1)[root]
    n = int(np.count_nonzero(is_root))

    of_pixel = of_run[np.cumsum(starts) - 1]
    labels = np.full(mask.shape, n)
    labels[y, x] = of_pixel
    padded = np.zeros((height + 2, width + 2), np.int8)
    padded[1:-1, 1:-1] = mask
    neighbours = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    box = np.tile([width, height, 0, 0], (n, 1))
    np.minimum.at(box[:, 0], of_run, first % stride)
    np.minimum.at(box[:, 1], of_run, first // stride)
    np.maximum.at(box[:, 2], of_run, last % stride + 1)
    np.maximum.at(box[:, 3], of_run, last // stride + 1)
    return Components(
        labels,
        area=np.bincount(of_pixel, minlength=n),
        outline=np.bincount(of_pixel, 4 - neighbours[y, x], minlength=n).astype(np.intp),
        contact=np.bincount(edge, minlength=n + 1)[:n],
        box=box,
    )
