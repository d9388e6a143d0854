"""`mnist-edge page`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from mnist_edge.cli.options import Json, Out
from mnist_edge.cli.output import next_command, note, result, result_json


def page(
    out: Out = Path("site"),
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.wasm",
            help="A model of yours, by export --formats c --wasm; it reads drawings only. The "
            "shipped one by default.",
        ),
    ] = None,
    drawings_only: Annotated[
        bool,
        typer.Option(
            "--drawings-only",
            help="Leave out onnxruntime-web, which reads pictures and is fetched once by npm.",
        ),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the folder, whatever it holds.")
    ] = False,
    json: Json = False,
) -> None:
    """Write the page to draw on as a folder for any static host."""
    from mnist_edge.serve.site import build

    size = build(out, model=model, drawings_only=drawings_only, force=force, note=note)
    if json:
        result_json({"path": str(out), "bytes": size})
    else:
        result(f"{out}: {size:,} bytes")
    next_command(f"python3 -m http.server --directory {shlex.quote(str(out))}")
