"""The integer ONNX files take floats, make them grey levels, and run on these alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from mnist_edge.data import synthetic
from mnist_edge.formats.onnx import convert
from mnist_edge.formats.onnx.inspection import check_integer
from mnist_edge.training import networks
from mnist_edge.training.recipes import RECIPES
from tests.conftest import Workspace, in_bytes, randomize

if TYPE_CHECKING:
    import keras

# Without black and without white, which the steps of the input must have all the same.
DIM = np.random.default_rng(0).integers(40, 200, (100, 28, 28), np.uint8)
PICTURES = synthetic.generate(50, seed=1).images


def answers(model: onnx.ModelProto, pictures: NDArray[Any]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    given: NDArray[np.float32] = session.run(None, {"image": pictures})[0]
    return given


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
    given = answers(onnx.load(path), PICTURES[:, np.newaxis] / np.float32(255))
    expected = np.asarray(model(PICTURES[..., np.newaxis] / np.float32(255), training=False))
    # Random weights answer all pictures much alike, and integers blur what is left: what tells them
    # apart must be the same by and large. With pixels in another order nothing of it is.
    usual = expected.mean(axis=0)
    assert np.corrcoef((given - usual).ravel(), (expected - usual).ravel())[0, 1] > 0.8


@pytest.mark.parametrize("build", NETWORKS.values(), ids=NETWORKS)
def test_one_node_quantizes_the_picture_in_its_256_grey_levels(
    build: Callable[[], keras.Model],
) -> None:
    model = build()
    randomize(model)
    graph = onnx.load_from_string(convert.int8(model, DIM)).graph
    (image,) = graph.input
    assert image.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    moved = [node for node in graph.node if node.op_type == "SpaceToDepth"]
    pictures = {"image", *(node.output[0] for node in moved)}
    (first,) = (node for node in graph.node if node not in moved and {*node.input} & pictures)
    scale, zero = (weights[name] for name in first.input[1:])
    assert first.op_type == "QuantizeLinear"
    assert (scale, zero, zero.dtype) == (np.float32(1 / 255), 0, np.uint8)


def test_bytes_in_place_of_floats_are_answered_the_same_to_the_bit(workspace: Workspace) -> None:
    model = onnx.load(workspace.runs / "edge.int8.onnx")
    pictures = workspace.dataset.test.images[:, np.newaxis]
    assert np.array_equal(
        answers(model, pictures / np.float32(255)), answers(in_bytes(model), pictures)
    )


def test_older_runtimes_take_the_file_and_no_shape_is_promised(workspace: Workspace) -> None:
    model = onnx.load(workspace.runs / "edge.int8.onnx")
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 13)]
    assert model.ir_version == 7
    assert not model.graph.value_info


def test_onnxruntime_moves_the_picture_and_nothing_else(
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
        "SpaceToDepth QuantizeLinear Transpose "
        "QLinearConv QLinearConv QLinearConv Flatten QGemm Softmax"
    )
