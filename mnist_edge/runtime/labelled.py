"""Pictures of which it is known what they show: those of a folder, or those that a CSV names."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

from mnist_edge.errors import DataError, printable
from mnist_edge.runtime.pictures import pictures_in

MOST_KINDS = 12  # in a column of a CSV that tells kinds apart; others tell pictures apart


class Item(NamedTuple):
    """A picture, and what it shows.

    Attributes:
        path: where it is.
        label: the digit, a line of digits, or nothing where no single digit is to be found.
        kinds: what a CSV says of it, by column.
    """

    path: Path
    label: str
    kinds: dict[str, str]


def items_of(source: Path) -> list[Item]:
    """List the pictures that a CSV names, or those of a folder.

    A CSV has a column `path`, seen from its own folder, and perhaps `label`; each other column
    with few values tells kinds apart. A folder has such a CSV in it; or one folder for each
    digit, `0` to `9`, and others for what shows none.

    Raises:
        DataError: there is nothing of that kind, or there are several CSVs.
    """
    if not source.exists():
        raise DataError(f"{source}: there is no such file or folder.", remedy="check the path.")
    tables = [source] if source.is_file() else sorted(source.glob("*.csv"))
    if len(tables) > 1:
        raise DataError(
            f"{source} has several CSV files.", remedy=f"name one, such as {tables[0]}."
        )
    if tables:
        return _items_of_csv(tables[0])
    items = [Item(path, _label(path), {}) for path in map(Path, pictures_in(str(source)))]
    if not items:
        raise DataError(
            f"{source} has no pictures.",
            remedy="name a folder with pictures in 0/ to 9/, or a CSV with a column path.",
        )
    return items


def _items_of_csv(table: Path) -> list[Item]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            rows = [row for row in reader if row.get("path")]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{table} cannot be read as a CSV.", remedy="save it as UTF-8, with commas."
        ) from error
    if "path" not in (reader.fieldnames or ()):
        raise DataError(f"{table} has no column path.", remedy="name the pictures in one.")
    if not rows:
        raise DataError(f"{table} names no pictures.", remedy="name some in its column path.")
    columns = [name for name in rows[0] if name and name not in ("path", "label")]
    few = [name for name in columns if 1 < len({row[name] for row in rows}) <= MOST_KINDS]
    items = []
    for row in rows:
        path = table.parent / row["path"]
        label = row["label"] if row.get("label") is not None else _label(path)
        if label and not (label.isascii() and label.isdigit()):
            raise DataError(
                f"{table}: the label {label[:20]!r} of {printable(row['path'])} is not made of "
                "digits.",
                remedy="write digits, or nothing where there are none.",
            )
        items.append(Item(path, label, {name: row[name] for name in few if row[name]}))
    return items


def _label(path: Path) -> str:
    name = path.parent.name
    return name if len(name) == 1 and name in "0123456789" else ""
