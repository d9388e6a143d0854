"""Datasets of digits, found and read by the name or path that a user gives."""

from __future__ import annotations

from pathlib import Path

from mnist_edge.data import folders, idx, mnist, npz
from mnist_edge.data.dataset import Dataset, Split
from mnist_edge.data.download import Progress
from mnist_edge.errors import DataError, UsageError, did_you_mean

__all__ = ["Dataset", "Progress", "Split", "load"]

NAMES = ("mnist", "synthetic")


def load(source: str = "mnist", *, progress: Progress | None = None) -> Dataset:
    """Load a dataset.

    Args:
        source: `mnist` (from `$MNIST_EDGE_DATA` or the cache, fetched where it is in neither),
            `synthetic`, or the path of a directory of IDX files, of an .npz file in Keras'
            layout, or of a directory with one folder of images per class. A directory that is
            itself called `mnist` or `synthetic` is given as `./mnist`.
        progress: called with file name, bytes done and bytes in total while MNIST is fetched.

    Raises:
        UsageError: `source` is none of these.
        DataError: the dataset is incomplete or broken.
        DownloadError: MNIST is not on this machine and no mirror delivered it.
        OutputError: MNIST could not be written to the cache.
    """
    if source == "mnist":
        return mnist.load(progress)
    if source == "synthetic":
        from mnist_edge.data import synthetic

        return synthetic.load()
    path = Path(source)
    try:
        if path.is_dir():
            return idx.load(path) if idx.find(path) else folders.load(path)
        if path.is_file():
            return npz.load(path)
    except OSError as error:
        raise DataError(
            f"{error.filename or source}: {error.strerror or error}.",
            remedy="check the path and its permissions.",
        ) from error
    raise UsageError(
        f"there is no dataset {source!r}.",
        remedy=f"{did_you_mean(source, NAMES)}accepted are {', '.join(NAMES)}, a directory of IDX "
        f"files, an .npz with {', '.join(npz.KEYS)}, and a directory with one folder of images "
        "per class.",
    )
