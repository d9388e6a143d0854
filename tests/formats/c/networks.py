"""Networks of random weights, for the tests of the C header."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mnist_edge.formats.tflite import convert as to_tflite
from tests.conftest import randomize
from tests.formats.c.conftest import fields

if TYPE_CHECKING:
    import keras

Body = Callable[["keras.KerasTensor"], "keras.KerasTensor"]


def layer(name: str, *arguments: object, **options: object) -> Body:
    """A Keras layer, made when it is called: importing Keras takes seconds."""

    def call(x: keras.KerasTensor) -> keras.KerasTensor:
        import keras

        return getattr(keras.layers, name)(*arguments, **options)(x)

    return call


# Smaller, of several channels, and with negative numbers, so that zero points are not 0.
START: Body = layer("Conv2D", 4, 3, strides=2, padding="same")


def after(*layers: Body) -> Body:
    def body(x: keras.KerasTensor) -> keras.KerasTensor:
        for each in (START, *layers):
            x = each(x)
        return x

    return body


def residual(x: keras.KerasTensor) -> keras.KerasTensor:
    import keras

    x = START(x)
    y = layer("Conv2D", 4, 3, padding="same", activation="relu")(x)
    z = keras.layers.Add()([x, y])
    return keras.layers.Add()([layer("ReLU")(z), y])


def int8(body: Body, bits: Sequence[int] = ()) -> bytes:
    """Build a network of random weights, with a body between field and answer, and convert it.

    Args:
        body: what stands in between.
        bits: of the weights of each convolution and dense layer, 8 if there are none.
    """
    import keras

    from mnist_edge.training.quantization import round_weights

    image = keras.Input((28, 28, 1), name="image")
    dense = keras.layers.Dense(10, activation="softmax")
    model = keras.Model(image, dense(keras.layers.Flatten()(body(image))))
    randomize(model)
    if bits:
        round_weights(model, bits)
    return to_tflite.int8(model, fields(20))
