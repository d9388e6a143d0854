"""When an answer is trusted: limits of the two most probable digits, fitted and applied here."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mnist_edge.contract import Accept, Limits

Probabilities = NDArray[np.float32]

# Why an answer is not to be trusted.
BLANK = "blank"
NO_DIGIT = "no-digit"
AMBIGUOUS = "ambiguous"
COUNT = "count"
UNREADABLE = "unreadable"
WITHOUT_INK = (BLANK, UNREADABLE)

# The shares of the validation pictures that are refused: as no digit, and as one or another. Where
# the digit had to be found, more can go wrong than validation shows.
NO_DIGIT_SHARE, AMBIGUOUS_SHARE = 0.003, 0.001
FOUND_NO_DIGIT_SHARE, FOUND_AMBIGUOUS_SHARE = 0.01, 0.003


def doubt(probabilities: Probabilities, limits: Limits) -> str | None:
    """Return why an answer (10,) is not to be trusted; None where it is."""
    # By Python's numbers, which for one picture is faster.
    second, first = sorted(probabilities.tolist())[-2:]
    if first + second < limits.threshold:
        return NO_DIGIT
    return AMBIGUOUS if first - second < limits.margin else None


def two_best(probabilities: Probabilities) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return sum and difference, each (N,), of the two largest probabilities of rows (N, 10)."""
    second, first = np.partition(probabilities, -2, axis=1).T[-2:].astype(np.float64)
    return first + second, first - second


def fit_accept(probabilities: Probabilities) -> Accept:
    """Choose the limits that refuse their shares of the validation pictures.

    Args:
        probabilities: float32 (N, 10), the answers to the validation split.
    """
    sums, margins = two_best(probabilities)

    def limits(no_digit: float, ambiguous: float) -> tuple[float, float]:
        # Rounded down: answers in whole steps lie at their limits, and reach them.
        least = np.quantile(sums, no_digit), np.quantile(margins, ambiguous)
        threshold, margin = (math.floor(limit * 1e4) / 1e4 for limit in least)
        return threshold, margin

    return Accept(
        "two-best",
        *limits(NO_DIGIT_SHARE, AMBIGUOUS_SHARE),
        found=Limits(*limits(FOUND_NO_DIGIT_SHARE, FOUND_AMBIGUOUS_SHARE)),
    )
