"""Directories with one folder of images per class."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mnist_edge.data import folders
from mnist_edge.errors import DataError
from mnist_edge.runtime.reading import read

if TYPE_CHECKING:
    from mnist_edge.data.dataset import Split


def draw(path: Path, digit: int, size: int) -> None:
    """Draw a light digit on black, in a size that sets the picture apart from the others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("L", (28, 28))
    ImageDraw.Draw(image).text((8, 2), str(digit), fill=255, font_size=size)
    image.save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures of each digit."""
    for digit in range(10):
        for number in range(3):
            draw(tmp_path / str(digit) / f"{number}.png", digit, 12 + 4 * number)
    return tmp_path


def pairs(*splits: Split) -> list[tuple[bytes, int]]:
    return sorted(
        (image.tobytes(), int(label))
        for split in splits
        for image, label in zip(*split, strict=True)
    )


def test_every_picture_is_read_as_predict_reads_it(folder: Path) -> None:
    dataset = folders.load(folder)

    assert (dataset.name, dataset.source) == (folder.name, folder)
    assert [len(split.labels) for split in (dataset.train, dataset.validation, dataset.test)] == [
        # Of 30 pictures one in six tests, and one in twelve of the other 25 validates.
        23,
        2,
        5,
    ]
    assert pairs(dataset.train, dataset.validation, dataset.test) == sorted(
        (read(path).image.tobytes(), int(path.parent.name)) for path in folder.glob("*/*.png")
    )


def test_validation_and_test_are_mixed(folder: Path) -> None:
    dataset = folders.load(folder)
    # Sorted by class, the last five pictures would be of 8 and 9 alone.
    assert len(set(dataset.test.labels)) > 3
    assert len(set(dataset.validation.labels)) > 1


def test_the_split_does_not_depend_on_the_file_system(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = folders.load(folder)
    assert len(set(pairs(dataset.train, dataset.validation, dataset.test))) == 30
    listing = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda path: iter(sorted(listing(path), reverse=True)))
    again = folders.load(folder)
    np.testing.assert_array_equal(again.train.images, dataset.train.images)
    np.testing.assert_array_equal(again.train.labels, dataset.train.labels)
    np.testing.assert_array_equal(again.test.images, dataset.test.images)


def test_train_and_test_folders_are_kept_apart(tmp_path: Path) -> None:
    for digit in range(10):
        for number in range(3):
            draw(tmp_path / "train" / str(digit) / f"{number}.png", digit, 12 + 4 * number)
        draw(tmp_path / "test" / str(digit) / "0.jpg", digit, 18)

    dataset = folders.load(tmp_path)

    assert len(dataset.train.labels) + len(dataset.validation.labels) == 30
    assert len(set(dataset.validation.labels)) > 1
    assert pairs(dataset.test) == sorted(
        (read(path).image.tobytes(), int(path.parent.name)) for path in tmp_path.glob("test/*/*")
    )


def test_what_is_hidden_or_no_image_is_skipped(folder: Path) -> None:
    before = folders.load(folder)
    (folder / "photos.csv").write_text("name,digit\n")
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / "3" / ".DS_Store").write_bytes(b"\0")
    (folder / "3" / "._0.png").write_bytes(b"\0")
    (folder / "3" / "Thumbs.db").write_bytes(b"\0")
    after = folders.load(folder)
    np.testing.assert_array_equal(after.train.images, before.train.images)


def test_suffixes_in_capitals_are_images(folder: Path) -> None:
    (folder / "3" / "0.png").rename(folder / "3" / "0.PNG")
    assert len(folders.load(folder).test.labels) == 5


def test_an_empty_class_folder_is_named(folder: Path) -> None:
    shutil.rmtree(folder / "4")
    (folder / "4").mkdir()
    (folder / "4" / "notes.txt").write_text("none yet")
    with pytest.raises(DataError) as caught:
        folders.load(folder)
    assert str(folder / "4") in caught.value.cause
    assert "no images" in caught.value.cause


@pytest.mark.parametrize("content", [b"", b"no picture"])
def test_an_unreadable_picture_is_named(content: bytes, folder: Path) -> None:
    (folder / "5" / "bad.png").write_bytes(content)
    with pytest.raises(DataError) as caught:
        folders.load(folder)
    assert str(folder / "5" / "bad.png") in caught.value.cause
    assert "remove this picture" in caught.value.remedy


def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "5" / "pipe.png")
    with pytest.raises(DataError, match=r"pipe\.png is no regular file"):
        folders.load(folder)


@pytest.mark.parametrize("name", ["10", "cat", "-1", "03", "train"])
def test_a_folder_that_is_no_class_is_named(name: str, folder: Path) -> None:
    draw(folder / name / "0" / "0.png", 0, 18)
    with pytest.raises(DataError) as caught:
        folders.load(folder)
    assert str(folder / name) in caught.value.cause


def test_a_directory_without_classes_is_refused(tmp_path: Path) -> None:
    draw(tmp_path / "digit.png", 3, 18)
    with pytest.raises(DataError) as caught:
        folders.load(tmp_path)
    assert str(tmp_path) in caught.value.cause
    assert "DIR/0 to DIR/9" in caught.value.remedy
