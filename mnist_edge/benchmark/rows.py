"""What a benchmark reports: a row a file, the changes since an earlier one, and their tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_edge import tables

if TYPE_CHECKING:
    from mnist_edge.benchmark.bootstrap import Interval
    from mnist_edge.benchmark.latency import Effort
    from mnist_edge.benchmark.machine import Machine


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
        input: how somebody else's file was fed, in words.
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
    threads: int | None = None
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
class Change:
    """How one file fares against the baseline.

    Attributes:
        format: its name in the table of formats.
        path: where it is.
        ratio: its median answer over the baseline's; None where it cannot run any more.
        ratio_ci: the 95 % confidence interval of that.
        accuracy: what it gained, or lost where negative, of the share of right answers.
        worse: whether that is worse, beyond noise and the tolerance.
    """

    format: str
    path: str
    ratio: float | None
    ratio_ci: Interval | None
    accuracy: float | None
    worse: bool


@dataclass(frozen=True)
class Report:
    """A finished benchmark.

    Attributes:
        machine: what it ran on.
        dataset: whose test split accuracy was measured on.
        reference: the path of the file that all are compared with; None where none could run.
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

    def to_markdown(self) -> str:
        """Return the rows as a table of Markdown."""
        return tables.markdown(*cells(COLUMNS, self.rows))


# What a column is called, and how it shows a value; a column without any value is left out.
Columns = dict[str, Callable[[Any], str | None]]


def _shown(name: str, form: str) -> Callable[[Any], str | None]:
    def show(item: Any) -> str | None:
        value = getattr(item, name)
        return None if value is None else format(value, form)

    return show


def _microseconds(value: float) -> str:
    return format(value, ".1f" if value < 100 else ",.0f")


def _latency(name: str) -> Callable[[Any], str | None]:
    def show(row: Row) -> str | None:
        value = getattr(row, name)
        return None if value is None else _microseconds(value)

    return show


def _p50_interval(row: Row) -> str | None:
    return row.p50_ci_us and "–".join(map(_microseconds, row.p50_ci_us))


def _ratio_interval(change: Change) -> str | None:
    return change.ratio_ci and "–".join(format(end, ".2f") for end in change.ratio_ci)


def _verdict(change: Change) -> str:
    if change.ratio is None:
        return "cannot run any more"
    return "worse" if change.worse else "passed"


COLUMNS: Columns = {
    "format": _shown("format", ""),
    "bytes": _shown("bytes", ",d"),
    "accuracy": _shown("accuracy", ".2%"),
    "agreement": _shown("agreement", ".2%"),
    "flips": _shown("flips", "d"),
    "max diff": _shown("max_abs_diff", ".1e"),
    "robust": _shown("robust", ".2%"),
    "import ms": _shown("import_ms", ",.0f"),
    "load ms": _shown("load_ms", ".1f"),
    "first ms": _shown("first_ms", ".2f"),
    "peak MiB": _shown("peak_mib", ",.0f"),
    "p50 µs": _latency("p50_us"),
    "95 %": _p50_interval,
    "p95 µs": _latency("p95_us"),
    "p99 µs": _latency("p99_us"),
    "images/s": _shown("images_per_s", ",.0f"),
    "µJ": _shown("energy_uj", ",.0f"),
}

CHANGES: Columns = {
    "format": _shown("format", ""),
    "p50 ratio": _shown("ratio", ".2f"),
    "95 %": _ratio_interval,
    "accuracy": _shown("accuracy", "+.2%"),
    "verdict": _verdict,
}


def cells(
    columns: Columns, items: Sequence[Row] | Sequence[Change]
) -> tuple[list[str], list[list[str]]]:
    """Return headers and rows of a table, named by file where two are of one format."""
    if len({item.format for item in items}) < len(items):
        columns = {"file": lambda item: Path(item.path).name} | columns
    shown = {name: [show(item) for item in items] for name, show in columns.items()}
    shown = {name: cells for name, cells in shown.items() if any(cells)}
    rows = [[cell or "-" for cell in line] for line in zip(*shown.values(), strict=True)]
    return list(shown), rows


def flat(rows: Sequence[Row]) -> list[dict[str, object]]:
    """Return every figure of the rows as it is in the JSON, inner ones as `name.part`."""
    lines = []
    for row in rows:
        line: dict[str, object] = {}
        for name, value in asdict(row).items():
            if isinstance(value, dict):
                line |= {f"{name}.{part}": inner for part, inner in value.items()}
            elif isinstance(value, tuple):
                line |= dict(zip((f"{name}.low", f"{name}.high"), value, strict=True))
            else:
                line[name] = value
        lines.append(line)
    return lines
