"""Keras model files: loading them safely, running them, and telling their weights apart."""

from __future__ import annotations

import hashlib
import zipfile
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from numpy.typing import NDArray

from mnist_edge.contract import sidecar
from mnist_edge.errors import ModelError, first_line

if TYPE_CHECKING:
    from pathlib import Path

    from mnist_edge.contract import Contract


# Bytes of all that a file holds, unpacked, and of the description of its network.
LARGEST, LARGEST_CONFIG = 2 << 30, 16 << 20


class KerasEngine:
    """A Keras model behind the interface of the runtime's engines: the reference of all others."""

    def __init__(self, model: keras.Model) -> None:
        self.model = model

    def run(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Answer uint8 (N, 28, 28), ink 255 on 0, with float32 (N, 10)."""
        pictures = images[..., np.newaxis].astype(np.float32) / 255
        answer: NDArray[np.float32] = self.model.predict(pictures, batch_size=500, verbose=0)
        return answer


def load(path: Path, contract: Contract | None = None) -> keras.Model:
    """Load a `.keras` file; code inside it is refused (Keras' safe mode).

    Args:
        path: the file.
        contract: what it says of itself, which its bytes have to agree with.

    Raises:
        ModelError: the file is missing, damaged, carries code, or is not a digit classifier.
    """
    if contract and path.is_file():
        contract.check_content(
            path,
            f"train it again; or, if you saved it anew yourself, remove {sidecar(path).name}: then "
            "it is a model of your own.",
        )
    check_size(path)
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


def check_size(path: Path) -> None:
    """Check how much a `.keras`, `.h5` or `.hdf5` file says that it holds, before that is read.

    Raises:
        ModelError: it is more than any model of digits takes.
    """
    config = weights = 0
    # Whoever loads the file says what is wrong with it.
    with suppress(OSError, ValueError, LookupError, RuntimeError, zipfile.BadZipFile):
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                sizes = {member.filename: member.file_size for member in archive.infolist()}
                weights, config = sum(sizes.values()), sizes.get("config.json", 0)
                with archive.open("model.weights.h5") as file:
                    weights += _announced(file)
        else:
            weights = _announced(path)
    for size, most in ((config, LARGEST_CONFIG), (weights, LARGEST)):
        if size > most:
            raise ModelError(
                f"{path} holds {size:,} bytes where at most {most:,} are read.",
                remedy="choose a model of digits, which is far smaller.",
            )


def _announced(file: Any) -> int:
    """Return how many bytes the arrays of an HDF5 file are said to have."""
    import h5py

    sizes: list[int] = []
    with h5py.File(file) as content:
        content.visititems(lambda _, item: sizes.append(getattr(item, "nbytes", 0)))
    return sum(sizes)


def weights_sha256(model: keras.Model) -> str:
    """Return the hexadecimal SHA-256 of all weights, in Keras' order, as float32."""
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(np.asarray(weight, np.float32).tobytes())
    return digest.hexdigest()
