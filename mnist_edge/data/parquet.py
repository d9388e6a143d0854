"""Parquet files of encoded pictures and labels, as Hugging Face's `datasets` writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mnist_edge.data import splits
from mnist_edge.data.dataset import Dataset, Split
from mnist_edge.data.limits import check_announced
from mnist_edge.errors import DataError, MnistEdgeError, UnreadableImage, first_line, printable
from mnist_edge.extras import require

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow

SUFFIX = ".parquet"
# Where the files lie in a copy of a repository of Hugging Face.
BELOW = (".", "mnist", "data")
ROWS = 256  # unpacked at once


def matches(path: Path) -> bool:
    """Tell whether a path is a .parquet file, or a directory with one that trains."""
    return path.suffix == SUFFIX if path.is_file() else bool(_folders(path))


def load(path: Path) -> Dataset:
    """Load a file, or the training and the test files of a directory.

    The columns are `label`, and `image`, a structure with the bytes of a picture's file or these
    bytes alone, or `image.bytes`. Every picture is read as `predict` would read it. Without a test
    file, one in six training pictures tests, which a note says.

    Raises:
        DataError: a file is damaged or has other columns, or a picture is unreadable.
        MissingExtra: pyarrow is not installed.
    """
    require("pyarrow", extra="fleet")
    if path.is_file():
        return Dataset.from_arrays(path, _read([path]), None)
    folders = _folders(path)
    if len(folders) > 1:
        raise DataError(
            f"{path}: has .parquet files in several directories.",
            remedy=f"name one of {', '.join(map(str, folders))}.",
        )
    files = splits.only(folders[0], SUFFIX)
    return Dataset.from_arrays(path, _read(files.train), _read(files.test) if files.test else None)


def _folders(path: Path) -> list[Path]:
    return [path / below for below in BELOW if splits.find(path / below, SUFFIX)]


def _read(paths: list[Path]) -> Split:
    from mnist_edge.runtime.reading import read

    images, labels = [], []
    for path in paths:
        for row, (picture, label) in enumerate(_rows(path)):
            try:
                images.append(read(picture or b"").image)
            except UnreadableImage as error:
                raise DataError(
                    f"{path}, row {row}: {error.cause}",
                    remedy="repair or remove this picture: a dataset is read in full.",
                ) from error
            labels.append(label)
    if not images:
        raise DataError(f"{paths[0]}: no images at all.", remedy="choose a file with pictures.")
    return Split(np.stack(images), np.array(labels))


def _rows(path: Path) -> Iterator[tuple[bytes | None, Any]]:
    """Yield the bytes of a picture's file and its label for every row."""
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            groups = (file.metadata.row_group(group) for group in range(file.num_row_groups))
            check_announced(path, sum(group.total_byte_size for group in groups))
            image = _image_column(path, file.schema_arrow)
        # Pictures that a file holds once and names a thousand times are unpacked one by one.
        with parquet.ParquetFile(path, read_dictionary=[image]) as file:
            for batch in file.iter_batches(ROWS, columns=[image, "label"]):
                (name,) = {*batch.schema.names} - {"label"}
                pictures = batch.column(name)
                if pyarrow.types.is_struct(pictures.type):
                    pictures = pictures.field("bytes")
                for picture, label in zip(pictures, batch.column("label"), strict=True):
                    yield picture.as_py(), label.as_py()
    except MnistEdgeError:
        raise
    except Exception as error:
        raise DataError(
            f"{path}: not a readable .parquet file: {first_line(error).rstrip('.')}.",
            remedy="the file is damaged or incomplete: copy or download it again.",
        ) from error


def _image_column(path: Path, schema: pyarrow.Schema) -> str:
    """Return the column of a picture's bytes, by the path that Parquet knows it by."""
    from pyarrow import types as kinds

    types = dict(zip(schema.names, schema.types, strict=True))
    if "image" in types and kinds.is_struct(types["image"]):
        types |= {f"image.{field.name}": field.type for field in types.pop("image")}
    if "label" in types and kinds.is_integer(types["label"]):
        for name in ("image.bytes", "image"):
            if name in types and (
                kinds.is_binary(types[name]) or kinds.is_large_binary(types[name])
            ):
                return name
    columns = ", ".join(f"{name} ({kind})" for name, kind in types.items())
    raise DataError(
        f"{path}: has the columns {printable(columns)}.",
        remedy="needed are label, of integers, and image or image.bytes, of encoded pictures.",
    )
