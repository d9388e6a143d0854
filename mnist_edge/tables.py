"""Rows as a table: aligned text, Markdown, or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> str:
    """Return aligned columns: the first `left` to the left, the others to the right."""
    lines = [list(headers), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headers))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def markdown(headers: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> str:
    """Return the same as a table of Markdown."""
    rule = ["---" if column < left else "--:" for column in range(len(headers))]
    return "\n".join(f"| {' | '.join(line)} |" for line in (headers, rule, *rows))


def comma_separated(rows: Sequence[Mapping[str, object]]) -> str:
    """Return rows as CSV, with the columns of the longest."""
    names = max(rows, key=len)
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: row.get(name) for name in names} for row in rows)
    return text.getvalue().rstrip("\n")
