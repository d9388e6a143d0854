"""What the verbs that measure files have in common: options, and a look at the files."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mnist_edge.errors import ModelError
from mnist_edge.runtime import shipped


class Layout(StrEnum):
    """The orders that a picture's axes come in."""

    NCHW = "nchw"
    NHWC = "nhwc"


MeasuredOn = Annotated[
    str | None,
    typer.Option(
        metavar="SOURCE", help="Dataset to measure on; the one it was trained on by default."
    ),
]
InputLayout = Annotated[
    Layout | None,
    typer.Option(help="For files without a contract: the order of the axes; else guessed."),
]
InputScale = Annotated[
    float | None,
    typer.Option(
        min=0,
        metavar="VALUE",
        help="For files without a contract: the value of full ink, mostly 1 or 255; else "
        "guessed by accuracy on training pictures.",
    ),
]
Quick = Annotated[bool, typer.Option("--quick", help="Measure for seconds only.")]


def check(paths: Iterable[Path]) -> None:
    """Check that the files are there, and that shipped ones are what was shipped.

    Raises:
        ModelError: one is not.
    """
    for path in paths:
        if not path.is_file():
            raise ModelError(f"{path}: there is no such file.", remedy="check the path.")
        if path.parent == shipped.folder():
            shipped.path(path.name)
