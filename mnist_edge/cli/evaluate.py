"""`mnist-edge evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mnist_edge.cli.options import Json, MaxPixels, Model, chosen, refuse_overwriting
from mnist_edge.cli.output import next_command, note, progress_bar, result, result_json
from mnist_edge.formats.latest import READABLE
from mnist_edge.tables import table

SOURCE = (
    "A folder with one folder of pictures for each digit, 0 to 9, and others that show none; or a "
    "CSV with the columns path and label, or the folder of one."
)
SHEET = "Draw here what was read wrong: picture, what the network saw, and what it said."


def evaluate(
    source: Annotated[Path, typer.Argument(metavar="DIR|CSV", help=SOURCE)],
    model: Model = None,
    sheet: Annotated[
        Path | None, typer.Option(metavar="FILE.png", dir_okay=False, help=SHEET)
    ] = None,
    max_pixels: MaxPixels = None,
    json: Json = False,
) -> None:
    """Measure how well your own pictures are read."""
    from mnist_edge.errors import MnistEdgeError
    from mnist_edge.files import replacing
    from mnist_edge.runtime import evaluate as evaluating
    from mnist_edge.runtime.classifier import Classifier
    from mnist_edge.runtime.error_sheet import MOST, draw
    from mnist_edge.runtime.labelled import items_of

    items = items_of(source)
    path = chosen(model, *READABLE)
    refuse_overwriting(sheet, [path, source, *(item.path for item in items)])
    classifier = Classifier.load(path, max_pixels=max_pixels)
    with progress_bar("reading") as bar:
        evaluation = evaluating.evaluate(
            classifier, items, lambda number: bar.update(number, len(items))
        )
    if json:
        result_json(evaluating.document(evaluation))
    else:
        result(table(evaluating.HEADERS, evaluating.table_of(evaluation)))
    for line in evaluating.notes_of(evaluation):
        note(line)
    if sheet and evaluation.errors:
        with replacing(sheet) as temporary:
            draw(classifier, evaluation).save(temporary, "PNG")
        first = f", the first {MOST:,}" if len(evaluation.errors) > MOST else ""
        note(f"drawn: {sheet}{first}")
    elif sheet:
        note("nothing was read wrong" + (": an older sheet is left" if sheet.exists() else ""))
    if evaluation.unreadable:
        raise typer.Exit(MnistEdgeError.exit_code)
    next_command("mnist-edge predict PICTURE --explain")
