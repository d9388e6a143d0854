"""Keras to ONNX: the graph has the layers and nothing else, and answers alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from mnist_edge.formats.onnx import convert
from mnist_edge.formats.space_to_depth import space_to_depth
from tests.conftest import randomize

if TYPE_CHECKING:
    import keras

NO_CALIBRATION = np.empty((0, 28, 28), np.uint8)


def _recipe() -> keras.Model:
    from mnist_edge.training.recipes import RECIPES

    return RECIPES["edge"].network()


def _stack(*names_and_arguments: tuple[str, dict[str, object]]) -> keras.Model:
    import keras

    layers = [getattr(keras.layers, name)(**arguments) for name, arguments in names_and_arguments]
    return keras.Sequential(
        [
            keras.Input((28, 28, 1), name="image"),
            *layers,
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


def _conv(filters: int, **arguments: object) -> tuple[str, dict[str, object]]:
    return "Conv2D", {"filters": filters, "kernel_size": 3, **arguments}


FLATTEN: tuple[str, dict[str, object]] = ("Flatten", {})

# What is built, and the operations that are to come out. With a single channel, tf2onnx flattens in
# one way or another, by chance.
NETWORKS: dict[str, tuple[Callable[[], keras.Model], str]] = {
    "the recipe": (_recipe, "Conv Relu Conv Relu Conv Relu Flatten Gemm Softmax"),
    "one dense layer": (lambda: _stack(FLATTEN), "Flatten Gemm Softmax"),
    "three dense layers": (
        lambda: _stack(
            FLATTEN, ("Dense", {"units": 32, "activation": "relu"}), ("Dense", {"units": 16})
        ),
        "Flatten Gemm Relu Gemm Gemm Softmax",
    ),
    "normalized dense layers": (
        lambda: _stack(
            FLATTEN,
            ("Dense", {"units": 16, "use_bias": False}),
            ("BatchNormalization", {}),
            ("ReLU", {}),
            ("Dense", {"units": 12}),
            ("BatchNormalization", {}),
        ),
        "Flatten Gemm Relu Gemm Gemm Softmax",
    ),
    "pooling and dropout": (
        lambda: _stack(
            _conv(8, activation="relu"),
            ("MaxPooling2D", {}),
            ("Dropout", {"rate": 0.3}),
            _conv(4, padding="same", use_bias=False),
            ("BatchNormalization", {}),
            ("ReLU", {}),
            ("MaxPooling2D", {}),
            FLATTEN,
            ("Dropout", {"rate": 0.5}),
            ("Dense", {"units": 12, "activation": "relu"}),
        ),
        "Conv Relu MaxPool Conv Relu MaxPool Flatten Gemm Relu Gemm Softmax",
    ),
    "over blocks of pixels": (
        lambda: space_to_depth(_stack(_conv(8, strides=4, padding="same"), FLATTEN)),
        "SpaceToDepth Conv Flatten Gemm Softmax",
    ),
    "a single channel": (lambda: _stack(_conv(1), FLATTEN), "Conv Flatten Gemm Softmax"),
}


class Converted(NamedTuple):
    model: keras.Model
    content: bytes
    operations: str

    @property
    def graph(self) -> onnx.ModelProto:
        return onnx.load_from_string(self.content)


@pytest.fixture(scope="module", params=NETWORKS)
def converted(request: pytest.FixtureRequest) -> Converted:
    """A network with random weights, statistics and biases, and its ONNX file."""
    build, operations = NETWORKS[request.param]
    model = build()
    randomize(model)
    return Converted(model, convert.float32(model, NO_CALIBRATION), operations)


def answers(converted: Converted, count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What Keras and onnxruntime answer to the same random pictures."""
    pictures = np.random.default_rng(1).random((count, 28, 28, 1), np.float32)
    session = onnxruntime.InferenceSession(converted.content)
    (given,) = session.run(["probabilities"], {"image": pictures.transpose(0, 3, 1, 2)})
    return np.asarray(converted.model(pictures, training=False)), given


@pytest.mark.parametrize("count", [1, 7])
def test_any_number_of_pictures_is_answered_like_keras(converted: Converted, count: int) -> None:
    expected, given = answers(converted, count)
    assert given.shape == (count, 10)
    # The promise of the float32 formats; the pictures must also differ for it to mean something.
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-5)
    assert count == 1 or np.ptp(expected, axis=0).max() > 1e-3


def test_the_graph_is_the_layers_and_nothing_else(converted: Converted) -> None:
    operations = [node.op_type for node in converted.graph.graph.node]
    assert operations == converted.operations.split()


def test_the_ends_have_names_types_and_a_free_batch(converted: Converted) -> None:
    graph = converted.graph.graph
    ends = {}
    for value in [*graph.input, *graph.output]:
        tensor = value.type.tensor_type
        assert tensor.elem_type == onnx.TensorProto.FLOAT
        ends[value.name] = [size.dim_param or size.dim_value for size in tensor.shape.dim]
    assert ends == {"image": ["batch", 1, 28, 28], "probabilities": ["batch", 10]}


def test_versions_are_those_that_older_runtimes_read(converted: Converted) -> None:
    model = converted.graph
    onnx.checker.check_model(model, full_check=True)
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 13)]
    assert model.ir_version == 7


def test_names_tell_what_things_are_and_are_not_reused(converted: Converted) -> None:
    graph = converted.graph.graph
    nodes = [node.name for node in graph.node]
    assert nodes[0] in {"conv1", "flatten1", "spacetodepth1"}
    assert nodes[-1] == "softmax1"
    assert len(set(nodes)) == len(nodes)
    gemm = next(node for node in graph.node if node.op_type == "Gemm")
    assert list(gemm.input[1:]) == ["gemm1.weight", "gemm1.bias"]


def test_nothing_unused_is_carried_along(converted: Converted) -> None:
    graph = converted.graph.graph
    used = {name for node in graph.node for name in node.input}
    assert {tensor.name for tensor in graph.initializer} <= used
    assert not graph.value_info
    assert not converted.graph.metadata_props


def test_the_same_weights_give_the_same_bytes(converted: Converted) -> None:
    assert convert.float32(converted.model, NO_CALIBRATION) == converted.content
