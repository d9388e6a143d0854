"""What the tests of reading share."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from mnist_edge.runtime import reading
from mnist_edge.runtime.classifier import Classifier
from mnist_edge.runtime.reading import Reading
from mnist_edge.runtime.reading.candidates import Candidate
from mnist_edge.runtime.reading.decoding import Source
from mnist_edge.runtime.reading.parameters import NORMALIZING
from mnist_edge.runtime.reading.views import side_of


@cache
def shipped() -> Classifier:
    return Classifier.load()


def read(source: Source) -> Reading:
    """Read a picture as the shipped model does."""
    return shipped().read(source)


def read_digit(source: Source) -> NDArray[np.uint8]:
    """Return what is likeliest the digit before any network has seen it, (28, 28)."""
    return reading.read(source).image


def drawn_width(candidate: Candidate | None) -> float:
    """Return how wide strokes are where the digit fills MNIST's box, in pixels."""
    assert candidate is not None
    return NORMALIZING.box / side_of(candidate.box) * candidate.stroke_width


def likeness(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Return how alike two normalized digits are: their correlation."""
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])
