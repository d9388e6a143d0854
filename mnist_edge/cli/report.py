"""`mnist-edge report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mnist_edge import workspace
from mnist_edge.cli import measuring
from mnist_edge.cli.measuring import InputLayout, InputScale, MeasuredOn, Quick
from mnist_edge.cli.options import chosen
from mnist_edge.cli.output import fetching, note, progress_bar, result, result_json
from mnist_edge.errors import MissingContract
from mnist_edge.extras import require


def report(
    models: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[MODEL] [OTHER…]",
            help="The file to look at, and others to compare it with beside its own formats; by "
            "default the newest in ./runs, else the shipped model.",
        ),
    ] = None,
    data: MeasuredOn = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", help="Where to; ./runs/NAME.html by default."),
    ] = None,
    digit: Annotated[
        int,
        typer.Option(min=0, max=9, help="Whose first test picture is followed layer by layer."),
    ] = 7,
    input_layout: InputLayout = None,
    input_scale: InputScale = None,
    quick: Quick = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the path, and what could not be drawn, as JSON.")
    ] = False,
) -> None:
    """Draw a model, its formats and its mistakes on one HTML page."""
    require("matplotlib", "jinja2", extra="plot")
    model, *others = models or [chosen(None, "keras", "onnx", "onnx-int8")]

    from mnist_edge.benchmark.foreign import Told
    from mnist_edge.benchmark.latency import FULL, QUICK
    from mnist_edge.benchmark.report import files_beside
    from mnist_edge.files import replacing
    from mnist_edge.report.page import SECTIONS, build
    from mnist_edge.runtime.engines import read_contract

    paths = list(dict.fromkeys([*files_beside(model), model, *others]))
    measuring.check(paths)
    try:
        contract = read_contract(model)
    except MissingContract:
        contract = None
    with fetching() as progress:
        dataset = workspace.load_dataset(data, contract, model.parent, progress=progress)
    effort = QUICK if quick else FULL
    note(f"measuring {len(paths)} files on {len(dataset.test.labels):,} pictures")
    with progress_bar("measuring") as bar:
        page = build(
            paths,
            model,
            dataset,
            effort,
            digit=digit,
            told=Told(input_layout and input_layout.upper(), input_scale),
            on_round=lambda number: bar.update(number, effort.rounds),
        )
    target = out or workspace.RUNS / f"{model.stem}.html"
    with replacing(target) as temporary:
        temporary.write_text(page.html, encoding="utf-8")
    for name, reason in page.missing.items():
        note(f"{SECTIONS[name]}: {reason}")
    if json:
        result_json(
            {
                "path": str(target),
                "model": str(model),
                "bytes": target.stat().st_size,
                "missing": page.missing,
            }
        )
    else:
        result(str(target))
