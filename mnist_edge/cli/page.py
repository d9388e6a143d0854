"""`mnist-edge page`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from mnist_edge.cli.options import Json, Out
from mnist_edge.cli.output import next_command, progress_bar, result, result_json


def page(
    out: Out = Path("site"),
    registry: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The npm registry that has onnxruntime-web; $npm_config_registry, else the public "
            "one, by default. It is fetched once.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the folder, whatever it holds.")
    ] = False,
    json: Json = False,
) -> None:
    """Write the page to draw on as a folder for any static host; it reads in the browser."""
    from mnist_edge.serve.site import build

    with progress_bar("fetching onnxruntime-web") as bar:
        size = build(
            out,
            registry=registry,
            force=force,
            progress=lambda _name, done, total: bar.update(done, total),
        )
    if json:
        result_json({"path": str(out), "bytes": size})
    else:
        result(f"{out}: {size:,} bytes")
    next_command(f"python3 -m http.server --directory {shlex.quote(str(out))}")
