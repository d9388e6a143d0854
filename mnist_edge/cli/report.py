"""`mnist-edge report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mnist_edge.cli.feeding import takes_feeding
from mnist_edge.cli.options import (
    Invert,
    Json,
    JudgedOn,
    Model,
    Quick,
    Transpose,
    chosen,
    refuse_overwriting,
)
from mnist_edge.cli.output import fetching, note, progress_bar, result, result_json
from mnist_edge.extras import require
from mnist_edge.formats.feeding import FeedingOptions

_FILES = (
    "The file that the page is about, and others to compare it with beside its own formats; by "
    "default the newest in ./runs, else the shipped model."
)
_FILE = "Where to write; ./runs/NAME.html by default."


@takes_feeding
def report(
    feeding: FeedingOptions | None,
    models: Annotated[
        list[Path] | None, typer.Argument(metavar="[MODEL] [OTHER…]", help=_FILES)
    ] = None,
    model: Model = None,
    data: JudgedOn = None,
    invert: Invert = None,
    transpose: Transpose = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", metavar="FILE.html", dir_okay=False, help=_FILE),
    ] = None,
    digit: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, max=9, help="Whose first test picture is followed layer by layer."
        ),
    ] = 7,
    quick: Quick = False,
    json: Json = False,
) -> None:
    """Draw a model, its formats and its mistakes on one HTML page."""
    require("matplotlib", "jinja2", extra="plot")  # before a model is named
    from mnist_edge.report import report as library

    given = [*([model] if model else []), *(models or [])]
    given = given or [chosen(None, "keras", "onnx", "onnx-int8", "tflite")]
    read: list[Path] = [Path(data), *Path(data).glob("*")] if data else []
    refuse_overwriting(file, [*given, *(path for path in read if path.suffix != ".html")])
    with progress_bar("measuring") as bar, fetching() as progress:
        page = library.report(
            given,
            file=file,
            data=data,
            invert=invert,
            transpose=transpose,
            digit=digit,
            quick=quick,
            feeding=feeding,
            note=note,
            on_round=bar.update,
            progress=progress,
        )
    if json:
        result_json(page.to_dict())
    else:
        result(str(page.path))
