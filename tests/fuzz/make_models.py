"""Make the models that mutations start from: small, so that most of their bytes are structure.

    python -m tests.fuzz.make_models

What they answer does not matter: their weights are random.
"""

from __future__ import annotations

import keras
from keras import layers

from mnist_edge.contract import SIZE
from mnist_edge.data import synthetic
from mnist_edge.formats.onnx import convert as to_onnx
from mnist_edge.formats.tflite import convert as to_tflite
from tests.conftest import randomize
from tests.fuzz.targets import MODELS


def main() -> None:
    """Write each format, in float32 and in int8."""
    model = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 1)),
            layers.Conv2D(2, 4, strides=4, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10, "softmax"),
        ]
    )
    randomize(model)
    calibration = synthetic.generate(20, seed=0).images
    MODELS.mkdir(exist_ok=True)
    for ending, convert in (("onnx", to_onnx), ("tflite", to_tflite)):
        (MODELS / f"float32.{ending}").write_bytes(convert.float32(model, calibration))
        (MODELS / f"int8.{ending}").write_bytes(convert.int8(model, calibration))


if __name__ == "__main__":
    main()
