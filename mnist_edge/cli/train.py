"""`mnist-edge train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_edge.cli import workspace
from mnist_edge.cli.output import next_command, note, result, result_json, table
from mnist_edge.contract import Contract
from mnist_edge.errors import ContractError, Interrupted, OutputError, UsageError, did_you_mean
from mnist_edge.extras import require
from mnist_edge.training.recipes import RECIPES

if TYPE_CHECKING:
    from mnist_edge.training.trainer import Epoch

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
        int | None, typer.Option(min=1, help="Passes over the data; the recipe's by default.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same machine: same weights.")] = 0,
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
    require("tensorflow", extra="train")
    chosen = RECIPES[recipe]
    path = out / f"{recipe}.keras"
    checkpoint = checkpoint_path(out, recipe)
    _check_replaceable(path)
    if checkpoint.exists() and not resume:
        note(f"an unfinished training in {out} is given up; --resume would have gone on with it.")
    dataset = workspace.load_dataset(data)

    from mnist_edge.training.publish import publish
    from mnist_edge.training.trainer import configure_tensorflow
    from mnist_edge.training.trainer import train as run

    configure_tensorflow()
    total = epochs or chosen.epochs
    note(
        f"training {recipe} on {dataset.name}: {len(dataset.train.labels):,} pictures, "
        f"{len(dataset.validation.labels):,} to validate, {total} epochs, seed {seed}"
    )

    def show(epoch: Epoch) -> None:
        remaining = (total - epoch.epoch) * epoch.seconds
        note(
            f"epoch {epoch.epoch:{len(str(total))}}/{total}  loss {epoch.loss:.4f}  "
            f"accuracy {epoch.accuracy:.2%}  validation {epoch.validation_accuracy:.2%}  "
            f"rate {epoch.learning_rate:.1e}  {epoch.seconds:.1f} s  "
            f"{remaining // 60:.0f}:{remaining % 60:02.0f} left"
        )

    try:
        training = run(
            chosen,
            dataset,
            seed=seed,
            epochs=total,
            checkpoint_path=checkpoint,
            resume=resume,
            on_epoch=show,
        )
    except KeyboardInterrupt as error:
        raise Interrupted(
            "the training was interrupted; its last finished epoch is kept.",
            remedy="the same command with --resume goes on with it.",
        ) from error
    contract = publish(path, training, recipe=recipe, dataset=dataset)
    checkpoint.unlink()
    report = {
        "recipe": recipe,
        "model": str(path),
        "parameters": training.model.count_params(),
        "epochs": total,
        "seconds": round(training.seconds, 1),
        "accuracy": contract.metrics.accuracy["keras"],
        "loss": training.history[-1].loss,
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
                        f"{training.seconds:.0f}",
                        f"{contract.metrics.accuracy['keras']:.2%}",
                    )
                ],
                left=2,
            )
        )
    next_command(workspace.command("export --int8", out, str(path)))


def checkpoint_path(out: Path, recipe: str) -> Path:
    """Return where the state of an unfinished training lies."""
    return out / f".{recipe}.checkpoint.npz"


def _check_replaceable(path: Path) -> None:
    if path.exists():
        try:
            Contract.from_sidecar(path)
        except ContractError as error:
            raise OutputError(
                f"{path} is in the way, and no training made it.",
                remedy="move it, or train into another folder with --out.",
            ) from error
