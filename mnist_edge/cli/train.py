"""`mnist-edge train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mnist_edge.cli.options import Data, Invert, Json, Out, Transpose
from mnist_edge.cli.output import command, next_command, result, result_json
from mnist_edge.cli.watching import watching
from mnist_edge.tables import table
from mnist_edge.training.recipes import RECIPES
from mnist_edge.training.train import train as run_training
from mnist_edge.workspace import RUNS

_RECIPES = "; ".join(f"{recipe.name} ({recipe.summary})" for recipe in RECIPES.values())
_EPOCHS = "How many; the recipe's own number by default."
_SEED = "Same seed, same machine: same weights."
_ENSEMBLE = "Train N networks and average their answers."
_TEACHER = "Learn this model's answers instead of the labels; may be repeated: their mean."
_UNLABELLED = "Pictures without labels, to learn the teachers' answers to as well."


def _beginning(incomplete: str) -> list[str]:
    """Return the recipes that a shell may complete to."""
    return [name for name in RECIPES if name.startswith(incomplete)]


_Recipe = Annotated[
    str, typer.Option(metavar="NAME", help=f"{_RECIPES}.", autocompletion=_beginning)
]


def train(
    recipe: _Recipe = "edge",
    data: Data = "mnist",
    invert: Invert = None,
    transpose: Transpose = None,
    epochs: Annotated[int | None, typer.Option(metavar="N", min=1, help=_EPOCHS)] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help=_SEED)] = 0,
    ensemble: Annotated[int, typer.Option(metavar="N", min=1, help=_ENSEMBLE)] = 1,
    teacher: Annotated[list[Path] | None, typer.Option(metavar="MODEL", help=_TEACHER)] = None,
    unlabelled: Annotated[Path | None, typer.Option(metavar="DIR", help=_UNLABELLED)] = None,
    out: Out = RUNS,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a training that was stopped.")
    ] = False,
    json: Json = False,
) -> None:
    """Train a classifier, and write it with its contract."""
    with watching() as observer:
        run = run_training(
            recipe,
            data=data,
            invert=invert,
            transpose=transpose,
            epochs=epochs,
            seed=seed,
            ensemble=ensemble,
            teachers=teacher or (),
            unlabelled=unlabelled,
            out=out,
            resume=resume,
            observer=observer,
        )
    if json:
        result_json(run.to_dict())
    else:
        shown = {
            "model": str(run.model),
            "dataset": run.contract.metrics.dataset,
            "parameters": f"{run.network.count_params():,}",
            "epochs": str(run.epochs),
            "seconds": f"{run.seconds:.0f}",
            "test accuracy": f"{run.accuracy:.2%}",
        }
        result(table(list(shown), [list(shown.values())], left=2))
    next_command(command("export --int8", out, str(run.model)))
