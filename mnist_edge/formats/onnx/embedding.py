"""A contract inside an ONNX file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mnist_edge.contract import METADATA_KEY, Content

if TYPE_CHECKING:
    from pathlib import Path

    from mnist_edge.contract import Contract


def embed(path: Path, contract: Contract) -> None:
    """Put a contract into the metadata of an ONNX file, in place, and at its end.

    The fields of a protocol buffer may come in any order: what lies before the contract are the
    bytes that it speaks of.
    """
    import onnx

    from mnist_edge.formats.onnx import picture

    model = onnx.load(path)
    picture.set_limits(model, contract.accept)
    others = [entry for entry in model.metadata_props if entry.key != METADATA_KEY]
    del model.metadata_props[:]
    model.metadata_props.extend(others)
    content = model.SerializeToString(deterministic=True)
    described = replace(contract, content=Content.of(content))
    end = onnx.ModelProto()
    onnx.helper.set_model_props(end, {METADATA_KEY: described.to_json()})
    path.write_bytes(content + end.SerializeToString())
