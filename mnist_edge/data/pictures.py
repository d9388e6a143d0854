"""Pictures wherever they lie, read a unit of work at a time.

A source is a folder or a pattern of picture files, of tar shards as WebDataset lays them, of
Parquet files with a column of picture bytes, or of NDJSON files that name pictures; each on this
machine or on any file system that pyarrow opens. A unit is what one process reads at once: some
picture files or lines, a tar shard, a row group.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from mnist_edge.data.storage import BUFFER, Storage, locate
from mnist_edge.errors import DataError, UsageError, first_line
from mnist_edge.runtime.reading.decoding import SUFFIXES

KINDS = {
    "pictures": SUFFIXES,
    "tar": (".tar", ".tar.gz", ".tgz"),
    "parquet": (".parquet",),
    "ndjson": (".ndjson", ".jsonl"),
}

# Larger files are no pictures of digits; all of one is held in memory.
LARGEST = 1 << 28
# So many bytes of a line are read at once: what goes on is no path, and read as another line.
LINE = 1 << 20
# Requests to a store under way at once: each takes far longer than to read a picture.
READERS = 16
# Rows of a Parquet file that are held in memory at once.
ROWS = 64


class Picture(NamedTuple):
    """A picture of a source: its bytes, or why there are none."""

    id: str
    data: bytes | None
    error: str | None = None


@dataclass(frozen=True)
class Unit:
    """What one process reads at once.

    Attributes:
        number: from 0, in the order of the listing.
        paths: the picture files, or the one file that the unit is all or a part of.
        start: its first row group, or the first byte of its lines.
        row: the number of its first line.
        count: of its lines.
    """

    number: int
    paths: tuple[str, ...]
    start: int = 0
    row: int = 0
    count: int = 0


@dataclass(frozen=True)
class Source:
    """Where pictures come from; small, and sent to every process that reads them.

    Attributes:
        storage: the file system.
        path: the file, folder or pattern.
        kind: one of `KINDS`.
        image_column: of Parquet files, binary or a struct with `bytes`; of NDJSON objects, the
            key of a path or address.
        id_column: what identifies a picture instead of its address.
    """

    storage: Storage
    path: str
    kind: str
    image_column: str
    id_column: str | None

    def pictures(self, unit: Unit) -> Iterator[Picture]:
        """Read the pictures of a unit; what cannot be read is one without bytes."""
        if self.kind == "tar":
            return self._members(unit.paths[0])
        if self.kind == "parquet":
            return self._rows(unit)
        if self.kind == "ndjson":
            return self._lines(unit)
        named = ((self.storage.uri(path), self.storage, path) for path in unit.paths)
        return _read_all(named, self.storage)

    def _members(self, path: str) -> Iterator[Picture]:
        import tarfile

        uri = self.storage.uri(path)
        try:
            with (
                self.storage.open(path) as file,
                tarfile.open(fileobj=file, mode="r|*", bufsize=BUFFER) as archive,
            ):
                while member := archive.next():
                    archive.members.clear()  # type: ignore[attr-defined]  # they would pile up
                    if not _is_picture(member.name) or member.isdir():
                        continue
                    identity = f"{uri}#{quote(member.name, errors='surrogateescape')}"
                    if not member.isfile():
                        yield Picture(identity, None, "it is a link or a device")
                    elif member.size > LARGEST:
                        yield Picture(identity, None, _TOO_LARGE)
                    elif content := archive.extractfile(member):
                        yield Picture(identity, content.read())
        # No set of exceptions is documented, here or below, and damaged bytes raise many.
        except Exception as error:
            yield Picture(uri, None, f"the shard cannot be read to its end: {why(error)}")

    def _rows(self, unit: Unit) -> Iterator[Picture]:
        import pyarrow
        from pyarrow import parquet

        uri, group = self.storage.uri(unit.paths[0]), unit.start
        columns = [self.image_column, *([self.id_column] if self.id_column else [])]
        row = unit.row
        try:
            with self.storage.open_random(unit.paths[0]) as file:
                rows = parquet.ParquetFile(file)
                for batch in rows.iter_batches(ROWS, row_groups=[group], columns=columns):
                    images = batch.column(self.image_column)
                    if pyarrow.types.is_struct(images.type):
                        images = images.field("bytes")
                    names = batch.column(self.id_column) if self.id_column else ()
                    if names and pyarrow.types.is_string(names.type):
                        names = names.cast(pyarrow.binary())  # it need not be UTF-8
                    for image, name in zip_longest(images, names):
                        data = image.as_py()
                        given = None if name is None else name.as_py()
                        identity = f"{uri}#{row}" if given is None else _text(given)
                        yield Picture(identity, data, None if data is not None else "no picture")
                        row += 1
        except Exception as error:
            reason = f"row group {group} cannot be read to its end: {why(error)}"
            yield Picture(f"{uri}#{row}", None, reason)

    def _lines(self, unit: Unit) -> Iterator[Picture]:
        path = unit.paths[0]
        uri = self.storage.uri(path)
        stores: dict[str, tuple[Storage, str]] = {}

        def named() -> Iterator[tuple[str, Storage, str] | Picture]:
            with self.storage.open_random(path) as file:
                file.seek(unit.start)
                for row in range(unit.row, unit.row + unit.count):
                    line = file.readline(LINE)
                    identity = f"{uri}#{row}"
                    try:
                        item = json.loads(line)
                        place = item[self.image_column] if isinstance(item, dict) else item
                        if not isinstance(place, str):
                            raise TypeError
                        given = item.get(self.id_column) if isinstance(item, dict) else None
                        storage, place = self._placed(place, path, stores)
                        name = storage.uri(place) if given is None else _text(given)
                    except (ValueError, LookupError, TypeError, RecursionError):
                        shape = f'a path, or an object with one under "{self.image_column}"'
                        yield Picture(identity, None, f"the line is not {shape}")
                    except (DataError, UsageError) as error:
                        yield Picture(identity, None, error.cause)
                    else:
                        yield name, storage, place

        try:
            yield from _read_all(named(), self.storage)
        except OSError as error:
            yield Picture(f"{uri}#{unit.row}", None, f"its lines cannot be read: {why(error)}")

    def _placed(
        self, place: str, path: str, stores: dict[str, tuple[Storage, str]]
    ) -> tuple[Storage, str]:
        """Return where a line points to; paths are counted from the folder of its file."""
        if "://" not in place:
            folder = "" if place.startswith("/") else f"{path.rpartition('/')[0]}/"
            return self.storage, folder + place
        parts = urlsplit(place)
        root = urlunsplit(parts._replace(path="/" if parts.scheme == "file" else "", fragment=""))
        if root not in stores:  # a connection for each store, not for each picture
            stores[root] = locate(root)
        storage, bucket = stores[root]
        return storage, bucket + unquote(parts.path)


_TOO_LARGE = f"it has more than {LARGEST:,} bytes"


def _is_picture(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def why(error: BaseException) -> str:
    """Return in one line, of UTF-8 whatever a path in it is, why something cannot be read."""
    return _text(getattr(error, "strerror", None) or first_line(error))


def _text(value: object) -> str:
    """Return a value as text that can be written as UTF-8."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return str(value).encode("utf-8", "backslashreplace").decode()


def _read_all(
    named: Iterable[tuple[str, Storage, str] | Picture], storage: Storage
) -> Iterator[Picture]:
    """Read pictures by their paths, from a store several at once, and keep their order."""
    if storage.is_local:
        yield from map(_read, named)
        return
    items = iter(named)
    with ThreadPoolExecutor(READERS) as readers:
        while some := list(islice(items, READERS)):
            yield from readers.map(_read, some)


def _read(named: tuple[str, Storage, str] | Picture) -> Picture:
    if isinstance(named, Picture):
        return named
    identity, storage, path = named
    try:
        with storage.open(path) as file:
            data = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        return Picture(identity, None, why(error))
    return Picture(identity, None, _TOO_LARGE) if len(data) > LARGEST else Picture(identity, data)
