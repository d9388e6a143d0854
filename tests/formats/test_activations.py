"""Every layer's output of the shipped files in all formats, and of networks with branches."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from mnist_edge.contract import TensorSpec
from mnist_edge.data import synthetic
from mnist_edge.errors import ModelError
from mnist_edge.formats.activations import Network
from mnist_edge.formats.inside import read_activations as read
from mnist_edge.formats.table import FORMATS, RUNNABLE, open_file
from mnist_edge.runtime import shipped
from mnist_edge.runtime.engines import read_contract

KERAS_INPUT = TensorSpec("image", "NHWC", (None, 28, 28, 1), "float32", (0.0, 1.0))
IMAGE = synthetic.generate(1, seed=3).images[0]


def network(name: str) -> tuple[Network, Path]:
    row = FORMATS[name]
    path = shipped.path(f"edge{row.suffix}")
    conversion = row.conversion
    return read(path, conversion.input if conversion else KERAS_INPUT, IMAGE), path


@pytest.mark.parametrize("name", RUNNABLE)
def test_the_last_layer_gives_the_answer_of_the_file(name: str) -> None:
    inside, path = network(name)
    engine, _ = open_file(path)
    # Integer files are computed operation by operation here, rounded between them: two steps.
    tolerance = 2 / 256 if "int8" in name else 1e-5
    assert inside.nodes[-1].output == pytest.approx(engine.run(IMAGE[np.newaxis])[0], abs=tolerance)


@pytest.mark.parametrize("name", RUNNABLE)
def test_layers_lead_from_the_picture_to_the_answer(name: str) -> None:
    inside, path = network(name)
    nodes, (_, ink) = inside.nodes, read_contract(path).input.range
    assert nodes[0].output[..., 0] == pytest.approx(IMAGE / 255 * ink, abs=1e-6 * ink)
    for before, node in pairwise(nodes):
        assert node.inputs == (before.name,)  # `edge` has no branches
    assert (12, 12, 16) in {node.output.shape for node in nodes}
    assert not {"QuantizeLinear", "DequantizeLinear", "DEQUANTIZE"} & {node.kind for node in nodes}


def test_all_exported_files_have_the_same_filters_and_feature_maps() -> None:
    inside = [network(name)[0] for name in RUNNABLE if name != "keras"]
    reference = inside[0]
    assert reference.filters is not None
    assert reference.filters.shape == (5, 5, 16)
    # The output of the first block, after its ReLU, is what goes into the second convolution.
    relu = next(node.output for node in reference.nodes if node.kind == "Relu")
    step = float(np.abs(reference.filters).max()) / 127  # of int8 weights, and of uint8 activations
    for other in inside[1:]:
        assert other.filters is not None
        # Over blocks of 2x2 pixels, in int8 ONNX, the kernel is filled up with zeros behind it.
        assert other.filters[:5, :5] == pytest.approx(reference.filters, abs=step)
        assert np.count_nonzero(other.filters) == np.count_nonzero(other.filters[:5, :5])
        first = next(n.output for n in other.nodes if n.output.shape == relu.shape).clip(min=0)
        assert first == pytest.approx(relu, abs=0.02 * float(relu.max()))


# Keras' own, of NumPy 2, when it writes a file.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_branches_members_and_sequential_models_are_followed(tmp_path: Path) -> None:
    import keras
    from keras import layers

    def member(name: str) -> keras.Model:
        flat = [layers.Flatten(name="flat"), layers.Dense(10, activation="softmax", name="answer")]
        return keras.Sequential([keras.Input((28, 28, 1)), *flat], name=name)

    image = keras.Input((28, 28, 1), name="image")
    mean = layers.Average(name="mean")([member("one")(image), member("two")(image)])
    keras.Model(image, mean).save(tmp_path / "both.keras")
    nodes = {node.name: node for node in read(tmp_path / "both.keras", KERAS_INPUT, IMAGE).nodes}
    assert nodes["mean"].inputs == ("one", "two")
    average = (nodes["one"].output + nodes["two"].output) / 2
    assert nodes["mean"].output == pytest.approx(average, abs=1e-6)

    member("alone").save(tmp_path / "alone.keras")
    inside = read(tmp_path / "alone.keras", KERAS_INPUT, IMAGE)
    assert [node.inputs for node in inside.nodes[-2:]] == [(inside.nodes[0].name,), ("flat",)]
    assert inside.filters is None


def test_a_damaged_file_is_an_error_in_one_line(tmp_path: Path) -> None:
    for suffix in (".keras", ".onnx", ".tflite"):
        path = tmp_path / f"broken{suffix}"
        path.write_text("weights")
        with pytest.raises(ModelError, match="cannot be run layer by layer") as caught:
            read(path, KERAS_INPUT, IMAGE)
        assert "\n" not in caught.value.cause
