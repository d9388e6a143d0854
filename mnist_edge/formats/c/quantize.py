"""Real scales as the integers that TFLite's reference kernels multiply and shift by.

All zero points and limits are of uint8: activations that a file stores as int8 are held here 128
higher, so that the field and the scores are tensors like any other.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np

OFFSET = 128
INT32_MAX = 2**31 - 1

# Of gemmlowp's fixed-point input to exp(): Q5.26, as tensorflow/lite/kernels/activations.cc.
_EXP_INTEGER_BITS = 5


class Multiplier(NamedTuple):
    """A positive factor as (`mantissa` + `rest` / 2**31) / 2**31 * 2**`exponent`.

    Attributes:
        mantissa: 2**30 to 2**31 - 1, or 0 for a factor that is too small.
        exponent: -31 to 31.
        rest: 0 to 2**31 - 1; 0 where the mantissa was rounded.
    """

    mantissa: int
    exponent: int
    rest: int = 0


class Range(NamedTuple):
    """How results are stored.

    Attributes:
        zero: what is added to them.
        low, high: what they are clamped to afterwards.
    """

    zero: int
    low: int
    high: int


class SoftmaxScale(NamedTuple):
    """How differences from the largest score become arguments of exp().

    Attributes:
        multiplier: to Q5.26.
        reach: the largest difference whose exponential is not taken for 0.
    """

    multiplier: Multiplier
    reach: int


def quantized(factor: float) -> Multiplier:
    """Return a factor as TFLite's `QuantizeMultiplier` has it.

    Source: tensorflow/lite/kernels/internal/quantization_util.cc.
    """
    fraction, exponent = math.frexp(factor)
    mantissa = math.floor(fraction * 2**31 + 0.5)
    if mantissa == 2**31:
        mantissa, exponent = 2**30, exponent + 1
    if exponent < -31:
        return Multiplier(0, 0)
    return Multiplier(mantissa, exponent)


def exact(factor: float) -> Multiplier:
    """Return a factor with all of its bits.

    TFLite's reference kernel of dense layers, unlike all others, multiplies in double precision:
    `FullyConnectedPerChannel` in tensorflow/lite/kernels/internal/reference/integer_ops/
    fully_connected.h.
    """
    fraction, exponent = math.frexp(factor)
    if exponent < -31:
        return Multiplier(0, 0)
    mantissa, rest = divmod(int(fraction * 2**62), 2**31)
    return Multiplier(mantissa, exponent, rest)


def rounds_alike(factor: float, most: int, kept: Range) -> bool:
    """Tell whether the exact products of a dense layer round as those in double precision do.

    As both grow with the sum, it is enough to look at the sums about which the result steps from
    one integer to the next.

    Args:
        factor: what sums are multiplied by.
        most: the largest sum, of either sign.
        kept: how results are stored.
    """
    for result in range(kept.low - kept.zero - 1, kept.high - kept.zero + 1):
        step = math.floor((result + 0.5) / factor)
        for total in range(max(step - 2, -most), min(step + 4, most + 1)):
            exactly, product = Fraction(factor) * abs(total), factor * abs(total)
            rounded = math.floor(product) + (product % 1 >= 0.5)
            if rounded != math.floor(exactly + Fraction(1, 2)):
                return False
    return True


def softmax_scale(beta: float, scale: np.float32) -> SoftmaxScale:
    """Return what softmax scales its input by.

    Source: `PreprocessSoftmaxScaling` and `CalculateInputRadius` in
    tensorflow/lite/kernels/internal/quantization_util.cc.
    """
    fraction_bits = 31 - _EXP_INTEGER_BITS
    multiplier = quantized(min(beta * float(scale) * 2**fraction_bits, float(INT32_MAX)))
    reach = (2**_EXP_INTEGER_BITS - 1) * 2**fraction_bits // 2**multiplier.exponent
    return SoftmaxScale(multiplier, reach)


def limits(activation: str, scale: np.float32, zero: int) -> tuple[int, int]:
    """Return the least and the largest uint8 that an activation function lets through.

    Source: `CalculateActivationRangeQuantized` in tensorflow/lite/kernels/kernel_util.cc.

    Args:
        activation: `NONE`, `RELU` or `RELU6`.
        scale: of the output.
        zero: of the output.
    """
    low = 0 if activation == "NONE" else max(0, zero)
    high = 255
    if activation == "RELU6":
        high = min(high, zero + math.floor(np.float32(6) / scale + np.float32(0.5)))
    return low, high
