"""What a dataset is called, and how its splits are cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge.data.dataset import Dataset, Split
from mnist_edge.errors import DataError

Arrays = dict[str, NDArray[np.uint8]]


def numbered(labels: NDArray[np.uint8]) -> Split:
    """Pictures that differ in one pixel, so that each can be told from the others."""
    images = np.zeros((len(labels), 28, 28), np.uint8)
    images[:, 14, 14] = 100 + np.arange(len(labels))
    return Split(images, labels)


def numbers(split: Split) -> list[int]:
    return [int(image[14, 14]) - 100 for image in split.images]


TEST = numbered(np.array([1, 2], np.uint8))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/home/somebody/digits.npz", "digits.npz"),
        ("digits/", "digits"),
        ("digits/../others", "others"),
        # What reports call mnist is MNIST.
        ("/data/mnist", "./mnist"),
        ("synthetic", "./synthetic"),
        ("r\udce9sum\x1b.npz", r"r\udce9sum\x1b.npz"),
    ],
)
def test_the_name_is_the_last_part_of_the_path(
    path: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dataset = Dataset.from_arrays(Path(path), numbered(np.arange(9, dtype=np.uint8)), TEST)
    assert dataset.name == name
    assert dataset.source == (tmp_path / path).resolve()


def test_the_name_of_a_folder_that_is_entered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dataset = Dataset.from_arrays(Path(), numbered(np.arange(9, dtype=np.uint8)), TEST)
    assert dataset.name == tmp_path.name


def test_a_link_keeps_its_own_name(tmp_path: Path) -> None:
    """Hugging Face's cache has links with names to files without any."""
    (tmp_path / "train.npz").symlink_to(tmp_path / "8f0a3c")
    path = tmp_path / "train.npz"
    dataset = Dataset.from_arrays(path, numbered(np.arange(9, dtype=np.uint8)), TEST)
    assert (dataset.name, dataset.source) == ("train.npz", path)


def test_a_named_dataset_lies_nowhere() -> None:
    dataset = Dataset.from_arrays("mnist", numbered(np.arange(9, dtype=np.uint8)), TEST)
    assert (dataset.name, dataset.source, dataset.notes) == ("mnist", None, ())


def test_pictures_that_are_mixed_keep_their_order() -> None:
    labels = np.resize(np.arange(10, dtype=np.uint8), 48)
    dataset = Dataset.from_arrays("mixed", numbered(labels), TEST)
    assert numbers(dataset.train) == [*range(44)]
    assert numbers(dataset.validation) == [*range(44, 48)]


@pytest.mark.parametrize(
    "order", [[*range(10)], [*range(9, -1, -1)], [3, 1, 4, 5, 9, 2, 6, 8, 7, 0]]
)
def test_pictures_that_are_sorted_are_shuffled(order: list[int]) -> None:
    """Else only the last digit would validate, and hardly any of it train."""
    labels = np.repeat(np.array(order, np.uint8), 12)
    dataset = Dataset.from_arrays("sorted", numbered(labels), TEST)
    assert sorted(numbers(dataset.train) + numbers(dataset.validation)) == [*range(120)]
    assert len({*dataset.validation.labels}) > 3
    for split in (dataset.train, dataset.validation):
        np.testing.assert_array_equal(split.labels, labels[numbers(split)])
    again = Dataset.from_arrays("sorted", numbered(labels), TEST)
    np.testing.assert_array_equal(again.train.images, dataset.train.images)


def test_without_a_test_file_one_in_six_pictures_tests() -> None:
    labels = np.resize(np.arange(10, dtype=np.uint8), 60)
    dataset = Dataset.from_arrays("alone", numbered(labels), None)
    assert len(dataset.test.labels) == 10
    every = [*dataset.train.images, *dataset.validation.images, *dataset.test.images]
    assert len({image.tobytes() for image in every}) == 60
    assert dataset.notes == ("without a test file, one in 6 pictures tests, always the same",)


@pytest.mark.parametrize("count", [1, 5])
def test_too_few_to_split(count: int) -> None:
    with pytest.raises(DataError, match=f"few: {count} pictures cannot be split"):
        Dataset.from_arrays("few", numbered(np.arange(count, dtype=np.uint8)), None)
