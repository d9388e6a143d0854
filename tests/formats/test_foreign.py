"""Other people's models: what is told of their input, what is guessed, and by what."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from mnist_edge.benchmark.foreign import Told, is_foreign, open_foreign
from onnx import TensorProto, helper, numpy_helper

from mnist_edge.data.dataset import Split
from mnist_edge.errors import ContractError, ModelError
from mnist_edge.runtime import shipped
from mnist_edge.runtime.engines import open_engine
from tests.conftest import in_bytes

# The picture of a digit is one pixel of full ink in the first row, in the column of the digit.
LABELS = np.arange(100, dtype=np.uint8) % 10
IMAGES = np.zeros((100, 28, 28), np.uint8)
IMAGES[np.arange(100), 0, LABELS] = 255
TRAINING = Split(IMAGES, LABELS)


def reader(path: Path, ink: float, shape: tuple[int | str, ...] = ("batch", 1, 28, 28)) -> Path:
    """Write a model that finds the pixel whose value is `ink`, and no other."""
    graph = helper.make_graph(
        [
            helper.make_node("Reshape", ["picture", "flat"], ["pixels"]),
            helper.make_node("Gather", ["pixels", "ten"], ["first"], axis=1),
            helper.make_node("Equal", ["first", "ink"], ["found"]),
            helper.make_node("Cast", ["found"], ["answer"], to=TensorProto.FLOAT),
        ],
        "reader",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, [shape[0], 10])],
        [
            numpy_helper.from_array(np.array([-1, 784]), "flat"),
            numpy_helper.from_array(np.arange(10), "ten"),
            numpy_helper.from_array(np.float32(ink), "ink"),
        ],
    )
    opset = helper.make_opsetid("", 13)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=7), path)
    return path


@pytest.mark.parametrize(("ink", "said"), [(1.0, "full ink 1 "), (255.0, "full ink 255 ")])
def test_the_value_of_full_ink_is_the_one_that_answers_training_pictures_right(
    ink: float, said: str, tmp_path: Path
) -> None:
    engine, spec, guessed = open_foreign(reader(tmp_path / "a.onnx", ink), Told(), TRAINING)
    assert spec.range == (0, ink)
    assert said in guessed
    assert "100.0%" in guessed
    assert (engine.run(IMAGES).argmax(axis=1) == LABELS).all()


@pytest.mark.parametrize(
    ("shape", "layout"),
    [
        ((1, 1, 28, 28), "NCHW"),
        (("batch", 28, 28, 1), "NHWC"),
        (("batch", "channels", "height", "width"), "NCHW"),
        ((1, 28, 28), "NCHW"),
        (("batch", 784), "NCHW"),
    ],
)
def test_the_layout_is_that_of_the_files_shape(
    shape: tuple[int | str, ...], layout: str, tmp_path: Path
) -> None:
    path = reader(tmp_path / "a.onnx", 1.0, shape)
    engine, spec, guessed = open_foreign(path, Told(), TRAINING)
    assert spec.layout == layout
    assert spec.name == "picture"
    assert f"layout {layout.lower()}" in guessed
    assert (engine.run(IMAGES).argmax(axis=1) == LABELS).all()


def test_bytes_need_no_guess(tmp_path: Path) -> None:
    onnx.save(in_bytes(onnx.load(shipped.path("edge.int8.onnx"))), tmp_path / "a.onnx")
    engine, spec, guessed = open_foreign(tmp_path / "a.onnx", Told(), TRAINING)
    assert (spec.dtype, spec.range, guessed) == ("uint8", (0, 255), "layout nchw")
    own, _ = open_engine(shipped.path("edge.int8.onnx"))
    assert np.array_equal(engine.run(IMAGES), own.run(IMAGES))
    with pytest.raises(ContractError, match="takes bytes, which go from 0 to 255") as caught:
        open_foreign(tmp_path / "a.onnx", Told(scale=1.0), TRAINING)
    assert "--input-scale 255" in caught.value.remedy


def test_what_is_told_is_not_guessed(tmp_path: Path) -> None:
    path = reader(tmp_path / "a.onnx", 1.0)
    _, spec, guessed = open_foreign(path, Told("NCHW", 255.0, "picture"), TRAINING)
    assert (spec.layout, spec.range, guessed) == ("NCHW", (0, 255), "")


def test_an_input_that_there_is_not_is_refused_with_those_there_are(tmp_path: Path) -> None:
    path = reader(tmp_path / "a.onnx", 1.0)
    with pytest.raises(ModelError, match="no input called 'image'") as caught:
        open_foreign(path, Told(name="image"), TRAINING)
    assert "picture" in caught.value.remedy


def test_own_files_are_not_foreign_unless_their_contract_is_gone(tmp_path: Path) -> None:
    assert not is_foreign(shipped.path("edge.onnx"))
    assert not is_foreign(shipped.path("edge.tflite"))
    assert not is_foreign(shipped.path("edge.keras"))
    assert is_foreign(reader(tmp_path / "a.onnx", 1.0))
    (tmp_path / "a.tflite").touch()
    assert is_foreign(tmp_path / "a.tflite")
