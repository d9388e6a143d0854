"""Which model is taken where none is named."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from mnist_edge.formats.latest import READABLE, latest
from mnist_edge.runtime import shipped


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("files", "taken"),
    [
        # From the oldest to the newest.
        (["edge.onnx", "edge.int8.onnx", "edge.int8.tflite"], "edge.onnx"),
        (["edge.onnx", "tiny.int8.onnx", "tiny.tflite"], "tiny.int8.onnx"),
        (["edge.onnx", "tiny.fp16.tflite", "tiny.int8.tflite"], "tiny.int8.tflite"),
        (["mnist.v2.onnx"], "mnist.v2.onnx"),
        (["edge.onnx", "large.keras", ".half.onnx", "notes.txt"], "edge.onnx"),
    ],
)
def test_predict_takes_the_newest_model_in_its_best_format(
    files: Sequence[str], taken: str
) -> None:
    Path("runs").mkdir()
    for time, name in enumerate(files):
        Path("runs", name).touch()
        os.utime(Path("runs", name), (time, time))
    assert latest(*READABLE) == (Path("runs", taken), False)


def test_without_any_the_shipped_model_is_taken_and_said_to_be() -> None:
    Path("runs").mkdir()
    Path("runs", "edge.keras").touch()
    assert latest(*READABLE) == (shipped.folder() / "edge.onnx", True)
