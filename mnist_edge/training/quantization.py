"""Weights of few bits, which the training reckons with.

The network runs with rounded weights, and learns as if they were not: the straight-through
estimator (Bengio, Leonard and Courville 2013, "Estimating or Propagating Gradients Through
Stochastic Neurons for Conditional Computation"). They are rounded to a few of the 255 steps that
int8 files have, so that such a file holds them exactly, and the C header packs them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

# The largest step of int8 weights, by which each channel's are scaled.
TOP = 127

# How far the steps of so many bits reach, in root mean squares of a channel: where the squared
# error of even steps is least for normally distributed numbers (Max 1960, "Quantizing for Minimum
# Distortion", table II).
REACH = {2: 1.5 * 0.9957, 4: 7.5 * 0.3352, 8: float("inf")}


def levels(bits: int) -> NDArray[np.float32]:
    """Return the int8 steps that weights of 2, 4 or 8 bits are rounded to, in ascending order.

    They are even, but for what int8 rounds off, and symmetric. Of 2 and 4 bits none is 0, which
    would leave a step unused on one side.
    """
    count = 2 * TOP + 1 if bits == 8 else 2**bits
    return np.rint(np.linspace(-TOP, TOP, count)).astype(np.float32)


def rounded(kernel: tf.Tensor, bits: int) -> tf.Tensor:
    """Round weights (…, output channels) to the nearest steps; the gradient passes unchanged.

    A channel's largest step is its largest weight, or what `REACH` says if that is less.
    """
    steps = levels(bits)
    axes = list(range(len(kernel.shape) - 1))
    largest = tf.reduce_max(tf.abs(kernel), axes)
    spread = tf.sqrt(tf.reduce_mean(tf.square(kernel), axes))
    step = tf.maximum(tf.minimum(largest, REACH[bits] * spread), 1e-12) / TOP
    middles = (steps[1:] + steps[:-1]) / 2
    places = tf.searchsorted(middles, tf.reshape(kernel / step, [-1]))
    nearest = tf.reshape(tf.gather(steps, places), tf.shape(kernel)) * step
    return kernel + tf.stop_gradient(nearest - kernel)


class _Rounded:
    """A layer that runs with rounded weights: to be mixed into one that has a kernel."""

    bits: int

    @property
    def kernel(self) -> tf.Tensor:
        kernel = super().kernel  # type: ignore[misc]
        return rounded(keras.ops.convert_to_tensor(kernel), self.bits)


class _Convolution(_Rounded, keras.layers.Conv2D):  # type: ignore[misc]
    pass


class _Dense(_Rounded, keras.layers.Dense):  # type: ignore[misc]
    pass


_AWARE: dict[Any, Any] = {keras.layers.Conv2D: _Convolution, keras.layers.Dense: _Dense}


def _bits_of(network: keras.Model, bits: Sequence[int]) -> dict[str, int]:
    """Return the bits of each layer that has a kernel."""
    names = [layer.name for layer in network.layers if type(layer) in _AWARE]
    return dict(zip(names, bits, strict=True))


def aware(network: keras.Model, bits: Sequence[int]) -> keras.Model:
    """Return a network that runs with rounded weights, with the same variables.

    Args:
        network: convolutions, dense layers, and layers without kernels.
        bits: of the weights of each convolution and dense layer, in their order: 2, 4 or 8.
    """
    bits_of = _bits_of(network, bits)

    def clone(layer: keras.Layer) -> Any:
        copy = _AWARE.get(type(layer), type(layer)).from_config(layer.get_config())
        if layer.name in bits_of:
            copy.bits = bits_of[layer.name]
        return copy

    return keras.models.clone_model(network, clone_function=clone)


def round_weights(network: keras.Model, bits: Sequence[int]) -> None:
    """Round the weights of a trained network, in place, to those that it ran with."""
    for name, width in _bits_of(network, bits).items():
        kernel = network.get_layer(name).kernel
        kernel.assign(rounded(keras.ops.convert_to_tensor(kernel), width))
