"""Embedding: a contract in the metadata of an ONNX file, and nothing else in it changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from mnist_edge.contract import Contract
from mnist_edge.formats.onnx import embedding
from mnist_edge.runtime.engines import read_contract
from tests.conftest import Workspace

onnx = pytest.importorskip("onnx")


def test_a_contract_is_embedded_once_and_changes_nothing_else(
    workspace: Workspace, tmp_path: Path
) -> None:
    contract = read_contract(workspace.runs / "edge.onnx")
    path = tmp_path / "edge.onnx"
    bare = onnx.load(workspace.runs / "edge.onnx")
    del bare.metadata_props[:]
    onnx.save(bare, path)
    for _ in range(2):
        embedding.embed(path, contract)
    (entry,) = onnx.load(path).metadata_props
    assert entry.key == "mnist_edge"
    assert Contract.from_json(entry.value, path) == contract
    assert path.read_bytes() == (workspace.runs / "edge.onnx").read_bytes()
