"""SavedModels are graphs that compute: loaded where they do no more, and refused where they do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as kl
from numpy.typing import NDArray

from mnist_edge.errors import ModelError
from mnist_edge.formats.keras import savedmodel
from mnist_edge.formats.keras.runner import KerasRunner, load_layers
from mnist_edge.formats.table import family_of
from tests.conftest import randomize

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

IMAGE = tf.TensorSpec((None, 28, 28), tf.float32, name="image")


class Module(tf.Module):  # type: ignore[misc]
    """A function to be saved, with its own weights."""

    def __init__(self, answer: Any) -> None:
        self.weights = tf.Variable(tf.random.stateless_normal((784, 10), (1, 2)))
        self.answer = answer

    @tf.function  # type: ignore[untyped-decorator]
    def serve(self, *images: Any) -> dict[str, Any]:
        flat = tf.reshape(sum(images), (-1, 784))
        return {"answers": self.answer(flat @ self.weights)}


def save(folder: Path, module: Module, *inputs: tf.TensorSpec) -> Path:
    signature = module.serve.get_concrete_function(*(inputs or (IMAGE,)))
    tf.saved_model.save(module, str(folder), signatures={"serving_default": signature})
    return folder


def test_what_keras_exports_answers_as_it_did(tmp_path: Path) -> None:
    layers = [kl.Conv2D(2, 5), kl.BatchNormalization(), kl.Flatten(), kl.Dense(10, "softmax")]
    model = keras.Sequential([keras.Input((28, 28, 1)), *layers])
    randomize(model)
    model.export(tmp_path / "theirs", verbose=False)
    assert family_of(tmp_path / "theirs").library == "keras"
    pictures = np.random.default_rng(0).random((7, 28, 28, 1), np.float32)
    runner = KerasRunner(savedmodel.load(tmp_path / "theirs"), "theirs")
    assert (runner.shape, runner.dtype) == ((None, 28, 28, 1), "float32")
    expected = np.asarray(model(pictures, training=False))
    np.testing.assert_allclose(runner.run(pictures), expected, rtol=0, atol=1e-6)
    with pytest.raises(ModelError, match="is a SavedModel, which holds no layers"):
        load_layers(tmp_path / "theirs")


def test_a_module_of_tensorflows_own_is_run(tmp_path: Path) -> None:
    module = Module(tf.nn.softmax)
    pictures = np.random.default_rng(0).random((3, 28, 28), np.float32)
    runner = KerasRunner(savedmodel.load(save(tmp_path / "theirs", module)), "theirs")
    expected = module.serve(tf.constant(pictures))["answers"].numpy()
    np.testing.assert_allclose(runner.run(pictures), expected, rtol=0, atol=1e-6)


def reading(path: Path) -> Any:
    def answer(scores: Any) -> Any:
        size = tf.strings.length(tf.io.read_file(str(path)))
        return scores + tf.cast(size, tf.float32)

    return answer


def writing(path: Path) -> Any:
    def answer(scores: Any) -> Any:
        with tf.control_dependencies([tf.io.write_file(str(path), "written")]):
            return tf.identity(scores)

    return answer


def saving(path: Path) -> Any:
    def answer(scores: Any) -> Any:
        saved = tf.raw_ops.SaveV2(
            prefix=str(path), tensor_names=["a"], shape_and_slices=[""], tensors=[scores]
        )
        with tf.control_dependencies([saved]):
            return tf.identity(scores)

    return answer


def debugging(path: Path) -> Any:
    return lambda scores: tf.ensure_shape(
        tf.raw_ops.DebugIdentity(input=scores, debug_urls=[f"file://{path}"]), (None, 10)
    )


def running_python(path: Path) -> Any:
    def ran(scores: Any) -> Any:
        path.touch()
        return scores

    return lambda scores: tf.ensure_shape(tf.py_function(ran, [scores], tf.float32), (None, 10))


@pytest.mark.parametrize(
    ("make", "operation"),
    [
        (reading, "ReadFile"),
        (writing, "WriteFile"),
        (saving, "SaveV2"),
        (debugging, "DebugIdentity"),
        (running_python, "EagerPyFunc"),
    ],
)
def test_what_does_more_than_compute_is_never_run(
    make: Any, operation: str, tmp_path: Path
) -> None:
    touched = tmp_path / "touched"
    folder = save(tmp_path / "evil", Module(make(touched)))
    touched.unlink(missing_ok=True)
    with pytest.raises(ModelError, match=f"does more than compute, by an operation {operation}"):
        savedmodel.load(folder)
    assert not touched.exists()


def old(folder: Path, *, start: Any = None, restore: Any = None) -> NDArray[np.float32]:
    """Save a model as TensorFlow 1 does, whose variables start at random; return its weights."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        tf.random.set_seed(1)  # asked for where a training before has made TensorFlow deterministic
        image = v1.placeholder(tf.float32, (None, 28, 28), name="image")
        weights = v1.get_variable("weights", (784, 10), use_resource=False)
        answers = tf.nn.softmax(tf.reshape(image, (-1, 784)) @ weights)
        session.run(v1.global_variables_initializer())
        saver = v1.train.Saver()
        if restore:
            saver.saver_def.restore_op_name = restore(weights).name
        signature = v1.saved_model.predict_signature_def({"image": image}, {"answers": answers})
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            {"serving_default": signature},
            main_op=start(weights) if start else None,
            saver=saver,
        )
        builder.save()
        values: NDArray[np.float32] = session.run(weights)
        return values


def test_what_only_initializes_and_saves_a_model_is_left_out(tmp_path: Path) -> None:
    weights = old(tmp_path / "theirs", start=lambda _: tf.no_op())
    pictures = np.random.default_rng(0).random((3, 28, 28), np.float32)
    runner = KerasRunner(savedmodel.load(tmp_path / "theirs"), "theirs")
    expected = tf.nn.softmax(pictures.reshape(3, 784) @ weights)
    np.testing.assert_allclose(runner.run(pictures), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("moment", ["start", "restore"])
def test_nothing_is_written_while_a_model_is_made_ready(moment: str, tmp_path: Path) -> None:
    touched = tmp_path / "touched"

    def write(weights: Any) -> Any:
        return tf.raw_ops.SaveV2(
            prefix=str(touched), tensor_names=["a"], shape_and_slices=[""], tensors=[weights]
        )

    old(tmp_path / "evil", **{moment: write})
    with pytest.raises(ModelError, match="does more than compute, by an operation SaveV2"):
        savedmodel.load(tmp_path / "evil")
    assert {path.name for path in tmp_path.iterdir()} == {"evil"}


def test_two_inputs_and_no_signature_are_refused(tmp_path: Path) -> None:
    other = tf.TensorSpec((None, 28, 28), tf.float32, name="other")
    with pytest.raises(ModelError, match="takes 2 inputs, not one picture"):
        savedmodel.load(save(tmp_path / "two", Module(tf.nn.softmax), IMAGE, other))
    tf.saved_model.save(Module(tf.nn.softmax), str(tmp_path / "none"))
    with pytest.raises(ModelError, match="has no signature serving_default"):
        savedmodel.load(tmp_path / "none")


@pytest.mark.parametrize("content", [b"", b"no protocol buffer", b"\x08\x01"])
def test_a_damaged_one_is_named_in_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(content)
    with pytest.raises(ModelError, match="cannot be loaded as a SavedModel") as caught:
        savedmodel.load(tmp_path)
    assert "\n" not in caught.value.cause
