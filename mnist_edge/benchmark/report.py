"""A benchmark from model files to rows: accuracy, parity, robustness, start-up, latency, energy."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

from mnist_edge.benchmark import energy, machine
from mnist_edge.benchmark.corruptions import corruptions
from mnist_edge.benchmark.foreign import Told, is_foreign, open_foreign
from mnist_edge.benchmark.latency import Effort, time_engines
from mnist_edge.benchmark.startup import Startup, measure
from mnist_edge.contract import member
from mnist_edge.errors import MnistEdgeError, ModelError, first_line
from mnist_edge.formats.parity import compare
from mnist_edge.formats.table import FORMATS, of_path, open_file
from mnist_edge.runtime.classifier import accuracy

if TYPE_CHECKING:
    from mnist_edge.benchmark.baseline import Change
    from mnist_edge.benchmark.bootstrap import Interval
    from mnist_edge.benchmark.machine import Machine
    from mnist_edge.contract import TensorSpec
    from mnist_edge.data.dataset import Dataset, Split
    from mnist_edge.runtime.engines import Engine


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
        load_ms: from file to engine, in a fresh process that has imported its library; median.
        first_ms: the first answer after that; median.
        p50_us: the median of answers to one picture within a round; of rounds, the median.
        p95_us: likewise the 95th percentile.
        p99_us: likewise the 99th percentile.
        images_per_s: pictures per second in one large call.
        threads: that one answer may use; None where the engine decides.
        error: why the file could not run here; None where it could.
        robust: accuracy on corrupted test pictures, the mean of all corruptions.
        corruptions: accuracy by the name of the corruption.
        import_ms: importing the engine's library in a fresh process; median.
        peak_mib: most memory resident in that process, in 2**20 bytes; median.
        p50_ci_us: 95 % confidence interval of `p50_us`.
        p95_ci_us: 95 % confidence interval of `p95_us`.
        p99_ci_us: 95 % confidence interval of `p99_us`.
        stable: whether the warm-up came to rest.
        energy_uj: microjoules of the whole processor per picture, the median of rounds.
        input: how somebody else's file was fed: the order of its axes, and the value of full ink.
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
    threads: int | None = 1
    error: str | None = None
    robust: float | None = None
    corruptions: dict[str, float] | None = None
    import_ms: float | None = None
    peak_mib: float | None = None
    p50_ci_us: Interval | None = None
    p95_ci_us: Interval | None = None
    p99_ci_us: Interval | None = None
    stable: bool | None = None
    energy_uj: float | None = None
    input: str | None = None


@dataclass(frozen=True)
class Report:
    """A finished benchmark.

    Attributes:
        machine: what it ran on.
        dataset: whose test split accuracy was measured on.
        reference: the path of the file that all are compared with.
        rows: one per file.
        effort: how much was measured.
        changes: against an earlier report, where it was compared with one.
    """

    machine: Machine
    dataset: str
    reference: str | None
    rows: list[Row]
    effort: Effort
    changes: list[Change] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON has it, in the form of docs/bench.schema.json."""
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


def with_members(paths: Iterable[Path]) -> list[Path]:
    """Return the files, those of an ensemble's members after the ensemble's."""
    files: dict[Path, None] = {}
    for path in paths:
        files[path] = None
        if of_path(path) is FORMATS["keras"]:
            parts = (member(path, number) for number in itertools.count(1))
            files |= dict.fromkeys(itertools.takewhile(Path.is_file, parts))
    return list(files)


@dataclass
class _Runner:
    """A row that runs: its engine, and its input where the file carries no contract."""

    row: Row
    engine: Engine
    spec: TensorSpec | None


def bench(
    paths: Sequence[Path],
    dataset: Dataset,
    effort: Effort,
    *,
    threads: int = 1,
    told: Told | None = None,
    note: Callable[[str], None] = lambda _text: None,
    on_step: Callable[[int, int], None] = lambda _done, _total: None,
) -> Report:
    """Measure model files against each other.

    The reference is the first file that can run. A file that cannot run here becomes a row with
    its reason.

    Args:
        paths: the files, the reference first.
        dataset: whose test split accuracy, parity and robustness are measured on.
        effort: how much to measure.
        threads: how many threads one answer may use; Keras decides for itself.
        told: what is known of the input of files that carry no contract.
        note: called with what was guessed of such a file, and with what disturbed the timing.
        on_step: called with the number of finished steps and of all.
    """
    described = machine.describe()
    images, labels = dataset.test
    rows: list[Row] = []
    runners: list[_Runner] = []
    expected = None
    for path in paths:
        known = of_path(path)
        row = Row(known.name if known else path.name, str(path), path.stat().st_size)
        row.threads = None if known is FORMATS["keras"] else threads
        rows.append(row)
        try:
            runner = _open(path, row, threads, told or Told(), dataset.train, note)
            answers = runner.engine.run(images)
        except Exception as error:
            # Engines raise errors of their own for a model that is not what its input says.
            row.error = _reason(error)
            continue
        runners.append(runner)
        row.accuracy = accuracy(answers, labels)
        if expected is None:
            expected = answers
        parity = compare(expected, answers, labels)
        row.agreement, row.flips = parity.agreement, len(parity.flips)
        # Other people's models may answer with scores rather than probabilities.
        if runner.spec is None and runners[0].spec is None:
            row.max_abs_diff = parity.max_abs_diff

    done = 0
    total = effort.starts * len(runners) + effort.rounds

    def step() -> None:
        nonlocal done
        done += 1
        on_step(done, total)

    if effort.corrupted:
        _measure_robustness(runners, dataset.test, effort.corrupted)
    _measure_startup(runners, effort.starts, threads, step)
    engines = {runner.row.path: runner.engine for runner in runners}
    timings = time_engines(
        engines, images, effort, meter=energy.find(), on_round=lambda _number: step()
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
    reference = runners[0].row.path if runners else None
    return Report(described, dataset.name, reference, rows, effort)


def _reason(error: Exception) -> str:
    if isinstance(error, MnistEdgeError):
        return f"{error.cause} {error.remedy}"
    return first_line(error)


def _open(
    path: Path,
    row: Row,
    threads: int,
    told: Told,
    training: Split,
    note: Callable[[str], None],
) -> _Runner:
    if not is_foreign(path):
        engine, _ = open_file(path, threads)
        return _Runner(row, engine, None)
    row.format = path.name
    engine, spec, guessed = open_foreign(path, told, training, threads)
    row.input = f"{spec.layout.lower()}, full ink {spec.range[1]:g}"
    if guessed:
        note(f"{path} carries no contract; guessed: {guessed}")
    return _Runner(row, engine, spec)


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
            row = runner.row
            try:
                started[row.path].append(measure(Path(row.path), threads, runner.spec))
            except ModelError as error:
                row.error = _reason(error)
            step()
    for runner in runners:
        if phases := started[runner.row.path]:
            row = runner.row
            row.import_ms = median(start.import_ms for start in phases)
            row.load_ms = median(start.load_ms for start in phases)
            row.first_ms = median(start.first_ms for start in phases)
            peaks = [start.peak_mib for start in phases if start.peak_mib is not None]
            row.peak_mib = median(peaks) if peaks else None
