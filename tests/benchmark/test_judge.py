"""Files are judged alike: those of one name are fed alike, and an original as its files say."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from mnist_edge.benchmark.judge import judge
from mnist_edge.data import Dataset
from mnist_edge.errors import UsageError
from mnist_edge.formats.export import export
from mnist_edge.formats.feeding import FeedingOptions
from mnist_edge.runtime import shipped
from mnist_edge.runtime.engines import read_contract
from tests.conftest import write_digits
from tests.formats import theirs
from tests.formats.theirs import spec, to_onnx


def without_measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(*_: object) -> None:
        raise AssertionError("it was measured")

    monkeypatch.setattr("mnist_edge.formats.foreign.measure", measure)


def test_an_original_is_fed_as_the_contract_of_its_files_says(
    digits: Dataset,
    weights: theirs.Weights,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fed = spec("NCHW", 1, 28, 28, range=(255.0, 0.0))
    origin = to_onnx(tmp_path / "theirs.onnx", theirs.fed_as(weights, fed), answers="scores")
    write_digits(tmp_path / "digits.npz", digits.train, digits.test)
    data = str(tmp_path / "digits.npz")
    (made,) = export(origin, formats=["onnx"], data=data, out=tmp_path / "runs")
    source = read_contract(made.path).source
    assert source is not None
    assert (source.file, source.input, source.answers) == ("theirs.onnx", fed, "scores")
    without_measuring(monkeypatch)
    first, second = judge([origin, made.path], digits)
    assert first.error is None
    assert first.fed == "theirs.onnx: fed as when it was exported"
    assert first.input == fed
    assert (second.format, second.fed) == ("onnx", "")
    assert second.parity is not None
    assert second.parity.agreement == 1
    assert second.parity.max_abs_diff < 1e-5


def test_another_file_of_the_originals_name_is_measured(
    digits: Dataset,
    weights: theirs.Weights,
    tmp_path: Path,
) -> None:
    """Its bytes are others, whatever the contract of the first says."""
    fed = spec("NCHW", 1, 28, 28, range=(0.0, 255.0))
    origin = to_onnx(tmp_path / "theirs.onnx", weights)
    write_digits(tmp_path / "digits.npz", digits.train, digits.test)
    data = str(tmp_path / "digits.npz")
    (made,) = export(origin, formats=["onnx"], data=data, out=tmp_path / "runs")
    to_onnx(origin, theirs.fed_as(weights, fed))
    first, _ = judge([origin, made.path], digits)
    assert first.input == fed


def test_files_of_one_name_are_fed_alike(
    digits: Dataset,
    weights: theirs.Weights,
    tmp_path: Path,
) -> None:
    """The second alone would be fed with 255, as the third is."""
    (tmp_path / "old").mkdir()
    fed = spec("NCHW", 1, 28, 28, range=(0.0, 255.0))
    first = to_onnx(tmp_path / "theirs.onnx", weights)
    second = to_onnx(tmp_path / "old" / "theirs.onnx", theirs.fed_as(weights, fed))
    other = to_onnx(tmp_path / "other.onnx", theirs.fed_as(weights, fed))
    files = judge([first, second, other], digits)
    assert [file.input and file.input.range for file in files] == [(0, 1), (0, 1), (0, 255)]
    assert files[1].fed.endswith(", as the other file of that name")


def test_files_of_one_name_and_several_shapes_are_fed_alike(
    digits: Dataset,
    weights: theirs.Weights,
    tmp_path: Path,
) -> None:
    dark = spec("NCHW", 1, 28, 28, range=(1.0, 0.0), transposed=True)
    (tmp_path / "flat").mkdir()
    first = to_onnx(tmp_path / "theirs.onnx", theirs.fed_as(weights, dark))
    flat = dataclasses.replace(dark, layout="NC", shape=(None, 784))
    second = to_onnx(
        tmp_path / "flat" / "theirs.onnx", theirs.fed_as(weights, flat), ("batch", 784), "scores"
    )
    one, two = judge([first, second], digits)
    assert (one.input, two.input) == (dark, flat)
    assert two.parity is not None
    assert two.parity.agreement == 1


def test_what_is_given_holds_for_all_and_errors_are_single_lines(
    digits: Dataset,
    weights: theirs.Weights,
    tmp_path: Path,
) -> None:
    path = to_onnx(tmp_path / "theirs.onnx", weights)
    shutil.copy(path, tmp_path / "same.onnx")
    feeding = FeedingOptions(
        range=(0.0, 255.0), ink="light", transposed=False, answers="probabilities"
    )
    for file in judge([path, tmp_path / "same.onnx"], digits, feeding=feeding):
        assert file.input == spec("NCHW", 1, 28, 28, range=(0.0, 255.0))
    with pytest.raises(UsageError, match="carries a contract"):
        judge([shipped.path("edge.onnx")], digits, feeding=feeding)
    (tmp_path / "odd.onnx").write_text("weights")
    (tmp_path / "folder").mkdir()
    for file in judge([tmp_path / "odd.onnx", tmp_path / "folder", tmp_path / "none.h5"], digits):
        assert file.error
        assert "\n" not in file.error
        assert (file.engine, file.answers, file.parity) == (None, None, None)
