"""A model to be exported: one that was trained here, or somebody else's, fed as was measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.contract import (
    LABELS,
    SCHEMA,
    Contract,
    Metrics,
    Source,
    TensorSpec,
    is_file_name,
    sidecar,
)
from mnist_edge.errors import ContractError, ModelError, UsageError, printable
from mnist_edge.files import sha256_of
from mnist_edge.formats import foreign
from mnist_edge.formats.family import Conversion
from mnist_edge.formats.keras import KERAS
from mnist_edge.formats.table import FORMATS, family_of
from mnist_edge.runtime.accept import fit_accept
from mnist_edge.runtime.classifier import accuracy
from mnist_edge.runtime.engines.encoding import EncodedEngine, Runner
from mnist_edge.training.keras_model import KerasEngine, load, weights_sha256
from mnist_edge.training.publish import preprocess, tool_versions

if TYPE_CHECKING:
    import keras

    from mnist_edge.data.dataset import Dataset
    from mnist_edge.formats.feeding import FeedingOptions
    from mnist_edge.runtime.engines import Engine


# Training pictures that a model answers one at a time, too.
ALONE = 16


@dataclass(frozen=True)
class Exportable:
    """A model with all that its files are made of and compared with.

    Attributes:
        reference: answers as the model does.
        model: what the conversions take.
        conversions: by the name of the format.
        contract: what it says of itself; what is the files' own is filled in at export.
        feeding: in words, how it is fed; empty where its contract tells.
    """

    reference: Engine
    model: Any
    conversions: dict[str, Conversion]
    contract: Contract
    feeding: str = ""


def open_trained(path: Path, contract: Contract) -> Exportable:
    """Open a `.keras` file that was trained here.

    Raises:
        ModelError: it cannot be loaded.
        ContractError: its contract speaks of other weights.
    """
    model = load(path, contract)
    if weights_sha256(model) != contract.weights_sha256:
        raise ContractError(
            f"{path} does not hold the weights that {sidecar(path).name} speaks of.",
            remedy="train it again: mnist-edge train",
        )
    return Exportable(KerasEngine(model), model, _of_keras(), contract)


def open_foreign(
    origin: Path | keras.Model, name: str, dataset: Dataset, options: FeedingOptions
) -> Exportable:
    """Open somebody else's model, and find how it wants to be fed.

    Args:
        origin: the file, the folder of a SavedModel, or a Keras model in memory.
        name: what the model is to be called.
        dataset: whose training split tells how it is fed.
        options: how it is fed, as far as that is known.

    Raises:
        ModelError: it cannot be loaded, or it is not clear how it wants to be fed.
        UsageError: no file can have its name.
        ConversionError: it cannot be brought into the form that files are made from.
    """
    if not is_file_name(name):
        raise UsageError(
            f"a file cannot be called {printable(name)}, as the model is.",
            remedy="give it another name; of a Keras model in memory, model.name.",
        )
    path = origin if isinstance(origin, Path) else Path(name)
    family = family_of(path) if isinstance(origin, Path) else KERAS
    if isinstance(origin, Path):
        runner: Runner = family.runner(path, 1)
    else:
        from mnist_edge.formats.keras.runner import KerasRunner

        runner = KerasRunner(origin, name)
    measured = foreign.measure(runner, dataset.train, options, path.name)
    best = measured.best
    adopted = family.adopt(runner, path, best)
    reference = EncodedEngine(runner, best.input, best.answers)
    _check_alone(reference, dataset.train.images, path.name)
    conversions = dict(adopted.conversions)
    if family is KERAS:
        conversions = _of_keras() | conversions
    contract = Contract(
        schema=SCHEMA,
        name=name,
        recipe=None,
        labels=LABELS,
        input=best.input,
        output=TensorSpec("answers", "NC", (None, len(LABELS)), "float32", (0.0, 1.0)),
        preprocess=preprocess(),
        quantization=None,
        accept=fit_accept(reference.run(dataset.validation.images)),
        metrics=Metrics(
            dataset.name,
            {"original": accuracy(reference.run(dataset.test.images), dataset.test.labels)},
        ),
        parity=None,
        weights_sha256=adopted.weights_sha256,
        tools=tool_versions("numpy"),
        answers=best.answers,
        source=Source(
            path.name,
            sha256_of(path) if path.exists() else adopted.weights_sha256,
            best.input,
            best.answers,
        ),
    )
    return Exportable(
        reference, adopted.model, conversions, contract, f"{path.name}: {measured.describe()}"
    )


def _of_keras() -> dict[str, Conversion]:
    return {row.name: row.conversion for row in FORMATS.values() if row.conversion}


def _check_alone(engine: Engine, images: NDArray[np.uint8], name: str) -> None:
    """Check that a model answers a picture beside others as it does alone.

    One whose softmax is over the pictures of a batch, and not over the classes, may read all of
    a large one. Chance, as of dropout that was never turned off, may change a few answers.

    Raises:
        ModelError: it does not.
    """
    sample = images[:ALONE]
    beside = engine.run(sample).argmax(axis=1)
    alone = np.concatenate([engine.run(image[np.newaxis]) for image in sample]).argmax(axis=1)
    if (alone != beside).mean() > 0.2:
        raise ModelError(
            f"{name} answers a picture otherwise when it is alone.",
            remedy="let its softmax be over the classes, axis 1, and train it so.",
        )
