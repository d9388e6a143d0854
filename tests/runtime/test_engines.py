"""The engines: what they feed, what they give, and files that they refuse."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import onnx
import onnxruntime
import pytest
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mnist_edge.contract import CHECKSUM, Contract, TensorSpec, sidecar
from mnist_edge.errors import ContractError, MissingExtra, ModelError
from mnist_edge.runtime.engines import (
    OnnxEngine,
    open_bare,
    open_engine,
    open_session,
    read_contract,
)
from mnist_edge.runtime.engines.onnx import CHUNK
from tests.conftest import Workspace, in_bytes

EXPORTED = ["edge.onnx", "edge.int8.onnx", "edge.tflite", "edge.fp16.tflite", "edge.int8.tflite"]

# Rows of ten pixels that a file can show: all greys that matter, and ink at one end only.
GREYS = np.zeros((1, 28, 28), np.uint8)
GREYS[0, 0, :10] = (255, 0, 1, 2, 64, 127, 128, 200, 254, 255)

FREE = ("batch", 1, 28, 28)
NCHW = TensorSpec("image", "NCHW", (None, 1, 28, 28), "float32", (0.0, 1.0))


@pytest.fixture(autouse=True)
def any_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let models answer with the pixels that reach them, which are no probabilities."""
    for module in ("onnx", "tflite", "encoding"):
        name = f"mnist_edge.runtime.engines.{module}.check_answers"
        monkeypatch.setattr(name, lambda *_: None)


def first_pixels(path: Path, shape: tuple[str | int, ...]) -> Path:
    """Write an ONNX file that answers with the first ten values of its input, as it got them."""
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["image"], ["flat"]),
            helper.make_node("Gather", ["flat", "ten"], ["answer"], axis=1),
        ],
        "first pixels",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, [shape[0], 10])],
        [numpy_helper.from_array(np.arange(10), "ten")],
    )
    opset = helper.make_opsetid("", 13)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=7), path)
    return path


def first_pixels_tflite(path: Path, side: int = 28, *, any_batch: bool = False) -> Path:
    """Write the like for TFLite, in uint8 of which 0 to 255 stand for about -1 to 1."""
    steps = schema.QuantizationParametersT()
    steps.scale, steps.zeroPoint = [2 / 255], [128]
    graph, buffers = schema.SubGraphT(), [schema.BufferT()]
    graph.tensors, graph.operators, graph.inputs, graph.outputs = [], [], [0], [2]
    for shape in ([1, side, side, 1], [1, side * side], [1, 10]):
        tensor = schema.TensorT()
        tensor.name, tensor.shape = f"tensor{len(graph.tensors)}", shape
        tensor.type, tensor.quantization = schema.TensorType.UINT8, steps
        if any_batch:
            tensor.shapeSignature = [-1, *shape[1:]]
        graph.tensors.append(tensor)
    for numbers in ([1, side * side], [0, 0], [1, 10]):
        tensor, buffer = schema.TensorT(), schema.BufferT()
        tensor.name, tensor.shape = f"tensor{len(graph.tensors)}", [2]
        tensor.type, tensor.buffer = schema.TensorType.INT32, len(buffers)
        buffer.data = np.array(numbers, "<i4").view(np.uint8)
        graph.tensors.append(tensor)
        buffers.append(buffer)
    codes: list[Any] = []
    for kind, inputs, outputs in (
        (schema.BuiltinOperator.RESHAPE, [0, 3], [1]),
        (schema.BuiltinOperator.SLICE, [1, 4, 5], [2]),
    ):
        code, operator = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode = code.deprecatedBuiltinCode = kind
        code.version = 1
        operator.opcodeIndex, operator.inputs, operator.outputs = len(codes), inputs, outputs
        codes.append(code)
        graph.operators.append(operator)
    model = schema.ModelT()
    model.version, model.buffers, model.subgraphs, model.operatorCodes = 3, buffers, [graph], codes
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(builder.Output())
    return path


def test_a_sure_integer_answer_is_one_and_no_less(workspace: Workspace) -> None:
    """As 255 of 256 it would be a third of a point less sure than it is right."""
    images = workspace.dataset.test.images
    exact, _ = open_engine(workspace.runs / "edge.onnx")
    integer, _ = open_engine(workspace.runs / "edge.int8.tflite")
    sure = images[exact.run(images).max(axis=1) > 0.9999]
    assert len(sure)
    assert integer.run(sure).max() == 1


@pytest.mark.parametrize("name", EXPORTED)
def test_answers_are_probabilities_for_any_number_of_pictures(
    name: str, workspace: Workspace
) -> None:
    engine, contract = open_engine(workspace.runs / name)
    images, labels = workspace.dataset.test
    answers = engine.run(images[: 2 * CHUNK])
    assert answers.shape == (2 * CHUNK, 10)
    assert answers.dtype == np.float32
    assert answers.min() >= 0
    # Ten outputs of a step of 1/256, each half a step off at most: 10 / 512; float sums to 1e-6.
    tolerance = 0.02 if contract.output.dtype == "uint8" else 1e-5
    np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=0, atol=tolerance)
    assert (answers.argmax(axis=1) == labels[: 2 * CHUNK]).mean() > 0.9
    for count in (1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK):
        some = engine.run(images[:count])
        assert some.shape == (count, 10)
        # Sums in another order, with batches of another size.
        np.testing.assert_allclose(some, answers[:count], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", EXPORTED)
def test_every_engine_gives_the_probabilities_of_the_float_model(
    name: str, workspace: Workspace
) -> None:
    """A scale or a zero point that is left out is off by far more than quantization is."""
    images = workspace.dataset.test.images[:200]
    expected = open_engine(workspace.runs / "edge.onnx")[0].run(images)
    answers = open_engine(workspace.runs / name)[0].run(images)
    assert np.abs(answers - expected).max() < 0.15
    assert np.abs(answers - expected).mean() < 0.005


def test_an_answer_outlives_the_next_one(tmp_path: Path) -> None:
    """Buffers are kept from call to call, and must not be what is given away."""
    engine = OnnxEngine(open_session(first_pixels(tmp_path / "first.onnx", FREE)), NCHW)
    first = engine.run(GREYS)
    assert engine.run(np.zeros_like(GREYS)).max() == 0
    np.testing.assert_array_equal(first, GREYS[:, 0, :10] / np.float32(255))


def test_threads_may_share_an_engine(tmp_path: Path) -> None:
    engine = OnnxEngine(open_session(first_pixels(tmp_path / "first.onnx", FREE)), NCHW)
    images = np.random.default_rng(0).integers(0, 256, (2000, 28, 28), np.uint8)
    with ThreadPoolExecutor(4) as threads:
        answers = threads.map(engine.run, images[:, np.newaxis])
        np.testing.assert_array_equal(np.concatenate([*answers]), engine.run(images))


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ((0.0, 1.0), lambda grey: grey / 255),
        ((0.0, 255.0), lambda grey: grey),
        ((-1.0, 1.0), lambda grey: grey / 127.5 - 1),
        ((1.0, 0.0), lambda grey: 1 - grey / 255),
    ],
)
def test_pixels_reach_a_model_in_its_range_and_order(
    ends: tuple[float, float],
    expected: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    layout: str,
    tmp_path: Path,
) -> None:
    shape = ("batch", 1, 28, 28) if layout == "NCHW" else ("batch", 28, 28, 1)
    path = first_pixels(tmp_path / "pixels.onnx", shape)
    spec = TensorSpec("image", layout, (None, *shape[1:]), "float32", ends)
    answers = open_bare(path, spec).run(GREYS)
    greys = GREYS[:, 0, :10].astype(np.float64)
    np.testing.assert_allclose(answers, expected(greys), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("any_batch", [False, True])
def test_scale_and_zero_point_of_a_quantized_model_are_applied_at_both_ends(
    any_batch: bool, tmp_path: Path
) -> None:
    path = first_pixels_tflite(tmp_path / "pixels.tflite", any_batch=any_batch)
    spec = TensorSpec("image", "NHWC", (1, 28, 28, 1), "uint8", (-1.0, 1.0))
    answers = open_bare(path, spec).run(GREYS)
    # Half a step, and a whole one where full ink would be step 256 of 255.
    np.testing.assert_allclose(answers, GREYS[:, 0, :10] / 127.5 - 1, rtol=0, atol=1.01 / 255)


@pytest.mark.parametrize("moves", [False, True])
def test_a_tflite_tensor_is_followed_where_a_run_moves_it(
    moves: bool, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ai_edge_litert import interpreter

    class Wandering:
        """An interpreter that answers with the first pixels, from new memory if it moves."""

        def __init__(self, *_arguments: object, **_options: object) -> None:
            self.image, self.answer = np.zeros((1, 28, 28, 1), "f4"), np.zeros((1, 10), "f4")
            self.left: list[object] = []

        def allocate_tensors(self) -> None: ...

        def get_input_details(self) -> list[dict[str, Any]]:
            return [{"index": 0, "shape": (1, 28, 28, 1), "quantization": (0.0, 0)}]

        def get_output_details(self) -> list[dict[str, Any]]:
            return [{"index": 1, "shape": (1, 10), "dtype": "f4", "quantization": (0.0, 0)}]

        def tensor(self, index: int) -> Callable[[], NDArray[np.float32]]:
            return lambda: (self.image, self.answer)[index]

        def invoke(self) -> None:
            if moves:
                self.left.append((self.image, self.answer))  # so that no place is used again
                self.image, self.answer = self.image.copy(), self.answer.copy()
            self.answer[:] = self.image[0, 0, :10, 0]

    monkeypatch.setattr(interpreter, "Interpreter", Wandering)
    spec = TensorSpec("image", "NHWC", (1, 28, 28, 1), "float32", (0.0, 255.0))
    answers = open_bare(workspace.runs / "edge.tflite", spec).run(GREYS)
    np.testing.assert_array_equal(answers, GREYS[:, 0, :10])


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("count", [1, 4, 9])
def test_a_model_of_a_fixed_batch_answers_any_number_of_pictures(
    batch: int, count: int, tmp_path: Path
) -> None:
    path = first_pixels(tmp_path / "pixels.onnx", (batch, 1, 28, 28))
    spec = TensorSpec("image", "NCHW", (batch, 1, 28, 28), "float32", (0.0, 255.0))
    images = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None], (count, 28, 28))
    answers = open_bare(path, spec).run(images)
    np.testing.assert_array_equal(answers, images[:, 0, :10])


@pytest.mark.parametrize(("layout", "dtype"), [("HWCN", "float32"), ("NCHW", "int16")])
@pytest.mark.parametrize("name", ["edge.onnx", "edge.tflite"])
def test_an_input_that_cannot_be_fed_is_refused(
    layout: str, dtype: str, name: str, workspace: Workspace
) -> None:
    spec = TensorSpec("image", layout, (None, 1, 28, 28), dtype, (0.0, 1.0))
    with pytest.raises(ContractError, match=f"cannot feed an input of layout {layout}"):
        open_bare(workspace.runs / name, spec)


def test_a_file_that_takes_bytes_answers_like_the_same_in_floats(
    workspace: Workspace, tmp_path: Path
) -> None:
    path = workspace.runs / "edge.int8.onnx"
    onnx.save(in_bytes(onnx.load(path)), tmp_path / "bytes.onnx")
    spec = replace(NCHW, dtype="uint8", range=(0.0, 255.0))
    images = workspace.dataset.test.images[: CHUNK + 1]
    for some in (images[:1], images):
        expected = open_engine(path)[0].run(some)
        np.testing.assert_array_equal(open_bare(tmp_path / "bytes.onnx", spec).run(some), expected)
    with pytest.raises(ModelError, match=r"takes uint8, not float32"):
        OnnxEngine(open_session(tmp_path / "bytes.onnx"), NCHW)


def test_a_session_is_set_up_for_a_small_device(workspace: Workspace) -> None:
    for threads in (1, 2):
        options = open_session(workspace.runs / "edge.onnx", threads).get_session_options()
        assert options.intra_op_num_threads == threads
        assert options.inter_op_num_threads == 1
        assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_threads_do_not_change_the_answers(workspace: Workspace) -> None:
    images = workspace.dataset.test.images[:50]
    for name in ("edge.onnx", "edge.tflite"):
        one, two = (
            open_engine(workspace.runs / name, threads)[0].run(images) for threads in (1, 2)
        )
        np.testing.assert_allclose(one, two, rtol=0, atol=1e-5)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "text": lambda _: b"this is no model, whatever its name says",
    "a picture": lambda _: b"\x89PNG\r\n\x1a\n" + bytes(100),
    "the first bytes": lambda content: content[:20],
    "half": lambda content: content[: len(content) // 2],
    "all but the end": lambda content: content[:-10],
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
@pytest.mark.parametrize("name", ["edge.onnx", "edge.tflite"])
def test_a_file_that_is_no_model_is_named(
    name: str, damage: Callable[[bytes], bytes], workspace: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(damage((workspace.runs / name).read_bytes()))
    if path.suffix == ".tflite":
        shutil.copy(sidecar(workspace.runs / name), sidecar(path))
    with pytest.raises(ModelError) as caught:
        open_engine(path)
    assert str(path) in caught.value.cause
    assert "\n" not in caught.value.cause
    assert caught.value.remedy


def write_with_contract(workspace: Workspace, path: Path, contract: str | None) -> None:
    """Write a good model of the path's format whose contract is this text."""
    if path.suffix == ".tflite":
        shutil.copy(workspace.runs / "edge.tflite", path)
        if contract is not None:
            sidecar(path).write_text(contract)
    else:
        model = onnx.load(workspace.runs / "edge.onnx")
        entries = {} if contract is None else {"mnist_edge": contract}
        del model.metadata_props[:]
        helper.set_model_props(model, entries)
        onnx.save(model, path)


@pytest.mark.parametrize("name", ["model.onnx", "model.tflite"])
@pytest.mark.parametrize("opening", [open_engine, read_contract])
@pytest.mark.parametrize(
    ("contract", "cause"),
    [
        (None, "carries no contract"),
        ("seven", "its contract is not JSON"),
        ('{"schema": 2}', "its contract has schema 2, this version reads 1"),
        ('{"schema": 1}', "contract.name is missing"),
    ],
)
def test_a_model_whose_contract_cannot_be_read_is_refused(
    contract: str | None,
    cause: str,
    opening: Callable[[Path], object],
    name: str,
    workspace: Workspace,
    tmp_path: Path,
) -> None:
    write_with_contract(workspace, tmp_path / name, contract)
    with pytest.raises(ContractError, match=rf"{name}.*{cause}"):
        opening(tmp_path / name)


@pytest.mark.parametrize("name", ["model.onnx", "model.tflite"])
def test_a_contract_with_keys_of_later_versions_is_read(
    name: str, workspace: Workspace, tmp_path: Path
) -> None:
    expected = read_contract(workspace.runs / name.replace("model", "edge"))
    later = json.loads(expected.to_json()) | {"motto": "onwards"}
    del later[CHECKSUM]
    write_with_contract(workspace, tmp_path / name, json.dumps(later))
    assert open_engine(tmp_path / name)[1] == expected


@pytest.mark.parametrize("name", ["model.onnx", "model.tflite"])
def test_a_model_without_contract_runs_by_an_input_that_is_given(
    name: str, workspace: Workspace, tmp_path: Path
) -> None:
    original = workspace.runs / name.replace("model", "edge")
    write_with_contract(workspace, tmp_path / name, None)
    images = workspace.dataset.test.images[:3]
    answers = open_bare(tmp_path / name, read_contract(original).input).run(images)
    np.testing.assert_array_equal(answers, open_engine(original)[0].run(images))


SPEC = TensorSpec("image", "NCHW", (None, 1, 28, 28), "float32", (0.0, 1.0))


@pytest.mark.parametrize(
    "opening", [open_engine, read_contract, lambda path: open_bare(path, SPEC)]
)
@pytest.mark.parametrize("name", ["missing.onnx", "missing.tflite", "missing", "."])
def test_a_missing_file_is_named(
    opening: Callable[[Path], object], name: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="there is no such model file") as caught:
        opening(tmp_path / name)
    assert str(tmp_path / name) in caught.value.cause


@pytest.mark.parametrize("opening", [open_engine, lambda path: open_bare(path, SPEC)])
@pytest.mark.parametrize("name", ["edge.keras", "edge.tflite.json"])
def test_a_file_of_another_format_is_refused_with_the_way_to_export(
    opening: Callable[[Path], object], name: str, workspace: Workspace
) -> None:
    with pytest.raises(ModelError, match=f"{name} is neither an .onnx nor a .tflite") as caught:
        opening(workspace.runs / name)
    assert "mnist-edge export" in caught.value.remedy


@pytest.mark.parametrize("name", [*EXPORTED, "edge.keras"])
def test_contracts_are_read_of_every_format(name: str, workspace: Workspace) -> None:
    contract = read_contract(workspace.runs / name)
    assert contract.name == "edge"
    assert (contract.parity is None) is (name == "edge.keras")


def test_a_tflite_file_needs_its_extra(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.delitem(sys.modules, "ai_edge_litert.interpreter", raising=False)
    with pytest.raises(MissingExtra) as caught:
        open_engine(workspace.runs / "edge.tflite")
    assert caught.value.remedy == "pip install 'mnist-edge[tflite]'"


def test_a_tflite_file_of_other_pictures_is_refused(tmp_path: Path) -> None:
    path = first_pixels_tflite(tmp_path / "small.tflite", side=14)
    with pytest.raises(ModelError, match=r"small\.tflite"):
        open_bare(path, TensorSpec("image", "NHWC", (1, 14, 14, 1), "uint8", (-1.0, 1.0)))


def test_a_session_of_ones_own_is_run_as_it_is(workspace: Workspace) -> None:
    session = onnxruntime.InferenceSession(workspace.runs / "edge.onnx")
    contract = Contract.from_metadata(session.get_modelmeta().custom_metadata_map, "mine")
    images = workspace.dataset.test.images[:5]
    np.testing.assert_allclose(
        OnnxEngine(session, contract.input).run(images),
        open_engine(workspace.runs / "edge.onnx")[0].run(images),
        rtol=0,
        atol=1e-5,
    )
    with pytest.raises(ContractError, match="cannot feed an input"):
        OnnxEngine(session, replace(contract.input, layout="NC"))
