"""An int8 file is integer inside, or refused: the classic is one that is int8 by name alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema
from onnx import TensorProto, helper
from onnxruntime import quantization

from mnist_edge.errors import GateError
from mnist_edge.formats.onnx.inspection import check_integer as check_integer_onnx
from mnist_edge.formats.tflite.inspection import check_integer as check_integer_tflite
from tests.conftest import Workspace


def test_the_exported_integer_files_pass(workspace: Workspace) -> None:
    check_integer_onnx(workspace.runs / "edge.int8.onnx")
    check_integer_tflite(workspace.runs / "edge.int8.tflite")


@pytest.mark.parametrize(
    ("source", "name", "check"),
    [
        ("edge.onnx", "edge.int8.onnx", check_integer_onnx),
        ("edge.tflite", "edge.int8.tflite", check_integer_tflite),
        ("edge.fp16.tflite", "edge.int8.tflite", check_integer_tflite),
    ],
)
def test_a_float_file_is_refused_under_an_integer_name(
    source: str, name: str, check: Callable[[Path], None], workspace: Workspace, tmp_path: Path
) -> None:
    shutil.copy(workspace.runs / source, tmp_path / name)
    with pytest.raises(GateError, match=f"^{name} is float inside"):
        check(tmp_path / name)


def test_an_onnx_file_that_is_integer_in_part_is_refused(
    workspace: Workspace, tmp_path: Path
) -> None:
    """Only its convolutions are quantized; the dense layer was forgotten."""

    class Pictures(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            pictures = workspace.dataset.train.images[:50, np.newaxis].astype(np.float32) / 255
            self._batches: Iterator[dict[str, Any]] = iter([{"image": pictures}])

        def get_next(self) -> dict[str, Any] | None:
            return next(self._batches, None)

    path = tmp_path / "edge.int8.onnx"
    quantization.quantize_static(
        workspace.runs / "edge.onnx", path, Pictures(), op_types_to_quantize=["Conv"]
    )
    with pytest.raises(GateError, match=r"edge\.int8\.onnx is float inside: .*Gemm"):
        check_integer_onnx(path)


def test_an_onnx_file_without_any_product_is_refused(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("Relu", ["image"], ["answer"])],
        "nothing",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 10])],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, [1, 10])],
    )
    opset = helper.make_opsetid("", 13)
    path = tmp_path / "nothing.int8.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=7), path)
    with pytest.raises(GateError, match="onnxruntime runs Relu"):
        check_integer_onnx(path)


@pytest.mark.parametrize("end", ["inputs", "outputs"])
def test_a_tflite_file_with_another_type_at_an_end_is_refused(
    end: str, workspace: Workspace, tmp_path: Path
) -> None:
    """The converter's own choice for full integer files is int8, whose zero lies elsewhere."""
    content = (workspace.runs / "edge.int8.tflite").read_bytes()
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    graph = model.subgraphs[0]
    (index,) = getattr(graph, end)
    graph.tensors[index].type = schema.TensorType.INT8
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    path = tmp_path / "edge.int8.tflite"
    path.write_bytes(builder.Output())
    with pytest.raises(GateError, match=r"takes and gives .*INT8.*, not uint8"):
        check_integer_tflite(path)
