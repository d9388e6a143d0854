"""Somebody else's network between layers that feed it: `image` in 0 to 1, probabilities out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import keras
from keras import layers

from mnist_edge.contract import LABELS, SIZE, TensorSpec
from mnist_edge.errors import ConversionError, ModelError, printable
from mnist_edge.files import sha256_of
from mnist_edge.formats.family import SAME, Adopted, Conversion
from mnist_edge.formats.keras.runner import KerasRunner, only
from mnist_edge.formats.onnx import ONNX, convert
from mnist_edge.formats.tflite import TFLITE
from mnist_edge.formats.tflite import convert as to_tflite
from mnist_edge.runtime.engines.encoding import SMALLEST, Floats, encoder, side_of
from mnist_edge.training.keras_model import weights_sha256

if TYPE_CHECKING:
    import tensorflow as tf

    from mnist_edge.formats.foreign import Feeding
    from mnist_edge.runtime.engines import Images


def adopt(runner: KerasRunner, path: Path, feeding: Feeding) -> Adopted:
    """Bring a network into the form that every format is made from.

    Raises:
        ModelError: it takes a fixed number of pictures, and cannot be made to take any.
    """
    model = runner.model
    wrapped = wrap(model, feeding)
    conversions = {
        row.name: replace(row.conversion, convert=convert.int8_theirs)
        for row in ONNX.formats
        if row.conversion and row.conversion.calibrated
    }
    if feeding.input.values == "unit-columns":
        # There is no division of integers in TFLite: the runtime divides.
        divided = replace(feeding.input, values="linear")
        inner = wrap(model, replace(feeding, input=divided))
        conversions |= {
            row.name: replace(
                row.conversion,
                convert=partial(_int8_of, inner, encoder(_normalized(row.conversion.input))),
                input=_normalized(row.conversion.input),
            )
            for row in TFLITE.formats
            if row.conversion and row.conversion.calibrated
        }
    if isinstance(model, keras.Model):
        return Adopted(wrapped, {"keras": _SAVED} | conversions, weights_sha256(model))
    return Adopted(wrapped, conversions, sha256_of(path))


def _normalized(spec: TensorSpec) -> TensorSpec:
    return replace(spec, values="unit-columns")


def _int8_of(
    inner: keras.Model, encode: Callable[[Images], Floats], _model: object, pictures: Images
) -> bytes:
    return to_tflite.int8(inner, pictures, encode)


def _save(model: keras.Model, _pictures: object) -> bytes:
    for layer in model._flatten_layers():
        if isinstance(layer, layers.Lambda) or not type(layer).__module__.startswith("keras."):
            raise ConversionError(
                f"keras: no other program can load {printable(layer.name)}, a "
                f"{type(layer).__name__}.",
                remedy="name other formats with --formats.",
            )
    with TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        model.save(path)
        return path.read_bytes()


_SAVED = Conversion(
    _save,
    "default",
    TensorSpec("image", "NHWC", (None, SIZE, SIZE, 1), "float32", (0.0, 1.0)),
    TensorSpec("probabilities", "NC", (None, len(LABELS)), "float32", (0.0, 1.0)),
    SAME,
)


def wrap(
    model: keras.Model | tf.types.experimental.ConcreteFunction, feeding: Feeding
) -> keras.Model:
    """Return a network from `image` (N, 28, 28, 1), 0 to 1, to probabilities (N, 10).

    Args:
        model: the network as it is.
        feeding: how it is fed, and what its answers stand for.

    Raises:
        ModelError: it takes a fixed number of pictures, and cannot be made to take any.
    """
    image = keras.Input((SIZE, SIZE, 1), name="image")
    answers = _call(_of_any_batch(model), _fed(image, feeding.input))
    if len(answers.shape) != 2:
        answers = layers.Reshape((-1,))(answers)
    if feeding.answers == "sigmoids":
        inside = keras.ops.clip(answers, SMALLEST, 1 - SMALLEST)
        answers = keras.ops.log(inside / (1 - inside))
    if feeding.answers != "probabilities":
        answers = layers.Softmax(dtype="float32", name="probabilities")(answers)
    return keras.Model(image, answers)


def _fed(image: Any, spec: TensorSpec) -> Any:
    low, high = spec.range
    side = side_of(spec)
    if spec.transposed:
        image = layers.Permute((2, 1, 3))(image)
    if spec.fit == "padded":
        before = (side - SIZE) // 2
        image = layers.ZeroPadding2D(((before, side - SIZE - before),) * 2)(image)
    elif spec.fit == "resized" and 2 * side == SIZE:
        image = layers.AveragePooling2D(2)(image)
    elif spec.fit == "resized":
        image = layers.Resizing(side, side, "bilinear")(image)
    if spec.values == "binary":
        # Grey levels up to 127 become 0 and those from 128 on 1.
        image = layers.Rescaling(255.0, -127.0)(image)
        image = layers.ReLU(max_value=1.0)(image)
    elif spec.values == "unit-columns":
        norm = keras.ops.sqrt(keras.ops.sum(image * image, axis=1, keepdims=True))
        # The norm of a column of grey levels is 0, or that of the lowest at least.
        image = image / keras.ops.maximum(norm, 1 / 255)
    if (low, high) != (0, 1):
        image = layers.Rescaling(high - low, low)(image)
    channels = {"NHWC": spec.shape[-1], "NCHW": spec.shape[1]}.get(spec.layout) or 1
    if channels > 1:
        image = layers.Concatenate()([image] * channels)
    if spec.layout == "NCHW":
        image = layers.Permute((3, 1, 2))(image)
    elif spec.layout != "NHWC":
        image = layers.Reshape(spec.shape[1:])(image)
    return image


def _of_any_batch(model: Any) -> Any:
    """Return a network that takes any number of pictures, with the same weights."""
    if not isinstance(model, keras.Model) or model.inputs[0].shape[0] is None:
        return model
    free = keras.Input(model.inputs[0].shape[1:], dtype=model.inputs[0].dtype)
    try:
        clone = keras.models.clone_model(model, input_tensors=free)
        clone.set_weights(model.get_weights())
    except Exception as error:
        raise ModelError(
            f"{model.name} takes {model.inputs[0].shape[0]} pictures at a time, not any number.",
            remedy="build it with a free batch: keras.Input((28, 28, 1)).",
        ) from error
    return clone


@keras.saving.register_keras_serializable("mnist_edge")
class Frozen(layers.Layer):  # type: ignore[misc]
    """The graph of a SavedModel as a layer; it cannot be saved as a Keras file."""

    def __init__(self, function: tf.types.experimental.ConcreteFunction) -> None:
        super().__init__(name="frozen", trainable=False)
        self.function = function

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of ten answers."""
        return (input_shape[0], 10)

    def call(self, image: Any) -> Any:
        """Run the graph."""
        return keras.ops.reshape(only(self.function(image)), (-1, 10))


def _call(model: Any, image: Any) -> Any:
    if not isinstance(model, keras.Model):
        return Frozen(model)(image)
    return only(model(image))
