"""Which files of a directory train and which test, by their names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from mnist_edge.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

# `train.csv`, `mnist_test.csv`, `train-00000-of-00002.parquet`.
_NAME = re.compile(r"(?P<prefix>(.*[-_.])?)(?P<split>train|test)([-_.].*)?")


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


def find(folder: Path, suffix: str) -> list[Files]:
    """Return, for every prefix, the files of a directory that train and test, if any trains."""
    found: dict[str, Files] = {}
    for path in sorted(folder.glob(f"*{suffix}")):
        name = _NAME.fullmatch(path.name.removesuffix(suffix))
        if name and path.is_file():
            files = found.setdefault(name["prefix"], Files(name["prefix"], [], []))
            (files.train if name["split"] == "train" else files.test).append(path)
    return [files for files in found.values() if files.train]


def only(folder: Path, suffix: str) -> Files:
    """Return what `find` does of a directory in which it finds one dataset.

    Raises:
        DataError: it has several.
    """
    found = find(folder, suffix)
    if len(found) > 1:
        raise DataError(
            f"{folder}: has several datasets, {', '.join(files.train[0].name for files in found)}.",
            remedy="name one of these files, or put each into a directory of its own.",
        )
    return found[0]
