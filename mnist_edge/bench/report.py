"""A benchmark from model files to rows: accuracy, parity, latency, and what could not run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.bench import machine
from mnist_edge.bench.latency import Effort, time_engines
from mnist_edge.errors import ContractError, MnistEdgeError, ModelError, first_line
from mnist_edge.export.formats import FORMATS, of_path
from mnist_edge.export.parity import compare
from mnist_edge.runtime.classifier import accuracy
from mnist_edge.runtime.engine import Engine, open_bare

if TYPE_CHECKING:
    from mnist_edge.contract import TensorSpec
    from mnist_edge.data.dataset import Dataset

# How often a file is loaded; the median counts.
LOADS = 3


@dataclass
class Row:
    """One file's figures; None where there is none.

    Attributes:
        format: its name in the table of formats; the file's own where it is somebody else's.
        path: where it is.
        bytes: its size.
        accuracy: on the test split.
        agreement: share of test pictures answered like the reference.
        max_abs_diff: largest difference of a probability from the reference's.
        flips: test pictures answered unlike the reference.
        load_ms: from file to engine, its library imported.
        first_ms: the first answer after that.
        p50_us: one picture, median; p95_us and p99_us likewise.
        images_per_s: pictures per second in one large call.
        threads: that one answer may use.
        error: why the file could not run here; None where it could.
    """

    format: str
    path: str
    bytes: int
    accuracy: float | None = None
    agreement: float | None = None
    max_abs_diff: float | None = None
    flips: int | None = None
    load_ms: float | None = None
    first_ms: float | None = None
    p50_us: float | None = None
    p95_us: float | None = None
    p99_us: float | None = None
    images_per_s: float | None = None
    threads: int = 1
    error: str | None = None


@dataclass(frozen=True)
class Report:
    """A finished benchmark; `reference` is the path of the file all are compared with."""

    machine: dict[str, object]
    dataset: str
    reference: str | None
    rows: list[Row]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON has it."""
        return asdict(self)


def files_beside(path: Path) -> list[Path]:
    """Return the files there are of the same model, in the table's order of formats."""
    row = of_path(path)
    name = path.name.removesuffix(row.suffix) if row else path.name
    return [
        candidate
        for other in FORMATS.values()
        if (candidate := other.path(path.parent, name)).is_file()
    ]


def bench(
    paths: Sequence[Path],
    dataset: Dataset,
    effort: Effort,
    *,
    threads: int = 1,
    spec: TensorSpec | None = None,
    on_round: Callable[[int], None] = lambda _number: None,
) -> Report:
    """Measure model files against each other.

    The reference is the first file that can run. A file that cannot run here becomes a row with
    its reason.

    Args:
        paths: the files, the reference first.
        dataset: whose test split accuracy and parity are measured on.
        effort: how long to measure latency.
        threads: how many threads one answer may use; Keras decides for itself.
        spec: the input of files that carry no contract.
        on_round: called with the number of each finished round.
    """
    images, labels = dataset.test
    rows: list[Row] = []
    engines: dict[str, Engine] = {}
    expected = None
    reference = None
    scores = False
    for path in paths:
        known = of_path(path)
        row = Row(known.name if known else path.name, str(path), path.stat().st_size)
        row.threads = threads
        rows.append(row)
        try:
            engine, foreign = _load(path, row, images[:1], threads, spec)
            answers = engine.run(images)
        except MnistEdgeError as error:
            row.error = f"{error.cause} {error.remedy}"
            continue
        except Exception as error:
            # Engines raise errors of their own for a model that is not what its input says.
            row.error = first_line(error)
            continue
        engines[row.path] = engine
        row.accuracy = accuracy(answers, labels)
        if foreign:
            row.format = path.name
        if expected is None:
            expected, reference, scores = answers, row.path, foreign
        parity = compare(expected, answers, labels)
        row.agreement, row.flips = parity.agreement, len(parity.flips)
        # Other people's models may answer with scores rather than probabilities.
        row.max_abs_diff = None if foreign or scores else parity.max_abs_diff
    timings = time_engines(engines, images, effort, on_round=on_round)
    for row in rows:
        if row.path in timings:
            timing = timings[row.path]
            row.p50_us, row.p95_us, row.p99_us = map(timing.percentile, (50, 95, 99))
            row.images_per_s = timing.images_per_s
    return Report(machine.describe(), dataset.name, reference, rows)


def _load(
    path: Path, row: Row, image: NDArray[np.uint8], threads: int, spec: TensorSpec | None
) -> tuple[Engine, bool]:
    """Open a file, timing it; also tell whether it is somebody else's, known by `spec` alone."""
    known = of_path(path)
    if known is None:
        raise ModelError(
            f"{path} is of no known format.",
            remedy=f"known endings are {', '.join(row.suffix for row in FORMATS.values())}.",
        )
    foreign = False
    try:
        # Untimed, since the first one imports the library.
        engine, _ = known.open(path, threads)
    except ContractError:
        if spec is None:
            raise
        foreign = True
    loads, firsts = [], []
    for _ in range(LOADS):
        start = time.perf_counter()
        if foreign and spec:
            engine = open_bare(path, spec, threads)
        else:
            engine, _ = known.open(path, threads)
        loaded = time.perf_counter()
        engine.run(image)
        loads.append(loaded - start)
        firsts.append(time.perf_counter() - loaded)
    row.load_ms, row.first_ms = 1e3 * median(loads), 1e3 * median(firsts)
    return engine, foreign
