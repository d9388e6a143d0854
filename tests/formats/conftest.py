"""Digits, and a network that was trained on them, for all tests of other people's models."""

from __future__ import annotations

import pytest

from mnist_edge.data import Dataset, synthetic
from tests.formats import theirs


@pytest.fixture(scope="session")
def digits() -> Dataset:
    """Enough to tell well-fed models from others, and few enough for every file to read them."""
    return Dataset.from_arrays(
        "digits", synthetic.generate(8000, seed=1), synthetic.generate(400, seed=2)
    )


@pytest.fixture(scope="session")
def weights(digits: Dataset) -> theirs.Weights:
    """A network that was trained on ink 1 on paper 0; it reads more than 90 %."""
    return theirs.train(digits.train)
