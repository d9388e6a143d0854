"""`info`: the contract where there is one, and the layers of any model file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import onnx
import pytest

from mnist_edge.cli.info import info
from mnist_edge.contract import sidecar
from mnist_edge.errors import MissingExtra, ModelError
from mnist_edge.formats.table import FORMATS
from mnist_edge.runtime import shipped
from tests.conftest import Run, Workspace

MODEL = shipped.folder() / "edge.onnx"


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """The shipped model as somebody else would have made it."""
    model = onnx.load(MODEL)
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "foreign.onnx")
    return tmp_path / "foreign.onnx"


@pytest.mark.parametrize("name", ["edge.onnx", "edge.int8.tflite"])
def test_the_layers_follow_the_contract(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    info(shipped.folder() / name)
    card, table = capsys.readouterr().out.split("\n\n")
    assert "recipe edge" in card
    header, *rows, total = (line.split() for line in table.splitlines())
    assert header == ["layer", "kind", "output", "parameters", "MACs"]
    assert total[0] == "total"
    for column in (-2, -1):
        figures = [int(row[column].replace(",", "")) for row in (*rows, total)]
        assert sum(figures[:-1]) == figures[-1] > 0


def test_json_has_the_layers_too(capsys: pytest.CaptureFixture[str]) -> None:
    info(MODEL, json=True)
    document = json.loads(capsys.readouterr().out)
    assert document["recipe"] == "edge"
    assert list(document["layers"][0]) == [
        *("name", "kind", "output", "parameters", "multiply_accumulates")
    ]
    assert document["layers"][0]["output"][0] is None


def test_every_file_that_is_published_is_described(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in filter(Path.exists, (row.path(workspace.runs, "edge") for row in FORMATS.values())):
        info(path)
        assert "recipe edge" in capsys.readouterr().out


def test_a_damaged_file_is_named_as_one(tmp_path: Path) -> None:
    path = tmp_path / "nano.int8.tflite"
    content = bytearray((shipped.folder() / path.name).read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    sidecar(path).write_bytes(sidecar(shipped.folder() / path.name).read_bytes())
    with pytest.raises(ModelError, match=r"nano\.int8\.tflite is damaged"):
        info(path)


def test_of_a_model_without_a_contract_it_prints_the_layers_alone(run: Run, foreign: Path) -> None:
    result = run("info", foreign)
    assert result.code == 0
    assert "foreign.onnx carries no contract" in result.stderr
    assert result.stdout.startswith("file")
    assert "recipe" not in result.stdout
    assert result.stdout.splitlines()[-1].startswith("total")


def test_without_the_package_for_the_layers_the_contract_is_still_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    info(MODEL)
    printed = capsys.readouterr()
    assert "recipe edge" in printed.out
    assert "total" not in printed.out
    (line,) = printed.err.splitlines()
    assert line.endswith("pip install 'mnist-edge[export]'")
    info(MODEL, json=True)
    assert json.loads(capsys.readouterr().out)["layers"] is None


def test_without_package_and_contract_there_is_nothing_to_print(
    foreign: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtra):
        info(foreign)
    assert capsys.readouterr().out == ""
