"""Keras to TFLite: float32, float16 weights, and full integer."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_edge.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import keras
    import numpy as np
    from numpy.typing import NDArray


def float32(model: keras.Model, calibration: NDArray[np.uint8]) -> bytes:  # noqa: ARG001
    """Convert to float32 TFLite, one picture (1, 28, 28, 1) at a time."""
    return _convert(model, lambda converter: None)  # noqa: ARG005


def float16(model: keras.Model, calibration: NDArray[np.uint8]) -> bytes:  # noqa: ARG001
    """Convert to TFLite with float16 weights; computation is in float32 on processors."""

    def configure(converter: Any) -> None:
        import tensorflow as tf

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]

    return _convert(model, configure)


def int8(
    model: keras.Model,
    calibration: NDArray[np.uint8],
    encode: Callable[[NDArray[np.uint8]], NDArray[np.float32]] | None = None,
) -> bytes:
    """Convert to full integer TFLite: uint8 in and out, int8 weights and activations.

    Activation ranges are the extremes that `calibration` reaches. An operation without an integer
    kernel is an error, not a float island.

    Args:
        model: from float32 (N, 28, 28, 1) to probabilities.
        calibration: uint8 (N, 28, 28), pictures of the training split.
        encode: from such pictures to what the model takes; 0 to 1 by default.
    """
    import numpy as np

    def pictures() -> Iterator[list[NDArray[np.float32]]]:
        for image in calibration:
            batch = image[np.newaxis]
            yield [encode(batch) if encode else batch[..., np.newaxis].astype(np.float32) / 255]

    def configure(converter: Any) -> None:
        import tensorflow as tf

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = pictures
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.uint8
        converter.inference_output_type = tf.uint8

    return _convert(model, configure, integer=True)


def int8_space_to_depth(model: keras.Model, calibration: NDArray[np.uint8]) -> bytes:
    """Convert as `int8` does, faster in LiteRT, with a `SPACE_TO_DEPTH` that others do not take."""
    from mnist_edge.formats.space_to_depth import space_to_depth

    return int8(space_to_depth(model), calibration)


def _refuse_loops(path: Path) -> None:
    """Refuse what ends the whole process in TensorFlow's calibration.

    Raises:
        ConversionError: the graph has a loop.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    document = saved_model_pb2.SavedModel()
    document.ParseFromString(path.read_bytes())
    for graph in document.meta_graphs:
        functions = graph.graph_def.library.function
        nodes = [*graph.graph_def.node, *(node for each in functions for node in each.node_def)]
        if any(node.op in {"While", "StatelessWhile"} for node in nodes):
            raise ConversionError(
                "tflite-int8: TensorFlow cannot calibrate a loop, as of an LSTM, for integers.",
                remedy="leave it out with --formats.",
            )


def _convert(
    model: keras.Model, configure: Callable[[Any], None], *, integer: bool = False
) -> bytes:
    import keras
    import tensorflow as tf

    from mnist_edge.formats.tflite.compact import compact

    # Through a saved model, because from_concrete_functions leaves the variables unfrozen and
    # from_keras_model the batch open: with a fixed batch there is no shape arithmetic in the
    # graph, and XNNPACK takes it whole.
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "serve",
        lambda image: {"probabilities": model(image, training=False)},
        input_signature=[tf.TensorSpec((1, 28, 28, 1), tf.float32, name="image")],
    )
    with tempfile.TemporaryDirectory() as folder:
        archive.write_out(folder, verbose=False)
        if integer:
            _refuse_loops(Path(folder, "saved_model.pb"))
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        configure(converter)
        flatbuffer: bytes = converter.convert()
    return compact(flatbuffer)
