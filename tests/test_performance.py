"""The page of performance: what is kept of other processors."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from mnist_edge.benchmark import machine


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[1] / "tools")
        return importlib.import_module("performance")


def measured(tool: ModuleType, ratio: float) -> str:
    """The table of targets as it is printed, among others."""
    lines = [
        f"| `{ours}` | `{theirs}` | ≤ {most} | {ratio:.2f} (0.10–0.90) | yes |"
        for ours, theirs, most in tool.bench_peers.TARGETS
    ]
    return "\n".join(["| `edge.onnx` | 109,376 | 99.57% |", *lines, "text"])


def test_a_processor_gets_a_row_and_others_keep_theirs(
    tool: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = replace(machine.describe(), cpu="A chip", flags=["avx2", "fma"])
    newer = replace(described, flags=["avx2", "avx512_vnni", "avx512f"])
    page = "# Performance\n\ntext\n"
    for processor, model, figures in (
        (described, "1", 0.5),
        (newer, "17", 0.25),
        (newer, "2", 0.6),
        (described, "1", 0.75),
        (described, "1", None),  # a quick look, that is not kept
    ):
        monkeypatch.setattr(machine, "cpuinfo", lambda model=model: {"model": model})
        table = tool.processors(page, processor, figures and measured(tool, figures))
        page = f"# Performance\n\n{table}\n\n| other | table |\n| --- | --- |\n"
    rows = [line[2:-2].split(" | ") for line in table.splitlines()]
    assert rows[0][:2] == ["processor", "`edge.onnx` / `zoo-mnist-8.onnx`"]
    count = len(tool.bench_peers.TARGETS)
    assert rows[2:] == [
        ["A chip, model 1, avx2", *["0.75 (0.10–0.90)"] * count],
        ["A chip, model 17, avx512_vnni", *["0.25 (0.10–0.90)"] * count],
        ["A chip, model 2, avx512_vnni", *["0.60 (0.10–0.90)"] * count],
    ]
