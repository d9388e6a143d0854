"""Keras to ONNX: float32 through tf2onnx, and static QDQ int8 from that."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_edge.contract import METADATA_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

    import keras
    import numpy as np
    import onnx
    from numpy.typing import NDArray

    from mnist_edge.contract import Contract

# The oldest opset with per-channel QuantizeLinear, and its IR version. onnxruntime 1.15, the
# oldest there is for Python 3.11, answers alike.
OPSET = 13
IR_VERSION = 7

CALIBRATION_BATCH = 100


def float32(model: keras.Model, calibration: NDArray[np.uint8]) -> bytes:  # noqa: ARG001
    """Convert to float32 ONNX: `image` (batch, 1, 28, 28) to `probabilities` (batch, 10)."""
    return _to_graph(model, channels_last=False).SerializeToString(deterministic=True)  # type: ignore[no-any-return]


def int8(model: keras.Model, calibration: NDArray[np.uint8]) -> bytes:
    """Convert to ONNX with int8 weights and uint8 activations; pictures are float32 all the same.

    One `QuantizeLinear` gives the picture its 256 steps: a graph input of bytes is misread by
    OpenCV. It stands behind `SpaceToDepth`, not before it: onnxruntime up to 1.26 takes no bytes
    there, and OpenVINO gives other answers where bytes are moved. Activation ranges are the
    extremes that `calibration` (N, 28, 28) reaches. The scores stay in float32: onnxruntime's
    integer matrix product can give them so, and no step is lost just before the answer. Weights
    take 7 of their 8 bits: x86 processors without VNNI add two products in 16 bits, which saturate
    with 8, and the file would answer differently there.
    """
    import numpy as np
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    from mnist_edge.formats.blocks import over_blocks

    class Pictures(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._batches = self._read()

        def _read(self) -> Iterator[dict[str, NDArray[np.float32]]]:
            for start in range(0, len(calibration), CALIBRATION_BATCH):
                chunk = calibration[start : start + CALIBRATION_BATCH, np.newaxis]
                yield {"image": chunk.astype(np.float32) / np.float32(255)}

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            return next(self._batches, None)

    with tempfile.TemporaryDirectory() as folder:
        prepared, quantized = Path(folder, "prepared.onnx"), Path(folder, "quantized.onnx")
        graph = _to_graph(over_blocks(model), channels_last=True)
        quant_pre_process(graph, prepared, skip_optimization=True, skip_symbolic_shape=True)
        quantization.quantize_static(
            prepared,
            quantized,
            Pictures(),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Relu", "MaxPool", "Transpose", "Flatten", "Gemm"],
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            extra_options={
                "OpTypesToExcludeOutputQuantization": ["Gemm"],
                "ForceQuantizeNoInputCheck": True,  # the input too, where it is flattened first
                "TensorQuantOverrides": _steps_of_grey_levels(graph.graph),
            },
        )
        finished = onnx.load(quantized)
    # Shapes of a free batch, which tract cannot unify with that of the picture at hand.
    del finished.graph.value_info[:], finished.metadata_props[:]
    onnx.checker.check_model(finished, full_check=True)
    return finished.SerializeToString(deterministic=True)  # type: ignore[no-any-return]


def embed(path: Path, contract: Contract) -> None:
    """Put a contract into the metadata of an ONNX file, in place."""
    import onnx

    model = onnx.load(path)
    onnx.helper.set_model_props(model, {METADATA_KEY: contract.to_json()})
    path.write_bytes(model.SerializeToString(deterministic=True))


def _steps_of_grey_levels(graph: onnx.GraphProto) -> dict[str, list[dict[str, Any]]]:
    """Return onnxruntime's `TensorQuantOverrides` that quantize pictures in 256 steps from 0 to 1.

    Calibration pictures need not have black and white, and would give other steps.
    """
    import numpy as np

    image = graph.input[0].name
    steps = {"scale": np.array(1 / 255, np.float32), "zero_point": np.array(0, np.uint8)}
    blocks = [
        node.output[0]
        for node in graph.node
        if node.op_type == "SpaceToDepth" and node.input[0] == image
    ]
    return {name: [steps] for name in (image, *blocks)}


def _to_graph(model: keras.Model, *, channels_last: bool) -> onnx.ModelProto:
    import onnx
    import tensorflow as tf
    import tf2onnx

    from mnist_edge.formats.simplify import simplify

    # tf2onnx replaces the root logger's level by its own when it is imported.
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)

    signature = [tf.TensorSpec((None, 28, 28, 1), tf.float32, name="image")]
    answer = tf.function(
        lambda image: {"probabilities": model(image, training=False)}, input_signature=signature
    )
    graph, _ = tf2onnx.convert.from_function(
        answer, signature, opset=OPSET, inputs_as_nchw=["image"]
    )
    graph = simplify(graph, channels_last=channels_last)
    graph.ir_version = IR_VERSION
    onnx.checker.check_model(graph, full_check=True)
    return graph
