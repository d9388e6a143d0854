"""What a folder or a CSV says that its pictures show."""

from __future__ import annotations

from pathlib import Path

import pytest

from mnist_edge.errors import DataError
from mnist_edge.runtime.labelled import items_of


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("name\na.png\n", "no column path"),
        ("path,label\n", "names no pictures"),
        ("path,label\na.png,x\n", "'x'"),
    ],
)
def test_a_csv_that_says_nothing_is_refused(content: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(content)
    with pytest.raises(DataError, match=says):
        items_of(tmp_path / "table.csv")


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no pictures"):
        items_of(tmp_path)


def test_a_folder_that_does_not_say_which_table_is_meant_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("path,label\n")
    (tmp_path / "b.csv").write_text("path,label\n")
    with pytest.raises(DataError, match="several CSV files"):
        items_of(tmp_path)
    with pytest.raises(DataError, match="there is no such file or folder"):
        items_of(tmp_path / "nothing")
