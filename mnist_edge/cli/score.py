"""`mnist-edge score`."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from mnist_edge.cli.options import Json, MaxPixels, Model, chosen
from mnist_edge.cli.output import live_line, note, result, result_json
from mnist_edge.extras import require
from mnist_edge.formats.latest import READABLE

Text = str | None


def score(
    source: Annotated[
        str,
        typer.Argument(
            help="Pictures, tar shards, Parquet or NDJSON: a folder, a pattern, a file; here or "
            "at an address such as s3://bucket/scans."
        ),
    ],
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="DEST", help="Folder of answers, empty or new.")
    ],
    model: Model = None,
    answers: Annotated[
        str, typer.Option("--format", metavar="NAME", help="Of the answers: parquet or ndjson.")
    ] = "parquet",
    image_column: Annotated[
        Text, typer.Option(metavar="NAME", help="Default: image of Parquet, path of NDJSON.")
    ] = None,
    id_column: Annotated[
        Text, typer.Option(metavar="NAME", help="What names a picture instead of its address.")
    ] = None,
    shard: Annotated[
        int, typer.Option(metavar="N", min=1, help="Picture files or lines in a shard of answers.")
    ] = 1000,
    workers: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="One a processor by default.")
    ] = None,
    address: Annotated[
        Text, typer.Option(metavar="A", help="A Ray cluster: auto, HOST:PORT; local starts one.")
    ] = None,
    connect_timeout: Annotated[
        float, typer.Option(metavar="S", min=0, help="Seconds until the cluster must answer.")
    ] = 30,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the same job, if it was begun in DEST.")
    ] = False,
    max_errors: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="End, exit 3, at more unreadable ones.")
    ] = None,
    max_pixels: MaxPixels = None,
    json: Json = False,
) -> None:
    """Answer very many pictures; a picture that cannot be read is a row with its error."""
    require("pyarrow", extra="fleet")
    from mnist_edge.fleet import job

    tenth = 0
    with live_line() as draw:

        def show(now: job.Progress) -> None:
            nonlocal tenth
            draw(now.text)
            if not sys.stderr.isatty() and 10 * now.shards // now.of > tenth:
                tenth = 10 * now.shards // now.of
                note(f"{10 * tenth} %: {now.text}")

        draw(f"listing {source!r}")
        options: dict[str, Any] = {"image_column": image_column, "id_column": id_column}
        options |= {"pictures_per_shard": shard, "workers": workers, "address": address}
        options |= {"connect_timeout": connect_timeout, "resume": resume, "progress": show}
        options |= {"format": answers, "max_errors": max_errors, "max_pixels": max_pixels}
        done = job.run(source, out, chosen(model, *READABLE), **options)
    result_json(done) if json else result(done.text)
