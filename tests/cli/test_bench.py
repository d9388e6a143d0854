"""`mnist-edge bench`: what it measures, how it prints it, and when it exits with which code."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_errors import assert_error
from tests.conftest import Run, Workspace

FORMATS = ["keras", "onnx", "onnx-int8", "tflite", "tflite-fp16", "tflite-int8"]


@pytest.fixture(scope="module")
def baseline(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The report of the workspace's ONNX file."""
    from tests.conftest import run_command

    result = run_command(
        *("bench", workspace.runs / "edge.onnx", "--quick", "--json"),
        cwd=tmp_path_factory.mktemp("bench"),
    )
    assert result.code == 0, result.stderr
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def test_every_format_beside_the_model_is_measured(run: Run, workspace: Workspace) -> None:
    result = run("bench", "--quick", "--json", cwd=workspace.folder)
    assert result.code == 0, result.stderr
    report = json.loads(result.stdout)
    assert list(report)[:4] == ["machine", "dataset", "reference", "rows"]
    assert report["reference"] == "runs/edge.keras"
    rows = {row["format"]: row for row in report["rows"]}
    assert list(rows) == FORMATS
    for row in rows.values():
        assert row["error"] is None
        assert row["agreement"] >= 0.997
        assert 0 < row["p50_us"] <= row["p95_us"] <= row["p99_us"]
        assert row["p50_ci_us"][0] <= row["p50_us"] <= row["p50_ci_us"][1]
        assert row["bytes"] == Path(workspace.folder, row["path"]).stat().st_size
        assert 0 < row["robust"] < row["accuracy"]
    # Keras' predict costs milliseconds a call, onnxruntime tens of microseconds; five is modest.
    assert rows["keras"]["p50_us"] > 5 * rows["onnx"]["p50_us"]
    # TensorFlow alone takes more than twice the memory of onnxruntime with all it needs.
    assert rows["keras"]["peak_mib"] > 2 * rows["onnx"]["peak_mib"]


def test_the_same_rows_as_csv_and_as_markdown(run: Run, workspace: Workspace) -> None:
    files = [workspace.runs / "edge.onnx", workspace.runs / "edge.int8.onnx"]
    lines = run("bench", *files, "--quick", "--table", "csv").stdout.splitlines()
    rows = list(csv.DictReader(lines))
    assert [row["format"] for row in rows] == ["onnx", "onnx-int8"]
    for row, path in zip(rows, files, strict=True):
        assert row["path"] == str(path)
        assert int(row["bytes"]) == path.stat().st_size
        low, median, high = (
            float(row[name]) for name in ("p50_ci_us.low", "p50_us", "p50_ci_us.high")
        )
        assert low <= median <= high
        assert 0 <= float(row["corruptions.invert"]) <= 1
    headers, rule, *cells = run(
        "bench", *files, "--quick", "--table", "markdown"
    ).stdout.splitlines()
    assert headers.startswith("| format | bytes | accuracy |")
    assert rule.startswith("| --- | --: |")
    assert [line.split(" | ")[0] for line in cells] == ["| onnx", "| onnx-int8"]
    assert {line.count("|") for line in (headers, rule, *cells)} == {headers.count("|")}


@pytest.mark.parametrize(("factor", "code", "verdict"), [(10, 0, "passed"), (0.01, 3, "worse")])
def test_a_baseline_ten_times_off_is_no_noise(
    factor: float,
    code: int,
    verdict: str,
    run: Run,
    workspace: Workspace,
    baseline: dict[str, Any],
    tmp_path: Path,
) -> None:
    row = baseline["rows"][0]
    doctored = row | {"p50_us": row["p50_us"] * factor}
    (tmp_path / "baseline.json").write_text(json.dumps(baseline | {"rows": [doctored]}))
    arguments = ("bench", workspace.runs / "edge.onnx", "--quick", "--compare", "baseline.json")
    result = run(*arguments)
    assert result.code == code, result.stderr
    assert result.stdout.splitlines()[-1].split()[0] == "onnx"
    assert result.stdout.splitlines()[-1].split()[-1] == verdict
    assert ("worse than baseline.json" in result.stderr) is (code == 3)


def test_a_more_accurate_baseline_fails_the_gate(
    run: Run, workspace: Workspace, baseline: dict[str, Any], tmp_path: Path
) -> None:
    doctored = baseline["rows"][0] | {"accuracy": 1.0, "p50_us": 1e6}
    (tmp_path / "baseline.json").write_text(json.dumps(baseline | {"rows": [doctored]}))
    arguments = ("bench", workspace.runs / "edge.onnx", "--quick", "--json")
    result = run(*arguments, "--compare", "baseline.json")
    assert result.code == 3
    (change,) = json.loads(result.stdout)["changes"]
    assert change["worse"]
    assert change["accuracy"] < 0


def test_files_of_one_format_are_told_apart_by_name(run: Run, workspace: Workspace) -> None:
    files = [workspace.runs / "edge.onnx", Path("copy.onnx")]
    shutil.copy(files[0], workspace.folder / files[1])
    result = run("bench", *files, "--quick", cwd=workspace.folder)
    assert result.code == 0, result.stderr
    headers, *rows = result.stdout.splitlines()
    assert headers.split()[:2] == ["file", "format"]
    assert [row.split()[:2] for row in rows] == [["edge.onnx", "onnx"], ["copy.onnx", "onnx"]]


def test_somebody_elses_model_is_measured_and_one_that_cannot_run_is_named(
    run: Run, workspace: Workspace, tmp_path: Path
) -> None:
    import onnx

    foreign = onnx.load(workspace.runs / "edge.onnx")
    del foreign.metadata_props[:]
    onnx.save(foreign, tmp_path / "foreign.onnx")
    (tmp_path / "broken.onnx").write_text("not a model")
    own = workspace.runs / "edge.onnx"
    result = run("bench", own, "foreign.onnx", "broken.onnx", "--quick", "--json")
    assert result.code == 0, result.stderr
    assert "foreign.onnx: 1x28x28, ink 1 on paper 0 (loss " in result.stderr
    first, second, third = json.loads(result.stdout)["rows"]
    assert second["format"] == "foreign.onnx"
    assert second["accuracy"] == first["accuracy"]
    assert "not an ONNX model" in third["error"]
    flags = ("--input-shape", "28,28,1", "--input-range", "0,255", "--ink", "light")
    result = run("bench", own, "foreign.onnx", "--quick", "--json", *flags)
    assert (
        "takes pictures of 1x28x28, not of 28x28x1" in json.loads(result.stdout)["rows"][1]["error"]
    )


def test_what_cannot_be_measured_or_compared_is_named(
    run: Run, workspace: Workspace, tmp_path: Path
) -> None:
    model = workspace.runs / "edge.onnx"
    assert_error(run("bench", "missing.onnx"), 1, "missing.onnx")
    (tmp_path / "broken.onnx").write_text("weights")
    result = run("bench", "broken.onnx", "--quick", "--data", workspace.folder / "digits.npz")
    assert_error(result, 1, "not one file could be measured. broken.onnx: ", "not an ONNX model")
    assert "None" not in result.stderr
    assert_error(run("bench", model, "--formats", "tflite"), 1, "no file of these formats")
    assert_error(run("bench", model, "--compare", model), 1, "not a report of mnist-edge bench")
    other = {"rows": [{"format": "tflite", "p50_us": 20.0, "accuracy": 0.99}]}
    (tmp_path / "other.json").write_text(json.dumps(other))
    result = run("bench", model, "--quick", "--json", "--compare", "other.json")
    assert result.code == 2
    assert "has measured none of these formats" in result.stderr
    (tmp_path / "other.json").write_text(json.dumps(other | {"dataset": "synthetic"}))
    result = run("bench", model, "--quick", "--compare", "other.json")
    assert_error(result, 2, "other.json was measured on synthetic")
