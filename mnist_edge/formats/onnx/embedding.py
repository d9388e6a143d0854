"""A contract inside an ONNX file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mnist_edge.contract import METADATA_KEY, Content

if TYPE_CHECKING:
    from pathlib import Path

    import onnx

    from mnist_edge.contract import Accept, Contract

# Of a file that reads pictures, the constant that holds threshold and margin of what had to be
# found, and of MNIST's own form.
LIMITS = "limits"


def embed(path: Path, contract: Contract) -> None:
    """Put a contract into the metadata of an ONNX file, in place, and at its end.

    The fields of a protocol buffer may come in any order: what lies before the contract are the
    bytes that it speaks of.
    """
    import onnx

    model = onnx.load(path)
    set_limits(model, contract.accept)
    others = [entry for entry in model.metadata_props if entry.key != METADATA_KEY]
    del model.metadata_props[:]
    model.metadata_props.extend(others)
    content = model.SerializeToString(deterministic=True)
    described = replace(contract, content=Content.of(content))
    end = onnx.ModelProto()
    onnx.helper.set_model_props(end, {METADATA_KEY: described.to_json()})
    path.write_bytes(content + end.SerializeToString())


def set_limits(model: onnx.ModelProto, accept: Accept) -> None:
    """Write the limits of an answer to be trusted into a file that reads pictures, in place."""
    import numpy as np
    import onnx

    rows = [[limits.threshold, limits.margin] for limits in (accept.found, accept)]
    for tensor in model.graph.initializer:
        if tensor.name == LIMITS:
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.array(rows, np.float32), LIMITS))
