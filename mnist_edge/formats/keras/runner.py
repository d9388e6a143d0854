"""Somebody else's Keras model or SavedModel, run as it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from numpy.typing import NDArray

from mnist_edge.errors import ModelError, printable
from mnist_edge.formats.keras import loading, savedmodel
from mnist_edge.runtime.engines.engine import several_inputs

if TYPE_CHECKING:
    import tensorflow as tf

# What TensorFlow takes for the names of layers and models.
_SCOPE = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*")

# Pictures in one call, where a model takes any number.
BATCH = 500


def load(path: Path) -> keras.Model | tf.types.experimental.ConcreteFunction:
    """Load a `.keras`, `.h5` or `.hdf5` file, or the folder of a SavedModel.

    Raises:
        ModelError: it cannot be loaded without running what is in it, or at all.
    """
    return savedmodel.load(path) if path.is_dir() else loading.load(path)


def load_layers(path: Path) -> keras.Model:
    """Load a `.keras`, `.h5` or `.hdf5` file, whose layers can be separated.

    Raises:
        ModelError: as `load`; or it is a SavedModel, which holds operations and no layers.
    """
    if path.is_dir():
        raise ModelError(
            f"{path} is a SavedModel, which holds no layers.",
            remedy="look at the ONNX file that export makes of it.",
        )
    return loading.load(path)


class KerasRunner:
    """A network that takes and gives real values in its own shapes.

    Args:
        model: what `load` returned, or a model in memory.
        source: its name, for errors.

    Attributes:
        model: the network.
        shape: of the input, batch first; None for a size that it leaves open.
        dtype: NumPy's name of the type of the input.

    Raises:
        ModelError: it was never built, has a name that cannot be run, takes several inputs, or
            gives several outputs.
    """

    rounded = False

    def __init__(
        self, model: keras.Model | tf.types.experimental.ConcreteFunction, source: object
    ) -> None:
        self.model = model
        inputs = getattr(model, "inputs", None)
        if not inputs:
            raise ModelError(
                f"{source} was never built: its layers have no shapes.",
                remedy="begin it with keras.Input((28, 28, 1)).",
            )
        layers = [model, *model.layers] if isinstance(model, keras.Model) else []
        for layer in layers:
            if not _SCOPE.fullmatch(layer.name):
                raise ModelError(
                    f"{source} has a layer or a name that TensorFlow cannot run: "
                    f"{printable(layer.name)}.",
                    remedy="give it a name of letters, digits, _ and -.",
                )
        if isinstance(model, keras.Model) and len(model.outputs) != 1:
            raise ModelError(
                f"{source} gives {len(model.outputs)} outputs, not one answer.",
                remedy="choose a classifier of the ten digits.",
            )
        if len(inputs) != 1:
            raise several_inputs(source, [each.name for each in inputs])
        self.shape = tuple(inputs[0].shape)
        self.dtype = keras.backend.standardize_dtype(inputs[0].dtype)

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Answer real values (N, …) in the shape of the input, with float32 (N, M); any N."""
        size = self.shape[0] or BATCH
        answers = []
        for start in range(0, len(batch), size):
            chunk = batch[start : start + size]
            count = len(chunk)
            if count < size:
                # One shape for all chunks: TensorFlow would prepare another anew.
                chunk = np.concatenate([chunk, np.repeat(chunk[-1:], size - count, axis=0)])
            answers.append(self._answer(chunk.astype(self.dtype))[:count])
        return np.concatenate(answers)

    def _answer(self, chunk: NDArray[np.float32]) -> NDArray[np.float32]:
        if isinstance(self.model, keras.Model):
            answer = self.model.predict_on_batch(chunk)
        else:
            answer = self.model(keras.ops.convert_to_tensor(chunk))
        return np.asarray(only(answer), np.float32).reshape(len(chunk), -1)


def only(answers: Any) -> Any:
    """Return the one answer of a network that may give a list or a dict of one."""
    if isinstance(answers, dict):
        answers = list(answers.values())
    return answers[0] if isinstance(answers, list | tuple) else answers
