"""Evaluating pictures of which it is known what they show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist_edge.data import synthetic
from mnist_edge.runtime import error_sheet
from mnist_edge.runtime.classifier import Classifier
from mnist_edge.runtime.error_sheet import draw
from mnist_edge.runtime.evaluate import evaluate, notes_of, table_of
from mnist_edge.runtime.labelled import items_of

DIGITS = synthetic.generate(60, seed=5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty digits, one of them in the wrong folder, and a blank picture."""
    for number, (image, label) in enumerate(zip(DIGITS.images[:20], DIGITS.labels, strict=False)):
        name = str((label + (number == 0)) % 10)
        (tmp_path / name).mkdir(exist_ok=True)
        Image.fromarray(image).save(tmp_path / name / f"{number:02}.png")
    (tmp_path / "blank").mkdir()
    Image.new("L", (50, 50)).save(tmp_path / "blank" / "a.png")
    return tmp_path


def test_a_folder_tells_its_digits_by_its_folders(folder: Path) -> None:
    classifier = Classifier.load()
    evaluation = evaluate(classifier, items_of(folder))
    total = evaluation.total
    assert (total.digits, total.others, total.refused) == (20, 1, 1)
    right = [
        classifier.predict(folder / item.path).digit == int(item.label)
        for item in items_of(folder)
        if item.label
    ]
    assert total.right == sum(right)
    assert np.sum(evaluation.confusion) == 20
    assert np.trace(evaluation.confusion) == total.right
    wrong = [item.path.name for item, _, _ in evaluation.errors]
    assert "00.png" in wrong
    assert any("00.png" in note for note in notes_of(evaluation))
    assert draw(classifier, evaluation).width > 100


def test_a_sheet_of_very_many_errors_has_the_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = Classifier.load()
    evaluation = evaluate(classifier, items_of(folder))
    evaluation.errors *= 3 * error_sheet.COLUMNS
    whole = draw(classifier, evaluation)
    monkeypatch.setattr(error_sheet, "MOST", error_sheet.COLUMNS)
    assert draw(classifier, evaluation).height == error_sheet.TILE + error_sheet.CAPTION
    assert whole.height >= 3 * (error_sheet.TILE + error_sheet.CAPTION)


def test_a_csv_tells_labels_lines_and_kinds(folder: Path) -> None:
    line = np.hstack([255 - DIGITS.images[at] for at in (1, 2, 3)])
    Image.fromarray(line).save(folder / "line.png")
    (folder / "bad.png").write_text("no picture")
    text = "".join(map(str, DIGITS.labels[1:4]))
    first = next(folder.glob("*/01.png")).relative_to(folder)
    rows = ["path,label,pen", f"{first},{DIGITS.labels[1]},felt", f"line.png,{text},felt"]
    rows += ["blank/a.png,,none", "bad.png,3,none"]
    table = folder / "manifest.csv"
    table.write_text("\n".join(rows))
    evaluation = evaluate(Classifier.load(), items_of(table))
    assert evaluation.total.lines == 1
    assert set(evaluation.groups) == {"pen: felt", "pen: none"}
    # What cannot be decoded is counted nowhere.
    assert evaluation.groups["pen: none"].digits == 0
    assert evaluation.groups["pen: none"].others == 1
    assert len(evaluation.unreadable) == 1
    assert [row[0] for row in table_of(evaluation)] == ["all", "pen: felt", "pen: none"]
    # A folder with a CSV in it is what the CSV says.
    assert items_of(folder) == items_of(table)
