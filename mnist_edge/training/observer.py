"""What a training tells while it goes on, and to whom. Importing it loads no heavy library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from mnist_edge.data import Dataset
    from mnist_edge.training.description import Description


@dataclass(frozen=True)
class Epoch:
    """One finished epoch.

    Attributes:
        epoch: its number, from 1.
        loss: mean over the augmented training batches.
        accuracy: share of right answers over the augmented training batches.
        validation_accuracy: of the weights as they stand, before they are averaged.
        learning_rate: what it ended with.
        seconds: what it took.
    """

    epoch: int
    loss: float
    accuracy: float
    validation_accuracy: float
    learning_rate: float
    seconds: float


@dataclass(frozen=True)
class Step:
    """How far an unfinished epoch has come.

    Attributes:
        epoch: its number, from 1.
        share: of its batches that are done.
        loss: mean over these batches.
        accuracy: share of right answers over these batches.
        learning_rate: of the next batch.
        seconds: since it began.
    """

    epoch: int
    share: float
    loss: float
    accuracy: float
    learning_rate: float
    seconds: float


class Observer:
    """Is told what happens, and may raise to stop it; this one does nothing of it."""

    def on_fetch(self, name: str, done: int, total: int | None) -> None:
        """Bytes of a file of MNIST are downloaded."""

    def on_note(self, text: str) -> None:
        """Something was decided that a person should know."""

    def on_start(self, description: Description, dataset: Dataset) -> None:
        """All that the training needs is there."""

    def on_member(self, path: Path) -> None:
        """The member `path` of an ensemble is next."""

    def on_answer(self, done: int, total: int) -> None:
        """The teachers have answered so many batches, of so many."""

    def on_step(self, step: Step) -> None:
        """An epoch has come a little further; called a few times a second."""

    def on_epoch(self, epoch: Epoch) -> None:
        """An epoch is finished, now or before the training was stopped."""
