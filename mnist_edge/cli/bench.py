"""`mnist-edge bench`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from mnist_edge import tables
from mnist_edge.cli.feeding import takes_feeding
from mnist_edge.cli.options import Invert, Json, JudgedOn, Model, Quick, Shape, Transpose
from mnist_edge.cli.output import fetching, next_command, note, progress_bar, result, result_json
from mnist_edge.formats.feeding import FeedingOptions
from mnist_edge.formats.table import RUNNABLE

_FILES = (
    "Files, the reference first; by default all formats of the newest model in ./runs, else of the "
    "shipped model. Members of an ensemble follow it."
)
_FORMATS = f"Only these, comma-separated: {', '.join(RUNNABLE)}."
_COMPARE = "An earlier --json; exit 3 where a row is slower or less accurate."
_THREADS = "How many threads one answer may use."
_TOLERANCE = "How much slower --compare lets pass; 0.25 is a quarter."


@takes_feeding
def bench(
    feeding: FeedingOptions | None,
    models: Annotated[list[Path] | None, typer.Argument(metavar="[MODEL…]", help=_FILES)] = None,
    model: Model = None,
    formats: Annotated[str | None, typer.Option(metavar="LIST", help=_FORMATS)] = None,
    data: JudgedOn = None,
    invert: Invert = None,
    transpose: Transpose = None,
    threads: Annotated[int, typer.Option(metavar="N", min=1, help=_THREADS)] = 1,
    compare: Annotated[Path | None, typer.Option(metavar="FILE", help=_COMPARE)] = None,
    tolerance: Annotated[float, typer.Option(metavar="SHARE", min=0, help=_TOLERANCE)] = 0.25,
    quick: Quick = False,
    table: Annotated[Shape, typer.Option("--table", help="How to print.")] = Shape.TABLE,
    json: Json = False,
) -> None:
    """Measure model files against each other."""
    from mnist_edge.benchmark import bench as library
    from mnist_edge.benchmark.rows import CHANGES, COLUMNS, cells, flat

    with progress_bar("measuring") as bar, fetching() as progress:
        report = library.bench(
            [*([model] if model else []), *(models or [])] or None,
            formats=formats.split(",") if formats is not None else None,
            data=data,
            invert=invert,
            transpose=transpose,
            quick=quick,
            threads=threads,
            compare=compare,
            tolerance=tolerance,
            feeding=feeding,
            note=note,
            on_step=bar.update,
            progress=progress,
        )
    draw = tables.markdown if table is Shape.MARKDOWN else tables.table
    if json:
        result_json(report.to_dict())
    elif table is Shape.CSV:
        result(tables.comma_separated(flat(report.rows)))
    else:
        result(draw(*cells(COLUMNS, report.rows)))
    if report.changes:
        # Programs that read stdout expect one JSON object, or the rows of one CSV file.
        say = note if json or table is Shape.CSV else result
        say("\n" + draw(*cells(CHANGES, report.changes)))
    for row in report.rows:
        if row.error:
            note(f"{row.path} was not measured: {row.error}")
    note(f"compared with {report.reference}; {report.machine}")
    library.check(report, compare)
    next_command(f"mnist-edge info {shlex.quote(report.rows[-1].path)}")
