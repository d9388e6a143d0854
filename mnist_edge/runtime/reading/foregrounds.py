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
        parts: the connected components of what is ink.
    """

    view: View
    way: tuple[str, str]
    polarity: Polarity
    depth: Gray
    parts: Components


def foregrounds(
    view: View, way: tuple[str, str], relief: Gray, threshold: float
) -> Iterator[Foreground]:
    """Yield the ink that is darker than the background, and that which is lighter.

    Args:
        view: where.
        way: the names of the background and of the threshold.
        relief: int16 (H, W), grey levels above the background.
        threshold: the depth beyond which a pixel is ink, in grey levels.
    """
    for polarity, depth in zip(POLARITIES, (-relief, relief), strict=True):
        if (mask := depth > threshold).any():
            yield Foreground(view, way, polarity, depth, connected_components(mask))


def otsu(relief: Gray) -> float:
    """Return the depth that separates two classes best (Otsu 1979), midway in a gap."""
    _, best = _otsu(relief)
    return best


def faint(relief: Gray) -> float:
    """Return a share of Otsu's, as thin lines only graze some of their pixels; above the noise."""
    below, full = _otsu(relief)
    noise = THRESHOLDING.noise * int(below.searchsorted(0.75 * below[-1]))
    return min(max(THRESHOLDING.faint * full, noise), full)


def _otsu(relief: Gray) -> tuple[NDArray[np.intp], float]:
    """Return how many pixels have at most each depth, and the threshold."""
    counts = np.bincount(np.abs(relief).ravel())
    below = counts.cumsum()
    total = (counts * np.arange(len(counts))).cumsum()
    classes = np.maximum(below * (below[-1] - below), 1)
    between = (total[-1] * below - total * below[-1]) ** 2.0 / classes
    best = (between == between.max()).nonzero()[0]
    return below, float(best.sum() / len(best))
