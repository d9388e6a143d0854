"""Publishing: the limits of answers that are to be trusted."""

from __future__ import annotations

import numpy as np

from mnist_edge.runtime.accept import fit_accept, two_best


def test_limits_refuse_their_shares_of_the_validation_pictures_more_where_digits_are_found() -> (
    None
):
    scores = np.random.default_rng(0).normal(0, 3, (10_000, 10))
    powers = np.exp(scores)
    probabilities = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    sums, margins = two_best(probabilities)
    accept = fit_accept(probabilities)
    for limits, no_digit, ambiguous in ((accept, 0.003, 0.001), (accept.found, 0.01, 0.003)):
        # Limits have four decimals: in 10,000 pictures that is one or two.
        assert abs((sums < limits.threshold).mean() - no_digit) < 2e-4
        assert abs((margins < limits.margin).mean() - ambiguous) < 2e-4
