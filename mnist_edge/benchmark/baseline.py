"""Comparing a benchmark with an earlier one."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_edge.benchmark.bootstrap import Interval, ratio_interval
from mnist_edge.benchmark.rows import Change
from mnist_edge.data.limits import check_regular
from mnist_edge.errors import DataError, first_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mnist_edge.benchmark.rows import Row


@dataclass(frozen=True)
class Before:
    """What an earlier benchmark measured of one file.

    Attributes:
        format: its name in the table of formats.
        file: the name of the file.
        accuracy: on the test split.
        p50_us: the median answer to one picture.
        p50_ci_us: the confidence interval of that.
    """

    format: str
    file: str
    accuracy: float
    p50_us: float
    p50_ci_us: Interval


@dataclass(frozen=True)
class Baseline:
    """An earlier benchmark: what it was measured on, and the rows that it measured."""

    dataset: str | None
    rows: list[Before]


def read(path: Path) -> Baseline:
    """Read an earlier `bench --json`; a median that has no interval there counts as exact.

    Raises:
        DataError: the file cannot be read, or is not such a report.
    """
    if path.exists() and not path.is_dir():
        check_regular(path)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        rows = [_before(row) for row in document["rows"] if row["p50_us"] is not None]
        return Baseline(document.get("dataset"), rows)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror}.", remedy="check the path."
        ) from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(
            f"{path} is not a report of mnist-edge bench: {_wrong(error)}.",
            remedy="make one with mnist-edge bench --json > FILE",
        ) from error


def _wrong(error: Exception) -> str:
    return f"it has no {first_line(error)}" if isinstance(error, KeyError) else first_line(error)


def _before(row: dict[str, Any]) -> Before:
    name, accuracy, median = row["format"], row["accuracy"], row["p50_us"]
    low, high = row.get("p50_ci_us", (median, median))
    # Not the reverse comparisons, which NaN would pass.
    sound = 0 <= accuracy <= 1 and median > 0 and 0 < low <= high < math.inf
    if not sound or not isinstance(name, str):
        raise ValueError(f"a row has {name}: {accuracy}, {median} µs, {low} to {high} µs")
    return Before(name, Path(row.get("path", "")).name, accuracy, median, (low, high))


def compare(before: Sequence[Before], rows: Sequence[Row], tolerance: float) -> list[Change]:
    """Compare each row with that of the same format in the baseline, if it was measured there.

    Where the baseline has several of one format (the members of an ensemble), it is the one of
    the same name, or the first.

    Args:
        before: the rows of the baseline.
        rows: the new ones.
        tolerance: a median answer may take this share longer; 0.25 is a quarter. It is worse
            where the whole interval of the ratio lies above that. Accuracy may not fall at all:
            on the same test split it does not vary by chance.
    """
    changes = []
    for row in rows:
        same = [old for old in before if old.format == row.format]
        if same:
            named = [old for old in same if old.file == Path(row.path).name]
            changes.append(_change((named or same)[0], row, tolerance))
    return changes


def _change(old: Before, row: Row, tolerance: float) -> Change:
    if row.p50_us is None or row.p50_ci_us is None or row.accuracy is None:
        return Change(row.format, row.path, None, None, None, worse=True)
    ratio = row.p50_us / old.p50_us
    interval = ratio_interval(ratio, row.p50_ci_us, old.p50_ci_us)
    gain = row.accuracy - old.accuracy
    worse = interval[0] > 1 + tolerance or gain < 0
    return Change(row.format, row.path, ratio, interval, gain, worse)
