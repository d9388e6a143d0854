"""Foregrounds: what stands out from an estimated background, in its connected components."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.runtime.reading.parameters import FOREGROUNDS
from mnist_edge.runtime.reading.views import Box, View, median

Gray = NDArray[np.uint8]
Levels = NDArray[np.int16]
Mask = NDArray[np.bool_]
Chosen = NDArray[np.bool_]  # (n,): which of n components
Numbers = NDArray[np.intp]  # (n,) unless it says otherwise

# A pen's path by the outline it leaves: on both sides, and in square pixels 4 / pi too long.
PATH = math.pi / 8

_CORNERS = np.ix_((0, -1), (0, -1))
_CENTRES = 2 * np.arange(FOREGROUNDS.grid) + 1
_SPAN = np.linspace(-1, 1, FOREGROUNDS.grid)
_X, _Y = (axis.ravel() for axis in np.meshgrid(_SPAN, _SPAN))
_QUADRATIC = np.stack([np.ones_like(_X), _X, _Y, _X * _Y, _X * _X, _Y * _Y], axis=1)
_RIDGE = FOREGROUNDS.ridge * np.eye(_QUADRATIC.shape[1])


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


class Foreground(NamedTuple):
    """What is darker than a background, or lighter."""

    view: View  # where it was looked for
    way: tuple[str, str]  # the names of the background and of the threshold
    polarity: str  # dark or light, beside the background
    depth: Levels  # (H, W): grey levels from the background towards the ink
    parts: Components  # of what is ink


def surface(gray: Gray) -> Gray | int:
    """Fit a quadratic surface, as light falls off smoothly; one level where it is even.

    Least squares on a grid of samples, reweighted by the Cauchy function, so that ink, a table or
    a shadow has no say as long as it is less than half of the picture.
    """
    height, width = gray.shape
    y, x = (_CENTRES * side // (2 * FOREGROUNDS.grid) for side in (height, width))
    samples = gray[y[:, None], x]
    middle = median(samples)
    if np.count_nonzero(samples == middle) > samples.size // 2:
        return round(middle)
    level = samples.ravel().astype(float)
    trend, (times, least) = np.full_like(level, middle), FOREGROUNDS.spread
    for _ in range(FOREGROUNDS.rounds):
        residual = level - trend
        spread = times * median(np.abs(residual)) + least
        weighted = _QUADRATIC.T / (1 + (residual / spread) ** 2) ** 2
        factors = np.linalg.solve(weighted @ _QUADRATIC + _RIDGE, weighted @ level)
        trend = _QUADRATIC @ factors
    grid = Image.fromarray(np.rint(trend).clip(0, 255).astype(np.uint8).reshape(samples.shape))
    return np.asarray(grid.resize((width, height), Image.Resampling.BILINEAR))


def corners(gray: Gray) -> int:
    """Take the corners' level, as a drawing may fill all of its canvas but these."""
    return round(median(gray[_CORNERS]))


def otsu(difference: Levels) -> tuple[NDArray[np.intp], float]:
    """Return what thresholds are chosen by.

    Returns:
        How many pixels are at most so far from the background, by grey levels; and the distance
        that separates two classes best (Otsu 1979), midway in a gap.
    """
    counts = np.bincount(np.abs(difference).ravel())
    below = counts.cumsum()
    total = (counts * np.arange(len(counts))).cumsum()
    classes = np.maximum(below * (below[-1] - below), 1)
    between = (total[-1] * below - total * below[-1]) ** 2.0 / classes
    best = (between == between.max()).nonzero()[0]
    return below, float(best.sum() / len(best))


def full(_below: NDArray[np.intp], threshold: float) -> float:
    """Return Otsu's threshold, in grey levels."""
    return threshold


def faint(below: NDArray[np.intp], threshold: float) -> float:
    """Return a share of it, as thin lines only graze some of their pixels; above the noise."""
    noise = FOREGROUNDS.noise * int(below.searchsorted(FOREGROUNDS.paper * below[-1]))
    return min(max(FOREGROUNDS.faint * threshold, noise), threshold)


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
