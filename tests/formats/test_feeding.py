"""What cannot be true of a model is refused when it is said."""

from __future__ import annotations

import math

import pytest

from mnist_edge.errors import UsageError
from mnist_edge.formats.feeding import FeedingOptions


@pytest.mark.parametrize("range", [(1.0, 1.0), (math.nan, 1.0), (0.0, math.inf), (-1e308, 1e308)])
def test_a_range_without_width_or_end_is_wrong_usage(range: tuple[float, float]) -> None:  # noqa: A002
    with pytest.raises(UsageError, match="an input cannot go from"):
        FeedingOptions(range=range)
