"""Whether an int8 ONNX file is integer inside: what runs is looked at, not what it is called."""

from __future__ import annotations

import tempfile
from pathlib import Path

from mnist_edge.errors import GateError

# The heavy operations, as a float graph calls them.
_FLOAT_ONNX = {"Conv", "FusedConv", "Gemm", "FusedGemm", "MatMul", "FusedMatMul"}
_INTEGER_ONNX = {"QLinearConv", "QGemm", "QLinearMatMul", "MatMulIntegerToFloat"}


def check_integer(path: Path) -> None:
    """Check that onnxruntime runs all convolutions and matrix products of a file as integers.

    The QDQ form only promises integers; whether the promise is kept is decided when onnxruntime
    optimizes the graph. So the optimized graph is what is inspected.

    Raises:
        GateError: one of them stays float, or there is none at all.
    """
    import onnx
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = str(Path(folder, "optimized.onnx"))
        options.log_severity_level = 4
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        optimized = onnx.load(options.optimized_model_filepath)
    operations = [node.op_type for node in optimized.graph.node]
    floats = [operation for operation in operations if operation in _FLOAT_ONNX]
    if floats or not _INTEGER_ONNX.intersection(operations):
        raise GateError(
            f"{path.name} is float inside: onnxruntime runs {', '.join(floats or operations)}.",
            remedy="the converter gave up on an operation: export the others, and report this one.",
        )
