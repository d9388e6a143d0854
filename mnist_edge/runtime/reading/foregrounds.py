"""Foregrounds: what stands out from a background, in its connected components."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_edge.runtime.reading.components import Components, connected_components
from mnist_edge.runtime.reading.parameters import THRESHOLDING
from mnist_edge.runtime.reading.views import View

Gray = NDArray[np.int16]
Mask = NDArray[np.bool_]
Polarity = Literal["dark", "light"]
POLARITIES: tuple[Polarity, Polarity] = ("dark", "light")


class Foreground(NamedTuple):
    """What is darker than a background, or lighter.

    Attributes:
        view: where it was looked for.
        way: the names of the background and of the threshold.
        polarity: whether it is darker or lighter.
        depth: int16 (H, W), grey levels from the background towards the ink.
        threshold: the depth that full ink exceeds, in grey levels.
        parts: the connected components of what is ink.
    """

    view: View
    way: tuple[str, str]
    polarity: Polarity
    depth: Gray
    threshold: float
    parts: Components

    @property
    def gray(self) -> Gray:
        """Grey levels towards the ink: int16 (H, W)."""
        return self.view.gray * np.int16(1 if self.polarity == "light" else -1)


def foregrounds(
    view: View, way: tuple[str, str], relief: Gray, limits: tuple[float, float]
) -> Iterator[Foreground]:
    """Yield the ink that is darker than the background, and that which is lighter.

    Args:
        view: where.
        way: the names of the background and of the threshold.
        relief: int16 (H, W), grey levels above the background.
        limits: the depths beyond which a pixel is ink, and full ink.
    """
    for polarity, depth in zip(POLARITIES, (-relief, relief), strict=True):
        if (mask := depth > limits[0]).any():
            yield Foreground(view, way, polarity, depth, limits[1], connected_components(mask))


def otsu(relief: Gray) -> tuple[float, float]:
    """Return the depth that separates two classes best (Otsu 1979), midway in a gap, twice."""
    _, best = _otsu(relief)
    return best, best


def hysteresis(relief: Gray) -> tuple[float, float]:
    """Return a fainter depth, and Otsu's: a hysteresis (Canny 1986).

    Thin lines only graze some of their pixels. Nothing is as faint as noise.
    """
    below, full = _otsu(relief)
    noise = THRESHOLDING.noise * int(below.searchsorted(0.75 * below[-1]))
    return min(max(THRESHOLDING.faint * full, noise), full), full


def _otsu(relief: Gray) -> tuple[NDArray[np.intp], float]:
    """Return how many pixels have at most each depth, and the threshold."""
    counts = np.bincount(np.abs(relief).ravel())
    below = counts.cumsum()
    total = (counts * np.arange(len(counts))).cumsum()
    classes = np.maximum(below * (below[-1] - below), 1)
    between = (total[-1] * below - total * below[-1]) ** 2.0 / classes
    best = np.flatnonzero(between == between.max())
    return below, float(best.sum() / len(best))
