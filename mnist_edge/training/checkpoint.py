"""The state of an unfinished training, in one file that is whole or not there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mnist_edge.errors import TrainingError
from mnist_edge.files import replacing

if TYPE_CHECKING:
    from pathlib import Path

    import keras


@dataclass
class Progress:
    """How far a training has come, apart from its weights.

    Attributes:
        run: what the training was started with; only the same may go on.
        history: one object per finished epoch.
        seconds: time spent so far.
    """

    run: dict[str, Any]
    history: list[dict[str, float]]
    seconds: float


def _variables(model: keras.Model) -> list[keras.Variable]:
    return [*model.variables, *model.optimizer.variables]


def save(path: Path, model: keras.Model, progress: Progress) -> None:
    """Write weights, optimizer state and progress, replacing the checkpoint of the last epoch."""
    arrays = {f"v{index}": variable.numpy() for index, variable in enumerate(_variables(model))}
    with replacing(path) as temporary:
        np.savez(temporary, progress=json.dumps(vars(progress)), **arrays)


def restore(path: Path, model: keras.Model, run: dict[str, Any]) -> Progress:
    """Load a checkpoint into a compiled model and return how far it had come.

    Raises:
        TrainingError: there is no checkpoint, it is damaged, or it belongs to another training.
    """
    if not path.exists():
        raise TrainingError(
            f"there is no unfinished training in {path.parent}.", remedy="train without --resume."
        )
    try:
        with np.load(path, allow_pickle=False) as archive:
            progress = Progress(**json.loads(str(archive["progress"])))
            arrays = [archive[f"v{index}"] for index in range(len(archive.files) - 1)]
    except Exception as error:
        # A damaged zip archive raises anything from OSError and zlib.error to KeyError.
        raise TrainingError(
            f"{path} is damaged: {error}.", remedy="train without --resume to start anew."
        ) from error
    if progress.run != run:
        changed = ", ".join(
            f"{key} {progress.run.get(key)}, now {run[key]}"
            for key in run
            if progress.run.get(key) != run[key]
        )
        raise TrainingError(
            f"the unfinished training was started otherwise: {changed}.",
            remedy="give the same options, or train without --resume to start anew.",
        )
    for variable, array in zip(_variables(model), arrays, strict=True):
        variable.assign(array)
    return progress
