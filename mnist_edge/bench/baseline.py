"""Comparing a benchmark with an earlier one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mnist_edge.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from mnist_edge.bench.report import Report


@dataclass(frozen=True)
class Change:
    """How one format fares against the baseline: in words, and whether it is worse."""

    format: str
    text: str
    worse: bool


def read(path: Path) -> dict[str, dict[str, Any]]:
    """Read the rows of an earlier `bench --json`, by format.

    Raises:
        DataError: the file cannot be read, or is not such a report.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
        measured = {
            row["format"]: {key: row[key] for key in ("p50_us", "accuracy")} for row in rows
        }
        for figures in measured.values():
            median, accuracy = figures.values()
            # Not the reverse comparisons, which NaN would pass.
            if median is not None and not (median > 0 and accuracy >= 0):
                raise ValueError(f"it has a row with {figures}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} is not a report of mnist-edge bench: {error!r}.",
            remedy="make one with mnist-edge bench --json > FILE",
        ) from error
    return measured


def compare(before: dict[str, dict[str, Any]], report: Report, tolerance: float) -> list[Change]:
    """Compare each row that the baseline measured too.

    Args:
        before: what `read` gave.
        report: the new benchmark.
        tolerance: a median answer may take this share longer; 0.25 is a quarter. Accuracy may
            not fall at all: on the same test split it does not vary by chance.
    """
    changes = []
    for row in report.rows:
        old = before.get(row.format)
        if not old or old["p50_us"] is None:
            continue
        if row.p50_us is None or row.accuracy is None:
            changes.append(Change(row.format, f"{row.format}: cannot run any more", worse=True))
            continue
        ratio = row.p50_us / old["p50_us"]
        drop = old["accuracy"] - row.accuracy
        changes.append(
            Change(
                row.format,
                f"{row.format}: {ratio:.2f} × the baseline's median, accuracy {-drop:+.2%}",
                worse=ratio > 1 + tolerance or drop > 0,
            )
        )
    return changes
