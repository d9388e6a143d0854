"""Keras to ONNX: float32 through tf2onnx, and static QDQ int8 from that."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_edge.contract import SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator

    import keras
    import numpy as np
    import onnx
    from numpy.typing import NDArray


# The oldest opset with per-channel QuantizeLinear, and its IR version. onnxruntime 1.15, the
# oldest there is for Python 3.11, answers alike.
OPSET = 13
IR_VERSION = 7

CALIBRATION_BATCH = 100

# The operations that are computed in integers.
INTEGER = ["Conv", "Relu", "MaxPool", "Transpose", "Flatten", "Gemm", "MatMul"]


def float32(model: keras.Model, calibration: NDArray[np.uint8]) -> bytes:  # noqa: ARG001
    """Convert to float32 ONNX: `image` (batch, 1, 28, 28) to `probabilities` (batch, 10)."""
    return to_graph(model, channels_last=False).SerializeToString(deterministic=True)  # type: ignore[no-any-return]


def int8(model: keras.Model, calibration: NDArray[np.uint8]) -> bytes:
    """Convert to ONNX with int8 weights and uint8 activations, as `quantize` does.

    Strided convolutions of one channel are taken over blocks of pixels, which integer kernels are
    faster at.
    """
    from mnist_edge.formats.space_to_depth import space_to_depth

    return quantize(to_graph(space_to_depth(model), channels_last=True), calibration)


def quantize(
    graph: onnx.ModelProto, calibration: NDArray[np.uint8], *, theirs: bool = False
) -> bytes:
    """Give a graph int8 weights and uint8 activations; pictures are float32 all the same.

    One `QuantizeLinear` gives the picture its 256 steps: a graph input of bytes is misread by
    OpenCV. It stands behind `SpaceToDepth`, not before it: onnxruntime up to 1.26 takes no bytes
    there, and OpenVINO gives other answers where bytes are moved. Activation ranges are the
    extremes that `calibration` (N, 28, 28) reaches. The scores stay in float32: onnxruntime's
    integer matrix product can give them so, and no step is lost just before the answer. Weights
    take 7 of their 8 bits: x86 processors without VNNI add two products in 16 bits, which saturate
    with 8, and the file would answer differently there.

    Args:
        graph: `image` (batch, 1, 28, 28), 0 to 1, to `probabilities`; the batch may be fixed.
        calibration: uint8 (N, 28, 28), pictures of the training split.
        theirs: whether others made the network. Constants, normalizations, and products with
            their sums are folded first, and weights are unsigned: those lose no bit to processors
            without VNNI, and take longer there.
    """
    import numpy as np
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    size = graph.graph.input[0].type.tensor_type.shape.dim[0].dim_value or CALIBRATION_BATCH

    class Pictures(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._batches = self._read()

        def _read(self) -> Iterator[dict[str, NDArray[np.float32]]]:
            for start in range(0, len(calibration), size):
                # Filled up with pictures that are in it, which change no extreme.
                chunk = np.resize(calibration[start : start + size], (size, 1, SIZE, SIZE))
                yield {"image": chunk.astype(np.float32) / np.float32(255)}

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            return next(self._batches, None)

    with tempfile.TemporaryDirectory() as folder:
        names = ("graph.onnx", "prepared.onnx", "quantized.onnx")
        unprepared, prepared, quantized = (Path(folder, name) for name in names)
        onnx.save(graph, unprepared)  # as quant_pre_process moves weights out of a graph in memory
        quant_pre_process(
            unprepared, prepared, skip_optimization=not theirs, skip_symbolic_shape=True
        )
        quantization.quantize_static(
            prepared,
            quantized,
            Pictures(),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=INTEGER,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QUInt8 if theirs else quantization.QuantType.QInt8,
            per_channel=True,
            reduce_range=not theirs,
            extra_options={
                "ForceQuantizeNoInputCheck": True,  # the input too, where it is flattened first
                "TensorQuantOverrides": _steps_of_grey_levels(graph.graph),
            },
        )
        finished = onnx.load(quantized)
    _spare_scores(finished.graph)
    # Shapes of a free batch, which tract cannot unify with that of the picture at hand.
    del finished.graph.value_info[:], finished.metadata_props[:]
    onnx.checker.check_model(finished, full_check=True)
    return finished.SerializeToString(deterministic=True)  # type: ignore[no-any-return]


def _spare_scores(graph: onnx.GraphProto) -> None:
    """Take what quantizes the scores, the output of the last product, out of a graph."""
    last = [node for node in graph.node if node.op_type in ("Gemm", "MatMul", "Conv")][-1]
    users = {name: node for node in graph.node for name in node.input}
    quantize = users.get(last.output[0])
    if quantize is None or quantize.op_type != "QuantizeLinear":
        return
    dequantize = users[quantize.output[0]]
    user = users[dequantize.output[0]]
    place = list(user.input).index(dequantize.output[0])
    user.input[place] = last.output[0]
    for node in (quantize, dequantize):
        graph.node.remove(node)
    used = {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)


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


def int8_theirs(model: keras.Model, calibration: NDArray[np.uint8]) -> bytes:
    """Convert somebody else's network to ONNX with integers, as `quantize` does of others'."""
    return quantize(to_graph(model, channels_last=False), calibration, theirs=True)


def to_graph(model: keras.Model, *, channels_last: bool) -> onnx.ModelProto:
    """Convert to a float32 graph, `image` (batch, 1, 28, 28) to `probabilities` (batch, 10).

    Args:
        model: from `image` (N, 28, 28, 1), 0 to 1, to probabilities.
        channels_last: whether a transposition before the dense layers stays, as in `simplify`.
    """
    import onnx
    import tensorflow as tf
    import tf2onnx

    from mnist_edge.formats.onnx.simplify import simplify

    # tf2onnx replaces the root logger's level by its own when it is imported.
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)

    signature = [tf.TensorSpec((None, 28, 28, 1), tf.float32, name="image")]
    answer = tf.function(
        lambda image: {"probabilities": model(image, training=False)}, input_signature=signature
    )
    function = answer.get_concrete_function()
    graph, _ = tf2onnx.convert.from_function(
        answer,
        signature,
        opset=OPSET,
        inputs_as_nchw=["image"],
        custom_op_handlers={"Erfc": (_complement_of_erf, [])},
    )
    _hold(graph.graph, {inner.name: outer for outer, inner in function.graph.captures})
    graph = simplify(graph, channels_last=channels_last)
    graph.ir_version = IR_VERSION
    onnx.checker.check_model(graph, full_check=True)
    return graph


def _complement_of_erf(graph: Any, node: Any, name: str, _arguments: object) -> None:
    """Write Erfc, of GELU, as 1 - Erf: tf2onnx has no such operation, and neither has ONNX."""
    import numpy as np

    node.type = "Erf"
    minus = graph.insert_new_node_on_output("Neg", node.output[0], name=f"{name}:minus")
    one = graph.make_const(f"{name}:one", np.array(1, np.float32))
    graph.insert_new_node_on_output(
        "Add", minus.output[0], name=f"{name}:add", inputs=[minus.output[0], one.output[0]]
    )


def _hold(graph: onnx.GraphProto, captured: dict[str, Any]) -> None:
    """Make initializers of the constants of layers that tf2onnx takes for further inputs."""
    import onnx

    for value in [value for value in graph.input if value.name in captured]:
        array = captured[value.name].numpy()
        graph.initializer.append(onnx.numpy_helper.from_array(array, value.name))
        graph.input.remove(value)
