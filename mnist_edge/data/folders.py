"""Directories with one folder of images per class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mnist_edge.data.dataset import CLASSES, Dataset, Split
from mnist_edge.errors import DataError, UnreadableImage

if TYPE_CHECKING:
    from pathlib import Path

# Of every six pictures one tests: 10,000 of MNIST's 70,000 and a little more.
TEST_SHARE = 6
SEED = 0


def load(folder: Path) -> Dataset:
    """Load `folder/0` to `folder/9`, or `folder/train/0` … and `folder/test/0` ….

    Without `train` and `test`, a seeded sample of one in six pictures is the test split. Every
    picture is read as `predict` would read it. Hidden files, and files without the suffix of an
    image, are skipped, as other loaders of such directories do; images below a class folder's
    own folders are not looked for.

    Raises:
        DataError: a folder is no class or has no images, or an image is unreadable.
    """
    train, test = folder / "train", folder / "test"
    if train.is_dir() and test.is_dir():
        return Dataset.from_arrays(str(folder), _read(train), _read(test))
    images, labels = _read(folder)
    cut = len(labels) - len(labels) // TEST_SHARE
    return Dataset.from_arrays(
        str(folder), Split(images[:cut], labels[:cut]), Split(images[cut:], labels[cut:])
    )


def load_unlabelled(folder: Path) -> NDArray[np.uint8]:
    """Read every picture of one folder as `predict` would: uint8 (N, 28, 28), ink 255 on 0.

    Raises:
        DataError: there is no such folder, it has no images, or one is unreadable.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder.", remedy="check the path.")
    return _read_all(_pictures(folder))


def _read(folder: Path) -> Split:
    """Read the class folders below `folder`, shuffled, so that any tail is a fair sample."""
    classes = [path for path in sorted(folder.iterdir()) if path.is_dir() and not _hidden(path)]
    if not classes:
        raise _layout_error(folder, "has no class folders and no IDX files")
    names = [str(label) for label in range(CLASSES)]
    pictures: list[Path] = []
    for path in classes:
        if path.name not in names:
            raise _layout_error(path, f"not a class, which are the folders {', '.join(names)}")
        pictures += _pictures(path)
    pictures = [pictures[at] for at in np.random.default_rng(SEED).permutation(len(pictures))]
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
    from mnist_edge.runtime.reading import read_digit

    try:
        return np.stack([read_digit(picture) for picture in pictures])
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
