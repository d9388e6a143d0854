"""The units of a source: its files listed, and what one process reads at once cut out of them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain, count, islice
from typing import Self

from mnist_edge.data.pictures import KINDS, LINE, Source, Unit, why
from mnist_edge.data.storage import File, in_temporary_folder, locate
from mnist_edge.errors import DataError, UsageError

# A picture file or a line of so many makes a unit: a second or more of work, and of work lost.
PICTURES_PER_UNIT = 1000

# A file that lies beside shards until all of them are written.
UNFINISHED = "_UNFINISHED"

# Of a file: its first row group or byte, its first row, and how many.
Part = tuple[int, int, int]


class Plan:
    """A source and its units, which are kept on disk until a `with` ends: there may be very many.

    Args:
        location: as `Source` describes it, a path or an address.
        image_column, id_column: as of `Source`; `image` and, of NDJSON, `path` where not given.
        pictures_per_unit: how many picture files or lines make a unit.

    Attributes:
        source: what is sent to those who read.
        count: of its units.
        digest: SHA-256 of the names, sizes and times of all files; another for another source.

    Raises:
        MissingExtra: pyarrow is not installed.
        UsageError: the files are of several kinds, or of none that is known.
        DataError: there are none, they cannot be listed, or have no such columns.
    """

    def __init__(
        self,
        location: str,
        *,
        image_column: str | None = None,
        id_column: str | None = None,
        pictures_per_unit: int = PICTURES_PER_UNIT,
    ) -> None:
        storage, path = locate(location)
        if storage.has(f"{path}/{UNFINISHED}"):
            raise DataError(
                f"{location!r} holds shards that were never finished.",
                remedy="pack the pictures again, into another folder.",
            )
        known = ((found, file) for file in storage.files(path) if (found := _kind_of(file.path)))
        first = next(known, None)
        if first is None:
            suffixes = ", ".join(suffix for kind in KINDS.values() for suffix in kind)
            raise DataError(
                f"{location!r} holds nothing to read.",
                remedy=f"give files that end in one of {suffixes}, or a folder of them.",
            )
        kind = first[0]
        column = image_column or ("path" if kind == "ndjson" else "image")
        self.source = Source(storage, path, kind, column, id_column)
        self.count = 0
        digest = hashlib.sha256()

        def files() -> Iterator[File]:
            for other, file in chain([first], known):
                if other != kind:
                    raise UsageError(
                        f"{location!r} holds files of kind {kind} and of kind {other}.",
                        remedy=f"name one kind by a pattern, such as '**/*{KINDS[kind][0]}'.",
                    )
                entry = [storage.uri(file.path), file.bytes, file.modified]
                digest.update(json.dumps(entry).encode())
                yield file

        with ExitStack() as undone, in_temporary_folder():
            self._spool = undone.enter_context(tempfile.TemporaryFile("w+", encoding="ascii"))
            for unit in self._units(files(), pictures_per_unit):
                self._spool.write(json.dumps(dataclasses.astuple(unit)) + "\n")
                self.count += 1
            self._spool.flush()
            undone.pop_all()
        self.digest = digest.hexdigest()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._spool.close()

    def __iter__(self) -> Iterator[Unit]:
        """Return the units in their order; one such iteration at a time."""
        self._spool.seek(0)
        for line in self._spool:
            number, paths, *rest = json.loads(line)
            yield Unit(number, tuple(paths), *rest)

    def _units(self, files: Iterator[File], size: int) -> Iterator[Unit]:
        numbers = count()
        if self.source.kind == "pictures":
            while some := list(islice(files, size)):
                yield Unit(next(numbers), tuple(file.path for file in some))
            return
        parts = {"tar": _whole, "parquet": self._row_groups, "ndjson": self._line_groups}
        for file in files:
            for start, row, length in parts[self.source.kind](file.path, size):
                yield Unit(next(numbers), (file.path,), start, row, length)

    def _row_groups(self, path: str, _size: int) -> Iterator[Part]:
        import pyarrow
        from pyarrow import parquet

        source = self.source
        try:
            with source.storage.open_random(path) as file:
                rows = parquet.ParquetFile(file)
                schema, metadata = rows.schema_arrow, rows.metadata
        except (OSError, pyarrow.ArrowException) as error:
            raise DataError(
                f"{path!r} is not a Parquet file that can be read: {why(error)}.",
                remedy="mend it, or give a pattern that leaves it out.",
            ) from error
        for column in filter(None, (source.image_column, source.id_column)):
            if (found := schema.names.count(column)) != 1:
                raise DataError(
                    f"{path!r} has {found or 'no'} column{'s' * (found > 1)} {column!r}.",
                    remedy=f"its columns are {', '.join(map(repr, schema.names))}: "
                    "name one with --image-column or --id-column.",
                )
        kind = schema.field(source.image_column).type
        if pyarrow.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
            kind = kind.field("bytes").type
        if not (pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind)):
            raise DataError(
                f"{path!r}: column {source.image_column!r} holds {kind}, not the bytes of files.",
                remedy="name a column of binary values with --image-column.",
            )
        row = 0
        for group in range(metadata.num_row_groups):
            yield group, row, metadata.row_group(group).num_rows
            row += metadata.row_group(group).num_rows

    def _line_groups(self, path: str, size: int) -> Iterator[Part]:
        try:
            with self.source.storage.open(path) as file:
                start = row = 0
                lines = iter(lambda: file.readline(LINE), b"")
                while lengths := [len(line) for line in islice(lines, size)]:
                    yield start, row, len(lengths)
                    start += sum(lengths)
                    row += len(lengths)
        except OSError as error:
            raise DataError(
                f"{path!r} cannot be read: {why(error)}.", remedy="check your rights."
            ) from error


def _whole(_path: str, _size: int) -> Iterator[Part]:
    yield 0, 0, 0


def _kind_of(path: str) -> str | None:
    name = path.lower()
    return next((kind for kind, suffixes in KINDS.items() if name.endswith(suffixes)), None)
