"""From model files to rows: the exported ones, somebody else's, and those that cannot run."""

from __future__ import annotations

import json
import runpy
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import onnx
import pytest
from onnx import TensorProto, helper

import mnist_edge
from mnist_edge.benchmark import judge
from mnist_edge.benchmark.bench import files_beside, run, with_members
from mnist_edge.benchmark.latency import Effort
from mnist_edge.benchmark.rows import Report
from mnist_edge.contract import Contract
from mnist_edge.data.dataset import Dataset, Split
from mnist_edge.errors import UsageError
from mnist_edge.formats.exported import Exported
from mnist_edge.formats.feeding import FeedingOptions
from mnist_edge.formats.table import FAMILIES, RUNNABLE
from mnist_edge.formats.table import open_file as opened
from mnist_edge.runtime.engines import Engine
from tests.conftest import Workspace

BRIEFLY = Effort(rounds=2, turn=0.0, calls=2, batch=50)
WHITE_ON_BLACK = FeedingOptions(range=(0.0, 1.0), ink="light", transposed=False)
SCHEMA = Path(__file__).parents[2] / "docs" / "bench.schema.json"


@pytest.fixture(scope="module")
def dataset(workspace: Workspace) -> Dataset:
    """The workspace's dataset with 200 test pictures, which are enough here."""
    images, labels = workspace.dataset.test
    return replace(workspace.dataset, test=Split(images[:200], labels[:200]))


@pytest.fixture(scope="module")
def report(workspace: Workspace, dataset: Dataset) -> Report:
    """A benchmark of all exported files that need no TensorFlow."""
    paths = [path for path in files_beside(workspace.runs / "edge.onnx") if path.suffix != ".keras"]
    return run(paths, dataset, replace(BRIEFLY, starts=1, corrupted=100))


def strip_contract(source: Path, target: Path) -> Path:
    model = onnx.load(source)
    del model.metadata_props[:]
    onnx.save(model, target)
    return target


def test_files_of_one_model_come_in_the_order_of_the_table(
    workspace: Workspace, tmp_path: Path
) -> None:
    names = [f"edge{row.suffix}" for row in RUNNABLE.values()]
    for path in workspace.runs.iterdir():
        shutil.copy(path, tmp_path / path.name)
        shutil.copy(path, tmp_path / f"other-{path.name}")
    for name in names:
        assert [path.name for path in files_beside(tmp_path / name)] == names
    (tmp_path / "edge.tflite").unlink()
    names.remove("edge.tflite")
    assert [path.name for path in files_beside(tmp_path / "edge.keras")] == names


def test_every_file_becomes_a_row_with_its_figures(
    report: Report, workspace: Workspace, dataset: Dataset
) -> None:
    assert report.reference == str(workspace.runs / "edge.onnx")
    assert report.dataset == dataset.name
    assert [row.format for row in report.rows] == [name for name in RUNNABLE if name != "keras"]
    for row in report.rows:
        assert row.error is None
        assert row.bytes == Path(row.path).stat().st_size
        assert row.accuracy is not None
        assert row.accuracy > 0.9
        assert row.agreement == 1 - (row.flips or 0) / len(dataset.test.labels)
        times = (row.load_ms, row.first_ms, row.p50_us, row.p95_us, row.p99_us, row.images_per_s)
        assert all(time is not None and time > 0 for time in times)
        assert (row.p50_us or 0) <= (row.p95_us or 0) <= (row.p99_us or 0)


def test_the_reference_agrees_with_itself_and_the_others_are_compared_with_it(
    report: Report,
) -> None:
    first, *others = report.rows
    assert (first.agreement, first.flips, first.max_abs_diff) == (1.0, 0, 0.0)
    assert all(row.max_abs_diff for row in others)


def test_robustness_is_the_mean_of_all_corruptions(report: Report) -> None:
    for row in report.rows:
        assert row.corruptions
        assert len(row.corruptions) == 8
        assert row.robust == pytest.approx(sum(row.corruptions.values()) / 8)
        assert 0.1 < (row.robust or 0) < (row.accuracy or 0)
    # The formats answer alike, so that they are as robust as each other: 2 of 100 may differ.
    assert max(row.robust or 0 for row in report.rows) == pytest.approx(
        min(row.robust or 0 for row in report.rows), abs=0.02
    )


def test_start_up_and_memory_are_those_of_fresh_processes(report: Report) -> None:
    for row in report.rows:
        assert row.import_ms
        assert row.load_ms
        # Importing numpy and an engine takes a hundred times what an answer takes.
        assert row.import_ms > (row.first_ms or 0)
        if sys.platform == "linux":
            # An interpreter with numpy takes 30 MiB at least, and this one has TensorFlow in it.
            assert 20 < (row.peak_mib or 0) < 200


def test_what_was_not_asked_for_is_not_measured(workspace: Workspace, dataset: Dataset) -> None:
    (row,) = run([workspace.runs / "edge.onnx"], dataset, BRIEFLY).rows
    assert (row.robust, row.corruptions, row.import_ms, row.load_ms, row.peak_mib) == (None,) * 5


def test_the_report_is_the_json_of_the_design_and_of_its_schema(report: Report) -> None:
    document = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert list(document) == ["machine", "dataset", "reference", "rows", "effort", "changes"]
    assert list(document["rows"][0])[:14] == [
        *("format", "path", "bytes", "accuracy", "agreement", "max_abs_diff", "flips", "load_ms"),
        *("first_ms", "p50_us", "p95_us", "p99_us", "images_per_s", "threads"),
    ]
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.validate(document, schema)
    document["rows"][0]["p50_us"] = "fast"
    with pytest.raises(jsonschema.ValidationError, match="fast"):
        jsonschema.validate(document, schema)


def test_the_schema_is_rendered_from_the_code() -> None:
    tool = runpy.run_path(str(SCHEMA.parents[1] / "tools" / "render_schema.py"))
    assert SCHEMA.read_text(encoding="utf-8") == tool["rendered"]()


def test_threads_are_passed_on_and_reported(workspace: Workspace, dataset: Dataset) -> None:
    path = workspace.runs / "edge.onnx"
    (row,) = run([path], dataset, BRIEFLY, threads=2).rows
    assert row.threads == 2


def test_each_finished_step_is_told(workspace: Workspace, dataset: Dataset) -> None:
    steps: list[tuple[int, int]] = []
    effort = replace(BRIEFLY, starts=1)
    run([workspace.runs / "edge.onnx"], dataset, effort, on_step=lambda *s: steps.append(s))
    assert steps == [(1, 3), (2, 3), (3, 3)]  # one start and two rounds


def test_a_file_that_cannot_run_is_a_row_with_its_reason_and_never_the_reference(
    workspace: Workspace, dataset: Dataset, tmp_path: Path
) -> None:
    good = workspace.runs / "edge.onnx"
    (tmp_path / "broken.onnx").write_text("weights")
    (tmp_path / "edge.bin").write_text("weights")
    report = run([tmp_path / "broken.onnx", tmp_path / "edge.bin", good], dataset, BRIEFLY)
    broken, unknown, row = report.rows
    assert report.reference == str(good)
    assert row.error is None
    assert "broken.onnx is not an ONNX model" in (broken.error or "")
    assert "edge.bin is no model file" in (unknown.error or "")
    assert all(end in (unknown.error or "") for family in FAMILIES for end in family.suffixes)
    for failed in (broken, unknown):
        assert failed.bytes == Path(failed.path).stat().st_size
        assert (failed.accuracy, failed.load_ms, failed.p50_us) == (None, None, None)


def test_a_benchmark_of_nothing_that_runs_has_no_reference(
    dataset: Dataset, tmp_path: Path
) -> None:
    (tmp_path / "broken.onnx").write_text("weights")
    report = run([tmp_path / "broken.onnx"], dataset, BRIEFLY)
    assert report.reference is None
    assert report.rows[0].error


@pytest.mark.parametrize(
    "models", [[], "edge.onnx", Path("edge.onnx"), Exported("onnx", Path("edge.onnx"))]
)
def test_what_is_no_list_of_files_is_not_taken_for_the_default(models: Any) -> None:
    with pytest.raises(UsageError, match="no files to measure"):
        mnist_edge.bench(models)


def test_somebody_elses_model_is_measured_by_the_input_it_is_said_to_have(
    workspace: Workspace, dataset: Dataset, tmp_path: Path
) -> None:
    good = workspace.runs / "edge.onnx"
    foreign = strip_contract(good, tmp_path / "foreign.onnx")
    own, theirs = run([good, foreign], dataset, BRIEFLY, feeding=WHITE_ON_BLACK).rows
    assert theirs.format == "foreign.onnx"
    assert theirs.error is None
    assert (theirs.accuracy, theirs.agreement, theirs.flips) == (own.accuracy, 1.0, 0)
    assert theirs.max_abs_diff == 0
    assert (theirs.input or "").startswith("foreign.onnx: 1x28x28, ink 1 on paper 0 (loss ")
    assert theirs.p50_us


def test_what_nobody_says_of_a_model_is_measured_and_told(
    workspace: Workspace, dataset: Dataset, tmp_path: Path
) -> None:
    foreign = strip_contract(workspace.runs / "edge.onnx", tmp_path / "foreign.onnx")
    notes: list[str] = []
    effort = replace(BRIEFLY, starts=1)
    (row,) = run([foreign], dataset, effort, note=notes.append).rows
    assert row.error is None
    assert row.load_ms  # started in a process that is told what was measured
    assert notes[0] == row.input
    assert notes[0].startswith("foreign.onnx: 1x28x28, ink 1 on paper 0 (loss ")
    assert "; next best " in notes[0]
    assert notes[0].endswith("; answers are probabilities")


def test_a_contract_that_cannot_be_read_is_not_taken_for_none(
    workspace: Workspace, dataset: Dataset, tmp_path: Path
) -> None:
    """Its file is not somebody else's: how it is to be fed is known, only not here."""
    path = tmp_path / "edge.tflite"
    shutil.copy(workspace.runs / "edge.tflite", path)
    (tmp_path / "edge.tflite.json").write_text('{"schema": 99}')
    (row,) = run([path], dataset, BRIEFLY, feeding=WHITE_ON_BLACK).rows
    assert "schema 99" in (row.error or "")


def test_the_members_of_an_ensemble_follow_it(tmp_path: Path) -> None:
    for name in ("big.keras", "big-1.keras", "big-2.keras", "big-4.keras", "big-1.onnx"):
        (tmp_path / name).touch()

    def names(*given: str) -> list[str]:
        return [path.name for path in with_members(tmp_path / name for name in given)]

    assert names("big.keras", "big.onnx") == [
        *("big.keras", "big-1.keras", "big-2.keras", "big.onnx")
    ]
    assert names("big-2.keras", "big.keras") == ["big-2.keras", "big.keras", "big-1.keras"]
    assert names("big.onnx") == ["big.onnx"]


def test_scores_of_somebody_elses_are_compared_as_probabilities(
    workspace: Workspace, dataset: Dataset, tmp_path: Path
) -> None:
    good = workspace.runs / "edge.onnx"
    model = onnx.load(strip_contract(good, tmp_path / "scores.onnx"))
    softmax = model.graph.node.pop()
    model.graph.node[-1].output[0] = softmax.output[0]
    onnx.save(model, tmp_path / "scores.onnx")
    scores, own = run([tmp_path / "scores.onnx", good], dataset, BRIEFLY).rows
    assert (scores.input or "").endswith("; answers are scores, a softmax is added")
    assert scores.agreement == own.agreement == 1.0
    assert (own.max_abs_diff or 0) < 1e-5  # a softmax by NumPy, and one by onnxruntime


@pytest.mark.parametrize("side", [14, 28])
def test_a_model_of_other_pictures_or_answers_is_a_row_with_its_reason(
    side: int, workspace: Workspace, dataset: Dataset, tmp_path: Path
) -> None:
    """It takes pictures of `side` × `side`, and answers with a number for every pixel."""
    graph = helper.make_graph(
        [helper.make_node("Flatten", ["image"], ["answer"])],
        "flat",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, side, side])],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, ["batch", side * side])],
    )
    opset = helper.make_opsetid("", 13)
    path = tmp_path / "flat.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=7), path)
    good = workspace.runs / "edge.onnx"
    own, theirs = run([good, path], dataset, BRIEFLY, feeding=WHITE_ON_BLACK).rows
    assert own.error is None
    assert theirs.error
    assert f"flat.onnx tells {side * side} classes apart, not the ten digits." in theirs.error
    assert "\n" not in theirs.error
    assert theirs.p50_us is None


@pytest.mark.parametrize("error", [RuntimeError("first line\nsecond line"), MemoryError()])
def test_whatever_an_engine_raises_is_the_reason(
    error: Exception,
    workspace: Workspace,
    dataset: Dataset,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(path: Path, threads: int) -> tuple[Engine, Contract]:
        if path.suffix == ".tflite":
            raise error
        return opened(path, threads)

    monkeypatch.setattr(judge, "open_file", fail)
    paths = [workspace.runs / "edge.onnx", workspace.runs / "edge.tflite"]
    good, failed = run(paths, dataset, BRIEFLY).rows
    assert good.error is None
    assert failed.error == (str(error).partition("\n")[0] or "MemoryError")
