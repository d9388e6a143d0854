"""Train a digit classifier in Keras, export it, prove that every file answers alike, run it.

Importing the package loads nothing heavy: `train`, `Classifier` and their like are loaded on first
use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from mnist_edge.errors import (
    ContractError,
    ConversionError,
    DataError,
    DownloadError,
    GateError,
    ImageTooLarge,
    Interrupted,
    MissingContract,
    MissingExtra,
    MnistEdgeError,
    ModelError,
    OutputError,
    ScoringError,
    ServingError,
    TrainingError,
    UnreadableImage,
    UsageError,
)

if TYPE_CHECKING:
    from mnist_edge.benchmark.bench import bench
    from mnist_edge.contract import Contract
    from mnist_edge.formats.export import export
    from mnist_edge.runtime.classifier import (
        Classifier,
        Line,
        LineDigit,
        Prediction,
        Predictions,
    )
    from mnist_edge.training.train import train

__version__ = "0.1.0"

__all__ = [
    "Classifier",
    "Contract",
    "ContractError",
    "ConversionError",
    "DataError",
    "DownloadError",
    "GateError",
    "ImageTooLarge",
    "Interrupted",
    "Line",
    "LineDigit",
    "MissingContract",
    "MissingExtra",
    "MnistEdgeError",
    "ModelError",
    "OutputError",
    "Prediction",
    "Predictions",
    "ScoringError",
    "ServingError",
    "TrainingError",
    "UnreadableImage",
    "UsageError",
    "__version__",
    "bench",
    "export",
    "train",
]

_HOME_OF = {
    "Classifier": "mnist_edge.runtime.classifier",
    "Contract": "mnist_edge.contract",
    "Line": "mnist_edge.runtime.classifier",
    "LineDigit": "mnist_edge.runtime.classifier",
    "Prediction": "mnist_edge.runtime.classifier",
    "Predictions": "mnist_edge.runtime.classifier",
    "bench": "mnist_edge.benchmark.bench",
    "export": "mnist_edge.formats.export",
    "train": "mnist_edge.training.train",
}


def __getattr__(name: str) -> object:
    if name in _HOME_OF:
        return getattr(importlib.import_module(_HOME_OF[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
