"""Intervals: that they hold what they say of known distributions, and are no wider than needed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mnist_edge.benchmark.bootstrap import interval, ratio_interval

EXPERIMENTS = 200


def coverage(true: float, rounds: int, draw: np.random.Generator) -> float:
    """The share of experiments whose interval holds the true median of a skewed distribution."""
    held = 0
    for _ in range(EXPERIMENTS):
        low, high = interval(true * draw.lognormal(0, 0.3, rounds))
        held += low <= true <= high
    return held / EXPERIMENTS


def test_an_interval_holds_the_true_median_as_often_as_it_says() -> None:
    # Of 200 experiments with 95 %, the share has a standard error of 1.5 %; the bootstrap of a
    # median of thirty is known to be a little off as well. Five percent are for both.
    assert coverage(20.0, rounds=30, draw=np.random.default_rng(1)) == pytest.approx(0.95, abs=0.05)


def test_an_interval_is_as_narrow_as_theory_has_it() -> None:
    draw = np.random.default_rng(2)
    widths = [np.ptp(interval(draw.normal(100, 5, 101))) for _ in range(50)]
    # The standard error of a median of n normal figures is sqrt(pi / 2 / n) of theirs.
    expected = 2 * 1.96 * 5 * math.sqrt(math.pi / 2 / 101)
    assert np.mean(widths) == pytest.approx(expected, rel=0.15)


def test_an_interval_lies_around_the_median_and_is_the_same_each_time() -> None:
    figures = np.random.default_rng(3).exponential(10, 30)
    low, high = interval(figures)
    assert figures.min() <= low < np.median(figures) < high <= figures.max()
    assert interval(figures) == (low, high)
    assert interval([7.0] * 10) == (7, 7)


def test_rounds_that_differ_widen_what_calls_within_them_could_not() -> None:
    """Ten rounds of a thousand calls, each at a speed of its own, know ten figures, not 10,000."""
    draw = np.random.default_rng(4)
    speeds = draw.normal(100, 10, (10, 1))
    calls = speeds + draw.normal(0, 1, (10, 1000))
    by_round = np.ptp(interval(np.median(calls, axis=1)))
    by_call = np.ptp(interval(calls.ravel()[::10]))
    assert by_round > 5 * by_call


def test_the_interval_of_a_ratio_joins_both() -> None:
    assert ratio_interval(2.0, (5.0, 5.0), (3.0, 3.0)) == (2, 2)
    low, high = ratio_interval(1.0, (90.0, 110.0), (1.0, 1.0))
    assert (low, high) == pytest.approx((math.sqrt(90 / 110), math.sqrt(110 / 90)))
    # Two of the same width are wider than one by the square root of two.
    _, both = ratio_interval(1.0, (90.0, 110.0), (0.9, 1.1))
    assert math.log(both) == pytest.approx(math.sqrt(2) * math.log(high))
