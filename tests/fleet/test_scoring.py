"""Arrow in, Arrow out: row by row what `predict` says."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from mnist_edge import Classifier
from mnist_edge.data.pictures import Picture
from mnist_edge.fleet import scoring
from tests.fleet.conftest import MODEL, Pictures, expected_row


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load(MODEL)


def test_each_row_is_what_predict_says(pictures: Pictures, classifier: Classifier) -> None:
    paths = sorted(pictures.folder.rglob("*.png"))[:24]
    rows = [Picture(path.as_uri(), path.read_bytes()) for path in paths]
    (table,) = scoring.tables(rows)
    answers = scoring.score(table, classifier)
    assert answers.schema == scoring.answers_schema()
    assert answers.to_pylist() == [expected_row(*row[:2], classifier) for row in rows]  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [[0], [6], [0, 3, 6], [*range(7)]])
def test_a_bad_picture_keeps_no_other_from_its_answer(
    bad: list[int], pictures: Pictures, classifier: Classifier
) -> None:
    good = min((pictures.folder / "0").iterdir()).read_bytes()
    rows = [Picture(str(number), b"bad" if number in bad else good) for number in range(7)]
    answers = scoring.score(next(scoring.tables(rows)), classifier)
    assert [number for number, error in enumerate(answers["error"]) if error.is_valid] == bad
    assert [number for number, digit in enumerate(answers["digit"]) if not digit.is_valid] == bad


def test_a_picture_without_bytes_keeps_its_error(classifier: Classifier) -> None:
    rows = [Picture("a", None, "Permission denied"), Picture("b", None)]
    answers = scoring.score(next(scoring.tables(rows)), classifier).to_pylist()
    assert [row["error"] for row in answers] == ["Permission denied", "no picture"]
    assert not any(row["accepted"] for row in answers)


def test_a_mistake_of_ours_at_one_picture_is_its_error(
    pictures: Pictures, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = min((pictures.folder / "0").iterdir()).read_bytes()
    real = Classifier.predict_batch

    def mistaken(self: Classifier, images: list[bytes]) -> object:
        if b"strange" in images:
            raise IndexError("list index out of range")
        return real(self, images)

    monkeypatch.setattr(Classifier, "predict_batch", mistaken)
    rows = [Picture("a", good), Picture("b", b"strange"), Picture("c", good)]
    answers = scoring.score(next(scoring.tables(rows)), classifier).to_pylist()
    errors = [None, "unexpected IndexError: list index out of range", None]
    assert [row["error"] for row in answers] == errors


def test_an_empty_table_gives_an_empty_one(classifier: Classifier) -> None:
    answers = scoring.score(scoring.pictures_schema().empty_table(), classifier)
    assert answers.schema == scoring.answers_schema()
    assert len(answers) == 0


def test_tables_are_bounded_in_rows_and_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "BYTES", 1000)
    small = [Picture(str(number), b"1") for number in range(scoring.ROWS + 1)]
    assert [len(table) for table in scoring.tables(small)] == [scoring.ROWS, 1]
    large = [Picture(str(number), bytes(600)) for number in range(5)]
    assert [len(table) for table in scoring.tables(large)] == [2, 2, 1]
    assert pa.concat_tables(scoring.tables(large))["id"].to_pylist() == [*"01234"]


def test_text_that_is_no_utf8_does_not_end_a_job(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(*_: object) -> np.ndarray:
        raise ValueError("a name \udcff")

    monkeypatch.setattr(Classifier, "predict_batch", mistaken)
    answers = scoring.score(next(scoring.tables([Picture("a", b"1")])), classifier)
    assert answers["error"].to_pylist() == ["unexpected ValueError: a name \\udcff"]
