"""`mnist-edge export`."""

from __future__ import annotations

from typing import Annotated

import typer

from mnist_edge.cli import options
from mnist_edge.cli.feeding import takes_feeding
from mnist_edge.cli.output import command, fetching, next_command, note, result, result_json
from mnist_edge.extras import require
from mnist_edge.formats import export as library
from mnist_edge.formats.exported import ACCURATE, HEADERS, Exported
from mnist_edge.formats.feeding import FeedingOptions
from mnist_edge.formats.table import RUNNABLE
from mnist_edge.tables import table
from mnist_edge.workspace import RUNS

_FORCE = "Replace files that no export made."
_INACCURATE = f"Export a model even if it reads less than {ACCURATE:.0%} of the test split."


@takes_feeding
def export(
    feeding: FeedingOptions | None,
    path: options.ModelArgument = None,
    model: options.Model = None,
    int8: Annotated[bool, typer.Option("--int8", help="Add the integer formats.")] = False,
    formats: options.Formats = None,
    fast: options.Fast = False,
    out: options.Out = RUNS,
    calibration: options.Calibration = library.CALIBRATION_COUNT,
    arduino: options.Arduino = False,
    wasm: options.Wasm = False,
    data: options.JudgedOn = None,
    invert: options.Invert = None,
    transpose: options.Transpose = None,
    allow_inaccurate: Annotated[bool, typer.Option("--allow-inaccurate", help=_INACCURATE)] = False,
    force: Annotated[bool, typer.Option("--force", help=_FORCE)] = False,
    json: options.Json = False,
) -> None:
    """Convert any model, and publish each file that answers like it."""
    require("tensorflow", extra="export")  # before a model is spoken of
    done: list[Exported] = []

    def show(item: Exported) -> None:
        done.append(item)
        note(f"{item.format}: {'failed' if item.failure else item.path}")

    try:
        with fetching() as progress:
            library.export(
                options.chosen(options.one_model(path, model), "keras"),
                int8=int8,
                formats=formats.split(",") if formats is not None else None,
                fast=fast,
                out=out,
                arduino=arduino,
                wasm=wasm,
                data=data,
                invert=invert,
                transpose=transpose,
                calibration=calibration,
                allow_inaccurate=allow_inaccurate,
                force=force,
                feeding=feeding,
                note=note,
                on_file=show,
                progress=progress,
            )
    finally:
        if json and done:
            result_json({"files": [item.to_dict() for item in done]})
        elif done:
            result(table(HEADERS, [item.cells() for item in done], left=2))
    if able := [item.path for item in done if item.format in RUNNABLE]:
        next_command(command("predict digit.png", out, "--model", str(able[-1])))
