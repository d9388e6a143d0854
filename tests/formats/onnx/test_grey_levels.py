"""The integer ONNX files take grey levels, and run on them without moving anything back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from mnist_edge.data import synthetic
from mnist_edge.formats.onnx import convert
from mnist_edge.formats.onnx.inspection import check_integer
from mnist_edge.training import networks
from mnist_edge.training.recipes import RECIPES
from tests.conftest import Workspace, randomize

if TYPE_CHECKING:
    import keras

# Without black and without white, which the steps of the input must have all the same.
DIM = np.random.default_rng(0).integers(40, 200, (100, 28, 28), np.uint8)
PICTURES = synthetic.generate(50, seed=1).images


def ensemble() -> keras.Model:
    return networks.ensemble("both", [RECIPES["tiny"].network(), RECIPES["edge"].network()])


# Taken over blocks of pixels, flattened at once, convolved as it is, and all of it twice.
NETWORKS = {
    "strided": RECIPES["edge"].network,
    "dense": networks.mlp,
    "convolved": networks.conv5x5,
    "ensemble": ensemble,
}


@pytest.mark.parametrize("build", NETWORKS.values(), ids=NETWORKS)
def test_grey_levels_are_answered_as_keras_answers_their_share_of_full_ink(
    build: Callable[[], keras.Model], tmp_path: Path
) -> None:
    model = build()
    randomize(model)
    path = tmp_path / "dim.int8.onnx"
    path.write_bytes(convert.int8(model, DIM))
    check_integer(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (image,) = session.get_inputs()
    assert (image.type, image.shape) == ("tensor(uint8)", ["batch", 1, 28, 28])
    (given,) = session.run(None, {"image": PICTURES[:, np.newaxis]})
    expected = np.asarray(model(PICTURES[..., np.newaxis] / np.float32(255), training=False))
    # Random weights answer all pictures much alike, and integers blur what is left: what tells them
    # apart must be the same by and large. With pixels in another order nothing of it is.
    usual = expected.mean(axis=0)
    assert np.corrcoef((given - usual).ravel(), (expected - usual).ravel())[0, 1] > 0.8

    graph = onnx.load(path).graph
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    moved = {"image", *(node.output[0] for node in graph.node if node.op_type == "Transpose")}
    steps = [
        (weights[node.input[1]], weights[node.input[2]])
        for node in graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in moved
    ]
    assert steps
    assert all(step == np.float32(1 / 255) and zero == 0 for step, zero in steps)


def test_onnxruntime_moves_the_picture_into_blocks_and_nothing_else(
    workspace: Workspace, tmp_path: Path
) -> None:
    """Its integer kernels put channels last, and every transposition to that is cancelled."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(
        str(workspace.runs / "edge.int8.onnx"), options, providers=["CPUExecutionProvider"]
    )
    nodes = onnx.load(tmp_path / "optimized.onnx").graph.node
    assert " ".join(node.op_type for node in nodes) == (
        "Reshape Transpose Reshape QLinearConv QLinearConv QLinearConv Flatten QGemm Softmax"
    )
