"""The state of an unfinished training, in one file that is whole or not there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from mnist_edge.errors import TrainingError, first_line
from mnist_edge.files import replacing
from mnist_edge.training.observer import Epoch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import keras

    from mnist_edge.training.description import Description


def _variables(model: keras.Model) -> list[keras.Variable]:
    return [*model.variables, *model.optimizer.variables]


def save(
    path: Path, model: keras.Model, description: Description, history: Sequence[Epoch]
) -> None:
    """Write weights, optimizer state and finished epochs in place of the last checkpoint."""
    arrays = {f"v{index}": variable.numpy() for index, variable in enumerate(_variables(model))}
    progress = {"run": description.document, "history": [vars(epoch) for epoch in history]}
    with replacing(path) as temporary:
        np.savez(temporary, progress=json.dumps(progress), **arrays)


def restore(path: Path, model: keras.Model, description: Description) -> list[Epoch]:
    """Load a checkpoint into a compiled model and return the finished epochs.

    Raises:
        TrainingError: the checkpoint is damaged, or belongs to another training.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            progress = json.loads(str(archive["progress"]))
            arrays = [archive[f"v{index}"] for index in range(len(archive.files) - 1)]
        run: dict[str, Any] = dict(progress["run"])
        history = [Epoch(**epoch) for epoch in progress["history"]]
    except Exception as error:
        # A damaged zip archive raises anything from OSError and zlib.error to KeyError.
        raise TrainingError(
            f"{path} is damaged: {first_line(error)}.",
            remedy="train without --resume to start anew.",
        ) from error
    if run != description.document:
        changed = ", ".join(
            f"{key} {run.get(key)}, now {value}"
            for key, value in description.document.items()
            if run.get(key) != value
        )
        raise TrainingError(
            f"the unfinished training was started otherwise: {changed}.",
            remedy="give the same options, or train without --resume to start anew.",
        )
    for variable, array in zip(_variables(model), arrays, strict=True):
        variable.assign(array)
    return history
