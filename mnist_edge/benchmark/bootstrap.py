"""Confidence intervals by the bootstrap, over rounds.

Calls that follow each other share the state of the machine, so that thousands of them say hardly
more than a few: an interval over calls would be far too narrow. Rounds are seconds apart, and are
what is drawn with replacement (Künsch 1989, https://doi.org/10.1214/aos/1176347265: whole blocks
keep the dependence inside them).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

CONFIDENCE = 95  # percent
RESAMPLES = 2_000

Interval = tuple[float, float]


def interval(rounds: ArrayLike) -> Interval:
    """Return the confidence interval of the median of one figure per round (N,)."""
    figures = np.asarray(rounds, np.float64)
    drawn = np.random.default_rng(0).choice(figures, (RESAMPLES, len(figures)))
    tail = (100 - CONFIDENCE) / 2
    low, high = np.percentile(np.median(drawn, axis=1), (tail, 100 - tail))
    return float(low), float(high)


def ratio_interval(ratio: float, *parts: Interval) -> Interval:
    """Return the confidence interval of a ratio of two figures of different runs.

    Args:
        ratio: the one over the other.
        parts: the intervals of both; the half widths of their logarithms add up as squares.
    """
    width = math.hypot(*(math.log(high / low) / 2 for low, high in parts))
    return ratio * math.exp(-width), ratio * math.exp(width)
