"""Rows of a label and 784 pixels, as Kaggle and others write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge import data
from mnist_edge.data import csv_files
from mnist_edge.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

Arrays = dict[str, NDArray[np.uint8]]
PIXELS = [f"pixel{number}" for number in range(784)]


def table(images: NDArray[np.generic], labels: NDArray[np.generic] | None) -> list[list[str]]:
    rows = images.reshape(len(images), 784).tolist()
    if labels is not None:
        rows = [[label, *row] for label, row in zip(labels.tolist(), rows, strict=True)]
    return [[*map(str, row)] for row in rows]


def write(path: Path, rows: list[list[str]], header: list[str] | None = None) -> Path:
    path.write_text("".join(",".join(row) + "\n" for row in ([header] if header else []) + rows))
    return path


def test_kaggles_two_files(arrays: Arrays, tmp_path: Path) -> None:
    rows = table(arrays["x_train"], arrays["y_train"])
    write(tmp_path / "train.csv", rows, ["label", *PIXELS])
    write(tmp_path / "test.csv", table(arrays["x_test"], None), PIXELS)
    (tmp_path / "sample_submission.csv").write_text("ImageId,Label\n1,0\n")

    dataset = data.load(str(tmp_path))

    assert [len(split.labels) for split in (dataset.train, dataset.validation, dataset.test)] == [
        *(19, 1, 4)
    ]
    assert dataset.notes[:2] == (
        "test.csv has no labels and is not used",
        "without a test file, one in 6 pictures tests, always the same",
    )
    pairs = {
        (image.tobytes(), int(label))
        for split in (dataset.train, dataset.validation, dataset.test)
        for image, label in zip(*split, strict=True)
    }
    expected = zip(arrays["x_train"], arrays["y_train"], strict=True)
    assert pairs == {(image.tobytes(), int(label)) for image, label in expected}


def test_kaggles_training_file_alone(arrays: Arrays, tmp_path: Path) -> None:
    rows = table(arrays["x_train"], arrays["y_train"])
    path = write(tmp_path / "train.csv", rows, ["label", *PIXELS])
    dataset = data.load(str(path))
    assert (dataset.name, len(dataset.test.labels)) == ("train.csv", 4)
    assert dataset.notes[0].startswith("without a test file")


@pytest.mark.parametrize(
    "header",
    [None, ["label", *(f"{row}x{column}" for row in range(28) for column in range(28))]],
    ids=["without a header", "with one"],
)
def test_two_files_with_labels(header: list[str] | None, arrays: Arrays, tmp_path: Path) -> None:
    for part in ("train", "test"):
        rows = table(arrays[f"x_{part}"], arrays[f"y_{part}"])
        write(tmp_path / f"mnist_{part}.csv", rows, header)
    dataset = csv_files.load(tmp_path)
    np.testing.assert_array_equal(dataset.train.images, arrays["x_train"][:22])
    np.testing.assert_array_equal(dataset.train.labels, arrays["y_train"][:22])
    np.testing.assert_array_equal(dataset.test.images, arrays["x_test"])
    np.testing.assert_array_equal(dataset.test.labels, arrays["y_test"])
    assert dataset.notes == ()


def test_the_label_is_found_by_its_name(arrays: Arrays, tmp_path: Path) -> None:
    """OpenML's mnist_784 has it last, and quotes its names."""
    rows = [[*row[1:], row[0]] for row in table(arrays["x_train"], arrays["y_train"])]
    header = [f'"{name}"' for name in (*PIXELS, "Class")]
    write(tmp_path / "train.csv", rows, header)
    write(tmp_path / "test.csv", rows, header)
    dataset = csv_files.load(tmp_path)
    np.testing.assert_array_equal(dataset.test.images, arrays["x_train"])
    np.testing.assert_array_equal(dataset.test.labels, arrays["y_train"])


def test_floats(arrays: Arrays, tmp_path: Path) -> None:
    for part in ("train", "test"):
        images = arrays[f"x_{part}"] / 255
        write(tmp_path / f"{part}.csv", table(images, arrays[f"y_{part}"].astype(float)))
    dataset = csv_files.load(tmp_path)
    np.testing.assert_array_equal(dataset.test.images, arrays["x_test"])
    np.testing.assert_array_equal(dataset.test.labels, arrays["y_test"])


def test_what_editors_of_tables_add(arrays: Arrays, tmp_path: Path) -> None:
    rows = table(arrays["x_train"], arrays["y_train"])
    text = "\r\n".join(",".join(row) for row in [["label", *PIXELS], *rows]) + "\r\n\r\n"
    (tmp_path / "train.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert len(csv_files.load(tmp_path / "train.csv").test.labels) == 4


def test_emnists_files_are_turned_upright(arrays: Arrays, tmp_path: Path) -> None:
    for part in ("train", "test"):
        rows = table(arrays[f"x_{part}"], arrays[f"y_{part}"])
        write(tmp_path / f"emnist-digits-{part}.csv", rows)
    dataset = csv_files.load(tmp_path)
    np.testing.assert_array_equal(dataset.test.images, arrays["x_test"].swapaxes(1, 2))
    assert "turned upright" in dataset.notes[-1]


def test_several_datasets_are_not_guessed(arrays: Arrays, tmp_path: Path) -> None:
    rows = table(arrays["x_train"], arrays["y_train"])
    for name in ("mnist_train.csv", "emnist-digits-train.csv"):
        write(tmp_path / name, rows)
    with pytest.raises(DataError, match=r"several datasets, emnist-digits-train\.csv, mnist_"):
        csv_files.load(tmp_path)
    assert csv_files.load(tmp_path / "mnist_train.csv").name == "mnist_train.csv"


ZEROS = ["0"] * 784
WRONG = {
    "no rows": ([], ["label", *PIXELS], "no images at all"),
    "an index": ([["0", "7", *ZEROS]] * 9, ["", "label", *PIXELS], "786 columns"),
    "too few pixels": ([["7", *ZEROS[1:-1]]] * 9, None, "has 783 columns"),
    "no label among the names": ([["7", *ZEROS]] * 9, ["digit", *PIXELS], "0 of them labels"),
    "two labels": ([["7", *ZEROS]] * 9, ["label", "class", *PIXELS[1:]], "2 of them labels"),
    "a row that is short": ([["7", *ZEROS], ["7", "0"]] * 9, None, "from 785 to 2 at row 2"),
    "words": ([["7", *ZEROS], ["seven", *ZEROS]] * 9, None, "'seven' to float32 at row 1"),
    "pixels out of range": ([["7", *ZEROS[1:], "256"]] * 9, None, "0 to 256"),
    "labels out of range": ([["10", *ZEROS]] * 9, None, "label 10"),
    "the files of pictures": ([["7", "a.png"]] * 9, ["label", "file"], "has 2 columns"),
    "a line without end": ([["0" * (1 << 16)]], ["label", *PIXELS], "a line of 32,768 characters"),
    "nothing": ([], None, "has 1 columns"),
}


@pytest.mark.parametrize(("rows", "header", "cause"), WRONG.values(), ids=WRONG.keys())
def test_other_tables_are_refused(
    rows: list[list[str]], header: list[str] | None, cause: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "train.csv", rows, header)
    with pytest.raises(DataError, match=rf"train\.csv.*{cause}") as caught:
        csv_files.load(path)
    assert "\n" not in caught.value.cause


def test_a_file_beyond_the_ceiling_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # which takes no space
    with pytest.raises(DataError, match="holds 1,099,511,627,776 bytes"):
        csv_files.load(path)


def test_what_stands_in_a_file_is_not_printed_raw(tmp_path: Path) -> None:
    path = write(tmp_path / "train.csv", [["7", *ZEROS[1:], "\x1b[2J" * 1000]] * 9)
    with pytest.raises(DataError) as caught:
        csv_files.load(path)
    assert caught.value.cause.isprintable()
    assert len(caught.value.cause) < 1000


def test_a_test_file_by_itself_has_no_labels(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no labels"):
        csv_files.load(write(tmp_path / "test.csv", [ZEROS] * 9, PIXELS))
