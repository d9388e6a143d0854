"""Wrapped for export, other people's Keras models answer what they answer as they are."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as kl

from mnist_edge.contract import TensorSpec
from mnist_edge.data import Dataset
from mnist_edge.errors import ModelError
from mnist_edge.formats.foreign import Feeding
from mnist_edge.formats.keras.canonical import wrap
from mnist_edge.formats.keras.runner import KerasRunner
from mnist_edge.formats.onnx import convert
from mnist_edge.runtime.engines.encoding import EncodedEngine
from tests.formats import theirs
from tests.formats.test_foreign import WAYS
from tests.formats.theirs import spec

# Keras and the converters use what other libraries no longer like.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

FEEDINGS = WAYS | {
    "two values": spec(values="binary", range=(0.0, 255.0)),
    "two values, dark ink": spec(values="binary", range=(1.0, 0.0)),
    "columns of norm 1": spec("NHW", 28, 28, values="unit-columns"),
    "padded and transposed": spec("NCHW", 1, 32, 32, fit="padded", transposed=True),
    "halved": spec("NC", 196, fit="resized", range=(-1.0, 1.0)),
    "dark and padded": spec("NHWC", 32, 32, 3, fit="padded", range=(255.0, 0.0)),
}


def same(model: keras.Model, fed: TensorSpec, answers: str, digits: Dataset) -> None:
    """Check that a model answers wrapped what it answers as it is, its batch free."""
    images = digits.test.images[:50]
    expected = EncodedEngine(KerasRunner(model, "theirs"), fed, answers).run(images)
    wrapped = wrap(model, Feeding(fed, answers))
    assert wrapped.inputs[0].shape == (None, 28, 28, 1)
    given = np.asarray(wrapped(images[..., np.newaxis] / np.float32(255), training=False))
    assert np.ptp(expected, axis=0).max() > 1e-2
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("fed", FEEDINGS.values(), ids=FEEDINGS)
def test_a_model_answers_the_same_however_it_is_fed(
    fed: TensorSpec, digits: Dataset, weights: theirs.Weights
) -> None:
    if fed.shape[1:] == (196,):
        kernel = 4 * weights.first.reshape(28, 28, -1)[::2, ::2]
        own = weights._replace(first=kernel.reshape(196, -1))
    else:
        own = theirs.fed_as(weights, fed)
    same(theirs.to_keras(own, fed.shape[1:]), fed, "probabilities", digits)


@pytest.mark.parametrize("answers", theirs.ENDS)
def test_a_model_answers_the_same_whatever_it_answers_with(
    answers: str, digits: Dataset, weights: theirs.Weights
) -> None:
    same(theirs.to_keras(weights, answers=answers), spec(), answers, digits)


@pytest.mark.parametrize("batch", [1, 10])
def test_a_fixed_batch_becomes_free(batch: int, digits: Dataset, weights: theirs.Weights) -> None:
    model = theirs.to_keras(weights, batch=batch)
    fed = spec()
    same(
        model,
        TensorSpec(fed.name, fed.layout, (batch, 28, 28, 1), fed.dtype, fed.range),
        "probabilities",
        digits,
    )


def _residual(x: Any) -> Any:
    y = kl.Conv2D(4, 3, padding="same")(x)
    return kl.Add()([y, kl.Conv2D(4, 3, padding="same", activation="relu")(kl.ReLU()(y))])


def _two_dense_layers(joined: keras.Layer) -> Any:
    flat = kl.Flatten()
    return lambda x: joined([kl.Dense(8)(flat(x)), kl.Dense(8, "relu")(flat(x))])


def _one_dense_layer_twice(x: Any) -> Any:
    dense = kl.Dense(28)
    rows = kl.Reshape((28, 28))(x)
    return kl.Add()([dense(rows), dense(kl.Permute((2, 1))(rows))])


def _conv(**others: Any) -> keras.Layer:
    return kl.Conv2D(4, 3, **others)


# What people put between the picture and the dense layer at the end: layers in a row.
INSIDE: dict[str, Any] = {
    "Rescaling": lambda: [kl.Rescaling(1 / 127.5, offset=-1)],
    "Normalization": lambda: [kl.Normalization(axis=None, mean=0.13, variance=0.1), _conv()],
    "RandomRotation": lambda: [kl.RandomRotation(0.1), _conv()],
    "Dropout": lambda: [kl.GaussianNoise(0.3), _conv(), kl.SpatialDropout2D(0.2)],
    "BatchNormalization before": lambda: [_conv(), kl.BatchNormalization(), kl.ReLU()],
    "BatchNormalization behind": lambda: [_conv(), kl.ReLU(), kl.BatchNormalization()],
    "of dense layers": lambda: [kl.Flatten(), kl.Dense(16, "relu"), kl.BatchNormalization()],
    "LeakyReLU": lambda: [_conv(), kl.LeakyReLU(negative_slope=0.1)],
    "PReLU": lambda: [_conv(), kl.PReLU(shared_axes=[1, 2])],
    "GELU": lambda: [_conv(activation="gelu")],
    "GlobalAveragePooling": lambda: [_conv(strides=2), kl.ReLU(), kl.GlobalAveragePooling2D()],
    "depthwise": lambda: [_conv(), kl.DepthwiseConv2D(3)],
    "separable": lambda: [_conv(), kl.SeparableConv2D(4, 3)],
    "residual": lambda: [_residual],
    "LSTM": lambda: [kl.Reshape((28, 28)), kl.LSTM(8)],
    "dense layers side by side": lambda: [_two_dense_layers(kl.Concatenate())],
    "a sum of dense layers": lambda: [_two_dense_layers(kl.Add())],
    "a dense layer twice": lambda: [_one_dense_layer_twice],
    "permuted": lambda: [_conv(), kl.Permute((2, 1, 3))],
}


@pytest.mark.parametrize("name", INSIDE)
def test_a_network_answers_the_same_wrapped_and_as_onnx(name: str, digits: Dataset) -> None:
    import onnxruntime

    keras.utils.set_random_seed(0)
    x = image = keras.Input((28, 28, 1))
    for layer in INSIDE[name]():
        x = layer(x)
    answer = kl.Dense(10, "softmax", kernel_initializer="he_normal")(kl.Flatten()(x))
    model = keras.Model(image, answer)
    for layer in model.layers:
        if isinstance(layer, kl.BatchNormalization):
            for weight in layer.weights:
                weight.assign(np.random.default_rng(0).uniform(0.5, 1.5, weight.shape))
    fed = spec(range=(0.0, 255.0)) if name == "Rescaling" else spec()
    images = digits.test.images[:50]
    expected = EncodedEngine(KerasRunner(model, "theirs"), fed, "probabilities").run(images)
    assert np.ptp(expected, axis=0).max() > 1e-3
    wrapped = wrap(model, Feeding(fed, "probabilities"))
    pictures = images[..., np.newaxis].astype(np.float32) / np.float32(255)
    given = np.asarray(wrapped(pictures, training=False))
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-5)
    session = onnxruntime.InferenceSession(convert.float32(wrapped, images))
    (exported,) = session.run(None, {"image": pictures.transpose(0, 3, 1, 2)})
    np.testing.assert_allclose(exported, expected, rtol=0, atol=1e-5)


def test_a_second_input_or_output_is_refused() -> None:
    images = [keras.Input((28, 28, 1), name=name) for name in ("left", "right")]
    both = kl.Dense(10)(kl.Flatten()(kl.Add()(images)))
    with pytest.raises(ModelError, match=r"theirs takes 2 inputs \(left, right\)"):
        KerasRunner(keras.Model(images, both), "theirs")
    flat = kl.Flatten()(images[0])
    with pytest.raises(ModelError, match="theirs gives 2 outputs"):
        KerasRunner(keras.Model(images[0], [kl.Dense(10)(flat), kl.Dense(1)(flat)]), "theirs")


def test_a_model_that_was_never_built_is_refused() -> None:
    with pytest.raises(ModelError, match="theirs was never built"):
        KerasRunner(keras.Sequential([kl.Flatten(), kl.Dense(10)]), "theirs")
