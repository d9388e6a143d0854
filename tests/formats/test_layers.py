"""The layer table: figures counted by hand, and the same for a network in whatever format."""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest
from keras import layers as kl
from onnx import TensorProto, helper

from mnist_edge.errors import MissingExtra, ModelError
from mnist_edge.formats.family import Format
from mnist_edge.formats.inside import read_layers as read
from mnist_edge.formats.keras.layers import of_keras
from mnist_edge.formats.layers import Layer, totals
from mnist_edge.formats.table import FORMATS, RUNNABLE
from mnist_edge.runtime import shipped
from tests.conftest import data_folder

# Keras and the converters use what other libraries no longer like.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

# Kernel times positions, and kernel plus bias.
CONVOLUTION = (3 * 3 * 1 * 4 * 14 * 14, 3 * 3 * 1 * 4 + 4)
DEPTHWISE = (3 * 3 * 4 * 12 * 12, 3 * 3 * 4 + 4)
DENSE = (144 * 10, 144 * 10 + 10)
# The integer ONNX file has the first kernel filled up with zeros to whole blocks of 2x2 pixels.
IN_BLOCKS = (4 * 4 * 1 * 4 * 14 * 14, 4 * 4 * 1 * 4 + 4)
COSTS, PARAMETERS = map(sum, zip(CONVOLUTION, DEPTHWISE, DENSE, strict=True))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One small network with one layer of each kind that multiplies, in every format."""
    keras.utils.set_random_seed(0)
    image = keras.Input((28, 28, 1), name="image")
    settings = {"activation": "relu", "bias_initializer": "normal"}
    x = kl.Conv2D(4, 3, 2, "same", name="conv2d", **settings)(image)
    x = kl.DepthwiseConv2D(3, bias_initializer="normal")(x)
    x = kl.Flatten()(kl.MaxPooling2D()(x))
    model = keras.Model(image, kl.Dense(10, "softmax", bias_initializer="normal")(x))
    folder = tmp_path_factory.mktemp("layers")
    model.save(folder / "net.keras")
    pictures = np.random.default_rng(0).integers(0, 256, (20, 28, 28), np.uint8)
    for row in RUNNABLE.values():
        if row.conversion:
            row.path(folder, "net").write_bytes(row.conversion.convert(model, pictures))
    return folder


@pytest.mark.parametrize("row", RUNNABLE.values(), ids=lambda row: row.name)
def test_a_network_has_the_same_totals_in_every_format(folder: Path, row: Format) -> None:
    first = IN_BLOCKS if row.name == "onnx-int8" else CONVOLUTION
    rows = read(row.path(folder, "net"))
    costs, parameters = np.sum([first, DEPTHWISE, DENSE], axis=0)
    assert totals(rows) == (parameters, costs)
    held = [(layer.multiply_accumulates, layer.parameters) for layer in rows if layer.parameters]
    assert held == [first, DEPTHWISE, DENSE]
    assert not any(layer.multiply_accumulates for layer in rows if not layer.parameters)


def test_normalization_folds_into_biases_and_costs_nothing() -> None:
    """In Keras it holds four numbers a channel, exported a bias: the shipped model has it."""
    names = ("keras", "onnx", "tflite", "tflite-fp16")
    paths = [FORMATS[name].path(shipped.folder(), shipped.DEFAULT) for name in names]
    tables = [read(path) for path in paths]
    assert len({totals(rows)[1] for rows in tables}) == 1
    reference, *exported = (totals(rows)[0] for rows in tables)
    norms = [layer.parameters for layer in tables[0] if layer.kind == "BatchNormalization"]
    assert norms
    assert set(exported) == {reference - sum(norms) * 3 // 4}


def test_keras_layers_keep_their_names_also_in_an_ensemble(folder: Path) -> None:
    model = keras.saving.load_model(folder / "net.keras", compile=False)
    rows = list(of_keras(model))
    assert rows[0] == Layer("conv2d", "Conv2D", (None, 14, 14, 4), *reversed(CONVOLUTION))
    members = [model, keras.models.clone_model(model)]
    image = keras.Input((28, 28, 1))
    for number, member in enumerate(members, 1):
        member.name = f"member{number}"
    answers = [member(image) for member in members]
    together = list(of_keras(keras.Model(image, kl.Average()(answers))))
    assert together[0].name == "member1/conv2d"
    assert together[-1].kind == "Average"
    assert totals(together) == (2 * PARAMETERS, 2 * COSTS)


def test_a_separable_convolution_counts_both_its_kernels() -> None:
    image = keras.Input((28, 28, 2))
    (row,) = of_keras(keras.Model(image, kl.SeparableConv2D(8, 3)(image)))
    assert row.parameters == 3 * 3 * 2 + 2 * 8 + 8
    assert row.multiply_accumulates == (3 * 3 * 2 + 2 * 8) * 26 * 26


def save(
    path: Path, nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray], sizes: list[object]
) -> Path:
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, sizes)],
        [helper.make_empty_tensor_value_info("answer")],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opset = helper.make_opsetid("", 13)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=7), path)
    return path


def test_settings_shapes_scales_and_zero_points_are_no_parameters(tmp_path: Path) -> None:
    """The integer operators of ONNX take them beside the weights."""
    node = helper.make_node
    path = save(
        tmp_path / "integer.onnx",
        [
            node("QuantizeLinear", ["image", "scale", "zero"], ["bytes"]),
            node("Identity", ["weights"], ["same"]),
            node(
                "QLinearConv",
                ["bytes", "scale", "zero", "same", "scales", "zeros", "scale", "zero", "bias"],
                ["convolved"],
            ),
            node("DequantizeLinear", ["convolved", "scale", "zero"], ["floats"]),
            node("Clip", ["floats", "", "six"], ["clipped"]),
            node("Reshape", ["clipped", "shape"], ["answer"]),
        ],
        {
            "scale": np.array(0.1, np.float32),
            "zero": np.array(0, np.uint8),
            "weights": np.ones((4, 1, 5, 5), np.int8),
            "scales": np.ones(4, np.float32),
            "zeros": np.zeros(4, np.int8),
            "bias": np.ones(4, np.int32),
            "six": np.array(6, np.float32),
            "shape": np.array([1, -1]),
        },
        [1, 1, 28, 28],
    )
    assert read(path) == [
        Layer("convolved", "QLinearConv", (1, 4, 24, 24), 4 * 25 + 4, 4 * 25 * 24 * 24),
        Layer("clipped", "Clip", (1, 4, 24, 24), 0, 0),
        Layer("answer", "Reshape", (1, 4 * 24 * 24), 0, 0),
    ]


def test_a_product_of_what_is_computed_costs_but_holds_nothing(tmp_path: Path) -> None:
    """As in attention: 5 rows of 7 with 7 columns of 5, in 3 heads."""
    nodes = [
        helper.make_node("Transpose", ["image"], ["turned"], perm=[0, 1, 3, 2]),
        helper.make_node("MatMul", ["image", "turned"], ["answer"]),
    ]
    _, row = read(save(tmp_path / "attention.onnx", nodes, {}, ["batch", 3, 5, 7]))
    assert row == Layer("answer", "MatMul", (None, 3, 5, 5), 0, 3 * 5 * 7 * 5)


def test_an_open_size_leaves_the_cost_open(tmp_path: Path) -> None:
    nodes = [helper.make_node("Conv", ["image", "weights"], ["answer"])]
    constants = {"weights": np.ones((4, 1, 5, 5), np.float32)}
    rows = read(save(tmp_path / "open.onnx", nodes, constants, [1, 1, "height", 28]))
    assert rows == [Layer("answer", "Conv", (1, 4, None, 24), 100, None)]
    assert totals(rows) == (100, None)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("zoo-mnist-8.onnx", (5_994, 786_560)),
        ("tflite-codelab.tflite", (110_986, 10_903_680)),
    ],
)
def test_other_peoples_models(name: str, expected: tuple[int, int]) -> None:
    """By hand: 5×5 to 8, 5×5 to 16, 256 to 10; and 3×3 to 32, 3×3 to 64, 9,216 to 10."""
    assert totals(read(data_folder("MNIST_EDGE_PEERS") / name)) == expected


@pytest.mark.parametrize("suffix", [".keras", ".onnx", ".tflite"])
def test_a_damaged_file_is_named(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"damaged{suffix}"
    path.write_text("these are no layers")
    with pytest.raises(
        ModelError, match=rf"damaged{suffix} (cannot be read as|is not) a (\{suffix}|Keras) file"
    ):
        read(path)


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model files end in \.keras, \.h5, \.hdf5, \.onnx, "):
        read(tmp_path / "net.pb")


@pytest.mark.parametrize(
    ("suffix", "package", "extra"),
    [
        (".keras", "tensorflow", "train"),
        (".onnx", "onnx", "export"),
        (".tflite", "ai_edge_litert", "tflite"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(
    suffix: str, package: str, extra: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=rf"{package}.*\n.*mnist-edge\[{extra}\]"):
        read(folder / f"net{suffix}")
