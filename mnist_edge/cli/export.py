"""`mnist-edge export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_edge.cli import workspace
from mnist_edge.cli.output import next_command, note, result, result_json, table
from mnist_edge.errors import GateError, Interrupted, UsageError
from mnist_edge.extras import require
from mnist_edge.formats.table import FORMATS, faster, named

if TYPE_CHECKING:
    from mnist_edge.formats.exporter import Exported

_HEADERS = ("format", "file", "bytes", "accuracy", "agreement", "max diff", "flips", "gate")
_MADE = [row for row in FORMATS.values() if row.conversion]
_FORMATS = "; ".join(f"{row.name} ({row.summary})" for row in _MADE)


def export(
    model: Annotated[
        Path | None,
        typer.Argument(metavar="[MODEL.keras]", help="Default: the newest in ./runs."),
    ] = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="Add the integer formats to onnx and tflite.")
    ] = False,
    formats: Annotated[
        str | None,
        typer.Option(metavar="LIST", help=f"Comma-separated: {_FORMATS}; or all."),
    ] = None,
    fast: Annotated[
        bool,
        typer.Option(
            "--fast",
            help="Make tflite-int8 a quarter faster in LiteRT by SPACE_TO_DEPTH, which fewer "
            "runtimes know, and with which OpenVINO's AVX2 kernels misread some pictures.",
        ),
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = workspace.RUNS,
    calibration: Annotated[
        int | None,
        typer.Option(min=1, help="Training pictures to calibrate int8 on; 1,000 by default."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE", help="Dataset to calibrate and judge on; the training's by default."
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace files that no export made.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Convert a model, and publish what answers like it."""
    if formats is not None:
        rows = named(name.strip() for name in formats.split(","))
    else:
        wanted = {"default", "int8"} if int8 else {"default"}
        rows = [row for row in _MADE if row.conversion and row.conversion.selected in wanted]
    if not any(row.conversion for row in rows):
        raise UsageError(
            "keras is what is exported, not a format to export to.",
            remedy=f"formats are {', '.join(row.name for row in _MADE)}, or all.",
        )
    if fast:
        rows = faster(rows)
    require("tensorflow", "tf2onnx", "onnx", "ml_dtypes", "ai_edge_litert", extra="export")
    from mnist_edge.runtime.engine import read_contract

    source = model or workspace.latest("keras")
    contract = read_contract(source)
    if source.suffix != ".keras":
        raise UsageError(
            f"{source} is an exported file, not a trained model.",
            remedy="name the .keras file that it was exported from.",
        )
    dataset = workspace.load_dataset(data or contract.metrics.dataset)

    from mnist_edge.formats.exporter import CALIBRATION_COUNT, Exporter

    results: list[Exported] = []
    try:
        exporter = Exporter(source, dataset, calibration=calibration or CALIBRATION_COUNT)
        note(
            f"exporting {source}: {exporter.accuracy:.2%} on the "
            f"{len(dataset.test.labels):,} test pictures of {dataset.name}"
        )
        for exported in exporter.export(rows, out, force=force):
            results.append(exported)
            note(f"{exported.format}: {'failed' if exported.failure else exported.path}")
    except KeyboardInterrupt as error:
        done = ", ".join(item.format for item in results) or "none"
        raise Interrupted(
            f"the export was interrupted; finished formats: {done}.",
            remedy="run the same command again.",
        ) from error
    if json:
        result_json({"files": [_report(item) for item in results]})
    else:
        result(table(_HEADERS, [_row(item) for item in results], left=2))
    failures = [item.failure for item in results if item.failure]
    if failures:
        # A gate that failed outweighs a converter that did.
        failures.sort(key=lambda failure: not isinstance(failure, GateError))
        for failure in failures[1:]:
            note(f"error: {failure.cause}\n{failure.remedy}")
        raise failures[0]
    next_command(workspace.command("predict digit.png", out, f"--model {results[0].path}"))


def _report(item: Exported) -> dict[str, object]:
    return {
        "format": item.format,
        "path": str(item.path),
        "bytes": item.bytes,
        "sha256": item.sha256,
        "accuracy": item.accuracy,
        "agreement": item.parity and item.parity.agreement,
        "max_abs_diff": item.parity and item.parity.max_abs_diff,
        "passed": item.failure is None,
    }


def _row(item: Exported) -> tuple[str, ...]:
    parity = item.parity
    return (
        item.format,
        str(item.path),
        f"{item.bytes:,}" if item.bytes else "-",
        f"{item.accuracy:.2%}" if item.accuracy is not None else "-",
        f"{parity.agreement:.2%}" if parity else "-",
        f"{parity.max_abs_diff:.1e}" if parity else "-",
        str(len(parity.flips)) if parity else "-",
        "failed" if item.failure else "passed",
    )
