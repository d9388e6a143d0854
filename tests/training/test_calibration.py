"""Calibration: the temperature that a sample was drawn at is found, and no answer changes."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from mnist_edge.data import Split, synthetic
from mnist_edge.report.quality import calibration_error, reliability
from mnist_edge.training.calibration import calibrate, temperature
from mnist_edge.training.keras_model import KerasEngine


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities: np.ndarray = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return probabilities


@pytest.mark.parametrize("true", [0.5, 1.0, 2.0])
def test_the_temperature_of_a_sample_is_found(true: float) -> None:
    rng = np.random.default_rng(0)
    scores = 3 * rng.standard_normal((20_000, 10))
    chances = softmax(scores / true).cumsum(axis=1)
    labels = (rng.uniform(size=(20_000, 1)) > chances).sum(axis=1).clip(max=9).astype(np.uint8)
    # The spacing of the temperatures tried is 1.4 %, the sample's own error about as much.
    assert temperature(softmax(scores), labels) == pytest.approx(true, rel=0.05)


def test_a_network_too_sure_of_itself_is_mended_and_answers_as_before() -> None:
    images, labels = synthetic.generate(500, seed=6)
    layers = [keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax")]
    model = keras.Sequential([keras.Input((28, 28, 1)), *layers])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(images[:250, ..., None] / 255.0, labels[:250], epochs=5, verbose=0)
    kernel, bias = layers[1].get_weights()
    layers[1].set_weights([8 * kernel, 8 * bias])
    validation = Split(images[250:], labels[250:])
    before = KerasEngine(model).run(validation.images)
    calibrate(model, validation)
    after = KerasEngine(model).run(validation.images)
    np.testing.assert_array_equal(before.argmax(axis=1), after.argmax(axis=1))
    errors = [
        calibration_error(reliability(answers, validation.labels)) for answers in (before, after)
    ]
    assert errors[1] < errors[0] / 2
