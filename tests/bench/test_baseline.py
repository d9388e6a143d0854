"""Comparing with an earlier benchmark: what counts as worse, and reports that are none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mnist_edge.bench import baseline
from mnist_edge.bench.report import Report, Row
from mnist_edge.errors import DataError

QUARTER = 0.25


def row(**changes: Any) -> Row:
    figures: dict[str, Any] = {"accuracy": 0.99, "p50_us": 100.0}
    return Row("onnx", "runs/edge.onnx", 1000, **(figures | changes))


def report(*rows: Row) -> Report:
    return Report({"cpu": "any"}, "mnist", "runs/edge.onnx", list(rows))


def change(before: Row, after: Row) -> baseline.Change:
    """Compare two benchmarks of one format, the earlier one as JSON has it."""
    (only,) = baseline.compare({"onnx": vars(before)}, report(after), QUARTER)
    return only


def test_a_report_is_read_back_by_format(tmp_path: Path) -> None:
    path = tmp_path / "before.json"
    unmeasured = Row("keras", "runs/edge.keras", 1000, error="tensorflow is not installed here.")
    path.write_text(json.dumps(report(row(), unmeasured).to_dict()))
    assert baseline.read(path) == {
        "onnx": {"p50_us": 100.0, "accuracy": 0.99},
        "keras": {"p50_us": None, "accuracy": None},
    }


@pytest.mark.parametrize(
    ("p50_us", "worse"), [(10.0, False), (100.0, False), (125.0, False), (126.0, True), (1e4, True)]
)
def test_slower_is_worse_beyond_the_tolerance_only(p50_us: float, worse: bool) -> None:
    assert change(row(), row(p50_us=p50_us)).worse is worse


@pytest.mark.parametrize(("accuracy", "worse"), [(0.99, False), (0.995, False), (0.9899, True)])
def test_any_loss_of_accuracy_is_worse(accuracy: float, worse: bool) -> None:
    assert change(row(), row(accuracy=accuracy)).worse is worse


def test_a_change_is_said_in_words() -> None:
    result = change(row(), row(p50_us=50.0, accuracy=0.98))
    assert result.format == "onnx"
    assert result.text == "onnx: 0.50 × the baseline's median, accuracy -1.00%"


def test_formats_that_only_one_benchmark_measured_are_not_compared() -> None:
    failed = row(p50_us=None, accuracy=None, error="the engine is missing")
    assert baseline.compare({}, report(row()), QUARTER) == []
    assert baseline.compare({"onnx": vars(failed)}, report(row()), QUARTER) == []
    assert baseline.compare({"tflite": vars(row())}, report(row()), QUARTER) == []


def test_a_format_that_cannot_run_any_more_is_worse() -> None:
    failed = row(p50_us=None, accuracy=None, error="the engine is missing")
    (result,) = baseline.compare({"onnx": vars(row())}, report(failed), QUARTER)
    assert result.worse
    assert result.text == "onnx: cannot run any more"


GOOD = {"format": "onnx", "p50_us": 100.0, "accuracy": 0.99}
DOCTORED = {
    "empty": "",
    "no JSON": "p50_us: 100",
    "a list": [GOOD],
    "no rows": {"machine": {}},
    "rows that are none": {"rows": 3},
    "a row that is none": {"rows": ["onnx"]},
    "rows by name": {"rows": {"onnx": GOOD}},
    "a row without its format": {"rows": [{"p50_us": 100.0, "accuracy": 0.99}]},
    "a format that is no name": {"rows": [GOOD | {"format": ["onnx"]}]},
    "a row without its median": {"rows": [{"format": "onnx", "accuracy": 0.99}]},
    "a row without its accuracy": {"rows": [{"format": "onnx", "p50_us": 100.0}]},
    "a median in words": {"rows": [GOOD | {"p50_us": "fast"}]},
    "a median of nothing": {"rows": [GOOD | {"p50_us": 0}]},
    "a median that is no number": {"rows": [GOOD | {"p50_us": float("nan")}]},
    "a median without accuracy": {"rows": [GOOD | {"accuracy": None}]},
}


@pytest.mark.parametrize("content", DOCTORED.values(), ids=DOCTORED.keys())
def test_what_is_no_report_is_refused_with_its_name(content: Any, tmp_path: Path) -> None:
    path = tmp_path / "before.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(DataError, match=r"before\.json is not a report") as caught:
        baseline.read(path)
    assert "\n" not in caught.value.cause
    assert "mnist-edge bench --json" in caught.value.remedy


def test_a_file_that_cannot_be_read_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "picture.json").write_bytes(b"\x89PNG\r\n\x1a\n\xff")
    for name in ("missing.json", ".", "picture.json"):
        with pytest.raises(DataError, match="is not a report of mnist-edge bench"):
            baseline.read(tmp_path / name)
