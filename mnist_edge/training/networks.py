"""The networks of the recipes: `image` (N, 28, 28, 1) in [0, 1] to `probabilities` (N, 10)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers


def _input() -> keras.KerasTensor:
    return keras.Input((28, 28, 1), name="image")


def _answer(x: keras.KerasTensor) -> keras.KerasTensor:
    # float32 also where the rest trains in bfloat16, which is too coarse for probabilities.
    dense = layers.Dense(10, activation="softmax", name="probabilities", dtype="float32")
    return dense(x)


def _normalized(
    x: keras.KerasTensor, number: int, filters: int, size: int, strides: int, padding: str
) -> keras.KerasTensor:
    """Add a convolution, BatchNormalization and ReLU."""
    # No bias: BatchNormalization brings its own, and both fold into one at export.
    x = layers.Conv2D(filters, size, strides, padding, use_bias=False, name=f"conv{number}")(x)
    x = layers.BatchNormalization(name=f"norm{number}")(x)
    return layers.ReLU(name=f"relu{number}")(x)


def strided(name: str, convolutions: Sequence[tuple[int, int, int, str]]) -> keras.Model:
    """Build a stack of normalized convolutions, strided instead of pooled, and one dense layer.

    Args:
        name: the model's name.
        convolutions: filters, kernel size, stride and padding of each.
    """
    image = x = _input()
    for number, convolution in enumerate(convolutions, 1):
        x = _normalized(x, number, *convolution)
    return keras.Model(image, _answer(layers.Flatten(name="flatten")(x)), name=name)


def mlp() -> keras.Model:
    """Build one hidden dense layer."""
    return _stacked(
        "mlp", layers.Flatten(name="flatten"), layers.Dense(512, activation="relu", name="dense")
    )


def dropout_cnn() -> keras.Model:
    """Build two convolutions, pooled once, and a dense layer, with dropout behind both."""
    return _stacked(
        "dropout-cnn",
        layers.Conv2D(32, 3, activation="relu", name="conv1"),
        layers.Conv2D(64, 3, activation="relu", name="conv2"),
        layers.MaxPooling2D(name="pool"),
        layers.Dropout(0.25, name="dropout1"),
        layers.Flatten(name="flatten"),
        layers.Dense(128, activation="relu", name="dense"),
        layers.Dropout(0.5, name="dropout2"),
    )


def conv5x5() -> keras.Model:
    """Build two pooled convolutions of 5x5 and a dense layer."""
    return _stacked(
        "conv5x5",
        layers.Conv2D(32, 5, padding="same", activation="relu", name="conv1"),
        layers.MaxPooling2D(name="pool1"),
        layers.Conv2D(64, 5, padding="same", activation="relu", name="conv2"),
        layers.MaxPooling2D(name="pool2"),
        layers.Flatten(name="flatten"),
        layers.Dense(64, activation="relu", name="dense"),
    )


def bn_augment() -> keras.Model:
    """Build four normalized convolutions, pooled in pairs, and a normalized dense layer."""
    image = x = _input()
    for number, filters in enumerate((32, 32, 64, 64), 1):
        x = _normalized(x, number, filters, 3, 1, "valid")
        if number % 2 == 0:
            x = layers.MaxPooling2D(name=f"pool{number // 2}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(512, use_bias=False, name="dense")(x)
    x = layers.BatchNormalization(name="norm5")(x)
    x = layers.ReLU(name="relu5")(x)
    x = layers.Dropout(0.2, name="dropout")(x)
    return keras.Model(image, _answer(x), name="bn-augment")


def _stacked(name: str, *hidden: layers.Layer) -> keras.Model:
    image = x = _input()
    for layer in hidden:
        x = layer(x)
    return keras.Model(image, _answer(x), name=name)


def ensemble(name: str, members: Sequence[keras.Model]) -> keras.Model:
    """Build the network that averages the probabilities of its members."""
    image = _input()
    answers = []
    for number, member in enumerate(members, 1):
        member.name = f"member{number}"
        answers.append(member(image))
    return keras.Model(image, layers.Average(name="probabilities")(answers), name=name)
