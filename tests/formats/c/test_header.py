"""Small random networks, one an operator, answered alike by the header and TFLite's reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest

from mnist_edge.errors import ConversionError
from mnist_edge.formats import to_tflite
from mnist_edge.formats.c import gate, header
from mnist_edge.formats.c.parse import parse
from mnist_edge.formats.c.plan import plan
from tests.conftest import randomize
from tests.formats.c.conftest import CONTRACT

if TYPE_CHECKING:
    import keras

Build = Callable[["keras.KerasTensor"], "keras.KerasTensor"]


def built(body: Build) -> keras.Model:
    """A network of random weights with a body between the field and a dense layer."""
    import keras

    image = keras.Input((28, 28, 1), name="image")
    x = keras.layers.Flatten()(body(image))
    model = keras.Model(image, keras.layers.Dense(10, activation="softmax")(x))
    randomize(model)
    return model


def pictures(count: int) -> np.ndarray:
    """Fields of all kinds: noise, faint noise, and blobs on black."""
    rng = np.random.default_rng(3)
    noise = rng.integers(0, 256, (count, 28, 28))
    dense = rng.random((count, 1, 1))
    return (noise * (rng.random((count, 28, 28)) < dense)).astype(np.uint8)


def convolution(*arguments: object, **options: object) -> Build:
    import keras

    return keras.layers.Conv2D(*arguments, **options)


def after(first: Callable[[], keras.Layer], second: Callable[[], keras.Layer]) -> Build:
    return lambda x: second()(first()(x))


def layer(name: str, *arguments: object, **options: object) -> Callable[[], keras.Layer]:
    def make() -> keras.Layer:
        import keras

        return getattr(keras.layers, name)(*arguments, **options)

    return make


CONVOLUTION = layer("Conv2D", 4, 3, strides=2, padding="same")


def residual(x: keras.KerasTensor) -> keras.KerasTensor:
    import keras

    x = CONVOLUTION()(x)
    y = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    z = keras.layers.Add()([x, y])
    return keras.layers.Add()([keras.layers.ReLU()(z), y])


BODIES: dict[str, Build] = {
    "dense": lambda x: layer("Dense", 12, activation="relu")()(layer("Flatten")()(x)),
    "linear": after(CONVOLUTION, layer("Conv2D", 6, 3, padding="same")),
    "valid": after(CONVOLUTION, layer("Conv2D", 6, (3, 2), padding="valid", activation="relu")),
    "strided": after(CONVOLUTION, layer("Conv2D", 6, 4, strides=(3, 2), padding="same")),
    "one pixel": after(CONVOLUTION, layer("Conv2D", 6, 1, strides=2, activation="relu6")),
    "large kernel": layer("Conv2D", 3, 20, padding="same"),
    "dilated": after(CONVOLUTION, layer("Conv2D", 5, 3, dilation_rate=2, padding="same")),
    "depthwise": after(CONVOLUTION, layer("DepthwiseConv2D", 3, padding="same")),
    "multiplied": after(
        CONVOLUTION,
        layer("DepthwiseConv2D", 3, strides=2, depth_multiplier=3, activation="relu6"),
    ),
    "separable": after(CONVOLUTION, layer("SeparableConv2D", 6, 3, activation="relu")),
    "maximum": after(CONVOLUTION, layer("MaxPooling2D", 3, strides=2, padding="same")),
    "mean": after(CONVOLUTION, layer("AveragePooling2D", 3, strides=2, padding="same")),
    "pad": after(CONVOLUTION, layer("ZeroPadding2D", ((1, 2), (3, 0)))),
    "residual": residual,
    "normalized": after(CONVOLUTION, layer("BatchNormalization")),
}
BODIES = {
    name: body if name in {"dense", "residual"} or "lambda" in repr(body) else (lambda x, b=body: b()(x))
    for name, body in BODIES.items()
}


@pytest.mark.parametrize("name", BODIES)
def test_every_operator_is_exact(name: str) -> None:
    tflite = to_tflite.int8(built(BODIES[name]), pictures(20))
    gate.check(header(tflite, CONTRACT), tflite, CONTRACT.name, pictures(200))
    print(name, plan(parse(tflite)).size)
