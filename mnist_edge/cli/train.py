"""`mnist-edge train`."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnist_edge import workspace
from mnist_edge.cli.output import (
    command,
    fetching,
    live_line,
    next_command,
    note,
    progress_bar,
    result,
    result_json,
    table,
)
from mnist_edge.contract import Contract
from mnist_edge.errors import ContractError, Interrupted, OutputError, UsageError, did_you_mean
from mnist_edge.extras import require
from mnist_edge.formats.table import of_path, open_file
from mnist_edge.training.recipes import RECIPES

if TYPE_CHECKING:
    from mnist_edge.runtime.engines import Engine
    from mnist_edge.training.trainer import Epoch, Step

_RECIPES = "; ".join(f"{recipe.name} ({recipe.summary})" for recipe in RECIPES.values())


def train(
    recipe: Annotated[str, typer.Option(metavar="NAME", help=f"{_RECIPES}.")] = "edge",
    data: Annotated[
        str,
        typer.Option(
            metavar="SOURCE",
            help="mnist, synthetic, a directory of IDX files, an .npz, or a directory with one "
            "folder of images per class.",
        ),
    ] = "mnist",
    epochs: Annotated[
        int | None, typer.Option(min=1, help="How many; the recipe's own number by default.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same machine: same weights.")] = 0,
    ensemble: Annotated[
        int, typer.Option(min=1, metavar="N", help="Train N networks and average their answers.")
    ] = 1,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="MODEL",
            help="Learn this model's answers instead of the labels; of several, their mean.",
        ),
    ] = None,
    unlabelled: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Pictures to learn the teachers' answers to as well."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = workspace.RUNS,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a training that was stopped.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Train a classifier, and write it with its contract."""
    if recipe not in RECIPES:
        raise UsageError(
            f"there is no recipe called {recipe!r}.",
            remedy=f"{did_you_mean(recipe, RECIPES)}Recipes are {', '.join(RECIPES)}.",
        )
    if unlabelled and not teacher:
        raise UsageError(
            "--unlabelled pictures need a model that answers them.",
            remedy="name one with --teacher.",
        )
    require("tensorflow", extra="train")
    from mnist_edge import data as datasets
    from mnist_edge.data.folders import load_unlabelled
    from mnist_edge.training import runs
    from mnist_edge.training.trainer import configure_tensorflow

    path = out / f"{recipe}.keras"
    parts = runs.member_paths(path, ensemble) if ensemble > 1 else [path]
    for target in {path, *parts}:
        _check_replaceable(target)
    if not resume and any(runs.checkpoint_path(part).exists() for part in parts):
        note(f"an unfinished training in {out} is given up; --resume would have gone on with it.")
    with fetching() as progress:
        dataset = datasets.load(data, progress=progress)
    additional = load_unlabelled(unlabelled) if unlabelled else None
    configure_tensorflow()
    teachers = dict(_open_teacher(file) for file in teacher or ())
    total = epochs or RECIPES[recipe].epochs
    beside = "" if additional is None else f"{len(additional):,} unlabelled ones, "
    note(
        f"training {recipe} on {dataset.name}: {len(dataset.train.labels):,} pictures, {beside}"
        f"{len(dataset.validation.labels):,} to validate, {total} epochs, seed {seed}"
    )

    finished: list[Epoch] = []
    with (
        live_line() as draw,
        progress_bar("the teachers answer") as bar,
        _interrupts_between_steps() as interruptible,
    ):

        def show(epoch: Epoch) -> None:
            finished.append(epoch)
            draw("")
            left = (total - epoch.epoch) * epoch.seconds
            note(_line(epoch, total, f"val {epoch.validation_accuracy:6.2%}", left))

        def move(step: Step) -> None:
            pace = finished[-1].seconds if finished else step.seconds / step.share
            left = (total + 1 - step.epoch - step.share) * pace
            draw(_line(step, total, f"{step.share:4.0%} done ", left))

        run = runs.Run(
            RECIPES[recipe],
            dataset,
            seed,
            total,
            teachers=teachers,
            unlabelled=additional,
            on_answer=interruptible(bar.update),
            on_epoch=interruptible(show),
            on_step=interruptible(move),
        )
        try:
            if ensemble > 1:
                trained = runs.train_ensemble(
                    run,
                    path,
                    members=ensemble,
                    resume=resume,
                    on_member=lambda part: note(f"{part}:"),
                )
            else:
                trained = runs.train_one(run, path, resume=resume)
        except KeyboardInterrupt as error:
            raise Interrupted(
                "the training was interrupted; its last finished epoch is kept.",
                remedy="the same command with --resume goes on with it.",
            ) from error
    _remember(data, {path, *parts})
    accuracy = trained.contract.metrics.accuracy["keras"]
    report = {
        "recipe": recipe,
        "model": str(path),
        "parameters": trained.model.count_params(),
        "epochs": total,
        "seconds": round(trained.seconds, 1),
        "accuracy": accuracy,
        "loss": trained.loss,
        "dataset": dataset.name,
    }
    if json:
        result_json(report)
    else:
        result(
            table(
                ("model", "dataset", "parameters", "epochs", "seconds", "test accuracy"),
                [
                    (
                        str(path),
                        dataset.name,
                        f"{report['parameters']:,}",
                        str(total),
                        f"{trained.seconds:.0f}",
                        f"{accuracy:.2%}",
                    )
                ],
                left=2,
            )
        )
    next_command(command("export --int8", out, str(path)))


@contextmanager
def _interrupts_between_steps() -> Iterator[Callable[[Callable[..., None]], Callable[..., None]]]:
    """Hold Ctrl-C back until a callback is called that went through what this gives.

    Anywhere else it may find TensorFlow in the middle of its work, and crash it. A second Ctrl-C
    does not wait.
    """
    asked = False

    def ask(_number: int, _frame: Any) -> None:
        nonlocal asked
        asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def interruptible(callback: Callable[..., None]) -> Callable[..., None]:
        def call(*values: Any) -> None:
            if asked:
                raise KeyboardInterrupt
            callback(*values)

        return call

    # Where Ctrl-C is ignored, or somebody else's, it stays so.
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, ask)
    try:
        yield interruptible
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _open_teacher(path: Path) -> tuple[str, Engine]:
    """Open a trained model of any format, with the hash of its weights."""
    row = of_path(path)
    if row is None:
        raise UsageError(
            f"--teacher: {path} is of no format that mnist-edge writes.",
            remedy="name a .keras, .onnx or .tflite file.",
        )
    engine, contract = open_file(path, os.cpu_count() or 1)
    return contract.weights_sha256, engine


def _remember(source: str, models: set[Path]) -> None:
    from mnist_edge import data

    if source not in data.NAMES:
        for path in models:
            workspace.remember(path.parent, "dataset", path.stem, Path(source))


def _line(now: Epoch | Step, total: int, middle: str, left: float) -> str:
    """Return the line of an epoch, no wider than a narrow terminal; `left` is in seconds."""
    return (
        f"epoch {now.epoch:{len(str(total))}}/{total}  loss {now.loss:.4f}  "
        f"accuracy {now.accuracy:6.2%}  {middle}  rate {now.learning_rate:.1e}  "
        f"{left // 60:.0f}:{left % 60:02.0f} left"
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
