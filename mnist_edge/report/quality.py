"""What a model gets wrong, and whether it knows: confusion, confident errors, calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_edge.contract import LABELS
from mnist_edge.runtime.classifier import two_best

Answers = NDArray[np.float32]
Digits = NDArray[np.uint8]

# As Guo et al. 2017 have it.
BINS = 15


@dataclass(frozen=True)
class Error:
    """A picture answered wrong: its number, the right digit, the answer, and its margin."""

    index: int
    label: int
    answer: int
    margin: float


@dataclass(frozen=True)
class Bin:
    """The answers of one range of confidence: how many, how sure and how often right on average."""

    count: int
    confidence: float
    accuracy: float


def confusion(answers: Answers, labels: Digits) -> NDArray[np.int64]:
    """Count the answers: int64 (10, 10), a row for each right digit, a column for each answer."""
    size = len(LABELS)
    pairs = labels.astype(np.int64) * size + answers.argmax(axis=1)
    return np.bincount(pairs, minlength=size * size).reshape(size, size)


def confident_errors(answers: Answers, labels: Digits, count: int) -> list[Error]:
    """Return the `count` wrong answers with the largest difference of the two best digits."""
    digits, certainty = answers.argmax(axis=1), two_best(answers)[1]
    wrong = np.flatnonzero(digits != labels)
    worst = wrong[np.argsort(-certainty[wrong], kind="stable")][:count]
    return [Error(int(i), int(labels[i]), int(digits[i]), float(certainty[i])) for i in worst]


def reliability(probabilities: Answers, labels: Digits) -> list[Bin]:
    """Part the answers by their confidence into equal ranges, and leave out the empty ones."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    # A bin holds its upper end, the first bin 0 too.
    places = np.ceil(confidence * BINS).clip(1, BINS)
    return [
        Bin(len(members), float(confidence[members].mean()), float(right[members].mean()))
        for place in range(1, BINS + 1)
        if len(members := np.flatnonzero(places == place))
    ]


def calibration_error(bins: list[Bin]) -> float:
    """Return the expected calibration error: the mean gap between confidence and accuracy.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3.
    """
    total = sum(part.count for part in bins)
    return sum(part.count * abs(part.accuracy - part.confidence) for part in bins) / total
