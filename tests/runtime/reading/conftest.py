"""What the tests of reading share."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from mnist_edge.runtime.classifier import Classifier
from mnist_edge.runtime.reading import Reading
from mnist_edge.runtime.reading.decoding import Source


@cache
def shipped() -> Classifier:
    return Classifier.load()


def read(source: Source) -> Reading:
    """Read a picture as the shipped model does."""
    return shipped().read(source)


def likeness(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Return how alike two normalized digits are: their correlation."""
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])
