"""How well pictures are read, of which it is known what they show: counts, groups, a sheet."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageOps

from mnist_edge.errors import DataError, UnreadableImage
from mnist_edge.runtime.answers import Prediction
from mnist_edge.runtime.classifier import Classifier
from mnist_edge.runtime.explain import in_words
from mnist_edge.runtime.pictures import pictures_in
from mnist_edge.runtime.reading.decoding import decode

MOST_KINDS = 12  # in a column of a CSV that tells kinds apart; others tell pictures apart

# Of the sheet, in pixels.
TILE, CAPTION, COLUMNS = 112, 28, 6
BACKGROUND = (40, 40, 60)


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


@dataclass
class Count:
    """Pictures of a group.

    Attributes:
        digits: of one digit.
        right: of these, read right.
        accepted: of these, trusted.
        accepted_wrong: of these, trusted and read wrong.
        others: without a single digit.
        refused: of these, not trusted as a digit.
        lines: of several digits, from the left to the right.
        lines_right: of these, read whole.
    """

    digits: int = 0
    right: int = 0
    accepted: int = 0
    accepted_wrong: int = 0
    others: int = 0
    refused: int = 0
    lines: int = 0
    lines_right: int = 0

    def add(self, label: str, answer: Prediction, line: str | None) -> None:
        """Count one picture."""
        if len(label) == 1:
            right = str(answer.digit) == label
            self.digits += 1
            self.right += right
            self.accepted += answer.accepted
            self.accepted_wrong += answer.accepted and not right
            return
        self.others += 1
        self.refused += not answer.accepted
        if label:
            self.lines += 1
            self.lines_right += line == label


@dataclass
class Evaluation:
    """What came out.

    Attributes:
        model: the model that answered.
        total: of all pictures.
        groups: by column of the CSV and its value.
        confusion: how often each digit (a row) was read as each (a column).
        errors: the pictures that were not read as they should have been, with their answers.
        unreadable: one line about each picture that cannot be decoded; it is counted as refused.
    """

    model: str
    total: Count = field(default_factory=Count)
    groups: dict[str, Count] = field(default_factory=dict)
    confusion: list[list[int]] = field(default_factory=lambda: [[0] * 10 for _ in range(10)])
    errors: list[tuple[Item, Prediction, str | None]] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


def items_of(source: Path) -> list[Item]:
    """List the pictures that a CSV names, or those of a folder.

    A CSV has a column `path`, seen from its own folder, and perhaps `label`; each other column
    with few values tells kinds apart. A folder has one folder for each digit, `0` to `9`, and
    others for what shows none; or it has such a CSV in it.

    Raises:
        DataError: there is nothing of that kind.
    """
    table = source if source.is_file() else next(iter(sorted(source.glob("*.csv"))), None)
    if table is not None:
        return _items_of_csv(table)
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
            rows = [row for row in csv.DictReader(file) if row.get("path")]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{table} cannot be read as a CSV.", remedy="save it as UTF-8, with commas."
        ) from error
    if not rows:
        raise DataError(f"{table} has no column path.", remedy="name the pictures in one.")
    columns = [name for name in rows[0] if name and name not in ("path", "label")]
    few = [name for name in columns if 1 < len({row[name] for row in rows}) <= MOST_KINDS]
    items = []
    for row in rows:
        path = table.parent / row["path"]
        label = row["label"] if row.get("label") is not None else _label(path)
        if label and not (label.isascii() and label.isdigit()):
            raise DataError(
                f"{table}: the label {label[:20]!r} of {row['path']} is no digits.",
                remedy="write digits, or nothing where there are none.",
            )
        items.append(Item(path, label, {name: row[name] for name in few if row[name]}))
    return items


def _label(path: Path) -> str:
    name = path.parent.name
    return name if len(name) == 1 and name in "0123456789" else ""


def evaluate(
    classifier: Classifier, items: Sequence[Item], done: Callable[[int], None] = lambda _: None
) -> Evaluation:
    """Read pictures, and count what comes out.

    Args:
        classifier: what reads them.
        items: the pictures.
        done: is told how many are done.
    """
    evaluation = Evaluation(classifier.model)
    for number, item in enumerate(items, start=1):
        answer = classifier.predict_batch([item.path], errors="keep")
        if answer.errors:
            error = answer.errors[0]
            evaluation.unreadable.append(f"{error.cause} {error.remedy}")
        _count(evaluation, item, answer[0], _line(classifier, item))
        done(number)
    return evaluation


def _line(classifier: Classifier, item: Item) -> str | None:
    if len(item.label) < 2:
        return None
    try:
        return classifier.read_line(item.path).text
    except UnreadableImage:
        return None


def _count(evaluation: Evaluation, item: Item, answer: Prediction, line: str | None) -> None:
    evaluation.total.add(item.label, answer, line)
    for column, kind in item.kinds.items():
        group = evaluation.groups.setdefault(f"{column}: {kind}", Count())
        group.add(item.label, answer, line)
    if len(item.label) == 1:
        as_it_should = str(answer.digit) == item.label
        if answer.digit is not None:
            evaluation.confusion[int(item.label)][answer.digit] += 1
    else:
        as_it_should = not answer.accepted and line == (item.label or None)
    if not as_it_should:
        evaluation.errors.append((item, answer, line))


def table_of(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """Return the rows of a table: a group, and of its pictures how many are what, in percent."""
    groups = {"all": evaluation.total, **dict(sorted(evaluation.groups.items()))}
    return [
        (
            name,
            f"{count.digits}",
            _share(count.right, count.digits),
            _share(count.accepted, count.digits),
            _share(count.accepted_wrong, count.accepted),
            f"{count.others}",
            _share(count.refused, count.others),
            f"{count.lines}",
            _share(count.lines_right, count.lines),
        )
        for name, count in groups.items()
    ]


HEADERS = (
    *("", "digits", "right", "accepted", "wrong of these"),
    *("others", "refused", "lines", "read whole"),
)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2%}" if whole else ""


def notes_of(evaluation: Evaluation) -> Iterator[str]:
    """Yield a line about each picture that is not read as it should be."""
    yield from evaluation.unreadable
    for item, answer, line in evaluation.errors:
        what = f"line read as {line}" if line is not None else in_words(answer)
        yield f"{item.path}: shows {item.label or 'no digit'}: {what}"


def sheet(classifier: Classifier, evaluation: Evaluation) -> Image.Image:
    """Draw each error: the picture, what the network saw, and what it said."""
    errors = [error for error in evaluation.errors if error[1].reason != "unreadable"]
    rows = max(1, -(-len(errors) // COLUMNS))
    drawn = Image.new("RGB", (COLUMNS * 2 * TILE, rows * (TILE + CAPTION)), BACKGROUND)
    pen = ImageDraw.Draw(drawn)
    for number, (item, answer, line) in enumerate(errors):
        x, y = number % COLUMNS * 2 * TILE, number // COLUMNS * (TILE + CAPTION)
        picture = decode(item.path, classifier.max_pixels)
        drawn.paste(ImageOps.contain(picture.convert("RGB"), (TILE, TILE)), (x, y))
        seen = Image.fromarray(classifier.read(picture).image)
        drawn.paste(seen.resize((TILE, TILE), Image.Resampling.NEAREST), (x + TILE, y))
        said = line if line is not None else f"{answer.digit} ({answer.confidence:.2f})"
        trusted = "trusted" if answer.accepted else "not trusted"
        caption = item.path.name[:34], f"{item.label or 'none'}: {said}, {trusted}"
        for row, text in enumerate(caption):
            pen.text((x + 2, y + TILE + 1 + 12 * row), text, fill="white")
    return drawn


def document(evaluation: Evaluation) -> dict[str, object]:
    """Return what is printed as JSON."""
    return {
        "model": evaluation.model,
        "total": vars(evaluation.total),
        "groups": {name: vars(count) for name, count in sorted(evaluation.groups.items())},
        "confusion": evaluation.confusion,
        "errors": [
            {"path": str(item.path), "label": item.label, "line": line, "answer": answer}
            for item, answer, line in evaluation.errors
        ],
        "unreadable": evaluation.unreadable,
    }
