"""Datasets of digits, found and read by the name or path that a user gives.

Importing it loads no heavy library: the table of kinds also makes help texts.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from mnist_edge.data.names import NAMES
from mnist_edge.errors import DataError, UsageError, did_you_mean, printable

if TYPE_CHECKING:
    from mnist_edge.data.dataset import Dataset, Split
    from mnist_edge.data.download import Progress

__all__ = ["ACCEPTED", "KINDS", "NAMES", "Dataset", "Kind", "Progress", "Split", "load"]


class Reader(Protocol):
    """What the module of a kind has."""

    def matches(self, path: Path) -> bool:
        """Tell by the names of files alone whether a path holds this kind."""

    def load(self, path: Path) -> Dataset:
        """Read it."""


@dataclass(frozen=True)
class Kind:
    """A kind of dataset that lies at a path.

    Attributes:
        what: as help texts and errors list it.
        holds: what exactly is read, for the documentation.
        test: which pictures test, for the documentation.
        module: of this package; a `Reader`.
    """

    what: str
    holds: str
    test: str
    module: str

    @property
    def reader(self) -> Reader:
        """The module, imported."""
        return cast(Reader, importlib.import_module(f"{__name__}.{self.module}"))


KINDS = (
    Kind(
        "a directory of IDX files",
        "`train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-…`, as MNIST has them; "
        "`emnist-digits-…`, `emnist-mnist-…` and `qmnist-…`, as EMNIST and QMNIST have them; "
        "`.gz` or not; also in `MNIST/raw`, `EMNIST/raw` or `QMNIST/raw` below, as torchvision "
        "lays them",
        "the test files",
        "idx",
    ),
    Kind(
        "an .npz, or a directory of .npy, with x_train, y_train, x_test, y_test",
        "pictures (N, 28, 28), (N, 28, 28, 1), (N, 1, 28, 28) or (N, 784), of 0 to 255 or 0 to 1; "
        "labels (N,), (N, 1) or one-hot (N, 10)",
        "`x_test`",
        "npz",
    ),
    Kind(
        "a .csv, or a directory with train.csv",
        "a label and 784 pixels a row: Kaggle's `train.csv`, `mnist_train.csv` and "
        "`mnist_test.csv`; without a header, the label comes first",
        "`…test.csv` if it has labels; otherwise, and of a file alone, one in six rows",
        "csv_files",
    ),
    Kind(
        "a .parquet, or a directory with train-….parquet",
        "`image.bytes` or `image`, of encoded pictures, and `label`, as in Hugging Face's MNIST; "
        "also in `mnist` or `data` below; needs the extra `fleet`",
        "`test….parquet`; without it, and of a file alone, one in six pictures",
        "parquet",
    ),
    Kind(
        "a directory with one folder of images per class",
        "`0/` to `9/`, or `train/0/` … and `test/0/` …; each picture read as `predict` reads it",
        "`test/`; without it, one in six pictures",
        "folders",
    ),
)

# For help texts and errors.
ACCEPTED = f"{', '.join(NAMES)}, or the path of {'; '.join(kind.what for kind in KINDS)}"


def load(
    source: str = "mnist",
    *,
    invert: bool | None = None,
    transpose: bool | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Load a dataset, and see that its pictures are light ink on dark, and upright.

    Args:
        source: `mnist` (from `$MNIST_EDGE_DATA` or the cache, fetched where it is in neither),
            `synthetic`, or the path of one of `KINDS`. A path that is itself called `mnist` or
            `synthetic` is given as `./mnist`.
        invert: True makes ink of paper; None refuses a dataset that is dark on light; False takes
            it as it is.
        transpose: True swaps rows and columns; None refuses a dataset that is transposed; False
            takes it as it is.
        progress: called with file name, bytes done and bytes in total while MNIST is fetched.

    Raises:
        UsageError: `source` is none of these.
        DataError: the dataset is incomplete, broken, dark on light, or transposed.
        DownloadError: MNIST is not on this machine and no mirror delivered it.
        OutputError: MNIST could not be written to the cache.
        MissingExtra: its kind needs a package that is not installed.
    """
    from mnist_edge.data import orientation

    if source not in NAMES:
        return orientation.oriented(_at(source), invert=invert, transpose=transpose)
    if source == "mnist":
        from mnist_edge.data import mnist

        dataset = mnist.load(progress)
    else:
        from mnist_edge.data import synthetic

        dataset = synthetic.load()
    if invert or transpose:
        return orientation.oriented(dataset, invert=invert, transpose=transpose)
    return dataset


def _at(source: str) -> Dataset:
    path = Path(source)
    try:
        matching = [kind for kind in KINDS if kind.reader.matches(path)]
        if len(matching) == 1:
            return matching[0].reader.load(path)
        if path.is_dir() or path.is_file():
            raise _not_one(path, matching)
        exists = path.exists()
    except OSError as error:
        raise DataError(
            f"{error.filename or source}: {error.strerror or error}.",
            remedy="check the path and its permissions.",
        ) from error
    if exists:
        raise DataError(
            f"{path} is neither a regular file nor a directory.",
            remedy="copy what it delivers to a file first.",
        )
    raise UsageError(
        f"there is no dataset {source!r}.",
        remedy=f"{did_you_mean(source, NAMES)}accepted are {ACCEPTED}.",
    )


def _not_one(path: Path, matching: list[Kind]) -> DataError:
    if matching:
        return DataError(
            f"{path} is {' and '.join(kind.what for kind in matching)}.",
            remedy="move one of them elsewhere, or name the file.",
        )
    if path.is_dir():
        files = sorted(file.name for file in path.iterdir() if not file.name.startswith("."))
        some = printable(", ".join(files[:5])) + (", …" if files[5:] else "")
        holds = f"holds {some}" if files else "is empty"
        return DataError(
            f"{path} {holds}: no dataset that is known.", remedy=f"accepted are {ACCEPTED}."
        )
    remedy = f"accepted are {ACCEPTED}."
    if path.suffix == ".npy" or "ubyte" in path.name:
        remedy = f"it is one file of several: name the directory, {path.parent}."
    return DataError(f"{path}: not a dataset by itself.", remedy=remedy)


_HOME_OF = {
    "Dataset": "mnist_edge.data.dataset",
    "Progress": "mnist_edge.data.download",
    "Split": "mnist_edge.data.dataset",
}


def __getattr__(name: str) -> object:
    if name in _HOME_OF:
        return getattr(importlib.import_module(_HOME_OF[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
