"""From a finished training to a `.keras` file with its contract."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING

import mnist_edge
from mnist_edge.contract import (
    LABELS,
    SCHEMA,
    SIZE,
    Content,
    Contract,
    Metrics,
    Preprocess,
    TensorSpec,
    sidecar,
)
from mnist_edge.files import replacing_pair
from mnist_edge.runtime.accept import fit_accept
from mnist_edge.runtime.classifier import accuracy
from mnist_edge.runtime.reading.normalization import VERSION
from mnist_edge.runtime.reading.parameters import NORMALIZING
from mnist_edge.training.keras_model import KerasEngine, weights_sha256

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import keras

    from mnist_edge.data.dataset import Dataset
    from mnist_edge.training.description import Description
    from mnist_edge.training.observer import Epoch


def tool_versions(*packages: str) -> dict[str, str]:
    """Return this package's version, and those of others that are installed."""
    return {
        "mnist-edge": mnist_edge.__version__,
        **{package: version(package) for package in packages},
    }


def preprocess() -> Preprocess:
    """Return how pictures are drawn for a model that is trained or adopted by this version."""
    parameters = {
        "size": SIZE,
        "box": NORMALIZING.box,
        "centre": "mass",
        "min_stroke": NORMALIZING.min_stroke,
        "max_stroke": NORMALIZING.max_stroke,
    }
    return Preprocess(VERSION, parameters)


def publish(
    path: Path,
    model: keras.Model,
    description: Description,
    dataset: Dataset,
    history: Sequence[Epoch] = (),
) -> Contract:
    """Measure a finished model on the test split and write it with its contract.

    Args:
        path: the `.keras` file to write; its stem is the model's name.
        model: the trained network.
        description: of its training.
        dataset: what it was trained on.
        history: the epochs of its training, of which an ensemble has none of its own.

    Raises:
        OutputError: the folder cannot be written; what was there before is unchanged.
    """
    engine = KerasEngine(model)
    contract = Contract(
        schema=SCHEMA,
        name=path.stem,
        recipe=description.recipe.name,
        labels=LABELS,
        input=TensorSpec("image", "NHWC", (None, 28, 28, 1), "float32", (0.0, 1.0)),
        output=TensorSpec("probabilities", "NC", (None, 10), "float32", (0.0, 1.0)),
        preprocess=preprocess(),
        quantization=None,
        accept=fit_accept(engine.run(dataset.validation.images)),
        metrics=Metrics(
            dataset.name, {"keras": accuracy(engine.run(dataset.test.images), dataset.test.labels)}
        ),
        parity=None,
        weights_sha256=weights_sha256(model),
        tools=tool_versions("tensorflow", "keras", "numpy"),
        provenance=description.provenance,
        history=tuple(vars(epoch) for epoch in history) or None,
    )
    with replacing_pair(path, sidecar(path)) as (temporary, document):
        model.save(temporary)
        contract = replace(contract, content=Content.of(temporary.read_bytes()))
        contract.write(document)
    return contract
