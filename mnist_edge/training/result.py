"""A finished training, and where its files lie. Importing it loads no heavy library."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from mnist_edge.contract import Contract, member
from mnist_edge.training.observer import Epoch

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Run:
    """A finished training.

    Attributes:
        model: the `.keras` file that was published, its contract beside it.
        contract: that contract.
        network: the same model in memory.
        history: its epochs; of an ensemble those of each member, one after the other.
    """

    model: Path
    contract: Contract = field(repr=False)
    network: keras.Model = field(repr=False)
    history: tuple[Epoch, ...] = field(repr=False)

    @property
    def accuracy(self) -> float:
        """The share of right answers on the dataset's test split."""
        return self.contract.metrics.accuracy["keras"]

    @property
    def epochs(self) -> int:
        """How many there were, of every network."""
        return self.history[-1].epoch

    @property
    def loss(self) -> float:
        """Over the last epoch's training batches; of an ensemble the members' mean."""
        return fmean(epoch.loss for epoch in self.history if epoch.epoch == self.epochs)

    @property
    def seconds(self) -> float:
        """What its epochs took, over all members and resumptions."""
        return sum(epoch.seconds for epoch in self.history)

    def to_dict(self) -> dict[str, object]:
        """Return what `train --json` prints."""
        return {
            "recipe": self.contract.recipe,
            "model": str(self.model),
            "parameters": self.network.count_params(),
            "epochs": self.epochs,
            "seconds": round(self.seconds, 1),
            "accuracy": self.accuracy,
            "loss": self.loss,
            "dataset": self.contract.metrics.dataset,
        }


def checkpoint_path(path: Path) -> Path:
    """Return where the state of the unfinished training of the model `path` lies."""
    return path.with_name(f".{path.stem}.checkpoint.npz")


def network_paths(path: Path, members: int) -> list[Path]:
    """Return where the networks lie that are trained for the model `path`: itself, or members."""
    return [member(path, number) for number in range(1, members + 1)] if members > 1 else [path]
