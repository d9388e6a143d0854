"""What several verbs share: their options, and what they fall back to."""

from __future__ import annotations

from pathlib import Path

from mnist_edge.cli.output import note
from mnist_edge.formats.latest import latest


def chosen(model: Path | None, *formats: str) -> Path:
    """Return the model that was named, or the latest in the first of these formats that it has.

    Which one that is goes to stderr.
    """
    if model is not None:
        return model
    path, is_shipped = latest(*formats)
    note(f"model: {path.name}, the shipped one" if is_shipped else f"model: {path}")
    return path
