"""Keras model files: loading them safely, running them, and telling their weights apart."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import keras
import numpy as np
from numpy.typing import NDArray

from mnist_edge.errors import ModelError, first_line

if TYPE_CHECKING:
    from pathlib import Path


class KerasEngine:
    """A Keras model behind the interface of the runtime's engines: the reference of all others."""

    def __init__(self, model: keras.Model) -> None:
        self.model = model

    def run(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Answer uint8 (N, 28, 28), ink 255 on 0, with float32 (N, 10)."""
        pictures = images[..., np.newaxis].astype(np.float32) / 255
        answer: NDArray[np.float32] = self.model.predict(pictures, batch_size=500, verbose=0)
        return answer


def load(path: Path) -> keras.Model:
    """Load a `.keras` file; code inside it is refused (Keras' safe mode).

    Raises:
        ModelError: the file is missing, damaged, carries code, or is not a digit classifier.
    """
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        # Keras lets through whatever zipfile, h5py, json and the layers raise.
        raise ModelError(
            f"{path} cannot be loaded as a Keras model: {first_line(error)}",
            remedy="train one with mnist-edge train; files that carry code are never run.",
        ) from error
    shapes = (model.input_shape, model.output_shape)
    if shapes != ((None, 28, 28, 1), (None, 10)):
        raise ModelError(
            f"{path} maps {shapes[0]} to {shapes[1]}, not (None, 28, 28, 1) to (None, 10).",
            remedy="export takes digit classifiers of 28x28 pictures, as mnist-edge train makes.",
        )
    return model


def weights_sha256(model: keras.Model) -> str:
    """Return the hexadecimal SHA-256 of all weights, in Keras' order, as float32."""
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(np.asarray(weight, np.float32).tobytes())
    return digest.hexdigest()
