"""The operations of a TFLite file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mnist_edge.formats.layers import Layer, Tensor, of_graph

if TYPE_CHECKING:
    from pathlib import Path


def read(path: Path) -> Iterator[Layer]:
    """Yield the operations of a file."""
    from ai_edge_litert import schema_py_generated as schema

    content = path.read_bytes()
    if not schema.Model.ModelBufferHasIdentifier(content, 0):
        raise ValueError("it does not begin as one.")
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    kinds = {value: name for name, value in vars(schema.BuiltinOperator).items()}
    plain = {schema.TensorType.INT32, schema.TensorType.INT64, schema.TensorType.BOOL}
    graph = model.subgraphs[0]
    tensors = [
        Tensor(
            tuple(map(int, tensor.shape)) if tensor.shape is not None else (),
            constant=model.buffers[tensor.buffer].data is not None,
            # Biases of integer layers are int32 too, but have a scale.
            counts=tensor.type not in plain
            or (tensor.quantization is not None and tensor.quantization.scale is not None),
        )
        for tensor in graph.tensors
    ]
    # An optional input that is left out has the number -1.
    tensors.append(Tensor(None, constant=True, counts=False))
    return of_graph(
        (
            graph.tensors[operator.outputs[0]].name.decode().partition(";")[0],
            kinds[max(code.builtinCode, code.deprecatedBuiltinCode)],
            [tensors[index] for index in operator.inputs],
            [tensors[index] for index in operator.outputs],
        )
        for operator in graph.operators
        for code in [model.operatorCodes[operator.opcodeIndex]]
    )
