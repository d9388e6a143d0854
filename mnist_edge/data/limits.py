"""How much of a file is read at most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mnist_edge.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

# Bytes of pictures in one file: 1.3 million of them, five times EMNIST's largest set of digits.
CEILING = 1 << 30


def check_regular(path: Path) -> None:
    """Check that a file has an end, and is not waited for.

    Raises:
        DataError: it is a pipe, a device, or the like.
    """
    if not path.is_file():
        raise DataError(
            f"{path} is no regular file.", remedy="copy what it delivers to a file first."
        )


def check_announced(path: Path, size: int) -> None:
    """Check how many bytes of pictures or labels a file says that it holds, before it is read.

    Raises:
        DataError: they are more than `CEILING`.
    """
    if size > CEILING:
        raise DataError(
            f"{path}: holds {size:,} bytes, of which at most {CEILING:,} are read.",
            remedy="store the pictures as bytes, and fewer of them in a file.",
        )
