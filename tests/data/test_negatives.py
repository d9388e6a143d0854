"""The pictures without a digit: repeatable, in MNIST's form, and of many kinds."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge.data import negatives


@pytest.fixture(scope="module")
def pictures() -> NDArray[np.uint8]:
    return negatives.generate(1000, seed=3)


def test_a_seed_gives_the_same_pictures_again_and_another_others(
    pictures: NDArray[np.uint8],
) -> None:
    np.testing.assert_array_equal(pictures, negatives.generate(1000, seed=3))
    assert not np.array_equal(pictures, negatives.generate(1000, seed=4))


@pytest.mark.parametrize("count", [0, 1, 7])
def test_any_number_is_drawn(count: int) -> None:
    drawn = negatives.generate(count, seed=0)
    assert drawn.shape == (count, 28, 28)
    assert drawn.dtype == np.uint8


def test_they_have_mnists_form(pictures: NDArray[np.uint8]) -> None:
    ink = pictures > 0
    for axis in (1, 2):
        filled = np.asarray(ink.any(axis=axis))
        extent = 28 - filled.argmax(axis=1) - filled[:, ::-1].argmax(axis=1)
        assert extent.max() <= 22  # a box of 20, and the soft rim of what was drawn with a pen
    mass = pictures.sum(axis=(1, 2))
    centre = pictures.sum(axis=1) @ np.arange(28) / mass
    # Centred by whole pixels, so off by half of one at most; more where the rim stopped it.
    assert np.quantile(abs(centre - 14), 0.99) <= 0.51


def test_no_two_are_alike(pictures: NDArray[np.uint8]) -> None:
    assert len(np.unique(pictures.reshape(len(pictures), -1), axis=0)) == len(pictures)


def test_thin_strokes_and_solid_shapes_are_among_them(pictures: NDArray[np.uint8]) -> None:
    filled = (pictures > 127).mean(axis=(1, 2))
    assert (filled < 0.1).mean() > 0.1
    assert (filled > 0.25).mean() > 0.05
