"""MNIST as published: where it is on this machine, and where it is fetched from.

Yann LeCun, Corinna Cortes, Christopher J. C. Burges: The MNIST database of handwritten digits,
http://yann.lecun.com/exdb/mnist/.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mnist_edge.data import idx
from mnist_edge.data.download import Progress, download
from mnist_edge.errors import DataError
from mnist_edge.files import sha256_of

if TYPE_CHECKING:
    from mnist_edge.data.dataset import Dataset

VARIABLE = "MNIST_EDGE_DATA"

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)


class Published(NamedTuple):
    """What a published file is known by.

    Attributes:
        size: bytes of the .gz file that the mirrors have.
        compressed: hexadecimal SHA-256 of that file.
        content: hexadecimal SHA-256 of the IDX file in it.
    """

    size: int
    compressed: str
    content: str


FILES = {
    "train-images-idx3-ubyte": Published(
        size=9_912_422,
        compressed="440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        content="ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    "train-labels-idx1-ubyte": Published(
        size=28_881,
        compressed="3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        content="65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    "t10k-images-idx3-ubyte": Published(
        size=1_648_877,
        compressed="8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        content="0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    "t10k-labels-idx1-ubyte": Published(
        size=4_542,
        compressed="f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        content="ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
}


def load(progress: Progress | None = None) -> Dataset:
    """Load MNIST from where it is, fetching it where it is not.

    The content of every file is verified, so that what reports call `mnist` is MNIST.

    Raises:
        DataError: `$MNIST_EDGE_DATA` lacks a file, or a file is not the published one.
        DownloadError: no mirror delivered.
        OutputError: the cache cannot be written.
    """
    files = idx.read(directory() or fetch(progress))
    for published, (path, content) in zip(FILES.values(), files.items(), strict=True):
        if hashlib.sha256(content).hexdigest() != published.content:
            raise DataError(
                f"{path}: not the published MNIST file.",
                remedy=f"pass a dataset of your own as --data {path.parent}, without {VARIABLE}."
                if os.environ.get(VARIABLE)
                else "`mnist-edge data fetch` replaces it.",
            )
    return idx.decode("mnist", files)


def directory() -> Path | None:
    """Return the directory that `load` reads, or None where MNIST has to be fetched.

    Raises:
        DataError: `$MNIST_EDGE_DATA` is set and lacks a file; the cache is then not looked at.
    """
    if named := os.environ.get(VARIABLE):
        folder = Path(named)
        missing = [name for name in FILES if name not in idx.find(folder)]
        if missing:
            raise DataError(
                f"{VARIABLE} is {folder}, which lacks {', '.join(missing)} (.gz or not).",
                remedy=f"set {VARIABLE} to the directory of the four MNIST files, or unset it.",
            )
        return folder
    folder = cache_directory()
    return folder if len(idx.find(folder)) == len(FILES) else None


def cache_directory() -> Path:
    """Return the directory, existing or not, that `fetch` fills."""
    from platformdirs import user_cache_path

    return user_cache_path("mnist-edge", appauthor=False) / "mnist"


def fetch(progress: Progress | None = None) -> Path:
    """Download into the cache what is missing there or damaged, and return the directory.

    Raises:
        DownloadError: no mirror delivered.
        OutputError: the cache cannot be written.
    """
    folder = cache_directory()
    for name, published in FILES.items():
        target = folder / f"{name}.gz"
        if not target.is_file() or sha256_of(target) != published.compressed:
            download(
                target,
                published.size,
                published.compressed,
                MIRRORS,
                remedy=f"get the four .gz files another way, and set {VARIABLE} to their folder.",
                progress=progress,
            )
    return folder
