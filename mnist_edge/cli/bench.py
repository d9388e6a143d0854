"""`mnist-edge bench`."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnist_edge import workspace
from mnist_edge.cli import measuring
from mnist_edge.cli.measuring import InputLayout, InputScale, MeasuredOn, Quick
from mnist_edge.cli.options import chosen
from mnist_edge.cli.output import (
    fetching,
    markdown,
    next_command,
    note,
    progress_bar,
    result,
    result_json,
    table,
)
from mnist_edge.errors import GateError, ModelError, UsageError
from mnist_edge.formats.table import FORMATS, named, of_path

if TYPE_CHECKING:
    from mnist_edge.benchmark.baseline import Change
    from mnist_edge.benchmark.report import Row
    from mnist_edge.contract import Contract

# What a column is called, and how it shows a value; a column without any value is left out.
_Columns = dict[str, Callable[[Any], str | None]]


def _shown(name: str, form: str) -> Callable[[Any], str | None]:
    def show(item: Any) -> str | None:
        value = getattr(item, name)
        return None if value is None else format(value, form)

    return show


def _microseconds(value: float) -> str:
    return format(value, ".1f" if value < 100 else ",.0f")


def _latency(name: str) -> Callable[[Row], str | None]:
    def show(row: Row) -> str | None:
        value = getattr(row, name)
        return None if value is None else _microseconds(value)

    return show


def _p50_interval(row: Row) -> str | None:
    return row.p50_ci_us and "–".join(map(_microseconds, row.p50_ci_us))


def _ratio_interval(change: Change) -> str | None:
    return change.ratio_ci and "–".join(format(end, ".2f") for end in change.ratio_ci)


def _verdict(change: Change) -> str:
    if change.ratio is None:
        return "cannot run any more"
    return "worse" if change.worse else "passed"


_COLUMNS: _Columns = {
    "format": _shown("format", ""),
    "bytes": _shown("bytes", ",d"),
    "accuracy": _shown("accuracy", ".2%"),
    "agreement": _shown("agreement", ".2%"),
    "flips": _shown("flips", "d"),
    "max diff": _shown("max_abs_diff", ".1e"),
    "robust": _shown("robust", ".2%"),
    "import ms": _shown("import_ms", ",.0f"),
    "load ms": _shown("load_ms", ".1f"),
    "first ms": _shown("first_ms", ".2f"),
    "peak MiB": _shown("peak_mib", ",.0f"),
    "p50 µs": _latency("p50_us"),
    "95 %": _p50_interval,
    "p95 µs": _latency("p95_us"),
    "p99 µs": _latency("p99_us"),
    "images/s": _shown("images_per_s", ",.0f"),
    "µJ": _shown("energy_uj", ",.0f"),
}

_CHANGES: _Columns = {
    "format": _shown("format", ""),
    "p50 ratio": _shown("ratio", ".2f"),
    "95 %": _ratio_interval,
    "accuracy": _shown("accuracy", "+.2%"),
    "verdict": _verdict,
}


class Form(StrEnum):
    """What rows are printed as."""

    TABLE = "table"
    CSV = "csv"
    MARKDOWN = "markdown"


def bench(
    models: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[MODEL…]",
            help="Files, the reference first; by default all formats of the newest model in "
            "./runs, else of the shipped model. Members of an ensemble follow it.",
        ),
    ] = None,
    formats: Annotated[
        str | None,
        typer.Option(metavar="LIST", help=f"Only these, comma-separated: {', '.join(FORMATS)}."),
    ] = None,
    data: MeasuredOn = None,
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
    input_layout: InputLayout = None,
    input_scale: InputScale = None,
    input_name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="For ONNX files without a contract that have several inputs."
        ),
    ] = None,
    quick: Quick = False,
    form: Annotated[Form, typer.Option("--format", help="How to print the rows.")] = Form.TABLE,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Measure model files against each other."""
    from mnist_edge.benchmark import baseline
    from mnist_edge.benchmark.foreign import Told
    from mnist_edge.benchmark.latency import FULL, QUICK
    from mnist_edge.benchmark.report import bench as run

    before = baseline.read(compare) if compare else None
    paths = _chosen(models, formats)
    contract, folder = _trained(paths)
    with fetching() as progress:
        dataset = workspace.load_dataset(data, contract, folder, progress=progress)
    if before and before.dataset not in (None, dataset.name):
        raise UsageError(
            f"{compare} was measured on {before.dataset}, not on {dataset.name}.",
            remedy=f"measure on the same: --data {before.dataset}",
        )
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
            told=Told(input_layout and input_layout.upper(), input_scale, input_name),
            note=note,
            on_step=bar.update,
        )
    if before:
        changes = baseline.compare(before.rows, report.rows, tolerance)
        report = dataclasses.replace(report, changes=changes)
    if json:
        result_json(report.to_dict())
    elif form is Form.CSV:
        result(_csv(report.rows))
    else:
        result(_drawn(_COLUMNS, report.rows, form))
    if report.changes:
        # Programs that read stdout expect one JSON object, or the rows of one CSV file.
        say = note if json or form is Form.CSV else result
        say("\n" + _drawn(_CHANGES, report.changes, form))
    for row in report.rows:
        if row.error:
            note(f"{row.path} was not measured: {row.error}")
    load = "" if report.machine.load is None else f", load {report.machine.load:.2f}"
    note(f"compared with {report.reference}; {report.machine.cpu}{load}")
    if before:
        if not report.changes:
            raise UsageError(
                f"{compare} has measured none of these formats.",
                remedy="compare with a report of the same formats.",
            )
        if worse := [change.path for change in report.changes if change.worse]:
            raise GateError(
                f"worse than {compare}: {', '.join(worse)}.",
                remedy="run it again on a quiet machine, or allow more with --tolerance.",
            )
    next_command(f"mnist-edge info {report.rows[-1].path}")


def _chosen(models: list[Path] | None, formats: str | None) -> list[Path]:
    """Return the files to measure, those of the shipped model verified.

    Raises:
        ModelError: one is missing or not what was shipped, or none is of these formats.
        UsageError: there is no such format.
    """
    from mnist_edge.benchmark.report import files_beside, with_members

    paths = with_members(models or files_beside(chosen(None, "keras", "onnx", "onnx-int8")))
    if formats is not None:
        wanted = named(name.strip() for name in formats.split(","))
        paths = [path for path in paths if of_path(path) in wanted]
    measuring.check(paths)
    if not paths:
        raise ModelError(
            "there is no file of these formats.",
            remedy="make them all: mnist-edge export --formats all",
        )
    return paths


def _trained(paths: list[Path]) -> tuple[Contract | None, Path]:
    """Return the first contract that there is, and the folder of its file."""
    from mnist_edge.runtime.engines import read_contract

    for path in paths:
        try:
            return read_contract(path), path.parent
        except ModelError:
            continue
    return None, Path()


def _drawn(columns: _Columns, items: Sequence[Row] | Sequence[Change], form: Form) -> str:
    if len({item.format for item in items}) < len(items):
        columns = {"file": lambda item: Path(item.path).name} | columns
    shown = {name: [show(item) for item in items] for name, show in columns.items()}
    shown = {name: cells for name, cells in shown.items() if any(cells)}
    rows = ([cell or "-" for cell in line] for line in zip(*shown.values(), strict=True))
    return (markdown if form is Form.MARKDOWN else table)(list(shown), rows)


def _csv(rows: list[Row]) -> str:
    """Return every figure of the rows as it is in the JSON, inner ones as `name.part`."""
    lines = []
    for row in rows:
        line: dict[str, object] = {}
        for name, value in dataclasses.asdict(row).items():
            if isinstance(value, dict):
                line |= {f"{name}.{part}": inner for part, inner in value.items()}
            elif isinstance(value, tuple):
                line |= dict(zip((f"{name}.low", f"{name}.high"), value, strict=True))
            else:
                line[name] = value
        lines.append(line)
    names = max(lines, key=len)  # that of a row that ran
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: line.get(name) for name in names} for line in lines)
    return text.getvalue().rstrip("\n")
