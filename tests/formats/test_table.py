"""The table of formats, and the files that were made from its rows."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge.contract import Calibration, sidecar
from mnist_edge.errors import MissingExtra, UsageError
from mnist_edge.formats.family import Bar, Format
from mnist_edge.formats.parity import compare, shortfalls
from mnist_edge.formats.table import FORMATS, RUNNABLE, faster, named, of_path, open_file
from mnist_edge.runtime.engines import read_contract
from tests.conftest import Workspace

EXPORTED = [row for row in RUNNABLE.values() if row.conversion]

by_name = pytest.mark.parametrize("row", EXPORTED, ids=lambda row: row.name)


@pytest.fixture(scope="module")
def reference(workspace: Workspace) -> NDArray[np.float32]:
    """The Keras model's answers to the test split."""
    engine, _ = open_file(workspace.runs / "edge.keras")
    return engine.run(workspace.dataset.test.images)


def test_the_formats_are_those_of_the_design() -> None:
    assert {name: row.path(Path("runs"), "edge").name for name, row in FORMATS.items()} == {
        "keras": "edge.keras",
        "onnx": "edge.onnx",
        "onnx-int8": "edge.int8.onnx",
        "onnx-picture": "edge.picture.onnx",
        "tflite": "edge.tflite",
        "tflite-fp16": "edge.fp16.tflite",
        "tflite-int8": "edge.int8.tflite",
        "c": "edge.h",
    }
    assert all(row.name == name for name, row in FORMATS.items())


def test_the_bars_are_the_promised_ones() -> None:
    same, near = Bar(1.0, max_abs_diff=1e-5), Bar(0.9995, max_abs_diff=5e-3)
    integer = Bar(0.997, accuracy_drop=0.001)
    assert [row.conversion.bar for row in EXPORTED if row.conversion] == [
        *(same, integer, same, near, integer)
    ]


def test_a_bare_export_makes_the_float_formats_and_int8_adds_the_integer_ones() -> None:
    selected = {row.name: row.conversion.selected for row in EXPORTED if row.conversion}
    assert selected == {
        "onnx": "default",
        "onnx-int8": "int8",
        "tflite": "default",
        "tflite-fp16": "named",
        "tflite-int8": "int8",
    }


@pytest.mark.parametrize("row", FORMATS.values(), ids=FORMATS.keys())
@pytest.mark.parametrize("name", ["edge", "v1.2", "int8"])
def test_a_file_belongs_to_the_row_that_named_it(row: Format, name: str) -> None:
    assert of_path(row.path(Path("some/folder"), name)) is row


@pytest.mark.parametrize("name", ["edge.onnx.json", "edge.pb", "edge", "onnx", "edge.ONNX.bak"])
def test_other_files_belong_to_none(name: str) -> None:
    assert of_path(Path(name)) is None


def test_names_come_back_in_the_order_of_the_table() -> None:
    assert [row.name for row in named(["tflite", "onnx", "tflite"])] == ["onnx", "tflite"]
    assert named(["all"]) == named(["onnx", "all"]) == list(FORMATS.values())


@pytest.mark.parametrize(
    ("name", "hint"), [("onxx", "did you mean onnx? "), ("tflite-in8", "tflite-int8"), ("", "")]
)
def test_an_unknown_name_is_refused_with_the_nearest_and_all(name: str, hint: str) -> None:
    with pytest.raises(UsageError, match=f"no format called '{name}'") as caught:
        named(["onnx", name])
    assert hint in caught.value.remedy
    assert caught.value.remedy.endswith(f"Formats are {', '.join(FORMATS)}, or all.")


def test_fast_is_another_conversion_of_the_same_file() -> None:
    plain = {row.name: row.conversion for row in EXPORTED if row.conversion}
    fast = faster(plain)
    assert list(fast) == list(plain)
    assert [name for name in plain if fast[name] != plain[name]] == ["tflite-int8"]
    assert fast["tflite-int8"] == replace(
        plain["tflite-int8"], convert=plain["tflite-int8"].fast or pytest.fail("there is none")
    )
    with pytest.raises(UsageError, match="--fast makes no difference") as caught:
        faster({name: plain[name] for name in ("onnx", "onnx-int8")})
    assert "tflite-int8" in caught.value.remedy


@by_name
def test_every_file_answers_like_keras_within_its_bar(
    row: Format, workspace: Workspace, reference: NDArray[np.float32]
) -> None:
    assert row.conversion
    engine, contract = open_file(row.path(workspace.runs, "edge"))
    images, labels = workspace.dataset.test
    answers = engine.run(images)
    parity = compare(reference, answers, labels)
    accuracy = float((answers.argmax(axis=1) == labels).mean())
    original = contract.metrics.accuracy["keras"]
    assert shortfalls(row.conversion.bar, parity, original, original - accuracy) == []
    # What the file says of itself is what is measured of it again.
    assert contract.metrics.accuracy[row.name] == accuracy
    assert contract.parity is not None
    assert contract.parity.flips == parity.flips
    assert contract.parity.agreement == parity.agreement


@by_name
def test_every_file_says_what_the_table_says(row: Format, workspace: Workspace) -> None:
    assert row.conversion
    contract = read_contract(row.path(workspace.runs, "edge"))
    assert (contract.input, contract.output) == (row.conversion.input, row.conversion.output)
    quantization = contract.quantization
    if row.conversion.quantization is None:
        assert quantization is None
    else:
        assert quantization is not None
        assert quantization.scheme == row.conversion.quantization.scheme
        assert quantization.calibration == (
            Calibration(1000, seed=0, split="train") if row.conversion.calibrated else None
        )


def test_all_files_of_a_model_speak_of_the_same_weights(workspace: Workspace) -> None:
    contracts = [read_contract(row.path(workspace.runs, "edge")) for row in RUNNABLE.values()]
    assert len({contract.weights_sha256 for contract in contracts}) == 1
    assert len({contract.preprocess.version for contract in contracts}) == 1


def test_onnx_files_carry_their_contract_and_the_others_have_it_beside_them(
    workspace: Workspace,
) -> None:
    for row in RUNNABLE.values():
        path = row.path(workspace.runs, "edge")
        assert sidecar(path).exists() is (path.suffix != ".onnx")


def test_a_keras_file_needs_tensorflow(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match="tensorflow is not installed") as caught:
        open_file(workspace.runs / "edge.keras")
    assert caught.value.remedy == "pip install 'mnist-edge[train]'"
