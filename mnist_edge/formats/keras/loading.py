"""Keras files of any age, loaded without running what is in them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras

from mnist_edge.errors import ModelError, first_line
from mnist_edge.training.keras_model import check_size

# Classes whose configuration is code, or names code elsewhere.
_CODE = ("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "TFOpLambda")

_REMEDY = "save it again with a newer Keras: model.save('model.keras')"


def load(path: Path) -> keras.Model:
    """Load a `.keras`, `.h5` or `.hdf5` file, of Keras 2 too.

    Keras 3 does not read all that Keras 2 wrote: a first layer that holds the shape of the input, a
    Sequential whose configuration is a bare list, an InputLayer with `batch_input_shape`. Where it
    refuses a file, the JSON of its configuration is mended in a copy.

    Raises:
        ModelError: the file is damaged, holds weights alone, holds code, or needs a layer that
            Keras does not have.
    """
    check_size(path)
    config = _config(path)
    _refuse_code(config, path)
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as refusal:
        # Keras lets through whatever zipfile, h5py, json and the layers raise.
        try:
            mended = _mended(config)
        except (LookupError, TypeError, AttributeError, RecursionError):
            mended = config  # which is of no form that Keras ever wrote
        if mended == config:
            raise _refused(path, config, refusal) from refusal
        with TemporaryDirectory() as folder:
            copy = Path(folder, f"mended{path.suffix}")
            _write(path, copy, mended)
            try:
                return keras.saving.load_model(copy, compile=False, safe_mode=True)
            except Exception as error:
                raise _refused(path, config, error) from error


def _config(path: Path) -> Any:
    """Return the configuration that a file holds, as JSON has it."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return json.loads(archive.read("config.json"))
        import h5py

        with h5py.File(path) as file:
            text = file.attrs.get("model_config")
            if text is None:
                raise ModelError(
                    f"{path} holds weights, but not the network that they belong to.",
                    remedy="build the network, load them with load_weights, and save the model.",
                )
            return json.loads(text)
    except (OSError, ValueError, LookupError, RecursionError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"{path} is not a Keras file: {first_line(error)}.",
            remedy="check where it comes from; a Keras file ends in .keras, .h5 or .hdf5.",
        ) from error


def _objects(config: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in a configuration that names its class."""
    parts = [config]  # and no recursion, which whoever wrote the file could make too deep
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            if "class_name" in part:
                yield part
            part = list(part.values())
        if isinstance(part, list):
            parts += reversed(part)


def _refuse_code(config: Any, path: Path) -> None:
    for entry in _objects(config):
        if entry["class_name"] in (*_CODE, "__lambda__"):
            inner = entry.get("config")
            name = inner.get("name") if isinstance(inner, dict) else None
            raise ModelError(
                f"{path} holds code, in a layer {entry['class_name']}{f' ({name})' * bool(name)}: "
                "files that carry code are never run.",
                remedy="replace that layer by one of Keras' own, and save the model again.",
            )


def _refused(path: Path, config: Any, error: Exception) -> ModelError:
    known = {*dir(keras.layers), *dir(keras), "Functional", "Model"}
    for entry in _objects(config.get("config", config) if isinstance(config, dict) else config):
        inner = entry.get("config")
        if not isinstance(inner, dict) or "name" not in inner or "layers" in inner:
            continue
        if str(entry["class_name"]) not in known:
            return ModelError(
                f"{path} needs a layer that Keras does not have: {entry['class_name']} "
                f"({inner['name']}).",
                remedy="build it of Keras' own layers, or export it to ONNX where it was made.",
            )
    return ModelError(
        f"{path} cannot be loaded as a Keras model: {first_line(error)}", remedy=_REMEDY
    )


def _mended(config: Any) -> Any:
    """Return the configuration of Keras 2 as Keras 3 reads it."""
    if isinstance(config, list):
        return [_mended(part) for part in config]
    if not isinstance(config, dict):
        return config
    inner: Any = config.get("config")
    if config.get("class_name") == "Sequential":
        layers = inner if isinstance(inner, list) else inner["layers"]
        shape = layers[0]["config"].get("batch_input_shape")
        if shape and layers[0]["class_name"] != "InputLayer":
            front = {"batch_input_shape": shape, "name": "image", "dtype": "float32"}
            layers = [{"class_name": "InputLayer", "config": front}, *layers]
        settings = {"name": "sequential"} if isinstance(inner, list) else inner
        config = config | {"config": settings | {"layers": layers}}
    elif isinstance(inner, dict) and "batch_input_shape" in inner:
        # The shape of what comes in is an InputLayer's to say.
        kept = {key: value for key, value in inner.items() if key != "batch_input_shape"}
        if config["class_name"] == "InputLayer":
            kept = {"batch_shape": inner["batch_input_shape"], "name": inner["name"]}
        config = config | {"config": kept}
    return {key: _mended(value) for key, value in config.items()}


def _write(path: Path, copy: Path, config: Any) -> None:
    """Write a file again, with another configuration."""
    text = json.dumps(config)
    if not zipfile.is_zipfile(path):
        import h5py

        copy.write_bytes(path.read_bytes())
        with h5py.File(copy, "r+") as file:
            file.attrs["model_config"] = text
        return
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(copy, "w") as written:
        for item in archive.infolist():
            content = text.encode() if item.filename == "config.json" else archive.read(item)
            written.writestr(item.filename, content)
