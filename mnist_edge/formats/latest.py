"""Which model a verb takes where none is named: the newest in `./runs`, else the shipped one."""

from __future__ import annotations

from pathlib import Path

from mnist_edge.formats.table import FORMATS, of_path
from mnist_edge.runtime import shipped
from mnist_edge.workspace import RUNS

# What the runtime reads, the preferred one first.
READABLE = ("onnx", "onnx-int8", "tflite", "tflite-int8", "tflite-fp16")


def latest(*names: str) -> tuple[Path, bool]:
    """Return a file of the newest model in `./runs`, or else of the shipped model.

    Args:
        names: of the formats that will do, the preferred one first.

    Returns:
        The file in the first of these formats that the model has, and whether it is the shipped
        one.

    Raises:
        ModelError: the shipped file is damaged.
    """
    rows = [FORMATS[name] for name in names]
    found = {path: row for path in RUNS.glob("*") if (row := of_path(path)) in rows}
    if not found:
        return shipped.path(rows[0].path(Path(), shipped.DEFAULT).name), True
    newest = max(found, key=lambda path: path.stat().st_mtime)
    name = newest.name.removesuffix(found[newest].suffix)
    return next(path for row in rows if (path := row.path(RUNS, name)) in found), False
