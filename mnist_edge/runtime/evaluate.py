"""How well pictures are read of which it is known what they show: counts, groups, errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from mnist_edge.errors import escaped
from mnist_edge.runtime.answers import Prediction
from mnist_edge.runtime.classifier import Classifier
from mnist_edge.runtime.explain import in_words
from mnist_edge.runtime.labelled import Item


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
        unreadable: one line about each picture that cannot be decoded; it is counted nowhere.
    """

    model: str
    total: Count = field(default_factory=Count)
    groups: dict[str, Count] = field(default_factory=dict)
    confusion: list[list[int]] = field(default_factory=lambda: [[0] * 10 for _ in range(10)])
    errors: list[tuple[Item, Prediction, str | None]] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


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
        else:
            line = classifier.read_line(item.path).text if len(item.label) > 1 else None
            _count(evaluation, item, answer[0], line)
        done(number)
    return evaluation


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
        what = f"line read as {line or 'nothing'}" if line is not None else in_words(answer)
        yield f"{escaped(str(item.path))}: shows {item.label or 'no digit'}: {what}"


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
