"""Comparing with an earlier benchmark: what counts as worse, and reports that are none."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_edge.benchmark import baseline
from mnist_edge.benchmark.bench import bench
from mnist_edge.benchmark.latency import Timings
from mnist_edge.benchmark.rows import Change, Row
from mnist_edge.errors import DataError, UsageError

QUARTER = 0.25


def row(name: str = "onnx", path: str = "runs/edge.onnx", **changes: Any) -> Row:
    figures: dict[str, Any] = {"accuracy": 0.99, "p50_us": 100.0, "p50_ci_us": (99.0, 101.0)}
    return Row(name, path, 1000, **(figures | changes))


def read(folder: Path, *rows: Row | dict[str, Any], **others: Any) -> baseline.Baseline:
    """Write rows as a report has them, and read them back."""
    path = folder / "before.json"
    documents = [asdict(item) if isinstance(item, Row) else item for item in rows]
    path.write_text(json.dumps({"rows": documents} | others))
    return baseline.read(path)


def change(folder: Path, before: Row | dict[str, Any], after: Row) -> Change:
    """Compare two benchmarks of one file, the earlier one as JSON has it."""
    (only,) = baseline.compare(read(folder, before).rows, [after], QUARTER)
    return only


def test_a_report_is_read_back_without_what_could_not_run(tmp_path: Path) -> None:
    unmeasured = Row("keras", "runs/edge.keras", 1000, error="tensorflow is not installed here.")
    assert read(tmp_path, row(), unmeasured, dataset="mnist") == baseline.Baseline(
        "mnist", [baseline.Before("onnx", "edge.onnx", 0.99, 100.0, (99.0, 101.0))]
    )


@pytest.mark.parametrize(
    ("p50_us", "worse"), [(10.0, False), (100.0, False), (125.0, False), (130.0, True), (1e4, True)]
)
def test_slower_is_worse_beyond_the_tolerance_only(
    p50_us: float, worse: bool, tmp_path: Path
) -> None:
    after = row(p50_us=p50_us, p50_ci_us=(0.99 * p50_us, 1.01 * p50_us))
    result = change(tmp_path, row(), after)
    assert result.worse is worse
    assert result.ratio == p50_us / 100


def test_what_may_be_noise_is_not_worse(tmp_path: Path) -> None:
    """Half slower is no news where either measurement may be half off."""
    vague = row(p50_ci_us=(60.0, 150.0))
    slower = row(p50_us=150.0, p50_ci_us=(149.0, 151.0))
    result = change(tmp_path, vague, slower)
    assert not result.worse
    assert result.ratio_ci
    assert result.ratio_ci[0] < 1 + QUARTER
    assert result.ratio_ci[1] > 1.5
    assert not change(tmp_path, row(), row(p50_us=150.0, p50_ci_us=(90.0, 250.0))).worse
    assert change(tmp_path, row(), slower).worse


@pytest.mark.parametrize(("accuracy", "worse"), [(0.99, False), (0.995, False), (0.9899, True)])
def test_any_loss_of_accuracy_is_worse(accuracy: float, worse: bool, tmp_path: Path) -> None:
    result = change(tmp_path, row(), row(accuracy=accuracy))
    assert result.worse is worse
    assert result.accuracy == pytest.approx(accuracy - 0.99)


@pytest.mark.parametrize(("factor", "worse"), [(10, False), (0.01, True)])
def test_a_median_that_was_changed_by_hand_counts(
    factor: float, worse: bool, tmp_path: Path
) -> None:
    doctored = asdict(row()) | {"p50_us": 100.0 * factor}
    assert change(tmp_path, doctored, row()).worse is worse


def test_a_median_without_an_interval_counts_as_exact(tmp_path: Path) -> None:
    minimal = {"format": "onnx", "p50_us": 100.0, "accuracy": 0.99}
    exact = row(p50_us=200.0, p50_ci_us=(200.0, 200.0))
    assert change(tmp_path, minimal, exact).ratio_ci == (2, 2)


def test_formats_that_only_one_benchmark_measured_are_not_compared() -> None:
    before = baseline.Before("tflite", "edge.tflite", 0.99, 100.0, (99.0, 101.0))
    assert baseline.compare([], [row()], QUARTER) == []
    assert baseline.compare([before], [row()], QUARTER) == []


def test_a_format_that_cannot_run_any_more_is_worse(tmp_path: Path) -> None:
    failed = row(p50_us=None, p50_ci_us=None, accuracy=None, error="the engine is missing")
    result = change(tmp_path, row(), failed)
    assert result.worse
    assert result.ratio is None


def test_of_several_of_a_format_the_one_of_the_same_name_counts(tmp_path: Path) -> None:
    paths = ("a/edge.keras", "a/edge-1.keras", "a/edge-2.keras")
    before = [
        row("keras", path, p50_us=100.0 * factor)
        for path, factor in zip(paths, (1, 2, 4), strict=True)
    ]
    moved = row("keras", "b/edge-2.keras")
    renamed = row("keras", "b/other.keras")
    changes = baseline.compare(read(tmp_path, *before).rows, [moved, renamed], QUARTER)
    assert [item.ratio for item in changes] == [0.25, 1]


def simulated(random: np.random.Generator, speed: float) -> Row:
    """A row of thirty rounds of a hundred calls that disturb each other within a round.

    The whole run is faster or slower by chance too, as two runs minutes apart are.
    """
    rounds = 20_000 * speed * random.lognormal(0, 0.03) * random.lognormal(0, 0.1, (30, 1))
    calls = rounds * (1 + random.exponential(0.05, (30, 100)))
    timings = Timings(single=list(calls.astype(np.int64)))
    return row(p50_us=timings.percentile(50), p50_ci_us=timings.interval(50))


def test_the_same_twice_passes_and_twice_as_slow_does_not(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        before = simulated(random, 1)
        assert not change(tmp_path, before, simulated(random, 1)).worse
        assert change(tmp_path, before, simulated(random, 2)).worse


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
    "without end": "[" * 100_000,
    "a median in words": {"rows": [GOOD | {"p50_us": "fast"}]},
    "a median of nothing": {"rows": [GOOD | {"p50_us": 0}]},
    "a median that is no number": {"rows": [GOOD | {"p50_us": float("nan")}]},
    "a median without accuracy": {"rows": [GOOD | {"accuracy": None}]},
    "an accuracy beyond all": {"rows": [GOOD | {"accuracy": 99}]},
    "an interval of one end": {"rows": [GOOD | {"p50_ci_us": [90.0]}]},
    "an interval the wrong way": {"rows": [GOOD | {"p50_ci_us": [110.0, 90.0]}]},
    "an interval from nothing": {"rows": [GOOD | {"p50_ci_us": [0, 90.0]}]},
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
    (tmp_path / "empty.json").write_text("{}")
    for name, why in (
        ("missing.json", "cannot be read: No such file"),
        (".", "cannot be read: Is a directory"),
        ("picture.json", "is not a report of mnist-edge bench"),
        ("empty.json", "is not a report of mnist-edge bench: it has no 'rows'"),
    ):
        with pytest.raises(DataError, match=why):
            baseline.read(tmp_path / name)
    os.mkfifo(tmp_path / "pipe.json")
    for path in (tmp_path / "pipe.json", Path("/dev/zero")):
        with pytest.raises(DataError, match="is no regular file"):
            baseline.read(path)


@pytest.mark.parametrize("tolerance", [float("nan"), -0.1])
def test_a_tolerance_that_lets_everything_pass_is_wrong_usage(tolerance: float) -> None:
    with pytest.raises(UsageError, match="a tolerance cannot be"):
        bench(tolerance=tolerance)
