"""The family of `.keras` files: the reference of all others."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_edge.contract import Contract
from mnist_edge.extras import require
from mnist_edge.formats.family import Family, Format

if TYPE_CHECKING:
    from mnist_edge.formats.activations import Array, Network
    from mnist_edge.formats.layers import Layer
    from mnist_edge.runtime.engines import Engine


def _open(path: Path, threads: int) -> tuple[Engine, Contract]:  # noqa: ARG001
    require("tensorflow", extra="train")
    from mnist_edge.training.keras_model import KerasEngine, load

    return KerasEngine(load(path)), Contract.from_sidecar(path)


def _layers(path: Path) -> Iterable[Layer]:
    from mnist_edge.formats.keras import layers

    return layers.read(path)


def _activations(path: Path, batch: Array) -> Network:
    from mnist_edge.formats.keras import activations

    return activations.read(path, batch)


KERAS = Family(
    ".keras",
    (Format("keras", ".keras", "the trained model, the reference of all others"),),
    library="keras",
    reader=("tensorflow", "train"),
    open=_open,
    embed=None,
    layers=_layers,
    activations=_activations,
)
