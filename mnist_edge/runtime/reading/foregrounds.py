"""Foregrounds: what stands out from an estimated background, in its connected components."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.runtime.reading.components import Components
from mnist_edge.runtime.reading.parameters import FOREGROUNDS
from mnist_edge.runtime.reading.views import View, median

Gray = NDArray[np.uint8]
Levels = NDArray[np.int16]

_CORNERS = np.ix_((0, -1), (0, -1))
_CENTRES = 2 * np.arange(FOREGROUNDS.grid) + 1
_SPAN = np.linspace(-1, 1, FOREGROUNDS.grid)
_X, _Y = (axis.ravel() for axis in np.meshgrid(_SPAN, _SPAN))
_QUADRATIC = np.stack([np.ones_like(_X), _X, _Y, _X * _Y, _X * _X, _Y * _Y], axis=1)
_RIDGE = FOREGROUNDS.ridge * np.eye(_QUADRATIC.shape[1])


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
