"""Other people's models in the same table, at the accuracy they are known to have on MNIST."""

from __future__ import annotations

import json

import pytest

from tests.conftest import Run, data_folder


@pytest.mark.parametrize(
    ("name", "scale", "accuracy"),
    [("zoo-mnist-8.onnx", "255", 0.9891), ("tflite-codelab.tflite", "1", 0.9880)],
)
def test_a_peer_is_measured_on_mnist(name: str, scale: str, accuracy: float, run: Run) -> None:
    data_folder("MNIST_EDGE_DATA")
    path = data_folder("MNIST_EDGE_PEERS") / name
    arguments = ("--input-layout", "nchw", "--input-scale", scale, "--quick", "--json")
    result = run("bench", path, "--data", "mnist", *arguments)
    assert result.code == 0, result.stderr
    (row,) = json.loads(result.stdout)["rows"]
    assert row["format"] == name
    # Of 10,000 pictures, two at the edge may fall either way in another version's arithmetic.
    assert row["accuracy"] == pytest.approx(accuracy, abs=2e-4)
