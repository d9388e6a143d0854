"""Directories of the four IDX files in which MNIST is published.

The format is described on Yann LeCun's MNIST page (http://yann.lecun.com/exdb/mnist/): two zero
bytes, the type of the values (8: unsigned byte), the number of dimensions, each dimension as a
big-endian 32-bit integer, then the values, last dimension fastest.
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from typing import TYPE_CHECKING

import numpy as np

from mnist_edge.data.dataset import Dataset, Split
from mnist_edge.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def load(folder: Path) -> Dataset:
    """Load the four files of a directory, compressed or not.

    Raises:
        DataError: a file is missing or broken, or they do not make a digit dataset.
    """
    return decode(str(folder), read(folder))


def find(folder: Path) -> dict[str, Path]:
    """Return which of the four files a directory has, by standard name.

    Besides `train-images-idx3-ubyte.gz` and the same without `.gz`, `train-images.idx3-ubyte` is
    recognized, as some unpackers write it.
    """
    found = {}
    for name in NAMES:
        dotted = name.replace("-idx", ".idx")
        for candidate in (f"{name}.gz", name, f"{dotted}.gz", dotted):
            path = folder / candidate
            # Path.is_file raises where the directory may not be entered.
            if os.path.isfile(path):  # noqa: PTH113
                found[name] = path
                break
    return found


def read(folder: Path) -> dict[Path, bytes]:
    """Return the decompressed bytes of the four files, in the order of `NAMES`.

    Raises:
        DataError: a file is missing, or cannot be read or decompressed.
    """
    found = find(folder)
    missing = [name for name in NAMES if name not in found]
    if missing:
        raise DataError(
            f"{folder}: lacks {', '.join(missing)} (.gz or not).",
            remedy=f"a directory of IDX files has all of {', '.join(NAMES)}.",
        )
    return {path: _contents(path) for path in found.values()}


def decode(name: str, files: dict[Path, bytes]) -> Dataset:
    """Make a dataset called `name` of what `read` returned.

    Raises:
        DataError: a file is not in IDX format, or they do not make a digit dataset.
    """
    train_images, train_labels, test_images, test_labels = (
        _array(path, content, dimensions)
        for (path, content), dimensions in zip(files.items(), (3, 1, 3, 1), strict=True)
    )
    return Dataset.from_arrays(
        name, Split(train_images, train_labels), Split(test_images, test_labels)
    )


def _contents(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        # Browsers unpack a download without renaming it, so the bytes decide, not the name.
        return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path}: {getattr(error, 'strerror', None) or error}.",
            remedy="the file is damaged, incomplete or not readable: copy or download it again.",
        ) from error


def _array(path: Path, content: bytes, dimensions: int) -> NDArray[np.uint8]:
    magic = bytes((0, 0, 8, dimensions))
    if content[:4] != magic:
        raise DataError(
            f"{path}: wrong magic number {content[:4].hex() or '(empty file)'}, "
            f"{magic.hex()} expected.",
            remedy="it is another kind of file, or images and labels are swapped.",
        )
    header = 4 + 4 * dimensions
    shape = [int.from_bytes(content[at : at + 4], "big") for at in range(4, header, 4)]
    if len(content) != header + math.prod(shape):
        raise DataError(
            f"{path}: has {len(content)} bytes, but its header announces "
            f"{' x '.join(map(str, shape))} values after {header} bytes.",
            remedy="the file is damaged or incomplete: copy or download it again.",
        )
    # A copy, since arrays on top of bytes are read-only, unlike those of other datasets.
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape).copy()
