"""What each operation of an ONNX file gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mnist_edge.formats.activations import Array, Network, connected, filters
from mnist_edge.runtime.engines.onnx import ELEMENTS


def read(path: Path, batch: Array) -> Network:
    """Run a file on one picture, float32 as its input takes it."""
    import onnx
    import onnxruntime

    model = onnx.load(path)
    operations, weights = model.graph.node, model.graph.initializer
    given = [operation.output[0] for operation in operations]
    answers = {answer.name for answer in model.graph.output}
    model.graph.output.extend(
        onnx.ValueInfoProto(name=name) for name in given if name not in answers
    )
    options = onnxruntime.SessionOptions()
    # Fused operations would give something else than the file says.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    image = session.get_inputs()[0]
    pixels = batch.astype(ELEMENTS[image.type])
    values = {weight.name: onnx.numpy_helper.to_array(weight) for weight in weights}
    values |= zip(given, session.run(given, {image.name: pixels}), strict=True)
    # Channels come first in ONNX, and last here.
    nodes = connected(
        image.name,
        batch,
        (
            (each.name or each.output[0], each.op_type, each.input, each.output[0])
            for each in operations
        ),
        lambda name: np.moveaxis(values[name], 1, -1) if values[name].ndim == 4 else values[name],
    )
    kernel = next((values[each.input[1]] for each in operations if each.op_type == "Conv"), None)
    return Network(nodes, None if kernel is None else filters(kernel.transpose(2, 3, 1, 0)))
