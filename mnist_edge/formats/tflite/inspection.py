"""Whether an int8 TFLite file is integer inside."""

from __future__ import annotations

from pathlib import Path

from mnist_edge.errors import GateError

_REMEDY = "the converter gave up on an operation; export the other formats, and report this one."


def check_integer(path: Path) -> None:
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
