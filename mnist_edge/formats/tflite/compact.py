"""TFLite files without what only their converter needed, with everything named by what it is."""

from __future__ import annotations

from collections import Counter
from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

# What the schema demands of a buffer's bytes, and the code generated from it leaves out.
ALIGNMENT = 16


class _Builder(flatbuffers.Builder):  # type: ignore[misc]
    """Aligns buffers, and writes what several tables hold alike, such as zero points, only once."""

    def __init__(self) -> None:
        super().__init__()
        self._written: dict[tuple[str, bytes], int] = {}

    def StartVector(self, size: int, count: int, alignment: int) -> int:  # noqa: N802
        # Vectors of single bytes are buffers.
        alignment = ALIGNMENT if size == 1 else alignment
        return super().StartVector(size, count, alignment)  # type: ignore[no-any-return]

    def CreateNumpyVector(self, x: NDArray[Any]) -> int:  # noqa: N802
        key = (x.dtype.str, x.tobytes())
        if key not in self._written:
            self._written[key] = super().CreateNumpyVector(x)
        return self._written[key]


def compact(content: bytes) -> bytes:
    """Return the same TFLite model in fewer bytes.

    The converter names a tensor by all that was fused into it, which in a small model takes as
    much room as a layer. Here they are `conv_2d1`, `conv_2d1.weight`, `conv_2d1.bias`, and what the
    signature calls the ends. Tensors without constants share the empty buffer that the format
    reserves for them, and the converter's notes on itself go. A model of several graphs, as a loop
    needs, stays as it is.
    """
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    if len(model.subgraphs) > 1:
        return content
    (graph,), (signature,) = model.subgraphs, model.signatureDefs
    model.description = model.metadata = None
    buffers = [schema.BufferT()]
    for tensor in graph.tensors:
        data = model.buffers[tensor.buffer].data
        tensor.buffer = 0 if data is None else len(buffers)
        if data is not None:
            buffers.append(schema.BufferT(data))
    model.buffers = buffers

    kinds = {value: name.lower() for name, value in vars(schema.BuiltinOperator).items()}
    names = {end.tensorIndex: end.name.decode() for end in (*signature.inputs, *signature.outputs)}
    counts: Counter[str] = Counter()
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        kind = kinds[max(code.builtinCode, code.deprecatedBuiltinCode)]
        counts[kind] += 1
        name = f"{kind}{counts[kind]}"
        roles = ("input", "weight", "bias") if len(operator.inputs) == 3 else ("input", "constant")
        for index, role in zip(operator.inputs, roles, strict=False):
            names.setdefault(index, f"{name}.{role}")
        names.setdefault(operator.outputs[0], name)
    for index, tensor in enumerate(graph.tensors):
        tensor.name = names.get(index, f"tensor{index}")
    builder = _Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
