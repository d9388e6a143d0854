"""A row of numbers for every picture: its label and its 784 pixels, as Kaggle has MNIST."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING

import numpy as np

from mnist_edge.contract import SIZE
from mnist_edge.data import orientation, splits
from mnist_edge.data.dataset import Dataset
from mnist_edge.data.limits import check_announced
from mnist_edge.errors import DataError, first_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import TextIO

    from mnist_edge.data.arrays import Array

SUFFIX = ".csv"
PIXELS = SIZE * SIZE
# What a header calls the column of the labels, in any case.
LABEL = ("label", "class")
# Characters of the longest line: 785 numbers of 25 digits, and names of as many columns.
LINE = 1 << 15


def matches(path: Path) -> bool:
    """Tell whether a path is a .csv file, or a directory with one that trains."""
    if path.is_file():
        return path.suffix.lower() == SUFFIX
    return bool(splits.find(path, SUFFIX))


def load(path: Path) -> Dataset:
    """Load a file, or the training and the test file of a directory.

    Without a header, the label is the first of 785 numbers. A test file without labels, as
    Kaggle's is, cannot test, and neither can a file by itself: one in six training rows then
    does, which a note says. EMNIST's files are turned upright.

    Raises:
        DataError: a file has other columns, or they do not make a digit dataset.
    """
    files = splits.only(path, SUFFIX) if path.is_dir() else splits.Files(path.name, [path], [])
    for several in (files.train, files.test):
        if len(several) > 1:
            raise DataError(
                f"{path}: {', '.join(file.name for file in several)} are of the same dataset.",
                remedy="name one file, or put one of each kind into a directory of its own.",
            )
    training, *test = map(_read, (*files.train, *files.test))
    if training is None:
        raise DataError(f"{files.train[0]}: has no labels.", remedy="name the file that trains.")
    notes = tuple(
        f"{file.name} has no labels and is not used"
        for file, pictures in zip(files.test, test, strict=True)
        if pictures is None
    )
    dataset = Dataset.from_arrays(path, training, test[0] if test else None, notes)
    return orientation.of_emnist(dataset) if files.prefix.startswith("emnist-") else dataset


def _read(path: Path) -> tuple[Array, Array] | None:
    """Return pictures (N, 784) and labels (N,), or None where the file has no labels."""
    check_announced(path, path.stat().st_size)
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        fields = file.readline(LINE).strip().split(",")
        header = not all(map(_is_number, fields))
        label = _label(path, fields, header)
        if label is None:
            return None
        table = _table(path, file, header)
    return np.delete(table, label, axis=1), table[:, label]


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _label(path: Path, fields: list[str], header: bool) -> int | None:
    """Return the column of the labels, None where there are pixels alone."""
    names = [field.strip("\" '").lower() for field in fields] if header else []
    named = [column for column, name in enumerate(names) if name in LABEL]
    if len(fields) == PIXELS and not named:
        return None
    if len(fields) != 1 + PIXELS or (header and len(named) != 1):
        columns = f"{len(fields)} columns" + (f", {len(named)} of them labels" if header else "")
        raise DataError(
            f"{path}: has {columns}, not one of labels and {PIXELS} of pixels.",
            remedy=f"write a column called label and {PIXELS} of pixels, 0 to 255, and no index.",
        )
    return named[0] if header else 0


def _table(path: Path, file: TextIO, header: bool) -> Array:
    """Read all rows: as bytes, which takes a sixth of the time, or else as floats."""
    for dtype in (np.uint8, np.float32):
        file.seek(0)
        lines = islice(_lines(path, file), int(header), None)
        first = next(lines, None)
        if first is None:
            raise DataError(f"{path}: no images at all.", remedy="choose a file with pictures.")
        try:
            return np.loadtxt(chain([first], lines), dtype, delimiter=",", comments=None, ndmin=2)
        except ValueError as error:
            failure = first_line(error)
    raise DataError(
        f"{path}: {failure} (rows and columns counted from 0, without the header).",
        remedy=f"every row has a digit and {PIXELS} pixels from 0 to 255, separated by commas.",
    )


def _lines(path: Path, file: TextIO) -> Iterator[str]:
    for line in iter(lambda: file.readline(LINE), ""):
        if len(line) == LINE:
            raise DataError(
                f"{path}: has a line of {LINE:,} characters or more.",
                remedy=f"write a row of {1 + PIXELS} numbers for every picture.",
            )
        yield line
