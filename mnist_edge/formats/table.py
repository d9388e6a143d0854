"""The table of formats, family by family. Importing it loads no heavy library."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_edge.errors import ModelError, UsageError, did_you_mean
from mnist_edge.formats.c import C
from mnist_edge.formats.family import Conversion, Family, Format
from mnist_edge.formats.keras import KERAS
from mnist_edge.formats.onnx import ONNX
from mnist_edge.formats.tflite import TFLITE

if TYPE_CHECKING:
    from mnist_edge.contract import Contract
    from mnist_edge.runtime.engines import Engine

FAMILIES = (KERAS, ONNX, TFLITE, C)

FORMATS = {row.name: row for family in FAMILIES for row in family.formats}

# Those whose files answer digits of 28x28 here: a C header is code, and other people's, and a file
# that reads pictures is for where this package is not.
RUNNABLE = {
    row.name: row
    for family in FAMILIES
    if family.library
    for row in family.formats
    if not row.reads_pictures
}


def family_of(path: Path) -> Family:
    """Return the family that a file belongs to by its ending, or a SavedModel as a folder.

    Raises:
        ModelError: it belongs to none.
    """
    if (path / "saved_model.pb").is_file():
        return KERAS
    for family in FAMILIES:
        if path.suffix.lower() in family.suffixes:
            return family
    endings = (suffix for family in FAMILIES for suffix in family.suffixes)
    raise ModelError(
        f"{path} is no model file, by its ending.",
        remedy=f"model files end in {', '.join(endings)}; a SavedModel is a folder.",
    )


def open_file(path: Path, threads: int = 1) -> tuple[Engine, Contract]:
    """Open a file that mnist-edge made, in any format, with what it says of itself.

    Args:
        path: the file.
        threads: how many threads one answer may use; Keras decides for itself.

    Raises:
        ModelError: it is missing, damaged, or of no known ending.
        ContractError: it carries no contract, or one that this version cannot honour.
        MissingExtra: its engine is not installed.
    """
    return family_of(path).open(path, threads)


def of_path(path: Path) -> Format | None:
    """Return the row a file name belongs to: that of the longest suffix that fits, if any.

    Hidden files belong to none: a killed process may have left half of one.
    """
    if path.name.startswith("."):
        return None
    rows = [row for row in FORMATS.values() if path.name.endswith(row.suffix)]
    return max(rows, key=lambda row: len(row.suffix), default=None)


def is_runnable(path: Path) -> bool:
    """Tell by its name whether a file answers digits of 28x28 here."""
    row = of_path(path)
    return row is not None and row.name in RUNNABLE


def named(names: Iterable[str]) -> list[Format]:
    """Return the rows of these names, in the table's order; `all` stands for every row.

    Raises:
        UsageError: there is no such format.
    """
    wanted = {name.strip() for name in names}
    if "all" in wanted:
        return list(FORMATS.values())
    for name in sorted(wanted - FORMATS.keys()):
        raise UsageError(
            f"there is no format called {name!r}.",
            remedy=f"{did_you_mean(name, FORMATS)}Formats are {', '.join(FORMATS)}, or all.",
        )
    return [row for row in FORMATS.values() if row.name in wanted]


def faster(conversions: Mapping[str, Conversion]) -> dict[str, Conversion]:
    """Return conversions by format, in place of those that have one the fast one.

    Raises:
        UsageError: none has one.
    """
    fast = {
        name: replace(conversion, convert=conversion.fast)
        for name, conversion in conversions.items()
        if conversion.fast
    }
    if not fast:
        names = [row.name for row in FORMATS.values() if row.conversion and row.conversion.fast]
        raise UsageError(
            "--fast makes no difference to these formats.",
            remedy=f"it is for {', '.join(names)}: add --int8, or name it with --formats.",
        )
    return {**conversions, **fast}
