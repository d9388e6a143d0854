"""Weights of few bits: what they are rounded to, and what a training with them gives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from mnist_edge.data import Dataset, synthetic
from mnist_edge.training import quantization
from mnist_edge.training.description import Description
from mnist_edge.training.recipes import RECIPES
from mnist_edge.training.trainer import fit
from tests.conftest import randomize

BITS = (8, 4, 4, 2, 4)


def rounded(kernel: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    values: NDArray[np.float32] = quantization.rounded(tf.constant(kernel), bits).numpy()
    return values


def steps(kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """The int8 steps of weights whose channels are scaled by their largest."""
    exact = kernel / np.abs(kernel).max(axis=tuple(range(kernel.ndim - 1))) * 127
    nearest: NDArray[np.float32] = np.rint(exact)
    np.testing.assert_allclose(exact, nearest, atol=1e-3)  # float32 of numbers up to 127
    return nearest


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_weights_are_rounded_to_steps_that_int8_has(bits: int) -> None:
    kernel = np.random.default_rng(0).normal(size=(3, 3, 8, 5)).astype(np.float32)
    assert set(steps(rounded(kernel, bits)).ravel()) <= set(quantization.levels(bits))
    assert len(quantization.levels(bits)) == (255 if bits == 8 else 2**bits)


def test_each_channel_has_a_scale_of_its_own() -> None:
    kernel = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    scales = np.array([1, 64], np.float32)
    np.testing.assert_allclose(rounded(kernel * scales, 4), rounded(kernel, 4) * scales, rtol=1e-6)


@pytest.mark.parametrize("bits", [2, 4])
@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_normally_distributed_weights_lose_least(
    bits: int, factor: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = np.random.default_rng(0).normal(size=(5000, 1)).astype(np.float32)
    least = np.square(rounded(kernel, bits) - kernel).mean()
    monkeypatch.setitem(quantization.REACH, bits, factor * quantization.REACH[bits])
    assert np.square(rounded(kernel, bits) - kernel).mean() > least


def test_the_gradient_passes_as_if_nothing_was_rounded() -> None:
    kernel = tf.Variable(np.random.default_rng(0).normal(size=(9, 2)).astype(np.float32))
    weight = np.arange(18, dtype=np.float32).reshape(9, 2)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(weight * quantization.rounded(kernel, 2))
    np.testing.assert_array_equal(tape.gradient(loss, kernel), weight)


def test_a_channel_of_zeros_stays_finite() -> None:
    assert np.abs(rounded(np.zeros((4, 1), np.float32), 4)).max() < 1e-9


def test_the_network_runs_as_with_weights_that_are_rounded_for_good() -> None:
    network = RECIPES["tiny"].network()
    randomize(network)
    aware = quantization.aware(network, BITS)
    aware.set_weights(network.get_weights())
    quantization.round_weights(network, BITS)
    image = np.random.default_rng(0).random((3, 28, 28, 1), np.float32)
    np.testing.assert_allclose(aware(image), network(image), atol=1e-5)  # float32 softmax


def test_bits_that_do_not_fit_the_network_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        quantization.aware(RECIPES["tiny"].network(), (8, 4))


# Keras' own, when it loads weights into a new network.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_training_gives_weights_of_so_many_bits_that_learned(tmp_path: Path) -> None:
    train, test = synthetic.generate(1500, seed=1), synthetic.generate(200, seed=2)
    dataset = Dataset.from_arrays("digits.npz", train, test)
    recipe = replace(RECIPES["tiny"], bits=BITS)
    description = Description.of(recipe, dataset, seed=0, epochs=3)
    training = fit(description, dataset, checkpoint_path=tmp_path / "checkpoint.npz")
    kernels = [weights for weights in training.model.get_weights() if weights.ndim > 1]
    for kernel, bits in zip(kernels, BITS, strict=True):
        assert set(steps(kernel).ravel()) <= set(quantization.levels(bits))
    assert training.history[-1].loss < training.history[0].loss
