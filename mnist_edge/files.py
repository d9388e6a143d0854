"""Writing files whole or not at all, and checksums of them."""

from __future__ import annotations

import os
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_edge.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its place when the block ends well.

    The temporary file keeps the ending of `path`, since several writers choose their format by
    it. When the block raises, the temporary file is removed and `path` is as it was.

    Raises:
        OutputError: the folder or the file cannot be written (no permission, disk full, …).
    """
    # Nothing is created before the `try`: Ctrl-C may come at any moment.
    temporary = path.with_name(f".{os.urandom(4).hex()}.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise _output_error(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def _output_error(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot write {path}: {error.strerror or error}.",
        remedy="free some space, or choose another folder.",
    )


def sha256_of(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file, or of a folder's files in order of their names."""
    import hashlib

    digest = hashlib.sha256()
    for part in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if part.is_file():
            with part.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
    return digest.hexdigest()


def crc32_of(path: Path) -> str:
    """Return the hexadecimal CRC-32 of a file's bytes: enough to tell whether it was damaged.

    For SHA-256 Python loads OpenSSL, which takes more memory than reading a picture does.
    """
    return f"{zlib.crc32(path.read_bytes()):08x}"
