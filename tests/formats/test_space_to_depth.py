"""Convolutions over blocks answer as those over pixels, wherever they are."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers as kl

from mnist_edge.formats.keras.layers import of_keras
from mnist_edge.formats.space_to_depth import space_to_depth
from tests.conftest import randomize

PICTURES = np.random.default_rng(1).random((5, 28, 28, 1), np.float32)


def network(*convolution: object, **arguments: object) -> keras.Model:
    image = keras.Input((28, 28, 1), name="image")
    x = kl.Conv2D(8, *convolution, name="conv1", **arguments)(image)
    x = kl.ReLU()(kl.BatchNormalization()(x))
    x = kl.Conv2D(8, 3, 2, name="conv2")(x)
    model = keras.Model(image, kl.Dense(10, "softmax")(kl.Flatten()(x)))
    randomize(model)
    return model


def kernels(model: keras.Model) -> list[tuple[int, ...]]:
    return [weight.shape for weight in model.weights if len(weight.shape) == 4]


def assert_same_answers(model: keras.Model, twin: keras.Model) -> None:
    # What adding in another order changes of numbers up to 1.
    np.testing.assert_allclose(twin(PICTURES), model(PICTURES), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("size", "stride", "padding", "blocks"),
    [
        # Keras pads one before and two behind.
        (5, 2, "same", (3, 3)),
        (3, 2, "same", (2, 2)),
        (6, 4, "same", (3, 3)),
        (8, 4, "same", (3, 3)),
        (1, 2, "same", (1, 1)),
        (4, 4, "valid", (1, 1)),
        (6, 4, "valid", (2, 2)),
        (8, 4, "valid", (2, 2)),
        (5, 2, "valid", (3, 3)),
        (9, 7, "same", (3, 3)),
        ((3, 7), 4, "same", (1, 3)),
    ],
)
def test_any_kernel_gives_the_same(
    size: int | tuple[int, int], stride: int, padding: str, blocks: tuple[int, int]
) -> None:
    model = network(size, stride, padding, use_bias=False)
    twin = space_to_depth(model)
    assert kernels(twin) == [(*blocks, stride * stride, 8), (3, 3, 8, 8)]
    assert_same_answers(model, twin)


@pytest.mark.parametrize(
    ("size", "stride"), [(3, 1), (3, 3), (5, (2, 1))], ids=["unstrided", "unfitting", "oblong"]
)
def test_others_stay_as_they_are(size: int, stride: int | tuple[int, int]) -> None:
    model = network(size, stride)
    twin = space_to_depth(model)
    assert kernels(twin) == kernels(model)
    assert_same_answers(model, twin)


def test_the_model_given_stays_as_it_was() -> None:
    model = network(5, 2, "same", activation="relu")
    before = list(of_keras(model))
    weights = model.get_weights()
    twin = space_to_depth(model)
    assert_same_answers(model, twin)
    assert list(of_keras(model)) == before
    for weight, was in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(weight, was)


def test_every_member_of_an_ensemble_is_rewritten() -> None:
    members = [network(5, 2, "same"), network(6, 4, "same")]
    image = keras.Input((28, 28, 1))
    for number, member in enumerate(members, 1):
        member.name = f"member{number}"
    model = keras.Model(image, kl.Average()([member(image) for member in members]))
    twin = space_to_depth(model)
    assert kernels(twin) == [(3, 3, 4, 8), (3, 3, 8, 8), (3, 3, 16, 8), (3, 3, 8, 8)]
    assert_same_answers(model, twin)
