"""Whole trainings, from a dataset to published files: of one network, or of an ensemble."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mnist_edge.contract import Contract
from mnist_edge.data import negatives, synthetic
from mnist_edge.data.dataset import CLASSES, Dataset, Split
from mnist_edge.errors import ContractError, MissingExtra, UsageError
from mnist_edge.runtime.engines import ENDINGS, Engine, open_engine, read_contract
from mnist_edge.training import curves, distillation, interrupts, keras_model, networks
from mnist_edge.training.calibration import calibrate
from mnist_edge.training.observer import Epoch, Observer
from mnist_edge.training.publish import publish
from mnist_edge.training.result import Run, checkpoint_path, network_paths
from mnist_edge.training.trainer import fit

if TYPE_CHECKING:
    from pathlib import Path

    from mnist_edge.training.description import Description


@dataclass(frozen=True)
class Job:
    """A description with what it describes.

    Attributes:
        description: of the training.
        dataset: what is trained on, with its validation and test splits.
        teachers: what answers instead of the labels, in the order of the description.
        unlabelled: uint8 (N, 28, 28), pictures for the teachers to answer as well.
        observer: is told how it goes.
    """

    description: Description
    dataset: Dataset
    teachers: Sequence[Engine]
    unlabelled: NDArray[np.uint8] | None
    observer: Observer


def open_teacher(path: Path) -> tuple[Engine, Contract]:
    """Open a trained model of any format, with what it says of itself.

    Raises:
        UsageError: it is of no format that mnist-edge writes.
        ModelError: it is missing or damaged.
        ContractError: it carries no contract.
        MissingExtra: its engine is not installed.
    """
    if path.suffix == ".keras":
        contract = read_contract(path)
        return keras_model.KerasEngine(keras_model.load(path, contract)), contract
    if path.suffix in ENDINGS:
        return open_engine(path, os.cpu_count() or 1)
    raise UsageError(
        f"--teacher: {path} is of no format that mnist-edge writes.",
        remedy="name a .keras, .onnx or .tflite file.",
    )


def carry_out(job: Job, path: Path, *, resume: bool) -> Run:
    """Train what a job describes, and publish it at `path`.

    Raises:
        TrainingError: with `resume`, the unfinished training is damaged or another one.
        OutputError: a file cannot be written.
        KeyboardInterrupt: Ctrl-C; what was finished is kept.
    """
    with interrupts.between_steps(job.observer) as observer:
        job = replace(job, observer=observer)
        if job.description.members > 1:
            return _ensemble(job, path, resume=resume)
        return _single(job, path, resume=resume)


def _single(job: Job, path: Path, *, resume: bool) -> Run:
    """Train one network and publish it; with `resume`, unless that is done."""
    checkpoint, cache = checkpoint_path(path), path.with_name(f".{path.stem}.lessons.npz")
    unfinished = checkpoint.exists()
    run = _finished(job.description, path) if resume else None
    if run:
        job.observer.on_note(f"{path} is finished already.")
    else:
        if resume and not unfinished:
            job.observer.on_note(
                f"nothing of this training is in {path.parent} yet: {path.name} starts anew."
            )
        elif unfinished and not resume:
            job.observer.on_note(
                f"the unfinished training of {path} is given up; --resume would have gone on "
                "with it."
            )
        run = _train(job, path, checkpoint, cache, resume=resume and unfinished)
    with suppress(MissingExtra):
        curves.write(path.with_suffix(".curves.svg"), run.contract.history or (), title=path.stem)
    checkpoint.unlink(missing_ok=True)
    cache.unlink(missing_ok=True)
    return run


def _train(job: Job, path: Path, checkpoint: Path, cache: Path, *, resume: bool) -> Run:
    description, observer = job.description, job.observer
    dataset = replace(job.dataset, train=_training_split(job))
    lessons = None
    if job.teachers:
        lessons = distillation.ask(
            job.teachers, description, dataset.train, cache=cache, on_step=observer.on_answer
        )
    training = fit(
        description,
        dataset,
        checkpoint_path=checkpoint,
        resume=resume,
        lessons=lessons,
        observer=observer,
    )
    calibrate(training.model, dataset.validation)
    contract = publish(path, training.model, description, dataset, training.history)
    return Run(path, contract, training.model, training.history)


def _training_split(job: Job) -> Split:
    """Return the dataset's own pictures, the unlabelled ones, and those that the recipe adds."""
    recipe, seed = job.description.recipe, job.description.seed
    parts = [job.dataset.train]
    if job.unlabelled is not None:
        # Labels that nobody looks at.
        parts.append(Split(job.unlabelled, np.zeros(len(job.unlabelled), np.uint8)))
    if count := round(recipe.negatives * len(job.dataset.train.labels)):
        none = np.full(count, CLASSES, np.uint8)
        parts.append(Split(negatives.generate(count, seed), none))
    if count := round(recipe.other_hands * len(job.dataset.train.labels)):
        parts.append(synthetic.generate(count, seed, synthetic.OTHER_HANDS))
    images, labels = zip(*parts, strict=True)
    return Split(np.concatenate(images), np.concatenate(labels))


def _ensemble(job: Job, path: Path, *, resume: bool) -> Run:
    """Train several networks, publish each, and the one that averages their answers."""
    members = []
    for number, part in enumerate(network_paths(path, job.description.members), start=1):
        job.observer.on_member(part)
        own = replace(job, description=job.description.member(number))
        members.append(_single(own, part, resume=resume))
    network = networks.ensemble(path.stem, [run.network for run in members])
    contract = publish(path, network, job.description, job.dataset)
    return Run(path, contract, network, tuple(epoch for run in members for epoch in run.history))


def _finished(description: Description, path: Path) -> Run | None:
    """Return what is published at `path`, if it is what the description gives."""
    try:
        contract = Contract.from_sidecar(path)
    except ContractError:
        return None
    if contract.provenance is None or contract.provenance.run != description.sha256:
        return None
    if not path.exists():
        return None
    history = tuple(
        Epoch(**epoch | {"epoch": int(epoch["epoch"])})  # type: ignore[arg-type]
        for epoch in contract.history or ()
    )
    return Run(path, contract, keras_model.load(path, contract), history)
