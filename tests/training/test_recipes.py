"""The recipes: what the design promises of every row, and of the default."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from mnist_edge.data import synthetic
from mnist_edge.formats import layers
from mnist_edge.formats.keras.layers import of_keras
from mnist_edge.formats.table import FORMATS, RUNNABLE
from mnist_edge.runtime.engines import open_bare
from mnist_edge.training.recipes import RECIPES
from tests.conftest import randomize


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_builds_a_digit_classifier(name: str) -> None:
    recipe = RECIPES[name]
    model = recipe.network()
    assert recipe.name == name
    assert model.input_shape == (None, 28, 28, 1)
    assert model.output_shape == (None, 10)
    answers = model(np.random.default_rng(0).random((3, 28, 28, 1), np.float32))
    assert np.allclose(np.sum(answers, axis=1), 1, atol=1e-5)  # float32 softmax
    assert recipe.optimizer(1000).get_config()


def test_the_default_recipe_comes_first_and_is_small() -> None:
    assert next(iter(RECIPES)) == "edge"
    _, cost = layers.totals(of_keras(RECIPES["edge"].network()))
    assert cost is not None
    assert cost <= 800_000


# As published, or by the sizes of the layers that are. The last has 594,922 of them as published,
# without its BatchNormalization: 4 for each of 704 channels here, less their biases.
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("mlp", 407_050),
        ("dropout-cnn", 1_199_882),
        ("conv5x5", 253_514),
        ("conv5x5-stream", 253_514),
        ("bn-augment", 594_922 + (4 - 1) * 704),
    ],
)
def test_published_networks_are_as_large_as_published(name: str, parameters: int) -> None:
    assert RECIPES[name].network().count_params() == parameters


# What a layer is in ONNX; the others go into their neighbours, or do nothing once trained.
OPERATIONS = {
    "Conv2D": "Conv",
    "Dense": "Gemm",
    "Flatten": "Flatten",
    "MaxPooling2D": "MaxPool",
    "ReLU": "Relu",
    "relu": "Relu",
    "softmax": "Softmax",
}

# One recipe of each network; and the slower conversions, which do not look at the layers as ONNX's
# does, for the one that has every kind of layer.
CONVERSIONS = [
    *(
        (name, "onnx")
        for name in {recipe.network: name for name, recipe in RECIPES.items()}.values()
    ),
    *(("bn-augment", name) for name, row in RUNNABLE.items() if row.conversion and name != "onnx"),
]


@pytest.mark.parametrize(("name", "format_name"), CONVERSIONS)
def test_every_recipe_is_converted_whole(name: str, format_name: str, tmp_path: Path) -> None:
    model = RECIPES[name].network()
    randomize(model)
    row = FORMATS[format_name]
    conversion = row.conversion
    assert conversion
    pictures = synthetic.generate(8, seed=0).images
    path = row.path(tmp_path, name)
    path.write_bytes(conversion.convert(model, pictures))
    if conversion.inspect:
        conversion.inspect(path)
    given = open_bare(path, conversion.input).run(pictures)
    expected = np.asarray(model(pictures[..., np.newaxis].astype(np.float32) / 255))
    # Of random weights integers keep only the gist: what 0.1 still tells apart from an error.
    np.testing.assert_allclose(given, expected, rtol=0, atol=conversion.bar.max_abs_diff or 0.1)
    if format_name == "onnx":
        kinds = []
        for layer in model.layers:
            kinds.append(type(layer).__name__)
            if hasattr(layer, "activation"):
                kinds.append(layer.activation.__name__)
        operations = [node.op_type for node in onnx.load(path).graph.node]
        assert operations == [OPERATIONS[kind] for kind in kinds if kind in OPERATIONS]
