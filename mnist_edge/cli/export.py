"""`mnist-edge export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mnist_edge.cli.feeding import takes_feeding
from mnist_edge.cli.options import Json, Model, Out, chosen, one_model
from mnist_edge.cli.output import command, fetching, next_command, note, result, result_json
from mnist_edge.formats import export as library
from mnist_edge.formats.exported import ACCURATE, Exported
from mnist_edge.formats.table import FORMATS
from mnist_edge.formats.told import Told
from mnist_edge.tables import table
from mnist_edge.workspace import RUNS

_HEADERS = ("format", "file", "bytes", "accuracy", "agreement", "max diff", "flips", "gate")
_NAMES = "; ".join(f"{row.name} ({row.summary})" for row in FORMATS.values() if row.conversion)
_FILE = "A .keras, .h5, .onnx or .tflite file or a SavedModel; the newest in ./runs by default."
_FAST = (
    "Make tflite-int8 a quarter faster in LiteRT by SPACE_TO_DEPTH, which fewer runtimes know, and "
    "with which OpenVINO's AVX2 kernels misread some pictures."
)
_INACCURATE = f"Publish a model too that reads less than {ACCURATE:.0%}."
_DATA = "Dataset to calibrate and judge on; the training's by default."


@takes_feeding
def export(
    told: Told,
    path: Annotated[Path | None, typer.Argument(metavar="[MODEL]", help=_FILE)] = None,
    model: Model = None,
    int8: Annotated[bool, typer.Option("--int8", help="Add the integer formats.")] = False,
    formats: Annotated[
        str | None, typer.Option(metavar="LIST", help=f"Comma-separated: {_NAMES}; or all.")
    ] = None,
    fast: Annotated[bool, typer.Option("--fast", help=_FAST)] = False,
    out: Out = RUNS,
    calibration: Annotated[
        int, typer.Option(min=1, help="Training pictures to calibrate integer files on.")
    ] = library.CALIBRATION_COUNT,
    data: Annotated[str | None, typer.Option(metavar="SOURCE", help=_DATA)] = None,
    allow_inaccurate: Annotated[bool, typer.Option("--allow-inaccurate", help=_INACCURATE)] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace files of others.")] = False,
    json: Json = False,
) -> None:
    """Convert a model that was trained here or anywhere, and publish what answers like it."""
    done: list[Exported] = []

    def show(item: Exported) -> None:
        done.append(item)
        note(f"{item.format}: {'failed' if item.failure else item.path}")

    try:
        with fetching() as progress:
            library.export(
                chosen(one_model(path, model), "keras"),
                int8=int8,
                formats=formats.split(",") if formats is not None else None,
                fast=fast,
                out=out,
                data=data,
                calibration=calibration,
                allow_inaccurate=allow_inaccurate,
                force=force,
                told=told,
                note=note,
                on_file=show,
                progress=progress,
            )
    finally:
        if json and done:
            result_json({"files": [item.to_dict() for item in done]})
        elif done:
            result(table(_HEADERS, map(_row, done), left=2))
    next_command(command("predict digit.png", out, f"--model {done[-1].path}"))


def _row(item: Exported) -> tuple[str, ...]:
    parity = item.parity
    return (
        item.format,
        str(item.path),
        f"{item.bytes:,}" if item.bytes else "-",
        f"{item.accuracy:.2%}" if item.accuracy is not None else "-",
        *((f"{parity.agreement:.2%}", f"{parity.max_abs_diff:.1e}") if parity else ("-", "-")),
        str(len(parity.flips)) if parity else "-",
        "failed" if item.failure else "passed",
    )
