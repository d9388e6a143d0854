"""What several verbs share: their options, and what they fall back to."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mnist_edge.cli.output import note
from mnist_edge.data import ACCEPTED
from mnist_edge.errors import UsageError
from mnist_edge.formats.latest import latest
from mnist_edge.formats.table import FORMATS

# Processes that a command starts at most: each takes 100 MB and more.
MOST_WORKERS = 256


class Shape(StrEnum):
    """What rows are printed as."""

    TABLE = "table"
    CSV = "csv"
    MARKDOWN = "markdown"


Data = Annotated[str, typer.Option(metavar="SOURCE", help=f"{ACCEPTED}.")]
Invert = Annotated[
    bool | None,
    typer.Option(
        "--invert/--no-invert",
        help="Swap ink and paper of the dataset, or take it as it is; by default one that is "
        "dark on light is refused.",
    ),
]
Transpose = Annotated[
    bool | None,
    typer.Option(
        "--transpose/--no-transpose",
        help="Swap rows and columns of the dataset's pictures, or take them as they are; by "
        "default transposed ones are refused.",
    ),
]
JudgedOn = Annotated[
    str | None,
    typer.Option(
        "--data", metavar="SOURCE", help="The dataset to judge on; the training's by default."
    ),
]
Out = Annotated[
    Path, typer.Option("--out", "-o", metavar="DIR", help="Folder to write to.", file_okay=False)
]
Model = Annotated[
    Path | None,
    typer.Option(
        "--model",
        "-m",
        metavar="FILE",
        help="The model file; the newest in ./runs by default, else the shipped model.",
    ),
]
ModelArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="[MODEL]",
        help="The same as --model: a .keras, .h5, .onnx or .tflite file, or a SavedModel.",
    ),
]
MaxPixels = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="The most pixels of a picture; 50,000,000 by default."),
]
Json = Annotated[bool, typer.Option("--json", "-j", help="Print the result as JSON.")]
_MADE = "; ".join(f"{row.name} ({row.summary})" for row in FORMATS.values() if row.conversion)
Formats = Annotated[
    str | None, typer.Option(metavar="LIST", help=f"Comma-separated: {_MADE}; or all.")
]
Calibration = Annotated[
    int,
    typer.Option(metavar="N", min=1, help="Training pictures to calibrate integer files on."),
]
Fast = Annotated[
    bool,
    typer.Option(
        "--fast",
        help="Make tflite-int8 a quarter faster in LiteRT by SPACE_TO_DEPTH, which fewer runtimes "
        "support, and with which OpenVINO's AVX2 kernels misread some pictures.",
    ),
]
Arduino = Annotated[
    bool, typer.Option("--arduino", help="Pack the C header as a library for Arduino, too.")
]
Wasm = Annotated[
    bool, typer.Option("--wasm", help="Compile it for a page, too: mnist-edge page --model.")
]
Quick = Annotated[bool, typer.Option("--quick", "-q", help="Measure for seconds only.")]


def one_model(argument: Path | None, option: Path | None) -> Path | None:
    """Return the model that was named, as an argument or by --model.

    Raises:
        UsageError: it was named both ways.
    """
    if argument is not None and option is not None:
        raise UsageError(
            f"both {argument} and --model {option} name the model.", remedy="name it once."
        )
    return argument or option


def refuse_together(name: str, given: object, others: Mapping[str, object]) -> None:
    """Refuse an option beside others that make no sense with it.

    Raises:
        UsageError: it was given, and so was one of the others.
    """
    for other, also in others.items():
        if given and also:
            raise UsageError(f"{name} and {other} do not go together.", remedy="leave one out.")


def refuse_crowd(workers: int | None, address: str | None) -> None:
    """Refuse more workers than one machine takes, unless they are those of a cluster elsewhere.

    Raises:
        UsageError: they are more.
    """
    if workers and workers > MOST_WORKERS and address in (None, "local"):
        raise UsageError(
            f"--workers {workers} is more than {MOST_WORKERS} processes of one machine.",
            remedy="give fewer, or the --address of a Ray cluster.",
        )


def refuse_overwriting(output: Path | None, inputs: Iterable[Path | str]) -> None:
    """Refuse an output that is one of the inputs, or the sidecar of one, which would be lost.

    Raises:
        UsageError: it is.
    """
    if output is None or not output.exists():
        return
    for path in (read for each in inputs for read in (str(each), f"{each}.json")):
        if os.path.exists(path) and output.samefile(path):  # noqa: PTH110 - of any length
            raise UsageError(
                f"{output} is read, and would be overwritten.", remedy="name another file."
            )


def chosen(model: Path | None, *formats: str) -> Path:
    """Return the model that was named, or the latest in the first of these formats that it has.

    Which one that is goes to stderr.
    """
    if model is not None:
        return model
    path, is_shipped = latest(*formats)
    note(f"model: {path.name}, the shipped one" if is_shipped else f"model: {path}")
    return path
