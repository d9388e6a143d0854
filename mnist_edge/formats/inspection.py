"""Whether an int8 file is integer inside: what runs is looked at, not what the file is called."""

from __future__ import annotations

import tempfile
from pathlib import Path

from mnist_edge.errors import GateError

_REMEDY = "the converter gave up on an operation; export the other formats, and report this one."

# The heavy operations, as a float graph calls them.
_FLOAT_ONNX = {"Conv", "FusedConv", "Gemm", "FusedGemm", "MatMul", "FusedMatMul"}
_INTEGER_ONNX = {"QLinearConv", "QGemm", "QLinearMatMul", "MatMulIntegerToFloat"}


def check_integer_onnx(path: Path) -> None:
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
            remedy=_REMEDY,
        )


def check_integer_tflite(path: Path) -> None:
    """Check that a TFLite file holds integer tensors only, with uint8 input and output.

    Raises:
        GateError: a tensor is float, or the input or output is not uint8.
    """
    from ai_edge_litert import schema_py_generated as schema

    names = {value: name for name, value in vars(schema.TensorType).items()}
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    graph = model.subgraphs[0]
    floats = [tensor.name.decode() for tensor in graph.tensors if "FLOAT" in names[tensor.type]]
    if floats:
        raise GateError(
            f"{path.name} is float inside: {floats[0]} and {len(floats) - 1} other tensors.",
            remedy=_REMEDY,
        )
    ends = [names[graph.tensors[index].type] for index in (*graph.inputs, *graph.outputs)]
    if set(ends) != {"UINT8"}:
        raise GateError(f"{path.name} takes and gives {ends}, not uint8.", remedy=_REMEDY)
