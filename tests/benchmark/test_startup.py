"""Starting a file in a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mnist_edge.benchmark.startup import measure
from mnist_edge.errors import ModelError
from mnist_edge.runtime import shipped


def test_the_phases_are_apart() -> None:
    started = measure(shipped.path("edge.onnx"))
    # Importing takes most, and one answer least of all: tenths of a second against microseconds.
    assert started.import_ms > started.first_ms > 0
    assert started.load_ms > 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's peak memory")
def test_memory_is_the_processs_own_and_not_that_of_the_one_that_started_it() -> None:
    ballast = bytearray(b"\1") * (160 << 20)
    peak = measure(shipped.path("edge.onnx")).peak_mib
    assert peak is not None
    assert 20 < peak < len(ballast) >> 20


def test_a_file_that_does_not_run_there_says_why(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_text("weights")
    with pytest.raises(ModelError, match=r"broken\.onnx does not run in a process of its own: "):
        measure(tmp_path / "broken.onnx")
