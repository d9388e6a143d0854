"""`mnist-edge serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mnist_edge.cli.options import MOST_WORKERS, Model, chosen
from mnist_edge.cli.output import next_command, result
from mnist_edge.extras import require
from mnist_edge.formats.latest import READABLE

Text = str | None


def serve(
    host: Annotated[str, typer.Option(metavar="H", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(metavar="P", min=0, max=65535, help="Port to listen on; 0 takes a free one."),
    ] = 8000,
    model: Model = None,
    workers: Annotated[
        int, typer.Option(metavar="N", min=1, max=MOST_WORKERS, help="How many processes.")
    ] = 1,
    max_bytes: Annotated[
        int, typer.Option(metavar="N", min=1, help="The most that a request's body may have.")
    ] = 8 << 20,
    max_pixels: Annotated[
        int, typer.Option(metavar="N", min=1, help="The most that a picture may have.")
    ] = 25_000_000,
    max_concurrency: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Answers at a time in each process; all processors are used by default.",
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Ask for the token in it: Authorization: Bearer TOKEN."),
    ] = None,
    cors: Annotated[
        list[str] | None,
        typer.Option(metavar="ORIGIN", help="Let pages of this origin ask; may be repeated."),
    ] = None,
    log: Annotated[
        str, typer.Option(metavar="FORM", help="Form of the log on stderr: text or json.")
    ] = "text",
) -> None:
    """Answer pictures over HTTP, and serve a page to draw on."""
    packages = ("fastapi", "uvicorn", "httptools", "python_multipart", "prometheus_client")
    require(*packages, extra="serve")
    from mnist_edge.serve.settings import Settings, concurrency, token_in
    from mnist_edge.serve.workers import serve as run

    settings = Settings(
        model=chosen(model, *READABLE),
        host=host,
        port=port,
        workers=workers,
        max_bytes=max_bytes,
        max_pixels=max_pixels,
        max_concurrency=max_concurrency or concurrency(workers),
        token=token_in(token_file) if token_file else None,
        cors=tuple(cors or ()),
        log=log,
    )

    def announce(address: str) -> None:
        result(address)
        next_command(f"curl --data-binary @digit.png {address}/v1/predict")

    run(settings, announce)
