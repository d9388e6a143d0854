"""`mnist-edge score`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from mnist_edge.cli.options import Json, MaxPixels, Model, chosen, refuse_crowd
from mnist_edge.cli.output import live_line, note, result, result_json
from mnist_edge.extras import require
from mnist_edge.formats.latest import READABLE

_SOURCE = (
    "Pictures, tar shards, Parquet or NDJSON: a folder, a pattern, a file; here or at an address "
    "such as s3://bucket/scans."
)
_OUT = "Folder of answers, empty or new."
_FORMAT = "Format of the answers: parquet or ndjson."
_IMAGE_COLUMN = "Column of the pictures: image of Parquet, path of NDJSON by default."
_ID_COLUMN = "Column that names a picture instead of its address."
_SHARD = "Picture files or lines in a shard of answers."
_WORKERS = "Pictures at a time; one a processor by default."
_ADDRESS = "A Ray cluster: auto, HOST:PORT; local starts one."
_TIMEOUT = "Seconds until the cluster must answer."
_RESUME = "Go on with the same job, if it was begun in DEST."
_MAX_ERRORS = "Exit 3 at more than N unreadable pictures."


def score(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help=_SOURCE)],
    out: Annotated[str, typer.Option("--out", "-o", metavar="DEST", help=_OUT)],
    model: Model = None,
    answers: Annotated[str, typer.Option("--format", metavar="NAME", help=_FORMAT)] = "parquet",
    image_column: Annotated[str | None, typer.Option(metavar="NAME", help=_IMAGE_COLUMN)] = None,
    id_column: Annotated[str | None, typer.Option(metavar="NAME", help=_ID_COLUMN)] = None,
    shard: Annotated[int, typer.Option(metavar="N", min=1, help=_SHARD)] = 1000,
    workers: Annotated[int | None, typer.Option(metavar="N", min=1, help=_WORKERS)] = None,
    address: Annotated[str | None, typer.Option(metavar="A", help=_ADDRESS)] = None,
    connect_timeout: Annotated[float, typer.Option(metavar="S", min=0, help=_TIMEOUT)] = 30,
    resume: Annotated[bool, typer.Option("--resume", help=_RESUME)] = False,
    max_errors: Annotated[int | None, typer.Option(metavar="N", min=0, help=_MAX_ERRORS)] = None,
    max_pixels: MaxPixels = None,
    json: Json = False,
) -> None:
    """Answer very many pictures, each in a row of a table."""
    require("pyarrow", extra="fleet")
    from mnist_edge.fleet import job

    refuse_crowd(workers, address)
    tenth = 0
    with live_line() as draw:

        def show(now: job.Progress) -> None:
            nonlocal tenth
            draw(now.text)
            if not sys.stderr.isatty() and 10 * now.shards // now.of > tenth:
                tenth = 10 * now.shards // now.of
                note(f"{10 * tenth} %: {now.text}")

        draw(f"listing {source!r}")
        done = job.run(
            source,
            out,
            chosen(model, *READABLE),
            format=answers,
            image_column=image_column,
            id_column=id_column,
            pictures_per_shard=shard,
            workers=workers,
            address=address,
            connect_timeout=connect_timeout,
            resume=resume,
            max_errors=max_errors,
            max_pixels=max_pixels,
            progress=show,
        )
    result_json(done) if json else result(done.text)
