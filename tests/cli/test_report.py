"""`mnist-edge report`, as a user runs it: what it picks up, writes, prints and refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mnist_edge.data import synthetic
from mnist_edge.report.page import SECTIONS
from mnist_edge.runtime import shipped
from tests.conftest import Run, write_digits


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with `digits.npz`, and the shipped ONNX file alone in `runs/`."""
    train, test = synthetic.generate(300, seed=1), synthetic.generate(100, seed=2)
    write_digits(tmp_path / "digits.npz", train, test)
    (tmp_path / "runs").mkdir()
    shutil.copy(shipped.path("edge.onnx"), tmp_path / "runs")
    return tmp_path


def test_a_bare_report_takes_the_model_in_runs_and_writes_beside_it(run: Run, folder: Path) -> None:
    result = run("report", "--data", "digits.npz", "--quick")
    assert result.code == 0, result.stderr
    assert result.stdout == "runs/edge.html\n"
    assert result.stderr.startswith("model: runs/edge.onnx\n")
    assert "Training: No file of this model records how it was trained.\n" in result.stderr
    html = (folder / "runs" / "edge.html").read_text(encoding="utf-8")
    assert "<h1>edge.onnx</h1>" in html
    assert sorted(path.name for path in (folder / "runs").iterdir()) == ["edge.html", "edge.onnx"]


def test_json_says_of_every_section_whether_it_is_there(run: Run, folder: Path) -> None:
    arguments = (
        "--data",
        "digits.npz",
        "--quick",
        "--digit",
        3,
        "--file",
        "pages/a.html",
        "--json",
    )
    result = run("report", "runs/edge.onnx", *arguments)
    assert result.code == 0, result.stderr
    report = json.loads(result.stdout)
    assert list(report) == ["path", "model", "bytes", "missing"]
    assert report["bytes"] == (folder / "pages" / "a.html").stat().st_size
    assert set(report["missing"]) < set(SECTIONS)
    assert report["missing"]["parity"] == "There is no second file to compare with."
    html = (folder / "pages" / "a.html").read_text(encoding="utf-8")
    assert "The first 3 of the test split" in html


@pytest.mark.parametrize(
    ("arguments", "code", "cause"),
    [
        (("report", "missing.onnx"), 1, "missing.onnx: there is no such file."),
        (("report", "broken.onnx"), 1, "broken.onnx is not an ONNX model"),
        (("report", "digits.npz"), 1, "digits.npz is no model file, by its ending."),
        (("report", "--digit", "10"), 2, "--digit"),
    ],
)
def test_what_cannot_be_drawn_is_refused_and_nothing_is_written(
    run: Run, folder: Path, arguments: tuple[str, ...], code: int, cause: str
) -> None:
    (folder / "broken.onnx").write_text("weights")
    result = run(*arguments, "--data", "digits.npz", "--quick", "--file", "page.html")
    assert result.code == code
    assert cause in result.stderr
    assert "Traceback" not in result.stderr
    assert not (folder / "page.html").exists()
