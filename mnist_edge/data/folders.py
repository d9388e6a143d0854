"""Directories with one folder of images per class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mnist_edge.data.dataset import CLASSES, Dataset, Split
from mnist_edge.data.limits import check_regular
from mnist_edge.errors import DataError, UnreadableImage

if TYPE_CHECKING:
    from pathlib import Path

NAMES = tuple(str(label) for label in range(CLASSES))


def matches(path: Path) -> bool:
    """Tell whether a path is a directory with class folders, or with `train` and `test`."""
    return any((path / name).is_dir() for name in NAMES) or _is_divided(path)


def load(folder: Path) -> Dataset:
    """Load `folder/0` to `folder/9`, or `folder/train/0` … and `folder/test/0` ….

    Without `train` and `test`, one in six pictures tests, always the same. Every picture is read
    as `predict` would read it. Hidden files, and files without the suffix of an image, are
    skipped, as other loaders of such directories do; images below a class folder's own folders
    are not looked for.

    Raises:
        DataError: a folder is no class or has no images, or an image is unreadable.
    """
    if _is_divided(folder):
        return Dataset.from_arrays(folder, _read(folder / "train"), _read(folder / "test"))
    return Dataset.from_arrays(folder, _read(folder), None)


def _is_divided(folder: Path) -> bool:
    return all((folder / part).is_dir() for part in ("train", "test"))


def load_unlabelled(folder: Path) -> NDArray[np.uint8]:
    """Read every picture of one folder as `predict` would: uint8 (N, 28, 28), ink 255 on 0.

    Raises:
        DataError: there is no such folder, it has no images, or one is unreadable.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder.", remedy="check the path.")
    return _read_all(_pictures(folder))


def _read(folder: Path) -> Split:
    """Read the class folders below `folder`, one after the other."""
    classes = [path for path in sorted(folder.iterdir()) if path.is_dir() and not _hidden(path)]
    if not classes:
        raise _layout_error(folder, "has no class folders")
    pictures: list[Path] = []
    for path in classes:
        if path.name not in NAMES:
            raise _layout_error(path, f"not a class, which are the folders {', '.join(NAMES)}")
        pictures += _pictures(path)
    labels = np.array([int(picture.parent.name) for picture in pictures], np.uint8)
    return Split(_read_all(pictures), labels)


def _pictures(folder: Path) -> list[Path]:
    from mnist_edge.runtime.reading.decoding import SUFFIXES

    found = [
        picture
        for picture in sorted(folder.iterdir())
        if picture.suffix.lower() in SUFFIXES and not _hidden(picture)
    ]
    if not found:
        raise DataError(
            f"{folder}: no images in this folder.",
            remedy=f"add images ({', '.join(SUFFIXES)}), or remove the folder.",
        )
    return found


def _read_all(pictures: list[Path]) -> NDArray[np.uint8]:
    from mnist_edge.runtime.reading import read

    for picture in pictures:
        check_regular(picture)
    try:
        return np.stack([read(picture).image for picture in pictures])
    except UnreadableImage as error:
        raise DataError(
            error.cause, remedy="repair or remove this picture: a dataset is read in full."
        ) from error


def _hidden(path: Path) -> bool:
    return path.name.startswith(".")


def _layout_error(path: Path, what: str) -> DataError:
    return DataError(
        f"{path}: {what}.",
        remedy="sort the images into DIR/0 to DIR/9, or DIR/train/0 … and DIR/test/0 ….",
    )
