"""Any digit model in, files out that answer like it: the whole way, as a person's Python has it."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest

import mnist_edge
from mnist_edge.benchmark.bench import files_beside
from mnist_edge.contract import sidecar
from mnist_edge.data import Dataset
from mnist_edge.errors import ConversionError, GateError, ModelError, OutputError, UsageError
from mnist_edge.formats.c import emit, wasm
from mnist_edge.formats.exported import Exported
from mnist_edge.formats.exporter import Exporter
from mnist_edge.formats.feeding import FeedingOptions
from mnist_edge.formats.source import open_foreign
from mnist_edge.formats.table import FORMATS, open_file
from mnist_edge.runtime import shipped
from mnist_edge.runtime.classifier import accuracy
from tests.conftest import Workspace, write_digits
from tests.formats import theirs
from tests.formats.c.conftest import compiler
from tests.formats.theirs import to_keras, to_onnx

if TYPE_CHECKING:
    import keras

# Keras and the converters use what other libraries no longer like.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:You are saving")

KNOWN = FeedingOptions(range=(0.0, 1.0), ink="light", transposed=False)


@pytest.fixture(scope="module")
def data(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    write_digits(path, digits.train, digits.test)
    return str(path)


def h5(folder: Path, model: keras.Model) -> Path:
    model.save(folder / "theirs.h5")
    return folder / "theirs.h5"


def saved_model(folder: Path, model: keras.Model) -> Path:
    model.export(folder / "theirs", verbose=False)
    return folder / "theirs"


def tflite(folder: Path, model: keras.Model) -> Path:
    import tensorflow as tf

    path = folder / "theirs.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    return path


def check(files: list[Exported], digits: Dataset) -> None:
    """Check that files say of themselves what they do, and where they come from."""
    for file in files:
        engine, contract = open_file(file.path)
        measured = accuracy(engine.run(digits.test.images), digits.test.labels)
        assert contract.metrics.accuracy[file.format] == pytest.approx(measured)
        assert contract.metrics.accuracy["original"] > 0.9
        assert contract.source is not None
        assert contract.recipe is None


@pytest.mark.parametrize("write", [h5, saved_model])
def test_a_keras_model_becomes_every_format_and_is_remembered(
    write: Callable[[Path, keras.Model], Path],
    data: str,
    digits: Dataset,
    weights: theirs.Weights,
    tmp_path: Path,
) -> None:
    model = to_keras(weights, (28, 28), "scores")
    origin = write(tmp_path, model)
    notes: list[str] = []
    files = mnist_edge.export(
        origin, int8=True, data=data, out=tmp_path / "runs", calibration=200, note=notes.append
    )
    keras_too = ["keras"] if write is h5 else []  # the operations of a SavedModel are no layers
    assert [file.format for file in files] == [
        *(*keras_too, "onnx", "onnx-int8", "tflite", "tflite-int8")
    ]
    assert notes[0].startswith(f"{origin.name}: 28x28, ink 1 on paper 0 (loss ")
    assert notes[0].endswith("; answers are scores, a softmax is added")
    check(files, digits)
    published = [*(file.path for file in files)]
    assert files_beside(published[-1]) == [origin, *published]
    for path in (tmp_path / "runs").glob("[!.]*"):
        assert str(tmp_path).encode() not in path.read_bytes(), path.name


def test_the_same_model_elsewhere_gives_the_same_bytes(
    data: str, weights: theirs.Weights, tmp_path: Path
) -> None:
    (tmp_path / "one").mkdir()
    origin = h5(tmp_path / "one", to_keras(weights))
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    made = {}
    for folder in ("one", "two"):
        mnist_edge.export(tmp_path / folder / origin.name, data=data, out=tmp_path / folder / "o")
        made[folder] = {
            path.name: path.read_bytes()
            for path in (tmp_path / folder / "o").glob("[!.]*")
            if ".keras" not in path.name  # which holds the date, and its sidecar a checksum of it
        }
    assert made["one"] == made["two"]
    assert len(made["one"]) == 3  # ONNX, TFLite, and a sidecar


def test_a_model_in_memory_is_exported_by_its_name(
    data: str, digits: Dataset, weights: theirs.Weights, tmp_path: Path
) -> None:
    model = to_keras(weights, answers="sigmoids")
    model.name = "mine-v1.2"
    (file,) = mnist_edge.export(model, formats=["onnx"], data=data, out=tmp_path)
    assert file.path == tmp_path / "mine-v1.2.onnx"
    check([file], digits)


def test_a_header_is_packed_for_arduino_and_for_a_page(
    data: str, weights: theirs.Weights, tmp_path: Path
) -> None:
    for program in ("cc", "clang", "wasm-ld"):
        compiler(program)
    model = to_keras(weights)
    model.name = "mine-1"
    out = tmp_path / "runs"

    def export(*, force: bool = False) -> list[Exported]:
        return mnist_edge.export(
            model,
            formats=["c"],
            arduino=True,
            wasm=True,
            data=data,
            out=out,
            calibration=200,
            force=force,
        )

    files = export()
    assert [(file.format, file.path.name) for file in files] == [
        ("c", "mine-1.h"),
        ("zip", "mine-1.zip"),
        ("wasm", "mine-1.wasm"),
    ]
    assert all(file.bytes == file.path.stat().st_size for file in files)
    header, library, module = (file.path for file in files)
    assert wasm.read(module) == emit.read(header.read_text(), "mine-1.h")
    before = [path.read_bytes() for path in (header, library, module)]
    assert [file.path.read_bytes() for file in export()] == before
    for path in (library, module):
        path.write_text("precious")
        with pytest.raises(OutputError, match="is in the way"):
            export()
        assert path.read_text() == "precious"
        path.unlink()


def test_a_page_that_cannot_be_compiled_loses_nothing_else(
    data: str, weights: theirs.Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    for program in ("cc", "as", "ld"):
        (tmp_path / "bin" / program).symlink_to(compiler(program))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    done: list[Exported] = []
    with pytest.raises(ConversionError, match="clang"):
        mnist_edge.export(
            to_keras(weights),
            formats=["c", "onnx"],
            wasm=True,
            data=data,
            out=tmp_path / "runs",
            calibration=200,
            on_file=done.append,
        )
    assert {file.format for file in done if not file.failure} == {"c", "onnx"}


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", ""])
def test_a_name_that_leaves_the_folder_is_refused(
    name: str, data: str, weights: theirs.Weights, tmp_path: Path
) -> None:
    model = to_keras(weights)
    model.name = name
    with pytest.raises(UsageError, match="a file cannot be called") as caught:
        mnist_edge.export(model, data=data, out=tmp_path / "runs")
    assert "model.name" in caught.value.remedy
    assert not list(tmp_path.rglob("*.onnx"))


def test_a_name_that_tensorflow_cannot_run_is_refused(
    data: str, weights: theirs.Weights, tmp_path: Path
) -> None:
    model = to_keras(weights)
    model.name = "my model"
    with pytest.raises(ModelError, match="a name that TensorFlow cannot run: my model"):
        mnist_edge.export(model, data=data, out=tmp_path)


def test_an_onnx_file_becomes_what_can_be_made_of_it(
    data: str, digits: Dataset, weights: theirs.Weights, tmp_path: Path
) -> None:
    origin = to_onnx(tmp_path / "theirs.onnx", weights, (1, 1, 28, 28), "log-probabilities")
    notes: list[str] = []
    files = mnist_edge.export(
        origin,
        formats=["all"],
        data=data,
        out=tmp_path / "runs",
        calibration=200,
        note=notes.append,
    )
    assert [file.format for file in files] == ["onnx", "onnx-int8"]
    assert "onnx-picture, tflite, tflite-fp16, tflite-int8, c: not made of this model" in notes
    check(files, digits)
    with pytest.raises(UsageError, match="tflite cannot be made of this model") as caught:
        mnist_edge.export(origin, formats=["tflite"], data=data, out=tmp_path / "runs")
    assert caught.value.remedy == "its formats are onnx, onnx-int8."
    # In its own folder the original would be replaced by the first of them.
    before = origin.read_bytes()
    with pytest.raises(mnist_edge.OutputError, match="is in the way"):
        mnist_edge.export(origin, data=data, out=tmp_path)
    assert origin.read_bytes() == before


def test_a_softmax_over_the_pictures_is_refused(
    data: str, weights: theirs.Weights, tmp_path: Path
) -> None:
    """In a batch each picture takes its digit from the others; alone, all are a 0."""
    origin = to_onnx(tmp_path / "theirs.onnx", weights)
    model = onnx.load(origin)
    (axis,) = model.graph.node[-1].attribute
    axis.i = 0
    onnx.save(model, origin)
    with pytest.raises(ModelError, match="answers a picture otherwise when it is alone"):
        mnist_edge.export(origin, data=data, out=tmp_path / "runs")


def test_of_several_outputs_none_is_chosen(
    data: str, weights: theirs.Weights, tmp_path: Path
) -> None:
    origin = to_onnx(tmp_path / "theirs.onnx", weights)
    model = onnx.load(origin)
    model.graph.output.append(onnx.helper.make_tensor_value_info("scores", 1, ["batch", 10]))
    onnx.save(model, origin)
    with pytest.raises(ModelError, match="gives 2 outputs, not one answer"):
        mnist_edge.export(origin, data=data, out=tmp_path / "runs")


def test_a_model_that_was_trained_here_is_not_replaced(
    data: str, workspace: Workspace, weights: theirs.Weights, tmp_path: Path
) -> None:
    for file in ("edge.keras", "edge.keras.json"):
        shutil.copy(workspace.runs / file, tmp_path)
    model = to_keras(weights)
    model.name = "edge"
    before = (tmp_path / "edge.keras").read_bytes()
    with pytest.raises(mnist_edge.OutputError, match="is in the way"):
        mnist_edge.export(model, data=data, out=tmp_path)
    assert (tmp_path / "edge.keras").read_bytes() == before


def test_a_layer_of_ones_own_keeps_no_other_format_from_being_made(
    data: str, weights: theirs.Weights, tmp_path: Path
) -> None:
    import keras

    class Same(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x

    inner = to_keras(weights)
    answers = {"digit": inner(Same(name="mine")(inner.inputs[0]))}
    model = keras.Model(inner.inputs[0], answers, name="own")
    with pytest.raises(ConversionError, match="no other program can load mine, a Same"):
        mnist_edge.export(model, formats=["keras", "onnx"], data=data, out=tmp_path)
    assert [path.name for path in tmp_path.glob("[!.]*")] == ["own.onnx"]


def test_a_tflite_file_keeps_its_bytes_and_gets_a_contract(
    data: str, digits: Dataset, weights: theirs.Weights, tmp_path: Path
) -> None:
    origin = tflite(tmp_path, to_keras(weights, (784,), batch=1))
    files = mnist_edge.export(origin, data=data, out=tmp_path / "runs")
    assert [file.format for file in files] == ["tflite"]
    assert files[0].path.read_bytes() == origin.read_bytes()
    assert sidecar(files[0].path).is_file()
    check(files, digits)


def untrained() -> keras.Model:
    rng = np.random.default_rng(0)
    shapes = (784, theirs.HIDDEN), (theirs.HIDDEN,), (theirs.HIDDEN, 10), (10,)
    return to_keras(
        theirs.Weights(*(rng.normal(0, 0.1, shape).astype(np.float32) for shape in shapes))
    )


def test_a_model_that_reads_too_little_is_no_reference(data: str, tmp_path: Path) -> None:
    model = untrained()
    model.name = "poor"
    with pytest.raises(GateError, match="less than 90%") as caught:
        mnist_edge.export(model, data=data, out=tmp_path, feeding=KNOWN)
    assert caught.value.exit_code == 3
    assert "--allow-inaccurate" in caught.value.remedy
    assert not list(tmp_path.glob("[!.]*"))
    (file,) = mnist_edge.export(
        model, formats=["onnx"], data=data, out=tmp_path, feeding=KNOWN, allow_inaccurate=True
    )
    _, contract = open_file(file.path)
    assert contract.metrics.accuracy["original"] < 0.5
    assert file.accuracy == contract.metrics.accuracy["onnx"]


def doctored(content: bytes, change: Callable[[np.ndarray], np.ndarray]) -> bytes:
    model = onnx.load_from_string(content)
    bias = next(each for each in model.graph.initializer if each.dims == [10])
    array = change(onnx.numpy_helper.to_array(bias)).astype(np.float32)
    bias.CopyFrom(onnx.numpy_helper.from_array(array, bias.name))
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda bias: bias + np.linspace(0, 1e-2, 10), "probabilities differ by"),
        (lambda bias: bias * np.nan, "its answers are not probabilities"),
    ],
    ids=["a little off", "no numbers"],
)
def test_a_float_file_that_answers_otherwise_is_not_told_to_train_longer(
    change: Callable[[Any], Any],
    cause: str,
    digits: Dataset,
    weights: theirs.Weights,
    tmp_path: Path,
) -> None:
    origin = to_onnx(tmp_path / "theirs.onnx", weights)
    source = open_foreign(origin, "theirs", digits, KNOWN)
    made = source.conversions["onnx"]
    off = dataclasses.replace(
        made, convert=lambda model, pictures: doctored(made.convert(model, pictures), change)
    )
    source = dataclasses.replace(source, conversions={"onnx": off})
    exporter = Exporter(source, digits, calibration=100)
    (file,) = exporter.export([FORMATS["onnx"]], tmp_path / "runs", force=False, named=True)
    assert isinstance(file.failure, GateError)
    assert cause in file.failure.cause
    assert "train" not in file.failure.remedy
    assert not file.path.exists()


@pytest.mark.parametrize("recipe", ["mlp", "dropout-cnn", "conv5x5", "bn-augment"])
def test_the_published_recipes_saved_by_plain_keras_are_exported(
    recipe: str, data: str, digits: Dataset, tmp_path: Path
) -> None:
    from mnist_edge.training.recipes import RECIPES

    model = RECIPES[recipe].network()
    model.compile("adam", "sparse_categorical_crossentropy")
    images = digits.train.images[:600, ..., np.newaxis] / np.float32(255)
    model.fit(images, digits.train.labels[:600], 100, verbose=0)
    model.save(tmp_path / f"{recipe}.keras")
    files = mnist_edge.export(
        tmp_path / f"{recipe}.keras",
        data=data,
        out=tmp_path / "runs",
        feeding=KNOWN,
        allow_inaccurate=True,
    )
    assert [file.format for file in files] == ["keras", "onnx", "tflite"]


def test_recurrent_rows_are_exported_in_floats(data: str, tmp_path: Path) -> None:
    import keras

    keras.utils.set_random_seed(0)
    layers = [keras.layers.LSTM(8), keras.layers.Dense(10, "softmax")]
    model = keras.Sequential([keras.Input((28, 28)), *layers], name="rows")
    done: list[Exported] = []
    with pytest.raises(ConversionError, match="tflite-int8: TensorFlow cannot calibrate a loop"):
        mnist_edge.export(
            model,
            int8=True,
            data=data,
            out=tmp_path,
            feeding=KNOWN,
            allow_inaccurate=True,
            calibration=100,
            on_file=done.append,
        )
    passed = [file.format for file in done if not file.failure]
    assert {"keras", "onnx", "tflite"} <= {*passed}


def test_what_is_not_there_is_said_to_be_not_there(data: str, tmp_path: Path) -> None:
    for name in ("missing.keras", "missing.h5", "missing.onnx", "missing"):
        with pytest.raises(ModelError, match="there is no such file"):
            mnist_edge.export(tmp_path / name, data=data, out=tmp_path / "runs")


def test_options_that_have_nothing_to_do_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--arduino is made of the C header"):
        mnist_edge.export(formats=["onnx"], arduino=True, out=tmp_path)
    with pytest.raises(UsageError, match="--wasm is made of the C header"):
        mnist_edge.export(formats=["onnx"], wasm=True, out=tmp_path)
    with pytest.raises(UsageError, match="carries a contract"):
        mnist_edge.export(shipped.path("edge.keras"), data="synthetic", feeding=KNOWN, out=tmp_path)
