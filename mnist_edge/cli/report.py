"""`mnist-edge report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mnist_edge.cli.feeding import takes_feeding
from mnist_edge.cli.options import Json, JudgedOn, Model, Quick, chosen
from mnist_edge.cli.output import fetching, note, progress_bar, result, result_json
from mnist_edge.extras import require
from mnist_edge.formats.feeding import FeedingOptions
from mnist_edge.workspace import RUNS, load_dataset

_FILES = (
    "The file to look at, and others to compare it with beside its own formats; by default the "
    "newest in ./runs, else the shipped model."
)


@takes_feeding
def report(
    feeding: FeedingOptions,
    models: Annotated[
        list[Path] | None, typer.Argument(metavar="[MODEL] [OTHER…]", help=_FILES)
    ] = None,
    model: Model = None,
    data: JudgedOn = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", metavar="FILE.html", help="By default ./runs/NAME.html."),
    ] = None,
    digit: Annotated[
        int,
        typer.Option(min=0, max=9, help="Whose first test picture is followed layer by layer."),
    ] = 7,
    quick: Quick = False,
    json: Json = False,
) -> None:
    """Draw a model, its formats and its mistakes on one HTML page."""
    require("matplotlib", "jinja2", extra="plot")
    from mnist_edge.benchmark.bench import chosen as checked
    from mnist_edge.benchmark.bench import files_beside
    from mnist_edge.benchmark.latency import FULL, QUICK
    from mnist_edge.files import replacing
    from mnist_edge.formats.identify import contract_of, name_of
    from mnist_edge.report.page import SECTIONS, build

    given = [*([model] if model else []), *(models or [])]
    subject, *others = given or [chosen(None, "keras", "onnx", "onnx-int8", "tflite")]
    paths = checked(list(dict.fromkeys([*files_beside(subject), subject, *others])))
    with fetching() as progress:
        dataset = load_dataset(data, contract_of(subject), subject.parent, progress=progress)
    effort = QUICK if quick else FULL
    note(f"measuring {len(paths)} files on {len(dataset.test.labels):,} pictures")
    with progress_bar("measuring") as bar:
        page = build(
            paths,
            subject,
            dataset,
            effort,
            digit=digit,
            feeding=feeding,
            note=note,
            on_round=lambda number: bar.update(number, effort.rounds),
        )
    target = file or RUNS / f"{name_of(subject)}.html"
    with replacing(target) as temporary:
        temporary.write_text(page.html, encoding="utf-8")
    for name, reason in page.missing.items():
        note(f"{SECTIONS[name]}: {reason}")
    if json:
        size = target.stat().st_size
        result_json(
            {"path": str(target), "model": str(subject), "bytes": size, "missing": page.missing}
        )
    else:
        result(str(target))
