"""TFLite files get smaller and easier to read, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from keras import layers as kl

from mnist_edge.formats.tflite import convert
from mnist_edge.formats.tflite.compact import compact
from tests.conftest import randomize

# Keras and the converters use what other libraries no longer like.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

PICTURES = np.random.default_rng(1).integers(0, 256, (20, 28, 28), np.uint8)


class Files(NamedTuple):
    """A small network in one format: how it is made, what the converter gives, and what is left."""

    convert: Callable[[], bytes]
    converted: bytes
    small: bytes


@pytest.fixture(scope="module", params=["float32", "int8"])
def files(request: pytest.FixtureRequest) -> Files:
    image = keras.Input((28, 28, 1), name="image")
    x = kl.Conv2D(8, 3, 2, "same", activation="relu")(image)
    x = kl.Conv2D(8, 3, 2, activation="relu")(x)
    model = keras.Model(image, kl.Dense(10, "softmax")(kl.Flatten()(kl.MaxPooling2D()(x))))
    randomize(model)
    made = partial(getattr(convert, request.param), model, PICTURES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mnist_edge.formats.tflite.compact.compact", lambda content: content)
        converted = made()
    return Files(made, converted, compact(converted))


def answers(content: bytes) -> list[Any]:
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    (image,), (answer,) = interpreter.get_input_details(), interpreter.get_output_details()
    given = []
    for picture in PICTURES:
        pixels = picture if image["dtype"] is np.uint8 else picture / np.float32(255)
        interpreter.set_tensor(image["index"], pixels.reshape(image["shape"]))
        interpreter.invoke()
        given.append(interpreter.get_tensor(answer["index"])[0])
    return given


def test_every_answer_is_the_same_to_the_bit(files: Files) -> None:
    given = answers(files.small)
    assert np.ptp(given, axis=0).max() > 0
    np.testing.assert_array_equal(given, answers(files.converted))


def test_a_small_model_gets_smaller_by_a_twentieth_at_least(files: Files) -> None:
    assert len(files.small) < 0.95 * len(files.converted)


def test_every_export_is_compact_and_gives_the_same_bytes(files: Files) -> None:
    assert files.convert() == files.small


def test_what_is_small_already_stays_as_it_is(files: Files) -> None:
    assert compact(files.small) == files.small


def test_tensors_are_named_by_what_they_are(files: Files) -> None:
    (graph,) = schema.ModelT.InitFromPackedBuf(files.small, 0).subgraphs
    names = [tensor.name.decode() for tensor in graph.tensors]
    assert len(set(names)) == len(names)
    expected = {"image", "conv_2d1", "conv_2d2.bias", "fully_connected1.weight", "probabilities"}
    assert expected <= set(names)
    assert max(map(len, names)) < 32


def test_the_signature_names_the_ends(files: Files) -> None:
    interpreter = Interpreter(model_content=files.small)
    assert interpreter.get_signature_list() == {
        "serving_default": {"inputs": ["image"], "outputs": ["probabilities"]}
    }
    assert [end["name"] for end in interpreter.get_input_details()] == ["image"]
    assert [end["name"] for end in interpreter.get_output_details()] == ["probabilities"]


def test_constants_are_aligned_as_the_schema_demands(files: Files) -> None:
    """Devices that cannot read across a boundary rely on it."""
    model = schema.Model.GetRootAs(files.small)
    whole = np.frombuffer(files.small, np.uint8)
    buffers = [model.Buffers(number) for number in range(model.BuffersLength())]
    assert buffers[0].DataIsNone()
    for buffer in buffers[1:]:
        offset = buffer.DataAsNumpy().ctypes.data - whole.ctypes.data
        assert offset % 16 == 0
