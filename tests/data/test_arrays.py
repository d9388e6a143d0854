"""The arrays in which people store digits, brought to one form or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge.data import arrays
from mnist_edge.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 28, 28), np.uint8)
LABELS = np.array([3, 0, 9, 9, 1], np.uint8)


def pixels(images: NDArray[Any]) -> NDArray[np.uint8]:
    return arrays.pixels("digits", images, arrays.full_scale("digits", images))


@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 1), (1, 28, 28), (784,)], ids=str)
@pytest.mark.parametrize("dtype", ["u1", "i2", "i8", "f2", "f4", ">f8"])
def test_bytes_survive_every_shape_and_type(shape: tuple[int, ...], dtype: str) -> None:
    read = pixels(IMAGES.reshape(5, *shape).astype(dtype))
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, IMAGES)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_bytes_survive_a_division_by_255(dtype: str) -> None:
    np.testing.assert_array_equal(pixels((IMAGES / 255).astype(dtype)), IMAGES)


@pytest.mark.parametrize("dtype", ["?", "u1", "i8", "f4"])
def test_ink_of_one_is_full(dtype: str) -> None:
    ink = IMAGES > 127
    np.testing.assert_array_equal(pixels(ink.astype(dtype)), ink * np.uint8(255))


def test_both_splits_are_counted_in_the_range_of_the_training_split() -> None:
    with pytest.raises(DataError, match="pixels are 0 to 1, those of the training split 0 to 255"):
        arrays.pixels("test", (IMAGES > 200).astype(np.uint8), 255)
    paper = np.zeros_like(IMAGES)
    np.testing.assert_array_equal(arrays.pixels("test", paper, 255), paper)
    with pytest.raises(DataError, match="pixels are 0 to 255, those of the training split 0 to 1"):
        arrays.pixels("test", IMAGES, 1)


def test_more_pictures_than_are_converted_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "CHUNK", 2)
    np.testing.assert_array_equal(pixels(IMAGES / 255), IMAGES)


WRONG_PIXELS = {
    "standardized": (IMAGES / 255 - 0.1307) / 0.3081,
    "minus one to one": IMAGES / 127.5 - 1,
    "16 bits": IMAGES.astype(np.uint16) * 257,
    "a little beyond 1": IMAGES / 254,
    "16 levels": IMAGES // 16,
    "not a number": np.full((5, 28, 28), np.nan),
    "infinite": np.where(IMAGES > 127, np.inf, 0),
}


@pytest.mark.parametrize("images", WRONG_PIXELS.values(), ids=WRONG_PIXELS.keys())
def test_pixels_out_of_range_are_refused(images: NDArray[Any]) -> None:
    with pytest.raises(DataError, match="neither 0 to 1 nor 0 to 255") as caught:
        pixels(images)
    assert "before any normalization" in caught.value.remedy


@pytest.mark.parametrize("shape", [(5, 32, 32), (5, 28, 28, 3), (5, 785), (3920,), ()], ids=str)
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(
        DataError, match=r"not \(N, 28, 28\), \(N, 28, 28, 1\), \(N, 1, 28, 28\) or"
    ):
        pixels(np.zeros(shape))


@pytest.mark.parametrize("labels", [LABELS, LABELS[:, None], np.eye(10)[LABELS]], ids="123")
@pytest.mark.parametrize("dtype", ["u1", "i8", "f4", ">f8"])
def test_labels_in_every_form(labels: NDArray[Any], dtype: str) -> None:
    read = arrays.digits("digits", labels.astype(dtype))
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, LABELS)


WRONG_LABELS = {
    "probabilities": (np.full((5, 10), 0.1), "not one-hot"),
    "two at once": (np.eye(10)[LABELS] + np.eye(10)[8], "not one-hot"),
    "none": (np.zeros((5, 10)), "not one-hot"),
    "halves": (LABELS / 2, "not whole numbers"),
    "not a number": (np.array([0, np.nan]), "not whole numbers"),
    "text": (LABELS.astype(str), r"<U3 \(5,\), not integers"),
    "columns": (np.zeros((5, 2)), r"\(5, 2\), not integers"),
    "letters": (np.array([1, 26]), "label 26 of image 1 is outside 0 to 9"),
}


@pytest.mark.parametrize(("labels", "cause"), WRONG_LABELS.values(), ids=WRONG_LABELS.keys())
def test_other_labels_are_refused(labels: NDArray[Any], cause: str) -> None:
    with pytest.raises(DataError, match=cause):
        arrays.digits("digits", labels)
