"""`mnist-edge bench`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_edge.cli import workspace
from mnist_edge.cli.output import next_command, note, progress_bar, result, result_json, table
from mnist_edge.contract import TensorSpec
from mnist_edge.errors import GateError, ModelError, UsageError
from mnist_edge.export.formats import FORMATS, named, of_path
from mnist_edge.runtime import shipped

if TYPE_CHECKING:
    from mnist_edge.bench.report import Row

_HEADERS = (
    *("format", "bytes", "accuracy", "agreement", "flips", "max diff"),
    *("load ms", "first ms", "p50 µs", "p95 µs", "p99 µs", "images/s"),
)


class Layout(StrEnum):
    """The orders that a picture's axes come in."""

    NCHW = "nchw"
    NHWC = "nhwc"


def bench(
    models: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[MODEL…]",
            help="Files, the reference first; by default all formats of the newest model in "
            "./runs, else of the shipped model.",
        ),
    ] = None,
    formats: Annotated[
        str | None,
        typer.Option(metavar="LIST", help=f"Only these, comma-separated: {', '.join(FORMATS)}."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE", help="Dataset to measure on; the one it was trained on by default."
        ),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads that one answer may use.")] = 1,
    compare: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="An earlier --json; exit 3 where a row is slower or less accurate.",
        ),
    ] = None,
    tolerance: Annotated[
        float, typer.Option(min=0, help="How much slower --compare lets pass; 0.25 is a quarter.")
    ] = 0.25,
    input_layout: Annotated[
        Layout | None, typer.Option(help="For files without a contract: the order of the axes.")
    ] = None,
    input_scale: Annotated[
        float, typer.Option(help="For files without a contract: the value of full ink.")
    ] = 1.0,
    quick: Annotated[bool, typer.Option("--quick", help="Measure for seconds only.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Measure model files against each other."""
    from mnist_edge.bench import baseline
    from mnist_edge.bench.latency import FULL, QUICK
    from mnist_edge.bench.report import bench as run
    from mnist_edge.bench.report import files_beside

    before = baseline.read(compare) if compare else None
    paths = models or files_beside(workspace.latest("keras", "onnx", "onnx-int8"))
    if formats is not None:
        wanted = named(name.strip() for name in formats.split(","))
        paths = [path for path in paths if of_path(path) in wanted]
    for path in paths:
        if not path.is_file():
            raise ModelError(f"{path}: there is no such file.", remedy="check the path.")
        if path.parent == shipped.folder():
            shipped.path(path.name)  # verifies it
    if not paths:
        raise ModelError(
            "there is no file of these formats.",
            remedy="make them all: mnist-edge export --formats all",
        )
    dataset = workspace.load_dataset(data or _dataset_of(paths))
    effort = QUICK if quick else FULL
    note(
        f"measuring {len(paths)} files on the {len(dataset.test.labels):,} test pictures of "
        f"{dataset.name}: {effort.rounds} interleaved rounds, {threads} thread(s) an answer"
    )
    with progress_bar("measuring") as bar:
        report = run(
            paths,
            dataset,
            effort,
            threads=threads,
            spec=_foreign_input(input_layout, input_scale) if input_layout else None,
            on_round=lambda number: bar.update(number, effort.rounds),
        )
    if json:
        result_json(report.to_dict())
    else:
        result(table(_HEADERS, map(_cells, report.rows)))
    for row in report.rows:
        if row.error:
            note(f"{row.format} was not measured: {row.error}")
    note(f"compared with {report.reference}; {report.machine['cpu']}")
    if before is not None:
        changes = baseline.compare(before, report, tolerance)
        if not changes:
            raise UsageError(
                f"{compare} has measured none of these formats.",
                remedy="compare with a report of the same formats.",
            )
        note("\n".join(change.text for change in changes))
        if worse := [change.format for change in changes if change.worse]:
            raise GateError(
                f"worse than {compare}: {', '.join(worse)}.",
                remedy="run it again on a quiet machine, or allow more with --tolerance.",
            )
    next_command(f"mnist-edge info {report.rows[-1].path}")


def _dataset_of(paths: list[Path]) -> str:
    """Return the dataset that the first file with a contract was trained on."""
    from mnist_edge.runtime.engine import read_contract

    for path in paths:
        try:
            return read_contract(path).metrics.dataset
        except ModelError:
            continue
    return "mnist"


def _foreign_input(layout: Layout, scale: float) -> TensorSpec:
    shape = (None, 1, 28, 28) if layout is Layout.NCHW else (None, 28, 28, 1)
    return TensorSpec("image", layout.value.upper(), shape, "float32", (0.0, scale))


def _cells(row: Row) -> tuple[str, ...]:
    def cell(value: float | None, form: str) -> str:
        return "-" if value is None else format(value, form)

    return (
        row.format,
        cell(row.bytes, ",d"),
        cell(row.accuracy, ".2%"),
        cell(row.agreement, ".2%"),
        cell(row.flips, "d"),
        cell(row.max_abs_diff, ".1e"),
        cell(row.load_ms, ".1f"),
        cell(row.first_ms, ".2f"),
        cell(row.p50_us, ",.0f"),
        cell(row.p95_us, ",.0f"),
        cell(row.p99_us, ",.0f"),
        cell(row.images_per_s, ",.0f"),
    )
