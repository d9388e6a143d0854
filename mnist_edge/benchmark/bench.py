"""`bench`: model files in, a row each out: accuracy, parity, robustness, start-up, latency."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING

from mnist_edge.benchmark import baseline, energy, machine
from mnist_edge.benchmark.corruptions import corruptions
from mnist_edge.benchmark.judge import Judged, judge, reason
from mnist_edge.benchmark.latency import FULL, QUICK, time_engines
from mnist_edge.benchmark.rows import Report, Row
from mnist_edge.benchmark.startup import Startup, measure
from mnist_edge.contract import member
from mnist_edge.errors import GateError, MnistEdgeError, ModelError, UsageError
from mnist_edge.formats.exported import Exported
from mnist_edge.formats.identify import contract_of, name_of
from mnist_edge.formats.keras import KERAS
from mnist_edge.formats.latest import latest
from mnist_edge.formats.table import FORMATS, RUNNABLE, family_of, named, of_path
from mnist_edge.runtime import shipped
from mnist_edge.runtime.classifier import accuracy
from mnist_edge.runtime.engines.engine import check_threads
from mnist_edge.workspace import load_dataset, original_of

if TYPE_CHECKING:
    from mnist_edge.benchmark.latency import Effort
    from mnist_edge.contract import Contract
    from mnist_edge.data import Dataset, Progress, Split
    from mnist_edge.formats.feeding import FeedingOptions
    from mnist_edge.runtime.engines import Engine


def bench(
    models: Iterable[str | Path | Exported] | None = None,
    *,
    formats: Iterable[str] | None = None,
    data: str | None = None,
    invert: bool | None = None,
    transpose: bool | None = None,
    quick: bool = False,
    threads: int = 1,
    compare: str | Path | None = None,
    tolerance: float = 0.25,
    feeding: FeedingOptions | None = None,
    note: Callable[[str], None] = lambda _text: None,
    on_step: Callable[[int, int], None] = lambda _done, _total: None,
    progress: Progress | None = None,
) -> Report:
    """Measure model files against each other.

    Args:
        models: the files, the reference first; by default all of the newest model in `./runs`, else
            of the shipped model, somebody else's original before what was made from it.
        formats: only files of these formats.
        data: the dataset to measure on, as `train` takes it; that of the training by default.
        invert: how that is to be read, as in `mnist_edge.data.load`; so is `transpose`.
        transpose: likewise.
        quick: measure for seconds only.
        threads: how many threads one answer may use; Keras decides for itself.
        compare: an earlier report of this, as JSON.
        tolerance: how much slower than there a row may be; 0.25 is a quarter.
        feeding: what is known of how files without a contract are fed, and need not be measured.
        note: called with what there is to say.
        on_step: called with the number of finished steps and of all.
        progress: called with file name, bytes done and bytes in total while MNIST is fetched.

    Raises:
        ModelError: a file is missing, none is of these formats, or none could be measured.
        UsageError: the earlier report is of another dataset, or of other formats; or that is no
            tolerance.
        DataError: the dataset is not at hand, or the earlier report cannot be read.
    """
    check_threads(threads)
    if not tolerance >= 0:  # nor NaN, than which nothing is slower
        raise UsageError(f"a tolerance cannot be {tolerance:g}.", remedy="give 0 or more.")
    before = baseline.read(Path(compare)) if compare else None
    one = isinstance(models, str | os.PathLike | Exported)
    if models is not None and (one or not (models := list(models))):
        raise UsageError("these are no files to measure.", remedy="give a list of some.")
    paths = chosen(
        [Path(each.path if isinstance(each, Exported) else each) for each in models or ()], formats
    )
    contract, folder = _trained(paths)
    dataset = load_dataset(
        data, contract, folder, invert=invert, transpose=transpose, progress=progress
    )
    if before and before.dataset not in (None, dataset.name):
        raise UsageError(
            f"{compare} was measured on {before.dataset}, not on {dataset.name}.",
            remedy=f"measure on the same: --data {before.dataset}",
        )
    effort = QUICK if quick else FULL
    note(
        f"measuring {len(paths)} file{'s' * (len(paths) > 1)} on the {len(dataset.test.labels):,} "
        f"test pictures of {dataset.name}: {effort.rounds} interleaved rounds, "
        f"{threads} thread{'s' * (threads > 1)} an answer"
    )
    report = run(
        paths, dataset, effort, threads=threads, feeding=feeding, note=note, on_step=on_step
    )
    if report.reference is None:
        reasons = "; ".join(f"{row.path}: {row.error}" for row in report.rows)
        raise ModelError(
            f"not one file could be measured. {reasons}", remedy="see mnist-edge info FILE."
        )
    if before:
        changes = baseline.compare(before.rows, report.rows, tolerance)
        if not changes:
            raise UsageError(
                f"{compare} has measured none of these formats.",
                remedy="compare with a report of the same formats.",
            )
        report = dataclasses.replace(report, changes=changes)
    return report


def check(report: Report, compare: Path | None) -> None:
    """Check that no row is worse than in the report that it was compared with, if any.

    Raises:
        GateError: one is.
    """
    if worse := [change.path for change in report.changes if change.worse]:
        raise GateError(
            f"worse than {compare}: {', '.join(worse)}.",
            remedy="run it again on a quiet machine, or allow more with --tolerance.",
        )


def chosen(models: Sequence[Path], formats: Iterable[str] | None = None) -> list[Path]:
    """Return the files to measure, the shipped ones verified.

    Raises:
        ModelError: one is missing or not what was shipped, or none is of these formats.
        UsageError: there is no such format.
    """
    paths = with_members(models or files_beside(latest("keras", "onnx", "onnx-int8", "tflite")[0]))
    if formats is not None:
        wanted = named(formats)
        paths = [path for path in paths if of_path(path) in wanted]
    for path in paths:
        if not path.exists():
            raise ModelError(f"{path}: there is no such file.", remedy="check the path.")
        if path.parent == shipped.folder():
            shipped.path(path.name)
    if not paths:
        raise ModelError(
            "there is no file of these formats.",
            remedy="make them all: mnist-edge export --formats all",
        )
    return paths


def files_beside(path: Path) -> list[Path]:
    """Return the files of the same model, in the table's order of formats, its original first."""
    name = name_of(path)
    original = original_of(path.parent, name)
    files = [row.path(path.parent, name) for row in RUNNABLE.values()]
    return [file for file in (original, *files) if file and file.exists()]


def with_members(paths: Iterable[Path]) -> list[Path]:
    """Return the files, those of an ensemble's members after the ensemble's."""
    files: dict[Path, None] = {}
    for path in paths:
        files[path] = None
        if of_path(path) is FORMATS["keras"]:
            parts = (member(path, number) for number in itertools.count(1))
            files |= dict.fromkeys(itertools.takewhile(Path.is_file, parts))
    return list(files)


def _trained(paths: Iterable[Path]) -> tuple[Contract | None, Path]:
    """Return the first contract that there is, and the folder of its file."""
    for path in paths:
        try:
            if contract := contract_of(path):
                return contract, path.parent
        except MnistEdgeError:
            continue  # its row will say why
    return None, Path()


@dataclass
class _Runner:
    """A row that runs."""

    row: Row
    engine: Engine
    file: Judged


def run(
    paths: Sequence[Path],
    dataset: Dataset,
    effort: Effort,
    *,
    threads: int = 1,
    feeding: FeedingOptions | None = None,
    note: Callable[[str], None] = lambda _text: None,
    on_step: Callable[[int, int], None] = lambda _done, _total: None,
) -> Report:
    """Measure files on a dataset that is at hand.

    The reference is the first file that can run. A file that cannot run here becomes a row with
    its reason.

    Args:
        paths: the files, the reference first.
        dataset: whose test split accuracy, parity and robustness are measured on.
        effort: how much to measure.
        threads: how many threads one answer may use; Keras decides for itself.
        feeding: what is known of how files without a contract are fed.
        note: called with how each of these is fed, and with what disturbed the timing.
        on_step: called with the number of finished steps and of all.
    """
    described = machine.describe()
    files = judge(paths, dataset, threads=threads, feeding=feeding, note=note)
    rows = [_row(file, threads) for file in files]
    runners = [
        _Runner(row, file.engine, file)
        for row, file in zip(rows, files, strict=True)
        if file.engine
    ]
    if not runners:
        return Report(described, dataset.name, None, rows, effort)
    done = 0
    total = effort.starts * len(runners) + effort.rounds

    def step() -> None:
        nonlocal done
        done += 1
        on_step(done, total)

    if effort.corrupted:
        _measure_robustness(runners, dataset.test, effort.corrupted)
    _measure_startup(runners, effort.starts, threads, step)
    timings = time_engines(
        {runner.row.path: runner.engine for runner in runners},
        dataset.test.images,
        effort,
        meter=energy.find(),
        on_round=lambda _number: step(),
    )
    for runner in runners:
        row, timing = runner.row, timings[runner.row.path]
        row.p50_us, row.p95_us, row.p99_us = map(timing.percentile, (50, 95, 99))
        row.p50_ci_us, row.p95_ci_us, row.p99_ci_us = map(timing.interval, (50, 95, 99))
        row.images_per_s = timing.images_per_s
        row.stable = timing.stable
        row.energy_uj = median(timing.energy) if timing.energy else None
        if not timing.stable:
            note(f"{row.path} did not come to rest in its warm-up: the machine is busy.")
    return Report(described, dataset.name, runners[0].row.path, rows, effort)


def _row(file: Judged, threads: int) -> Row:
    row = Row(file.format, str(file.path), file.bytes, error=file.error, input=file.fed or None)
    if file.engine and family_of(file.path) is not KERAS:
        row.threads = threads
    if file.parity:
        row.accuracy, row.agreement = file.accuracy, file.parity.agreement
        row.flips, row.max_abs_diff = len(file.parity.flips), file.parity.max_abs_diff
    return row


def _measure_robustness(runners: list[_Runner], test: Split, count: int) -> None:
    right: dict[str, dict[str, float]] = {runner.row.path: {} for runner in runners}
    for name, corrupted in corruptions(test.images[:count]):
        for runner in runners:
            answers = runner.engine.run(corrupted)
            right[runner.row.path][name] = accuracy(answers, test.labels[:count])
    for runner in runners:
        runner.row.corruptions = right[runner.row.path]
        runner.row.robust = fmean(runner.row.corruptions.values())


def _measure_startup(
    runners: list[_Runner], starts: int, threads: int, step: Callable[[], None]
) -> None:
    """Start every file in fresh processes, the files in turns."""
    started: dict[str, list[Startup]] = {runner.row.path: [] for runner in runners}
    for _ in range(starts):
        for runner in runners:
            try:
                started[runner.row.path].append(
                    measure(runner.file.path, threads, runner.file.feeding)
                )
            except ModelError as error:
                runner.row.error = reason(error)
            step()
    for runner in runners:
        if phases := started[runner.row.path]:
            row = runner.row
            row.import_ms = median(start.import_ms for start in phases)
            row.load_ms = median(start.load_ms for start in phases)
            row.first_ms = median(start.first_ms for start in phases)
            peaks = [start.peak_mib for start in phases if start.peak_mib is not None]
            row.peak_mib = median(peaks) if peaks else None
