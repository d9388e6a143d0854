"""A job: many pictures, each answered once, whatever dies on the way.

A source is cut into units by its listing, and every unit has one shard in the folder of answers,
which appears whole or not at all and is the same whoever writes it. So the shards that are there
say what is left to do, for either engine, and to write one twice does no harm.

    _lock            held by a job on this machine while it runs
    _job.json        what is being done; a job that differs is refused
    part-000000.…    the answers to the first unit, and so on
    _manifest.json   every shard with its rows, size and SHA-256, once all are there
    _SUCCESS         empty; the last to be written
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import mnist_edge
from mnist_edge.data.plan import PICTURES_PER_UNIT, Plan
from mnist_edge.data.storage import Storage, locate_apart
from mnist_edge.errors import (
    GateError,
    Interrupted,
    OutputError,
    ScoringError,
    UsageError,
    did_you_mean,
)
from mnist_edge.fleet import cluster, pool
from mnist_edge.fleet.shards import FORMATS, Model, Shard, Task
from mnist_edge.runtime.classifier import Classifier

LOCK, JOB, MANIFEST, SUCCESS = "_lock", "_job.json", "_manifest.json", "_SUCCESS"


@dataclass(frozen=True)
class Progress:
    """How far a job is, and what it comes to at its end.

    Attributes:
        pictures, errors, refused: of all shards so far, as of `Shard`.
        shards, of: so far, and in the end.
        resumed: those of earlier runs.
        seconds: since workers were started.
        pictures_per_s: answered in these.
    """

    pictures: int
    errors: int
    refused: int
    shards: int
    of: int
    resumed: int
    seconds: float
    pictures_per_s: float

    @property
    def text(self) -> str:
        """One line for people."""
        counted = (
            f"{self.pictures:,} pictures, {self.errors:,} errors, {self.refused:,} refused, "
            f"{self.pictures_per_s:,.0f} pictures/s, {timedelta(seconds=round(self.seconds))}"
        )
        answered = self.shards - self.resumed
        if self.shards == self.of or not answered:
            return counted
        left = self.seconds / answered * (self.of - self.shards)
        return f"{counted}, {timedelta(seconds=round(left))} left"


def run(
    source: str,
    out: str,
    model: Path,
    *,
    format: str = FORMATS[0],  # noqa: A002
    image_column: str | None = None,
    id_column: str | None = None,
    pictures_per_shard: int = PICTURES_PER_UNIT,
    workers: int | None = None,
    address: str | None = None,
    connect_timeout: float = cluster.CONNECT_TIMEOUT,
    resume: bool = False,
    max_errors: int | None = None,
    max_pixels: int | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Progress:
    """Answer all pictures of a source, and write the answers to a folder.

    Args:
        source: a path, a pattern or an address, as `mnist_edge.data.pictures` describes it.
        out: the path or address of a folder that is empty, or is yet to be made.
        model: what answers.
        format: `parquet` or `ndjson`.
        image_column: of Parquet and NDJSON sources, as of `Source`.
        id_column: likewise.
        pictures_per_shard: of sources of picture files or of lines; tar shards and row groups
            have one shard of answers each.
        workers: how many pictures are answered at once; one a processor by default.
        address: of a Ray cluster: `auto`, `host:port`, or `local` for one that this run starts;
            None for processes of this machine.
        connect_timeout: seconds until a cluster must have answered.
        resume: go on with a job that was begun in `out`, if there is one.
        max_errors: how many pictures may be unreadable; None for any number.
        max_pixels: what a picture may have; None for `DECODING.max_pixels`.
        progress: called with every shard that is finished.

    Raises:
        UsageError: `out` is not empty, or an argument makes no sense.
        DataError: there is nothing to read, or it cannot be listed.
        ModelError: the model cannot be run.
        OutputError: the answers cannot be written.
        ScoringError: the job in `out` is another one or still runs, a cluster cannot be used, or
            workers die again and again.
        GateError: more than `max_errors` pictures could not be read.
        Interrupted: Ctrl-C.
        MissingExtra: pyarrow, or for a cluster ray, is not installed.
    """
    if format not in FORMATS:
        raise UsageError(
            f"there is no format of answers {format!r}.",
            remedy=f"{did_you_mean(format, FORMATS)}accepted are {', '.join(FORMATS)}.",
        )
    if not 0 <= connect_timeout <= cluster.LONGEST_TIMEOUT:
        raise UsageError(
            f"a cluster cannot be waited for {connect_timeout:g} seconds.",
            remedy=f"give 0 to {cluster.LONGEST_TIMEOUT:g}.",
        )
    storage, folder = locate_apart(out, source)
    _is_begun(storage, folder, resume=resume)  # before anything is made there, or listed
    classifier = Classifier.load(model, max_pixels=max_pixels)
    with Plan(
        source,
        image_column=image_column,
        id_column=id_column,
        pictures_per_unit=pictures_per_shard,
    ) as plan:
        task = Task(Model.of(model), plan.source, storage, folder, format, classifier.max_pixels)
        description = _describe(task, plan, classifier.contract.weights_sha256, pictures_per_shard)
        with _locked(storage, folder):
            shards = _begin(task, description, resume=resume)
            report = _Report(shards.values(), plan.count, max_errors, progress)
            units = (unit for unit in plan if task.name(unit.number) not in shards)
            if address is None:
                finished = pool.run(task, units, workers)
            else:
                finished = cluster.run(task, units, workers, address, connect_timeout)
            try:
                for shard in finished:
                    shards[shard.name] = shard
                    report.add(shard)
            except KeyboardInterrupt:
                raise Interrupted(
                    f"interrupted after {len(shards):,} of {plan.count:,} shards.",
                    remedy="what is done is kept: run the same command again with --resume.",
                ) from None
            finally:
                finished.close()
            _end(task, description, shards)
    return report.state()


def _describe(task: Task, plan: Plan, weights: str, pictures_per_shard: int) -> dict[str, Any]:
    """Return what makes a job the one that it is, as `_job.json` records it."""
    return {
        "mnist_edge": mnist_edge.__version__,
        "model": {
            "name": task.model.name,
            "sha256": hashlib.sha256(task.model.data).hexdigest(),
            "weights_sha256": weights,
        },
        "source": {
            "uri": plan.source.storage.uri(plan.source.path),
            "kind": plan.source.kind,
            "listing_sha256": plan.digest,
            "units": plan.count,
        },
        "options": {
            "format": task.format,
            "image_column": plan.source.image_column,
            "id_column": plan.source.id_column,
            "pictures_per_shard": pictures_per_shard,
            "max_pixels": task.max_pixels,
        },
    }


class _Report:
    """Counts shards, says how far they are, and stops where too many pictures are unreadable."""

    def __init__(
        self,
        resumed: Iterable[Shard],
        of: int,
        max_errors: int | None,
        progress: Callable[[Progress], None],
    ) -> None:
        self._of, self._max_errors, self._progress = of, max_errors, progress
        self._shards = self._pictures = self._errors = self._refused = 0
        for shard in resumed:
            self._count(shard)
        self._resumed, self._earlier = self._shards, self._pictures
        self._began = time.monotonic()

    def add(self, shard: Shard) -> None:
        self._count(shard)
        self._progress(self.state())

    def _count(self, shard: Shard) -> None:
        self._shards += 1
        self._pictures += shard.pictures
        self._errors += shard.errors
        self._refused += shard.refused
        if self._max_errors is not None and self._errors > self._max_errors:
            raise GateError(
                f"{self._errors:,} pictures could not be read, --max-errors allows "
                f"{self._max_errors:,}.",
                remedy="see the column error of the answers; go on with more and --resume.",
            )

    def state(self) -> Progress:
        seconds = time.monotonic() - self._began
        return Progress(
            self._pictures,
            self._errors,
            self._refused,
            self._shards,
            self._of,
            self._resumed,
            seconds,
            (self._pictures - self._earlier) / max(seconds, 1e-9),
        )


@contextmanager
def _locked(storage: Storage, folder: str) -> Iterator[None]:
    """Hold a folder of this machine; the lock of a process ends with it, however it ends."""
    if not storage.is_local:
        yield
        return
    import fcntl

    path = Path(folder) / LOCK
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")
    except OSError as error:
        raise OutputError(
            f"cannot write {str(path)!r}: {error.strerror or error}.",
            remedy="choose another folder.",
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise ScoringError(
                f"process {file.read(20)!r} is writing to {folder!r}.",
                remedy="wait for it, end it, or choose another folder.",
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _is_begun(storage: Storage, folder: str, *, resume: bool) -> bool:
    """Tell whether a job is to go on in a folder, or to begin in one that has nothing in it."""
    names = storage.names(folder)
    if JOB in names and not resume:
        raise UsageError(
            f"{folder!r} holds the answers of an earlier job.",
            remedy="go on with it by --resume, or choose another folder.",
        )
    others = sorted(name for name in names if name != LOCK and not name.startswith("."))
    if others and JOB not in names:
        raise UsageError(
            f"{folder!r} is not empty: it holds {others[0]!r}.",
            remedy="choose another folder, or one that is yet to be made.",
        )
    return JOB in names


def _begin(task: Task, description: dict[str, Any], *, resume: bool) -> dict[str, Shard]:
    """Claim a folder for a job, and return the shards that it has already."""
    storage, folder = task.storage, task.folder
    if not _is_begun(storage, folder, resume=resume):
        storage.write(f"{folder}/{JOB}", json.dumps(description, indent=1).encode())
        return {}
    try:
        earlier = json.loads(storage.read(f"{folder}/{JOB}"))
    except (OSError, ValueError):
        earlier = None
    if earlier != description:
        what = [key for key in description if (earlier or {}).get(key) != description[key]]
        raise ScoringError(
            f"the job in {folder!r} is another one, of different {' and '.join(what)}.",
            remedy=f"give what its {JOB} says, or choose another folder.",
        )
    _sweep(task)
    names, shards = storage.names(folder), {}
    for number in range(description["source"]["units"]):
        if (name := task.name(number)) in names:
            with suppress(OSError, TypeError, ValueError):  # what is no shard is made again
                shards[name] = task.finished(name)
    return shards


def _end(task: Task, description: dict[str, Any], shards: dict[str, Shard]) -> None:
    if missing := description["source"]["units"] - len(shards):
        raise ScoringError(
            f"{missing:,} shards were not made, and no worker says why.",
            remedy="run the same command again with --resume.",
        )
    _sweep(task)
    rows = [dataclasses.asdict(shards[name]) for name in sorted(shards)]
    totals = {key: sum(row[key] for row in rows) for key in ("pictures", "errors", "refused")}
    manifest = description | totals | {"shards": rows}
    task.storage.write(f"{task.folder}/{MANIFEST}", json.dumps(manifest, indent=1).encode())
    task.storage.write(f"{task.folder}/{SUCCESS}", b"")


def _sweep(task: Task) -> None:
    """Remove what workers that were killed had not finished writing."""
    if task.storage.is_local:
        for path in Path(task.folder).glob(".*.part-*"):
            path.unlink(missing_ok=True)
