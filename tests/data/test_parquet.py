"""Parquet files as Hugging Face's `datasets` writes them."""

from __future__ import annotations

import importlib.util
import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mnist_edge import data
from mnist_edge.data import parquet, synthetic
from mnist_edge.errors import DataError, MissingExtra

if TYPE_CHECKING:
    from pathlib import Path

    from mnist_edge.data.dataset import Split

TRAIN, TEST = synthetic.generate(24, seed=1), synthetic.generate(6, seed=2)


def png(image: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def columns(split: Split) -> dict[str, Any]:
    """As Hugging Face's MNIST has them."""
    pictures = [{"bytes": png(image), "path": None} for image in split.images]
    return {"image": pictures, "label": split.labels.astype(np.int64)}


def write(path: Path, table: dict[str, Any]) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    path.parent.mkdir(parents=True, exist_ok=True)
    pytest.importorskip("pyarrow.parquet").write_table(pyarrow.table(table), path)
    return path


@pytest.mark.parametrize("below", [".", "mnist", "data"])
def test_hugging_faces_layout(below: str, tmp_path: Path) -> None:
    write(tmp_path / below / "train-00000-of-00001.parquet", columns(TRAIN))
    write(tmp_path / below / "test-00000-of-00001.parquet", columns(TEST))
    dataset = data.load(str(tmp_path))
    assert (dataset.name, dataset.notes) == (tmp_path.name, ())
    np.testing.assert_array_equal(dataset.train.images, TRAIN.images[:22])
    np.testing.assert_array_equal(dataset.train.labels, TRAIN.labels[:22])
    np.testing.assert_array_equal(dataset.validation.images, TRAIN.images[22:])
    np.testing.assert_array_equal(dataset.test.images, TEST.images)
    np.testing.assert_array_equal(dataset.test.labels, TEST.labels)


def test_parts_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    halves = [type(TRAIN)(TRAIN.images[at : at + 12], TRAIN.labels[at : at + 12]) for at in (0, 12)]
    for number, half in enumerate(halves):
        write(tmp_path / f"train-0000{number}-of-00002.parquet", columns(half))
    write(tmp_path / "test-00000-of-00001.parquet", columns(TEST))
    np.testing.assert_array_equal(parquet.load(tmp_path).train.images, TRAIN.images[:22])


@pytest.mark.parametrize("name", ["image", "image.bytes"])
def test_bytes_without_a_structure(name: str, tmp_path: Path) -> None:
    table = {"label": TRAIN.labels, name: [png(image) for image in TRAIN.images]}
    path = write(tmp_path / "train.parquet", table)
    write(tmp_path / "test.parquet", table)
    assert "without a test file" in parquet.load(path).notes[0]
    np.testing.assert_array_equal(parquet.load(tmp_path).test.images, TRAIN.images)


WRONG = {
    "no labels": ({"image": [b""]}, r"has the columns image \(binary\)\."),
    "pixels": (
        {"image": [[0] * 784], "label": [1]},
        r"has the columns image \(list<.*\), label \(int64\)",
    ),
    "no picture": ({"image": [b"GIF8"], "label": [1]}, "row 0: <4 bytes> is empty or not a"),
    "nothing": (
        {"image": [png(TRAIN.images[0]), None], "label": [1, 1]},
        "row 1: <0 bytes> is empty or not a",
    ),
    "no rows": ({"image": np.array([], "S1"), "label": np.array([], int)}, "no images at all"),
    "words": ({"image": [b""], "label": ["one"]}, r"label \(string\)"),
    "no label": ({"image": [png(TRAIN.images[0])] * 2, "label": [1, None]}, "labels are object"),
    "letters": ({"image": [png(TRAIN.images[0])] * 9, "label": [17] * 9}, "label 17 of image 0"),
}


@pytest.mark.parametrize(("table", "cause"), WRONG.values(), ids=WRONG.keys())
def test_other_tables_are_refused(table: dict[str, Any], cause: str, tmp_path: Path) -> None:
    path = write(tmp_path / "train.parquet", table)
    with pytest.raises(DataError, match=rf"train\.parquet.*{cause}"):
        parquet.load(path)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "train.parquet", columns(TRAIN))
    whole = path.read_bytes()
    for content in (b"", b"PAR1", whole[:-9], whole[:400] + b"\xff" * 400 + whole[800:]):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"train\.parquet") as caught:
            parquet.load(path)
        assert "\n" not in caught.value.cause


def test_a_file_that_announces_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "train.parquet", columns(TRAIN))
    monkeypatch.setattr("mnist_edge.data.limits.CEILING", 1000)
    with pytest.raises(DataError, match="of which at most 1,000 are read"):
        parquet.load(path)


def test_the_names_of_columns_are_not_printed_raw(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        parquet.load(write(tmp_path / "train.parquet", {"\x1b[2J": [1]}))
    assert r"the columns \x1b[2J (int64)." in caught.value.cause


def test_without_pyarrow_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    (tmp_path / "train.parquet").touch()
    with pytest.raises(MissingExtra) as caught:
        data.load(str(tmp_path))
    assert caught.value.remedy == "pip install 'mnist-edge[fleet]'"
