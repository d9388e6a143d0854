"""Directories of the four IDX files in which MNIST, EMNIST and QMNIST are published.

The format is described on Yann LeCun's MNIST page (http://yann.lecun.com/exdb/mnist/): two zero
bytes, the type of the values (8: unsigned byte, 12: 32-bit integer), the number of dimensions,
each dimension as a big-endian 32-bit integer, then the values, last dimension fastest.

Cohen et al., EMNIST, 2017 (https://arxiv.org/abs/1702.05373); Yadav and Bottou, QMNIST, 2019
(https://arxiv.org/abs/1905.10498).
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from mnist_edge.contract import SIZE
from mnist_edge.data import orientation
from mnist_edge.data.dataset import Dataset
from mnist_edge.data.limits import check_announced, check_regular
from mnist_edge.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mnist_edge.data.arrays import Array

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)

# By the name of the dataset: training pictures, their labels, test pictures, their labels.
LAYOUTS = {
    "mnist": NAMES,
    **{
        name: (
            f"{name}-train-images-idx3-ubyte",
            f"{name}-train-labels-idx1-ubyte",
            f"{name}-test-images-idx3-ubyte",
            f"{name}-test-labels-idx1-ubyte",
        )
        for name in ("emnist-digits", "emnist-mnist")
    },
    "qmnist": (
        "qmnist-train-images-idx3-ubyte",
        "qmnist-train-labels-idx2-int",
        "qmnist-test-images-idx3-ubyte",
        "qmnist-test-labels-idx2-int",
    ),
}

CHUNK = 1 << 20  # bytes that are unpacked at once

# Where torchvision puts the files below its root.
BELOW = (".", "raw", "MNIST/raw", "EMNIST/raw", "QMNIST/raw")

# What values are stored as, by the third byte.
TYPES: dict[int, np.dtype[Any]] = {8: np.dtype(np.uint8), 12: np.dtype(">i4")}

# What a file may begin with, and the shape of one picture or label in it. QMNIST tells eight things
# of every picture, first the digit.
Accepted: TypeAlias = dict[bytes, tuple[int, ...]]
IMAGES: Accepted = {b"\0\0\x08\x03": (SIZE, SIZE)}
DIGITS: Accepted = {b"\0\0\x08\x01": (), b"\0\0\x0c\x02": (8,)}


def matches(path: Path) -> bool:
    """Tell whether a path is a directory of IDX files, or names one of several sets in one."""
    return bool(_found(path)) or any(path.glob("*-images[-.]idx3-ubyte*"))


def load(path: Path) -> Dataset:
    """Load the four files of a directory, compressed or not.

    EMNIST's files are transposed; they are turned upright, which a note says.

    Args:
        path: the directory, or torchvision's root above it. Of one that has several datasets,
            `directory/emnist-digits` names that of which the files begin so.

    Raises:
        DataError: a file is missing or broken, or they do not make one digit dataset.
    """
    found = _found(path)
    if len(found) != 1:
        raise _not_one(path, found)
    folder, name = found[0]
    dataset = decode(path, read(folder, LAYOUTS[name]))
    return orientation.of_emnist(dataset) if name.startswith("emnist") else dataset


def find(folder: Path, names: Sequence[str] = NAMES) -> dict[str, Path]:
    """Return which of the four files a directory has, by standard name.

    Besides `train-images-idx3-ubyte.gz` and the same without `.gz`, `train-images.idx3-ubyte` is
    recognized, as some unpackers write it.
    """
    found = {}
    for name in names:
        dotted = name.replace("-idx", ".idx")
        for candidate in (f"{name}.gz", name, f"{dotted}.gz", dotted):
            path = folder / candidate
            # Path.exists raises where the directory may not be entered.
            if os.path.exists(path) and not os.path.isdir(path):  # noqa: PTH110, PTH112
                found[name] = path
                break
    return found


def read(folder: Path, names: Sequence[str] = NAMES) -> dict[Path, bytearray]:
    """Return the decompressed bytes of the four files, in the order of `names`.

    No more is read than a file's header announces, and one byte by which `decode` knows that it
    goes on.

    Raises:
        DataError: a file is missing, announces too much, or cannot be read or decompressed.
    """
    found = find(folder, names)
    missing = [name for name in names if name not in found]
    if missing:
        raise DataError(
            f"{folder}: lacks {', '.join(missing)} (.gz or not).",
            remedy=f"a directory of IDX files has all of {', '.join(names)}.",
        )
    return {path: _contents(path) for path in found.values()}


def decode(source: str | Path, files: dict[Path, bytearray]) -> Dataset:
    """Make a dataset, named or from a path, of what `read` returned.

    Raises:
        DataError: a file is not in IDX format, or they do not make a digit dataset.
    """
    train_images, train_labels, test_images, test_labels = (
        _array(path, content, accepted)
        for (path, content), accepted in zip(files.items(), (IMAGES, DIGITS) * 2, strict=True)
    )
    return Dataset.from_arrays(source, (train_images, train_labels), (test_images, test_labels))


def _found(path: Path) -> list[tuple[Path, str]]:
    """Return the directories at or below `path` that have files of a dataset, and its name."""
    if path.is_dir():
        places = [(path / below, name) for below in BELOW for name in LAYOUTS]
    else:
        places = [(path.parent, path.name)] if path.name in LAYOUTS else []
    return [(folder, name) for folder, name in places if find(folder, LAYOUTS[name])]


def _not_one(path: Path, found: list[tuple[Path, str]]) -> DataError:
    if not found:
        return DataError(
            f"{path}: has IDX files, but by their names none of digits.",
            remedy=f"known are {', '.join(names[0] for names in LAYOUTS.values())}, and what goes "
            "with them.",
        )
    return DataError(
        f"{path}: has several datasets.",
        remedy=f"name one of {', '.join(str(folder / name) for folder, name in found)}.",
    )


def _contents(path: Path) -> bytearray:
    check_regular(path)
    try:
        with path.open("rb") as file:
            # Browsers unpack a download without renaming it, so the bytes decide, not the name.
            compressed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            stream = gzip.GzipFile(fileobj=file) if compressed else file
            content = bytearray(stream.read(4 + 4 * 3))
            values, header = _announced(content)
            check_announced(path, values)
            end = header + values + 1
            while piece := stream.read(max(0, min(end - len(content), CHUNK))):
                content += piece
            return content
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path}: {getattr(error, 'strerror', None) or error}.",
            remedy="the file is damaged, incomplete or not readable: copy or download it again.",
        ) from error


def _announced(start: bytearray) -> tuple[int, int]:
    """Return how many bytes of values a header announces, and how long it is itself."""
    if len(start) < 4 or start[2] not in TYPES:
        return 0, 0
    shape = _shape(start)
    return math.prod(shape) * TYPES[start[2]].itemsize, 4 + 4 * len(shape)


def _shape(content: bytearray) -> tuple[int, ...]:
    places = range(4, 4 + 4 * content[3], 4)
    return tuple(int.from_bytes(content[at : at + 4], "big") for at in places)


def _array(path: Path, content: bytearray, accepted: Accepted) -> Array:
    magic = bytes(content[:4])
    if magic not in accepted:
        raise DataError(
            f"{path}: wrong magic number {magic.hex() or '(empty file)'}, "
            f"{' or '.join(known.hex() for known in accepted)} expected.",
            remedy="it is another kind of file, or images and labels are swapped.",
        )
    values, header = _announced(content)
    shape = _shape(content)
    if len(content) != header + values:
        has = "more" if len(content) > header + values else len(content)
        raise DataError(
            f"{path}: has {has} bytes, but its header announces "
            f"{' x '.join(map(str, shape))} values after {header} bytes.",
            remedy="the file is damaged or incomplete: copy or download it again.",
        )
    if shape[1:] != accepted[magic]:
        raise DataError(
            f"{path}: its header announces {' x '.join(map(str, shape))} values, not "
            f"{' x '.join(map(str, ('N', *accepted[magic])))}.",
            remedy="pictures are of 28x28 pixels, and QMNIST's labels have eight columns.",
        )
    array: Array = np.frombuffer(content, TYPES[magic[2]], offset=header).reshape(shape)
    return array[:, 0] if array.ndim == 2 else array
