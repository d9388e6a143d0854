"""What a worker does: it reads a unit, scores it, and writes its answers as one shard."""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_edge.contract import sidecar
from mnist_edge.data.storage import in_temporary_folder
from mnist_edge.fleet import scoring
from mnist_edge.runtime.classifier import Classifier

if TYPE_CHECKING:
    from mnist_edge.data.pictures import Source, Unit
    from mnist_edge.data.storage import Storage

FORMATS = ("parquet", "ndjson")


@dataclass(frozen=True)
class Model:
    """A model file as it was when the job began, for workers on any machine.

    Attributes:
        name: of the file.
        data: its bytes.
        description: the bytes of its sidecar, None where it has none.
    """

    name: str
    data: bytes
    description: bytes | None

    @classmethod
    def of(cls, path: Path) -> Model:
        """Read a model file and its sidecar."""
        beside = sidecar(path)
        return cls(path.name, path.read_bytes(), beside.read_bytes() if beside.is_file() else None)

    @lru_cache(maxsize=1)  # noqa: B019
    def classifier(self, max_pixels: int) -> Classifier:
        """Load it, once in a process, to answer pictures of so many pixels on one thread."""
        with in_temporary_folder(), tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / self.name
            path.write_bytes(self.data)
            if self.description is not None:
                sidecar(path).write_bytes(self.description)
            return Classifier.load(path, threads=1, max_pixels=max_pixels)


@dataclass(frozen=True)
class Shard:
    """A file of answers, as the manifest lists it.

    Attributes:
        name: of the file.
        pictures: its rows.
        errors: those of pictures that could not be read.
        refused: those of answers that are not to be trusted.
        bytes, sha256: of the file.
    """

    name: str
    pictures: int
    errors: int
    refused: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Task:
    """What all workers of a job do; sent to each of them once.

    Attributes:
        model: what answers.
        source: what is read.
        storage: the file system of the answers.
        folder: where in it.
        format: one of `FORMATS`.
        max_pixels: what a picture may have.
    """

    model: Model
    source: Source
    storage: Storage
    folder: str
    format: str
    max_pixels: int

    def name(self, number: int) -> str:
        """Return the name of the shard with the answers of a unit."""
        return f"part-{number:06}.{self.format}"

    def finish(self, unit: Unit) -> Shard:
        """Score a unit and write its shard: the same bytes whenever it is done.

        Raises:
            OutputError: the shard cannot be written.
        """
        import pyarrow as pa

        classifier = self.model.classifier(self.max_pixels)
        schema = scoring.answers_schema()
        answers = pa.concat_tables(
            [
                schema.empty_table(),
                *(
                    scoring.score(table, classifier)
                    for table in scoring.tables(self.source.pictures(unit))
                ),
            ]
        )
        data = _parquet(answers) if self.format == "parquet" else _ndjson(answers)
        name = self.name(unit.number)
        self.storage.write(f"{self.folder}/{name}", data)
        return _shard(name, data, answers)

    def finished(self, name: str) -> Shard:
        """Return what an earlier run has written.

        Raises:
            OSError: it cannot be read.
        """
        import pyarrow as pa
        from pyarrow import parquet

        data = self.storage.read(f"{self.folder}/{name}")
        if self.format == "parquet":
            answers = parquet.read_table(pa.BufferReader(data), columns=["accepted", "error"])
        else:
            rows = list(map(json.loads, data.splitlines()))
            schema = pa.schema([("accepted", pa.bool_()), ("error", pa.string())])
            answers = pa.Table.from_pylist(rows, schema)
        return _shard(name, data, answers)


def _parquet(answers: Any) -> Any:
    import pyarrow as pa
    from pyarrow import parquet

    buffer = pa.BufferOutputStream()
    parquet.write_table(answers.combine_chunks(), buffer, compression="zstd")
    return buffer.getvalue()


def _ndjson(answers: Any) -> bytes:
    lines = (
        json.dumps(row, ensure_ascii=False)
        for batch in answers.to_batches()
        for row in batch.to_pylist()
    )
    return "".join(f"{line}\n" for line in lines).encode()


def _shard(name: str, data: Any, answers: Any) -> Shard:
    errors = len(answers) - answers.column("error").null_count
    accepted = sum(answers.column("accepted").to_pylist())
    return Shard(
        name=name,
        pictures=len(answers),
        errors=errors,
        refused=len(answers) - errors - accepted,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )
