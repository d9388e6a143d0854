"""What runs where: the table of runtimes, and what becomes of answers and of failures."""

from __future__ import annotations

import importlib
import sys
from contextlib import closing
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from mnist_edge.data import Split, synthetic
from mnist_edge.runtime import shipped
from mnist_edge.runtime.engines import open_engine

ROOT = Path(__file__).parents[1]
PICTURES = synthetic.generate(100, seed=4)


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "tools")
        return importlib.import_module("portability")


def here(tool: ModuleType, suffix: str) -> tuple[object, object]:
    """The reference of a suffix, and this environment, where it is installed."""
    (row,) = (row for row in tool.REFERENCES if suffix in row.suffixes)
    return tool.Environment([sys.executable, str(tool.RUNNERS / row.runner)], ROOT, ""), row


def test_every_row_has_a_runner_and_files_to_run(tool: ModuleType) -> None:
    names = [row.name for row in tool.RUNTIMES]
    assert len(set(names)) == len(names)
    suffixes = {Path(name).suffix for name in shipped.manifest()} & {".onnx", ".tflite"}
    for row in (*tool.RUNTIMES, *tool.REFERENCES):
        assert (tool.RUNNERS / row.runner).is_file(), row.name
        assert set(row.suffixes) <= suffixes, row.name
    assert sorted(suffix for row in tool.REFERENCES for suffix in row.suffixes) == sorted(suffixes)


def test_the_tables_have_a_row_for_every_runtime(tool: ModuleType) -> None:
    page = tool.PAGE.read_text(encoding="utf-8")
    for name in ("summary", "portability"):
        _, _, rest = page.partition(f"<!-- {name} -->")
        table, end, _ = rest.partition(f"<!-- /{name} -->")
        assert end
        assert all(f"\n| {row.name}" in table for row in tool.RUNTIMES), name


@pytest.mark.parametrize("name", ["edge.onnx", "edge.int8.onnx", "edge.tflite", "edge.int8.tflite"])
def test_a_runner_answers_as_the_engine_does_and_takes_turns(tool: ModuleType, name: str) -> None:
    path = shipped.path(name)
    with closing(tool.Runner(*here(tool, path.suffix), path, PICTURES.images)) as runner:
        # The engine gives the last step of a quantized answer, 255/256, as 1.
        expected = open_engine(path)[0].run(PICTURES.images)
        np.testing.assert_allclose(runner.answers, expected, rtol=0, atol=1 / 256 + 1e-6)
        result = tool.compared(runner, runner, PICTURES)
    assert (result.others, result.difference) == (0, 0)
    assert result.time > 0


def test_a_file_that_is_refused_is_a_line_without_folders(tool: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "edge.onnx"
    path.write_bytes(shipped.path("edge.onnx").read_bytes())
    environment, _ = here(tool, ".onnx")
    litert = tool.REFERENCES[1]
    environment.command[1] = str(tool.RUNNERS / litert.runner)  # type: ignore[attr-defined]
    with pytest.raises(tool.Refused, match="ValueError: ") as caught:
        tool.Runner(environment, litert, path, PICTURES.images)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_reasons_are_the_last_line_shortened_and_safe_in_a_table(tool: ModuleType) -> None:
    assert tool.reason("one\n/home/me/venv/lib/cv.py:3: \x1b[31ma|b https://x.y/z/w\n\n") == (
        "cv.py:3: [31ma\\|b https://x.y/z/w"
    )
    assert len(tool.reason("x" * 300)) == 201
    assert tool.reason("") == "it does not say why"


def test_failures_and_differences_are_told_apart(tool: ModuleType) -> None:
    right, wrong = tool.Result(0.99, 0, 1e-6, 1.5), tool.Result(0.5, 900, 1.0, 0.5)
    first, second = tool.RUNTIMES[0].name, tool.RUNTIMES[1].name
    results = {
        ("edge.int8.onnx", first): right,
        ("edge.int8.onnx", second): wrong,
        ("edge.onnx", first): "no such operation",
        ("edge.onnx", second): right,
    }
    lines = tool.summary_of(results).splitlines()
    assert lines[2] == f"| {first} | yes |  | no |  |  | `edge.int8.onnx` |"
    assert lines[3] == f"| {second} | 900 of 2,000 differ |  | yes |  |  | `edge.onnx` |"
    environments = {first: "it does not install", second: tool.Environment([], Path(), "1.2")}
    page = tool.page_of(results, environments)
    assert page.count("## ") == 2
    assert f"| {second} | 1.2 |  | 50.00% | 900 | 1.0e+00 | 0.50 |" in page
    assert f"| {first} |  | no such operation |  |  |  |  |" in page


def test_what_does_not_install_is_told_for_every_file(tool: ModuleType) -> None:
    environments = {row.name: "no network" for row in tool.RUNTIMES}
    path = shipped.path("tiny.onnx")
    results = tool.measure(path, Split(PICTURES.images, PICTURES.labels), environments)
    rows = [row.name for row in tool.RUNTIMES if ".onnx" in row.suffixes]
    assert results == {(path.name, name): "no network" for name in rows}
    with pytest.raises(tool.Refused, match="no-such-program is not installed"):
        tool._run("no-such-program")
    with pytest.raises(tool.Refused, match="ModuleNotFoundError"):
        tool._run(sys.executable, "-c", "import no_such_package")
