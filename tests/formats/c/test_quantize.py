"""Real factors as integers, against the formulas they stand for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_edge.formats.c.quantize import (
    Range,
    exact,
    limits,
    quantized,
    rounds_alike,
    softmax_scale,
)

FACTORS = st.floats(2**-31, 2**20)


@given(FACTORS)
def test_a_factor_is_held_in_31_bits(factor: float) -> None:
    mantissa, exponent, rest = quantized(factor)
    assert 2**30 <= mantissa < 2**31
    assert rest == 0
    assert mantissa / 2**31 * 2.0**exponent == pytest.approx(factor, rel=2**-31)


@given(FACTORS)
def test_a_factor_of_a_dense_layer_keeps_all_bits(factor: float) -> None:
    mantissa, exponent, rest = exact(factor)
    assert (mantissa * 2**31 + rest) * 2.0 ** (exponent - 62) == factor


def test_what_rounds_up_to_one_is_one_half_doubled() -> None:
    assert quantized(1 - 2**-40) == (2**30, 1, 0)


def test_a_factor_too_small_to_matter_is_zero() -> None:
    assert quantized(2.0**-40) == exact(2.0**-40) == (0, 0, 0)


@pytest.mark.parametrize(
    ("activation", "scale", "zero", "expected"),
    [
        ("NONE", 0.1, 100, (0, 255)),
        ("RELU", 0.1, 100, (100, 255)),
        ("RELU", 0.1, 0, (0, 255)),
        ("RELU6", 0.1, 100, (100, 160)),
        ("RELU6", 0.01, 0, (0, 255)),
    ],
)
def test_activations_clamp(
    activation: str, scale: float, zero: int, expected: tuple[int, int]
) -> None:
    assert limits(activation, np.float32(scale), zero) == expected


def test_softmax_reaches_as_far_as_its_exponential() -> None:
    """Differences are scaled to 1/2**26; beyond 31, exp() is 0 in all bits that are kept."""
    (mantissa, exponent, _), reach = softmax_scale(1.0, np.float32(0.25))
    assert mantissa / 2**31 * 2**exponent == 0.25 * 2**26
    # At most what overflows 32 bits when it is shifted.
    assert reach * 2**exponent < 2**31 <= (reach + 2) * 2**exponent


def test_exact_products_are_told_from_those_that_round_otherwise() -> None:
    kept = Range(0, 0, 255)
    assert rounds_alike(0.0037, 10**6, kept)
    # Three times the double below 1/6 is a half in double precision, and less than one exactly.
    assert 1 / 6 * 3 == 0.5
    assert not rounds_alike(1 / 6, 10**6, kept)
    assert rounds_alike(1 / 6, 2, kept)
