"""Whole trainings, from a dataset to published files: of one network, or of an ensemble."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import keras
import numpy as np
from numpy.typing import NDArray

from mnist_edge.contract import Contract, Provenance, member
from mnist_edge.data import negatives, synthetic
from mnist_edge.data.dataset import CLASSES, Dataset, Split
from mnist_edge.errors import ContractError, MissingExtra
from mnist_edge.training import curves, distillation, keras_model, networks
from mnist_edge.training.calibration import calibrate
from mnist_edge.training.publish import publish
from mnist_edge.training.trainer import Epoch, Step, train

if TYPE_CHECKING:
    from pathlib import Path

    from mnist_edge.runtime.engines import Engine
    from mnist_edge.training.recipes import Recipe


@dataclass(frozen=True)
class Run:
    """A training to be done.

    Attributes:
        recipe: what to train.
        dataset: what on, with its validation and test splits.
        seed: of weights, order and augmentation.
        epochs: how many.
        teachers: networks whose answers are the targets, by `weights_sha256`; without any the
            labels are.
        unlabelled: uint8 (N, 28, 28), pictures for the teachers to answer as well.
        on_answer: called with the number of batches that the teachers have answered, and of all.
        on_epoch: called after each epoch.
        on_step: called a few times a second within an epoch.
    """

    recipe: Recipe
    dataset: Dataset
    seed: int
    epochs: int
    teachers: Mapping[str, Engine] = field(default_factory=dict)
    unlabelled: NDArray[np.uint8] | None = None
    on_answer: Callable[[int, int], None] = lambda _done, _total: None
    on_epoch: Callable[[Epoch], None] = lambda _epoch: None
    on_step: Callable[[Step], None] = lambda _step: None

    @property
    def provenance(self) -> Provenance:
        """What the contract says of it."""
        count = 0 if self.unlabelled is None else len(self.unlabelled)
        return Provenance(self.seed, self.epochs, teachers=tuple(self.teachers), unlabelled=count)


@dataclass(frozen=True)
class Trained:
    """A published model.

    Attributes:
        model: the network.
        contract: what was written with it.
        seconds: time spent in its epochs, over all members and resumptions.
        loss: over the last epoch, the members' mean.
    """

    model: keras.Model
    contract: Contract
    seconds: float
    loss: float


def checkpoint_path(path: Path) -> Path:
    """Return where the state of the unfinished training of the model `path` lies."""
    return path.with_name(f".{path.stem}.checkpoint.npz")


def train_one(run: Run, path: Path, *, resume: bool) -> Trained:
    """Train one network and write it to `path`.

    Raises:
        TrainingError: `resume` without a matching checkpoint.
        OutputError: a file cannot be written.
    """
    checkpoint, cache = checkpoint_path(path), path.with_name(f".{path.stem}.answers.npz")
    dataset = replace(run.dataset, train=_training_split(run))
    answers = None
    if run.teachers:
        answers = distillation.ask(
            run.teachers,
            run.recipe,
            dataset.train,
            seed=run.seed,
            epochs=run.epochs,
            cache=cache,
            on_step=run.on_answer,
        )
    training = train(
        run.recipe,
        dataset,
        seed=run.seed,
        epochs=run.epochs,
        checkpoint_path=checkpoint,
        resume=resume,
        answers=answers,
        on_epoch=run.on_epoch,
        on_step=run.on_step,
    )
    calibrate(training.model, dataset.validation)
    contract = publish(
        path,
        training.model,
        recipe=run.recipe.name,
        dataset=dataset,
        provenance=run.provenance,
        history=training.history,
    )
    with suppress(MissingExtra):
        curves.write(path.with_suffix(".curves.svg"), contract.history or (), title=path.stem)
    checkpoint.unlink()
    cache.unlink(missing_ok=True)
    return Trained(training.model, contract, training.seconds, training.history[-1].loss)


def _training_split(run: Run) -> Split:
    """Return the dataset's own pictures, the unlabelled ones, and those that the recipe adds."""
    parts = [run.dataset.train]
    if run.unlabelled is not None:
        # Labels that nobody looks at.
        parts.append(Split(run.unlabelled, np.zeros(len(run.unlabelled), np.uint8)))
    if count := round(run.recipe.negatives * len(run.dataset.train.labels)):
        none = np.full(count, CLASSES, np.uint8)
        parts.append(Split(negatives.generate(count, run.seed), none))
    if count := round(run.recipe.other_hands * len(run.dataset.train.labels)):
        parts.append(synthetic.generate(count, run.seed, synthetic.OTHER_HANDS))
    images, labels = zip(*parts, strict=True)
    return Split(np.concatenate(images), np.concatenate(labels))


def train_ensemble(
    run: Run,
    path: Path,
    *,
    members: int,
    resume: bool,
    on_member: Callable[[Path], None] = lambda _path: None,
) -> Trained:
    """Train several networks, write each, and to `path` the one that averages their answers.

    Member n of `<name>.keras` is `<name>-n.keras` and has the seed of the run plus n - 1. With
    `resume`, members that are there already are taken as they are.

    Raises:
        OutputError: a file cannot be written.
    """
    trained = []
    for number, part in enumerate(member_paths(path, members)):
        on_member(part)
        own = replace(run, seed=run.seed + number)
        finished = _finished(own, part) if resume else None
        trained.append(
            finished or train_one(own, part, resume=resume and checkpoint_path(part).exists())
        )
    model = networks.ensemble(path.stem, [part.model for part in trained])
    contract = publish(
        path,
        model,
        recipe=run.recipe.name,
        dataset=run.dataset,
        provenance=replace(run.provenance, members=members),
    )
    return Trained(
        model,
        contract,
        seconds=sum(part.seconds for part in trained),
        loss=float(np.mean([part.loss for part in trained])),
    )


def member_paths(path: Path, members: int) -> list[Path]:
    """Return where the members of the ensemble `path` lie."""
    return [member(path, number) for number in range(1, members + 1)]


def _finished(run: Run, path: Path) -> Trained | None:
    """Return the model at `path` if it is what this run would give."""
    try:
        contract = Contract.from_sidecar(path)
    except ContractError:
        return None
    asked_for = (run.recipe.name, run.dataset.name, run.provenance)
    if (contract.recipe, contract.metrics.dataset, contract.provenance) != asked_for:
        return None
    history = contract.history or ()
    seconds = sum(epoch["seconds"] for epoch in history)
    return Trained(keras_model.load(path), contract, seconds, history[-1]["loss"])
