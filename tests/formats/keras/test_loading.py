"""Keras files of any age are loaded, and what is none, or holds code, is named as what it is."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import layers as kl

from mnist_edge.errors import ModelError
from mnist_edge.formats.identify import contract_of
from mnist_edge.formats.keras.loading import load
from mnist_edge.training.keras_model import load as load_trained
from tests.conftest import randomize

# Keras' own, of what other libraries no longer like, when it writes a file.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:You are saving")

PICTURES = np.random.default_rng(0).random((3, 28, 28, 1), np.float32)


def network(*inner: keras.Layer) -> keras.Model:
    ends = [kl.Flatten(), kl.Dense(10, "softmax")]
    model = keras.Sequential([keras.Input((28, 28, 1)), kl.Conv2D(2, 5), *inner, *ends])
    randomize(model)
    return model


def rewrite(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the configuration in a Keras file."""
    if path.suffix == ".h5":
        with h5py.File(path, "r+") as file:
            file.attrs["model_config"] = json.dumps(change(json.loads(file.attrs["model_config"])))
        return
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["config.json"] = json.dumps(change(json.loads(parts["config.json"]))).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)


def in_the_first_layer(config: dict[str, Any]) -> dict[str, Any]:
    """As Keras 2 writes a Sequential whose first layer was given an `input_shape`."""
    first, *others = config["config"]["layers"]
    others[0]["config"]["batch_input_shape"] = first["config"]["batch_shape"]
    return config | {"config": config["config"] | {"layers": others}}


def in_the_input(config: dict[str, Any]) -> dict[str, Any]:
    """As Keras 2 writes an InputLayer."""
    for layer in config["config"]["layers"]:
        if layer["class_name"] == "InputLayer":
            settings = layer["config"]
            settings["batch_input_shape"] = settings.pop("batch_shape")
            settings |= {"sparse": False, "ragged": False}
    return config


def in_both(config: dict[str, Any]) -> dict[str, Any]:
    """As Keras 2.14 writes `.keras`: an InputLayer, and the shape in the layer behind it too."""
    layers = config["config"]["layers"]
    layers[1]["config"]["batch_input_shape"] = layers[0]["config"]["batch_shape"]
    return in_the_input(config)


def bare(config: dict[str, Any]) -> dict[str, Any]:
    """As Keras 2.0 and 2.1 write a Sequential: a list of layers, and nothing around it."""
    return config | {"config": in_the_first_layer(config)["config"]["layers"]}


@pytest.mark.parametrize("age", [in_the_first_layer, in_the_input, in_both, bare])
@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_what_keras_2_wrote_is_loaded_and_left_as_it_was(
    suffix: str, age: Callable[[dict[str, Any]], Any], tmp_path: Path
) -> None:
    if suffix == ".keras" and age is bare:
        pytest.skip("Keras had no .keras file then")
    model, path = network(), tmp_path / f"old{suffix}"
    model.save(path)
    rewrite(path, age)
    before = path.read_bytes()
    loaded = load(path)
    assert loaded.inputs[0].shape == (None, 28, 28, 1)
    np.testing.assert_array_equal(loaded(PICTURES), model(PICTURES))
    assert path.read_bytes() == before


def test_a_functional_model_of_keras_2_is_loaded(tmp_path: Path) -> None:
    image = keras.Input((28, 28, 1))
    x = kl.Conv2D(2, 3, padding="same")(image)
    model = keras.Model(image, kl.Dense(10)(kl.Flatten()(kl.Add()([x, kl.ReLU()(x)]))))
    randomize(model)
    model.save(tmp_path / "old.h5")
    rewrite(tmp_path / "old.h5", in_the_input)
    loaded = load(tmp_path / "old.h5")
    np.testing.assert_array_equal(loaded(PICTURES), model(PICTURES))


def code() -> keras.Layer:
    return kl.Lambda(lambda x: x * 2, name="twice")


@pytest.mark.parametrize(
    "holds",
    [
        lambda: network(code()),
        lambda: network(keras.Sequential([keras.Input((24, 24, 2)), code()])),
        lambda: network(kl.TimeDistributed(code())),
    ],
    ids=["a layer", "in a model in it", "in a layer in it"],
)
@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_code_is_never_run_however_deep_it_lies(
    suffix: str, holds: Callable[[], keras.Model], tmp_path: Path
) -> None:
    path = tmp_path / f"evil{suffix}"
    holds().save(path)
    with pytest.raises(ModelError, match=rf"evil\{suffix} holds code, in a layer Lambda \(twice\)"):
        load(path)


@keras.saving.register_keras_serializable("theirs")
class Doubling(kl.Layer):  # type: ignore[misc]
    """A layer of somebody's own."""

    def call(self, image: Any) -> Any:
        return 2 * image


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_a_custom_layer_is_named_with_its_place(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"own{suffix}"
    network(Doubling(name="mine")).save(path)
    with keras.saving.custom_object_scope({}):
        known = keras.saving.get_custom_objects()
        kept = dict(known)
        known.clear()
        try:
            with pytest.raises(ModelError, match=r"Keras does not have: .*Doubling \(mine\)"):
                load(path)
        finally:
            known |= kept


def test_weights_alone_are_named_as_such(tmp_path: Path) -> None:
    network().save_weights(tmp_path / "model.weights.h5")
    with pytest.raises(ModelError, match="holds weights, but not the network") as caught:
        load(tmp_path / "model.weights.h5")
    assert "load_weights" in caught.value.remedy


@pytest.mark.parametrize("suffix", [".h5", ".hdf5", ".keras"])
@pytest.mark.parametrize("kept", [0, 100, 3000])
def test_half_a_file_and_none_are_named(suffix: str, kept: int, tmp_path: Path) -> None:
    path = tmp_path / f"half{suffix}"
    network().save(tmp_path / f"whole.{'keras' if suffix == '.keras' else 'h5'}")
    (whole,) = tmp_path.iterdir()
    path.write_bytes(whole.read_bytes()[:kept])
    with pytest.raises(ModelError, match=f"half{suffix} is not a Keras file") as caught:
        load(path)
    assert "\n" not in caught.value.cause


def test_another_archive_and_another_hdf5_file_are_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.keras", "w") as archive:
        archive.writestr("README", "nothing")
    with pytest.raises(ModelError, match=r"a\.keras is not a Keras file"):
        load(tmp_path / "a.keras")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file.attrs["model_config"] = "{"
    with pytest.raises(ModelError, match=r"b\.h5 is not a Keras file"):
        load(tmp_path / "b.h5")


@pytest.mark.parametrize(
    "config",
    [
        *("[]", "{}", "7", "null", '{"class_name": "Sequential"}', '{"class_name": []}'),
        '{"class_name": "Sequential", "config": {"layers": [{"class_name": [], "config": 7}]}}',
        '{"class_name": "Sequential", "config": {"layers": []}}',
        "[" * 100_000,
    ],
)
def test_a_configuration_that_is_none_is_named(config: str, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "odd.h5", "w") as file:
        file.attrs["model_config"] = config
    with pytest.raises(ModelError, match=r"odd\.h5 ") as caught:
        load(tmp_path / "odd.h5")
    assert "\n" not in caught.value.cause


@pytest.mark.parametrize("suffix", [".h5", ".keras", ".onnx", ".tflite"])
def test_pointers_and_pages_in_place_of_a_model_are_named(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"mnist{suffix}"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n")
    with pytest.raises(ModelError, match="is a Git LFS pointer, not the model") as caught:
        contract_of(path)
    assert caught.value.remedy == "fetch it with git lfs pull."
    path.write_text("<!DOCTYPE html>\n<title>mnist</title>")
    with pytest.raises(ModelError, match="is a web page, not the model"):
        contract_of(path)


def test_a_description_without_end_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "bomb.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", "{}")
        with archive.open("config.json", "w") as file:
            for _ in range(64):
                file.write(bytes(1 << 20))
    assert path.stat().st_size < 100_000
    for loaded in (load, load_trained):
        with pytest.raises(ModelError, match="holds 67,108,864 bytes where at most 16,777,216"):
            loaded(path)


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_weights_without_end_are_not_read(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{suffix}"
    network().save(path)
    weights = path if suffix == ".h5" else tmp_path / "weights.h5"
    with h5py.File(weights, "a") as file:
        file.create_dataset("more", (1 << 20, 1 << 20), "float32", chunks=True)
    if weights != path:
        with zipfile.ZipFile(path) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(path, "w") as archive:
            for name, part in (parts | {"model.weights.h5": weights.read_bytes()}).items():
                archive.writestr(name, part)
    with pytest.raises(ModelError, match="bytes where at most 2,147,483,648 are read"):
        load(path)


@pytest.mark.parametrize("depth", [300, 900, 100_000])
def test_a_description_of_any_depth_is_an_error_of_the_file(depth: int, tmp_path: Path) -> None:
    path = tmp_path / "deep.keras"
    network().save(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["config.json"] = b'{"class_name": "Sequential", "config": ' + b"[" * depth + b"]" * depth
    parts["config.json"] += b"}"
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    with pytest.raises(ModelError, match=r"deep\.keras"):
        load(path)


def test_a_pipe_is_no_model_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.keras")
    with pytest.raises(ModelError, match="is a pipe or a device"):
        contract_of(tmp_path / "model.keras")
