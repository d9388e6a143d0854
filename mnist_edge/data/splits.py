"""Which files of a directory train and which test, by their names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from mnist_edge.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

# `train.csv`, `mnist_test.csv`, `train-00000-of-00002.parquet`.
_NAME = re.compile(r"(?P<prefix>.*?)(?P<split>train|test)([-_.].*)?")


class Files(NamedTuple):
    """The files of a dataset.

    Attributes:
        prefix: what stands before `train` and `test` in their names.
        train: those that train, sorted.
        test: those that test, sorted; there may be none.
    """

    prefix: str
    train: list[Path]
    test: list[Path]


def find(folder: Path, suffix: str) -> Files:
    """Return the files of a directory with a suffix that train and test.

    Raises:
        DataError: there is none that trains, or there are those of several datasets.
    """
    found: dict[str, Files] = {}
    for path in sorted(folder.glob(f"*{suffix}")):
        name = _NAME.fullmatch(path.name.removesuffix(suffix))
        if name and path.is_file():
            files = found.setdefault(name["prefix"], Files(name["prefix"], [], []))
            (files.train if name["split"] == "train" else files.test).append(path)
    complete = [files for files in found.values() if files.train]
    if len(complete) != 1:
        several = ", ".join(files.train[0].name for files in complete)
        raise DataError(
            f"{folder}: has several datasets, {several}."
            if complete
            else f"{folder}: has no train{suffix}.",
            remedy=f"name the {suffix} file, or put the files of one into a directory of its own.",
        )
    return complete[0]
