"""What is remembered of where things lie, and what is said where it is not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mnist_edge import data, workspace
from mnist_edge.contract import Contract, Metrics
from mnist_edge.data import Dataset, Split, synthetic
from mnist_edge.errors import DataError
from tests.conftest import write_digits


@pytest.fixture(autouse=True)
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


def test_a_model_finds_what_it_was_made_from_while_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.h5").touch()
    workspace.remember_original(Path("runs"), "mine", Path("mine.h5"))
    monkeypatch.chdir("/")
    assert workspace.original_of(tmp_path / "runs", "mine") == tmp_path / "mine.h5"
    assert workspace.original_of(tmp_path / "runs", "yours") is None
    (tmp_path / "mine.h5").unlink()
    assert workspace.original_of(tmp_path / "runs", "mine") is None


def test_a_model_finds_what_it_was_trained_on(
    tmp_path: Path, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    workspace.remember_dataset(Path("runs"), "edge", data.load("digits.npz"))
    monkeypatch.chdir("/")
    assert len(load(contract, tmp_path / "runs").test.labels) == 200


def test_a_dataset_is_read_again_as_it_was(tmp_path: Path, contract: Contract) -> None:
    digits = tmp_path / "digits.npz"
    train, test = (
        Split(255 - split.images, split.labels)
        for split in (synthetic.generate(600, seed=1), synthetic.generate(200, seed=2))
    )
    write_digits(digits, train, test)
    inverted = data.load(str(digits), invert=True)
    workspace.remember_dataset(tmp_path, "edge", inverted, invert=True)
    np.testing.assert_array_equal(load(contract, tmp_path).test.images, 255 - test.images)


def test_what_is_made_from_a_model_elsewhere_has_the_same_origins(
    tmp_path: Path, digits: Path, contract: Contract
) -> None:
    runs, out = tmp_path / "runs", tmp_path / "out"
    workspace.remember_dataset(runs, "edge", data.load(str(digits)))
    workspace.remember_original(out, "mine", digits)
    workspace.copy_origins("edge", runs, out)
    assert len(load(contract, out).test.labels) == 200
    assert workspace.original_of(out, "mine") == digits


def test_datasets_of_one_model_are_told_apart(
    tmp_path: Path, digits: Path, contract: Contract
) -> None:
    other = tmp_path / "other.npz"
    write_digits(other, synthetic.generate(30, seed=1), synthetic.generate(20, seed=2))
    for path in (digits, other):
        workspace.remember_dataset(tmp_path, "edge", data.load(str(path)))
    judged_elsewhere = replace(contract, metrics=Metrics("other.npz", {}))
    assert len(load(contract, tmp_path).test.labels) == 200
    assert len(load(judged_elsewhere, tmp_path).test.labels) == 20


def test_a_dataset_that_is_asked_for_comes_first(
    tmp_path: Path, digits: Path, contract: Contract
) -> None:
    other = tmp_path / "other.npz"
    write_digits(other, synthetic.generate(30, seed=1), synthetic.generate(20, seed=2))
    workspace.remember_dataset(tmp_path, "edge", data.load(str(digits)))
    assert len(load(contract, tmp_path, str(other)).test.labels) == 20


@pytest.mark.parametrize(
    "memory",
    [
        None,
        "{",
        "[]",
        json.dumps({"edge": "digits.npz"}),
        json.dumps({"edge": {"digits.npz": "digits.npz"}}),
        json.dumps({"edge": {"digits.npz": {"path": "/nowhere/digits.npz"}}}),
        json.dumps({"edge": {"others.npz": {"path": "digits.npz"}}}),
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
    assert caught.value.cause == "edge was trained on digits.npz, which is not here."
    assert "--data" in caught.value.remedy
