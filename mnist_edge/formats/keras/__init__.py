"""The family of Keras models, SavedModels among them: what all others are made from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_edge.contract import Contract, TensorSpec
from mnist_edge.extras import require
from mnist_edge.formats.family import Adopted, Family, Format

if TYPE_CHECKING:
    from mnist_edge.formats.activations import Array, Network
    from mnist_edge.formats.foreign import Feeding
    from mnist_edge.formats.keras.runner import KerasRunner
    from mnist_edge.formats.layers import Layer
    from mnist_edge.runtime.engines import Engine


def _contract(path: Path) -> Contract:
    return Contract.from_sidecar(path)


def _open(path: Path, threads: int) -> tuple[Engine, Contract]:  # noqa: ARG001
    require("tensorflow", extra="train")
    from mnist_edge.training.keras_model import KerasEngine, load

    contract = Contract.from_sidecar(path)
    return KerasEngine(load(path, contract)), contract


def _bare(path: Path, _spec: TensorSpec, _answers: str, _threads: int) -> Engine:
    from mnist_edge.training.keras_model import KerasEngine, load

    return KerasEngine(load(path))


def _runner(path: Path, threads: int) -> KerasRunner:  # noqa: ARG001
    require("tensorflow", extra="train")
    from mnist_edge.formats.keras.runner import KerasRunner, load

    return KerasRunner(load(path), path)


def _adopt(runner: Any, path: Path, feeding: Feeding) -> Adopted:
    from mnist_edge.formats.keras import canonical

    return canonical.adopt(runner, path, feeding)


def _layers(path: Path) -> Iterable[Layer]:
    from mnist_edge.formats.keras import layers

    return layers.read(path)


def _activations(path: Path, batch: Array) -> Network:
    from mnist_edge.formats.keras import activations

    return activations.read(path, batch)


KERAS = Family(
    (".keras", ".h5", ".hdf5"),
    (Format("keras", ".keras", "the trained model, the reference of all others"),),
    library="keras",
    reader=("tensorflow", "train"),
    contract=_contract,
    open=_open,
    bare=_bare,
    runner=_runner,
    adopt=_adopt,
    embed=None,
    layers=_layers,
    activations=_activations,
)
