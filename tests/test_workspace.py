"""What is remembered of where things lie, and what is said where it is not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mnist_edge import workspace
from mnist_edge.contract import Contract, Metrics
from mnist_edge.data import Dataset, synthetic
from mnist_edge.errors import DataError
from tests.conftest import Run, write_digits


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    """A small dataset beside the folder of results."""
    path = tmp_path / "digits.npz"
    write_digits(path, synthetic.generate(600, seed=1), synthetic.generate(200, seed=2))
    return path


@pytest.fixture
def contract() -> Contract:
    """What a model called `edge` says that was trained on `digits.npz`."""
    document = Path(__file__).parents[1] / "models" / "edge.keras"
    return replace(Contract.from_sidecar(document), metrics=Metrics("digits.npz", {}))


def load(contract: Contract | None, folder: Path, given: str | None = None) -> Dataset:
    return workspace.load_dataset(given, contract, folder)


def test_an_origin_is_known_by_kind_and_model_while_it_is_there(
    tmp_path: Path, digits: Path
) -> None:
    folder = tmp_path / "runs"
    workspace.remember(folder, "dataset", "edge", digits)
    workspace.remember(folder, "model", "mine", digits)
    assert workspace.recall(folder, "dataset", "edge") == digits
    assert workspace.recall(folder, "dataset", "mine") is None
    digits.rename(tmp_path / "elsewhere.npz")
    assert workspace.recall(folder, "dataset", "edge") is None


def test_where_an_origin_lies_holds_in_any_folder(
    tmp_path: Path, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    workspace.remember(tmp_path, "dataset", "edge", Path("digits.npz"))
    monkeypatch.chdir("/")
    assert workspace.recall(tmp_path, "dataset", "edge") == digits


def test_a_model_finds_what_it_was_trained_on(
    tmp_path: Path, digits: Path, contract: Contract
) -> None:
    workspace.remember(tmp_path, "dataset", "edge", digits)
    assert len(load(contract, tmp_path).test.labels) == 200


def test_what_is_made_from_a_model_elsewhere_has_the_same_origins(
    tmp_path: Path, digits: Path, contract: Contract
) -> None:
    runs, out = tmp_path / "runs", tmp_path / "out"
    workspace.remember(runs, "dataset", "edge", digits)
    workspace.remember(out, "dataset", "tiny", tmp_path)
    workspace.hand_on("edge", runs, out)
    assert len(load(contract, out).test.labels) == 200
    assert workspace.recall(out, "dataset", "tiny") == tmp_path


def test_a_dataset_that_is_asked_for_comes_first(
    tmp_path: Path, digits: Path, contract: Contract
) -> None:
    other = tmp_path / "other.npz"
    write_digits(other, synthetic.generate(30, seed=1), synthetic.generate(20, seed=2))
    workspace.remember(tmp_path, "dataset", "edge", digits)
    assert len(load(contract, tmp_path, str(other)).test.labels) == 20


@pytest.mark.parametrize(
    "memory",
    [
        None,
        "{",
        "[]",
        json.dumps({"dataset edge": "/"}),
        json.dumps({"dataset edge": {"path": "/", "options": {}}}),  # of another name
        json.dumps({"dataset edge": {"path": "/nowhere/digits.npz", "options": {}}}),
    ],
)
def test_a_dataset_that_is_not_at_hand_is_named_and_not_guessed(
    memory: str | None, tmp_path: Path, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    if memory is not None:
        (tmp_path / ".origins.json").write_text(memory)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "digits.npz").touch()
    monkeypatch.chdir(tmp_path / "here")  # where something of that name lies, maybe another
    with pytest.raises(DataError) as caught:
        load(contract, tmp_path)
    assert caught.value.cause == "the model was trained on digits.npz, which is not here."
    assert "--data" in caught.value.remedy


def test_export_finds_what_train_was_given(run: Run, tmp_path: Path, digits: Path) -> None:
    (tmp_path / "other").mkdir()
    arguments = ("--epochs", 1, "--recipe", "tiny", "--out", "../runs")
    trained = run("train", "--data", "../digits.npz", *arguments, cwd=tmp_path / "other")
    assert trained.code == 0, trained.stderr
    exported = run("export", "--formats", "onnx")
    assert exported.code == 0, exported.stderr
    digits.unlink()
    missing = run("export", "--formats", "onnx")
    assert missing.code == 1
    assert "digits.npz, which is not here" in missing.stderr
