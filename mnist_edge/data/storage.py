"""Folders and files of any file system that pyarrow opens: this machine's, S3, GCS."""

from __future__ import annotations

import errno
import fnmatch
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import quote

from mnist_edge.errors import DataError, OutputError, UsageError, first_line
from mnist_edge.extras import require
from mnist_edge.files import replacing

# Small reads of a remote file would each be a request.
BUFFER = 1 << 20

_SCHEMES = {"gcs": "gs"}


class File(NamedTuple):
    """A file of a listing; `modified` is in ns since 1970, None where that is not known."""

    path: str
    bytes: int
    modified: int | None


class Storage:
    """A file system, and how its files are listed, read and written.

    Args:
        system: a `pyarrow.fs.FileSystem`.
    """

    def __init__(self, system: Any) -> None:
        self.system = system
        self.is_local: bool = system.type_name == "local"

    def uri(self, path: str) -> str:
        """Return the full address of a path, with every character that needs it quoted."""
        if self.is_local:
            return Path(path).as_uri()
        kind = self.system.type_name
        return f"{_SCHEMES.get(kind, kind)}://{quote(path)}"

    def files(self, path: str) -> Iterator[File]:
        """List a file, what is in a folder and the folders in it, or what a pattern matches.

        The order is always the same. Hidden files, those whose names begin with `_`, and what is
        behind links to folders are left out. A pattern has `*`, `?` and `[…]` within a name and
        `**` for any folders; it takes folders with all that is in them.

        Raises:
            DataError: there is no such file or folder, or it cannot be listed.
        """
        try:
            if found := self._found(path):
                file, is_folder = found
                yield from self._walk(path) if is_folder else (file,)
            elif (folder := fixed_part(path)) != path:
                depth = folder.count("/") + 1 if folder else int(self.is_local)
                for file in self._walk(folder or "/" * self.is_local):
                    if _matches(file.path.split("/")[depth:], path.split("/")[depth:]):
                        yield file
            else:
                raise FileNotFoundError("there is no such file or folder")
        except OSError as error:
            raise _unlisted(path, error) from error

    def _found(self, path: str) -> tuple[File, bool] | None:
        """Return a file or a folder, and whether it is the latter; None where there is neither."""
        if self.is_local:  # of which pyarrow takes no names that are not UTF-8
            try:
                status = Path(path).stat()
            except (FileNotFoundError, NotADirectoryError):
                return None
            is_folder = stat.S_ISDIR(status.st_mode)
            file = File(path, status.st_size, status.st_mtime_ns)
            return (file, is_folder) if is_folder or stat.S_ISREG(status.st_mode) else None
        from pyarrow import fs

        info = self.system.get_file_info(path)
        is_folder = info.type == fs.FileType.Directory
        file = File(path, info.size or 0, info.mtime_ns)
        return (file, is_folder) if is_folder or info.type == fs.FileType.File else None

    def _walk(self, folder: str) -> Iterator[File]:
        for file, is_folder in sorted(self._entries(folder)):
            if file.path.rpartition("/")[2].startswith((".", "_")):
                continue
            if is_folder:
                yield from self._walk(file.path)
            else:
                yield file

    def _entries(self, folder: str) -> Iterator[tuple[File, bool]]:
        if self.is_local:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        yield File(entry.path, 0, None), True
                    elif os.path.isfile(entry.path):  # noqa: PTH113 - False of a link to itself
                        status = entry.stat()
                        yield File(entry.path, status.st_size, status.st_mtime_ns), False
            return
        from pyarrow import fs

        for info in self.system.get_file_info(fs.FileSelector(folder)):
            is_folder = info.type == fs.FileType.Directory
            yield File(info.path, info.size or 0, info.mtime_ns), is_folder

    def has(self, path: str) -> bool:
        """Tell whether there is such a file or folder, and it may be seen."""
        try:
            return self._found(path) is not None
        except OSError:
            return False

    def names(self, folder: str) -> set[str]:
        """Return the names of all that is in a folder; none where there is no such folder.

        Raises:
            DataError: it cannot be listed.
        """
        try:
            return {file.path.rpartition("/")[2] for file, _ in self._entries(folder)}
        except (FileNotFoundError, NotADirectoryError):
            return set()
        except OSError as error:
            raise _unlisted(folder, error) from error

    def open(self, path: str) -> Any:
        """Open a file for reading it once from its start, as a context manager.

        Raises:
            OSError: it cannot be opened.
        """
        if self.is_local:
            return _open(path)
        return self.system.open_input_stream(path, compression=None, buffer_size=BUFFER)

    def open_random(self, path: str) -> Any:
        """Open a file for reading parts of it, as a context manager.

        Raises:
            OSError: it cannot be opened.
        """
        return _open(path) if self.is_local else self.system.open_input_file(path)

    def read(self, path: str) -> bytes:
        """Return all bytes of a file.

        Raises:
            OSError: it cannot be read.
        """
        with self.open(path) as file:
            data: bytes = file.read()
        return data

    def write(self, path: str, data: Any) -> None:
        """Write a file whole or not at all.

        On this machine by renaming; an object store shows an object only once it is complete.

        Raises:
            OutputError: it cannot be written.
        """
        if self.is_local:
            with replacing(Path(path)) as temporary:
                temporary.write_bytes(data)
            return
        try:
            with self.system.open_output_stream(path, compression=None) as file:
                file.write(data)
        except OSError as error:
            raise OutputError(
                f"cannot write {self.uri(path)}: {first_line(error)}.",
                remedy="check your rights and credentials, and that there is space.",
            ) from error

    def remove(self, path: str) -> None:
        """Remove a file.

        Raises:
            OutputError: it cannot be removed.
        """
        try:
            if self.is_local:
                Path(path).unlink()
            else:
                self.system.delete_file(path)
        except OSError as error:
            raise OutputError(
                f"cannot remove {self.uri(path)}: {first_line(error)}.", remedy="check your rights."
            ) from error


def _open(path: str) -> BinaryIO:
    mode = Path(path).stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError(errno.EINVAL, "it is a pipe or a device, and no file")
    return Path(path).open("rb")


@contextmanager
def in_temporary_folder() -> Iterator[None]:
    """Say what a full or closed temporary folder is; for what is written there.

    Raises:
        OutputError: something within the block cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"cannot write to {tempfile.gettempdir()!r}: {error.strerror or error}.",
            remedy="free some space there, or name another folder with TMPDIR.",
        ) from error


def fixed_part(pattern: str) -> str:
    """Return the folder that a pattern begins with; a path without `*`, `?` and `[` as it is."""
    names = pattern.split("/")
    fixed = [*takewhile(lambda name: not set(name) & set("*?["), names)]
    return "/".join(fixed)


def _unlisted(path: str, error: OSError) -> DataError:
    return DataError(
        f"{path!r} cannot be listed: {error.strerror or first_line(error)}.",
        remedy="check the path, your rights, and for a store the address and credentials.",
    )


def _matches(names: list[str], pattern: list[str]) -> bool:
    """Tell whether the names of a path are those of a pattern, or within a folder that is."""
    if not names or not pattern:
        return not pattern
    if pattern[0] == "**":
        return _matches(names, pattern[1:]) or _matches(names[1:], pattern)
    return fnmatch.fnmatchcase(names[0], pattern[0]) and _matches(names[1:], pattern[1:])


def locate(location: str) -> tuple[Storage, str]:
    """Return the file system of a path or an address such as `s3://bucket/folder`, and its path.

    Raises:
        MissingExtra: pyarrow is not installed.
        UsageError: the address is of a kind that pyarrow does not open.
        DataError: the store does not answer.
    """
    require("pyarrow", extra="fleet")
    from pyarrow import fs, lib

    if "://" not in location:
        return Storage(fs.LocalFileSystem()), os.path.abspath(location)  # noqa: PTH100
    try:
        system, path = fs.FileSystem.from_uri(location)
    except lib.ArrowInvalid as error:
        raise UsageError(
            f"{location!r} is no address of files: {first_line(error)}.",
            remedy="give a path, or an address such as s3://bucket/folder or gs://bucket/folder.",
        ) from error
    except OSError as error:
        raise DataError(
            f"{location!r} does not answer: {first_line(error)}.",
            remedy="check the address, the network and your credentials.",
        ) from error
    return Storage(system), path.rstrip("/")


def locate_apart(out: str, source: str) -> tuple[Storage, str]:
    """Return what `locate` does of a folder to write to, which may not lie within the source.

    Raises:
        UsageError: it does; and what `locate` raises.
    """
    storage, folder = locate(out)
    where, path = locate(source)
    if f"{storage.uri(folder)}/".startswith(f"{where.uri(path)}/"):
        raise UsageError(
            f"{out!r} lies within the source, and would be read as a part of it.",
            remedy="choose a folder beside it.",
        )
    return storage, folder
