"""`train()`: from the name of a recipe and a dataset to a published model.

Importing it loads no heavy library.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mnist_edge.contract import Contract
from mnist_edge.errors import ContractError, OutputError, UsageError, did_you_mean
from mnist_edge.extras import require
from mnist_edge.files import holding
from mnist_edge.training.observer import Observer
from mnist_edge.training.recipes import RECIPES
from mnist_edge.training.result import Run, network_paths
from mnist_edge.workspace import RUNS, remember_dataset

# The largest of each: what NumPy and TensorFlow take as a seed, and the rest what no machine would
# ever come to the end of.
SEED, EPOCHS, MEMBERS = 2**32 - 1, 100_000, 100


def train(
    recipe: str = "edge",
    *,
    data: str = "mnist",
    invert: bool | None = None,
    transpose: bool | None = None,
    epochs: int | None = None,
    seed: int = 0,
    ensemble: int = 1,
    teachers: Sequence[str | Path] = (),
    unlabelled: str | Path | None = None,
    out: str | Path = RUNS,
    resume: bool = False,
    observer: Observer = Observer(),  # noqa: B008
) -> Run:
    """Train a classifier, and publish it in a folder with its contract.

    The state is kept after every epoch: a training that was stopped or killed goes on with
    `resume` as if nothing had happened. The same description of a training gives the same weights
    on the same machine. For that TensorFlow is made deterministic, for the rest of the process;
    where it has run operations before, on several threads, weights may differ in their last bits.

    Args:
        recipe: a name in the table of recipes.
        data: what to train on, as `mnist_edge.data.load` takes it.
        invert: how to read it, likewise.
        transpose: how to read it, likewise.
        epochs: how many; the recipe's own number by default.
        seed: of weights, order and augmentation.
        ensemble: how many networks to train, whose answers are averaged. Member n of
            `<recipe>.keras` is `<recipe>-n.keras`, and has the seed `seed` + n - 1.
        teachers: trained models, whose mean answers are the targets instead of the labels.
        unlabelled: a folder of pictures for the teachers to answer as well.
        out: the folder to write to.
        resume: go on with a training that was stopped; one of the same description that is
            finished is taken as it is.
        observer: is told how it goes; an exception of its own stops the training.

    Raises:
        UsageError: an argument makes no sense.
        MissingExtra: TensorFlow is not installed, or the fonts that the recipe's pictures take.
        DataError: the dataset is missing or broken.
        ModelError: a teacher cannot be opened.
        TrainingError: with `resume`, the unfinished training is damaged or another one.
        OutputError: a file cannot be written, one that no training made is in the way, or another
            process has the folder.
        KeyboardInterrupt: Ctrl-C; what was finished is kept.
    """
    if recipe not in RECIPES:
        raise UsageError(
            f"there is no recipe called {recipe!r}.",
            remedy=f"{did_you_mean(recipe, RECIPES)}Recipes are {', '.join(RECIPES)}.",
        )
    if unlabelled and not teachers:
        raise UsageError(
            "unlabelled pictures need a model that answers them.",
            remedy="name one with --teacher.",
        )
    epochs = RECIPES[recipe].epochs if epochs is None else epochs
    _check_range("epochs", epochs, 1, EPOCHS)
    _check_range("ensemble", ensemble, 1, MEMBERS)
    _check_range("seed", seed, 0, SEED - (ensemble - 1))
    path = Path(out) / f"{recipe}.keras"
    targets = {path, *network_paths(path, ensemble)}
    fonts = ["HersheyFonts"] if RECIPES[recipe].negatives else []
    require("tensorflow", *fonts, extra="train")

    from mnist_edge import data as datasets
    from mnist_edge.data.folders import load_unlabelled

    with holding(path.parent, "train"):
        for target in targets:
            _check_replaceable(target)
        dataset = datasets.load(
            data, invert=invert, transpose=transpose, progress=observer.on_fetch
        )
        for text in dataset.notes:
            observer.on_note(f"{dataset.name}: {text}")
        pictures = load_unlabelled(Path(unlabelled)) if unlabelled else None

        # These load TensorFlow, for which nobody is to wait who mistyped a dataset.
        from mnist_edge.training import runs
        from mnist_edge.training.description import Description
        from mnist_edge.training.trainer import configure_tensorflow

        configure_tensorflow()
        opened = [runs.open_teacher(Path(teacher)) for teacher in teachers]
        description = Description.of(
            RECIPES[recipe],
            dataset,
            seed=seed,
            epochs=epochs,
            members=ensemble,
            teachers=[contract.weights_sha256 for _, contract in opened],
            unlabelled=pictures,
        )
        job = runs.Job(description, dataset, [engine for engine, _ in opened], pictures, observer)
        observer.on_start(description, dataset)
        run = runs.carry_out(job, path, resume=resume)
        for target in targets:
            remember_dataset(Path(out), target.stem, dataset, invert=invert, transpose=transpose)
        return run


def _check_range(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise UsageError(
            f"--{name} {value} is outside {least} to {most}.", remedy="give a number in it."
        )


def _check_replaceable(path: Path) -> None:
    if path.exists():
        try:
            Contract.from_sidecar(path)
        except ContractError as error:
            raise OutputError(
                f"{path} is in the way, and no training made it.",
                remedy="move it, or train into another folder with --out.",
            ) from error
