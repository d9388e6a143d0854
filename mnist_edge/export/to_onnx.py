"""Keras to ONNX: float32 through tf2onnx, and static QDQ int8 from that."""

from __future__ import annotations

import logging
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

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
    return _to_graph(model).SerializeToString(deterministic=True)  # type: ignore[no-any-return]


def int8(model: keras.Model, calibration: NDArray[np.uint8]) -> bytes:
    """Convert to ONNX with int8 weights and uint8 activations between the layers.

    Activation ranges are the extremes that `calibration` (N, 28, 28) reaches. The scores stay in
    float32: onnxruntime's integer matrix product can give them so, and no step is lost just
    before the answer. Weights take 7 of their 8 bits: x86 processors without VNNI add two
    products in 16 bits, which saturate with 8, and the file would answer differently there.
    """
    import numpy as np
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

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
        quant_pre_process(
            _to_graph(model), prepared, skip_optimization=True, skip_symbolic_shape=True
        )
        quantization.quantize_static(
            prepared,
            quantized,
            Pictures(),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Relu", "MaxPool", "Flatten", "Gemm"],
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            extra_options={"OpTypesToExcludeOutputQuantization": ["Gemm"]},
        )
        finished = onnx.load(quantized)
    del finished.metadata_props[:]
    return finished.SerializeToString(deterministic=True)  # type: ignore[no-any-return]


def embed(path: Path, contract: Contract) -> None:
    """Put a contract into the metadata of an ONNX file, in place."""
    import onnx

    model = onnx.load(path)
    onnx.helper.set_model_props(model, {METADATA_KEY: contract.to_json()})
    path.write_bytes(model.SerializeToString(deterministic=True))


def _to_graph(model: keras.Model) -> onnx.ModelProto:
    import onnx
    import tensorflow as tf
    import tf2onnx

    # tf2onnx replaces the root logger's level by its own when it is imported.
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)

    signature = [tf.TensorSpec((None, 28, 28, 1), tf.float32, name="image")]
    answer = tf.function(
        lambda image: {"probabilities": model(image, training=False)}, input_signature=signature
    )
    graph, _ = tf2onnx.convert.from_function(
        answer, signature, opset=OPSET, inputs_as_nchw=["image"]
    )
    graph = _simplified(graph)
    graph.ir_version = IR_VERSION
    onnx.checker.check_model(graph, full_check=True)
    return graph


def _simplified(model: onnx.ModelProto) -> onnx.ModelProto:
    """Remove what tf2onnx leaves around the layers, and name everything by what it is.

    A Keras `Flatten` arrives as a transposition to channels-last and seven nodes of shape
    arithmetic; here it becomes one `Flatten`, with the weights of the dense layer behind it in
    channels-first order instead. The input's reshape from NCHW to NCHW goes, and a product with
    its bias becomes one `Gemm`. tf2onnx numbers its names by a counter that runs on between
    conversions, so they are replaced: the same weights give the same bytes.
    """
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.shape_inference.infer_shapes(model)
    graph = model.graph
    shapes = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in [*graph.input, *graph.value_info]
    }
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    maker = {output: node for node in graph.node for output in node.output}
    users: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)

    def feed(old: str, new: str) -> None:
        for user in users[old]:
            user.input[:] = [new if name == old else name for name in user.input]

    for node in graph.node:
        if node.op_type == "Reshape" and shapes[node.input[0]][1:] == list(
            weights.get(node.input[1], ())[1:]
        ):
            feed(node.output[0], node.input[0])
        elif node.op_type == "Reshape" and node.input[1] not in weights:
            source = maker.get(node.input[0])
            if source is not None and source.op_type == "Transpose":
                _, channels, height, width = shapes[source.input[0]]
                for user in users[node.output[0]]:
                    kernel = weights[user.input[1]].reshape(height, width, channels, -1)
                    kernel = kernel.transpose(2, 0, 1, 3).reshape(channels * height * width, -1)
                    weights[user.input[1]] = np.ascontiguousarray(kernel)
                node.input[0] = source.input[0]
            node.CopyFrom(helper.make_node("Flatten", node.input[:1], node.output, axis=1))
        elif node.op_type == "MatMul" and node.input[1] in weights:
            (bias,) = users[node.output[0]]
            if bias.op_type == "Add" and bias.input[1] in weights:
                inputs = [*node.input, bias.input[1]]
                bias.CopyFrom(helper.make_node("Gemm", inputs, bias.output))

    names = {value.name: value.name for value in [*graph.input, *graph.output]}
    order = {output: number for number, node in enumerate(graph.node) for output in node.output}
    needed, wanted = set(), [graph.output[0].name]
    while wanted:
        name = wanted.pop()
        if name in order and order[name] not in needed:
            needed.add(order[name])
            wanted += graph.node[order[name]].input
    nodes = [graph.node[number] for number in sorted(needed)]
    counts: Counter[str] = Counter()
    initializers = []
    for node in nodes:
        counts[node.op_type] += 1
        node.name = f"{node.op_type.lower()}{counts[node.op_type]}"
        for name, role in zip(node.input[1:], ("weight", "bias"), strict=False):
            names[name] = f"{node.name}.{role}"
            initializers.append(numpy_helper.from_array(weights[name], names[name]))
        names.setdefault(node.output[0], node.name)
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]

    (image,), (answer,) = graph.input, graph.output
    for value in (image, answer):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    return helper.make_model(
        helper.make_graph(nodes, "mnist-edge", [image], [answer], initializers),
        opset_imports=[helper.make_opsetid("", OPSET)],
        producer_name="mnist-edge",
    )
