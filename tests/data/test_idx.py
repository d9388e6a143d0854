"""Directories of IDX files, whole and broken."""

from __future__ import annotations

import gzip
import io
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge import data
from mnist_edge.data import idx
from mnist_edge.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

Arrays = dict[str, NDArray[np.uint8]]
IMAGES = "train-images-idx3-ubyte"
LABELS = "train-labels-idx1-ubyte"


@pytest.mark.parametrize("spelling", ["{}.gz", "{}", "dotted.gz", "dotted"])
def test_loads_every_spelling_of_the_names(
    spelling: str, idx_files: dict[str, bytes], arrays: Arrays, tmp_path: Path
) -> None:
    for name, content in idx_files.items():
        file = spelling.format(name).replace("dotted", name.replace("-idx", ".idx"))
        (tmp_path / file).write_bytes(gzip.compress(content) if file.endswith("gz") else content)

    dataset = idx.load(tmp_path)

    assert (dataset.name, dataset.source) == (tmp_path.name, tmp_path)
    # One in twelve of the training file validates: its last two of 24.
    np.testing.assert_array_equal(dataset.train.images, arrays["x_train"][:22])
    np.testing.assert_array_equal(dataset.train.labels, arrays["y_train"][:22])
    np.testing.assert_array_equal(dataset.validation.images, arrays["x_train"][22:])
    np.testing.assert_array_equal(dataset.validation.labels, arrays["y_train"][22:])
    np.testing.assert_array_equal(dataset.test.images, arrays["x_test"])
    np.testing.assert_array_equal(dataset.test.labels, arrays["y_test"])


def test_a_file_unpacked_under_its_compressed_name_is_read(
    idx_folder: Path, idx_files: dict[str, bytes], arrays: Arrays
) -> None:
    (idx_folder / f"{IMAGES}.gz").write_bytes(idx_files[IMAGES])
    np.testing.assert_array_equal(idx.load(idx_folder).train.images, arrays["x_train"][:22])


def test_the_arrays_can_be_written_to(idx_folder: Path) -> None:
    idx.load(idx_folder).train.images[0] = 0


def test_a_folder_that_an_unpacker_named_like_the_file_is_not_taken_for_it(
    idx_folder: Path, idx_files: dict[str, bytes]
) -> None:
    (idx_folder / f"{IMAGES}.gz").unlink()
    (idx_folder / IMAGES).mkdir()
    (idx_folder / IMAGES.replace("-idx", ".idx")).write_bytes(idx_files[IMAGES])
    assert len(idx.load(idx_folder).train.images) == 22


def emnist(idx_files: dict[str, bytes], name: str) -> dict[str, bytes]:
    """The tiny dataset under the names of EMNIST's or QMNIST's files."""
    names = [f"{name}-{part}" for part in ("train-images", "train-labels", "test-images")]
    suffixes = ["idx3-ubyte", "idx1-ubyte", "idx3-ubyte", "idx1-ubyte"]
    paths = zip([*names, f"{name}-test-labels"], suffixes, strict=True)
    return {"-".join(path): idx_files[key] for path, key in zip(paths, idx.NAMES, strict=True)}


def write(folder: Path, files: dict[str, bytes], suffix: str = ".gz") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}{suffix}").write_bytes(gzip.compress(content) if suffix else content)


@pytest.mark.parametrize("suffix", [".gz", ""])
@pytest.mark.parametrize("name", ["emnist-digits", "emnist-mnist"])
def test_emnist_is_turned_upright_and_says_so(
    name: str, suffix: str, idx_files: dict[str, bytes], arrays: Arrays, tmp_path: Path
) -> None:
    write(tmp_path, emnist(idx_files, name), suffix)
    dataset = idx.load(tmp_path)
    np.testing.assert_array_equal(dataset.train.images, arrays["x_train"][:22].swapaxes(1, 2))
    np.testing.assert_array_equal(dataset.test.images, arrays["x_test"].swapaxes(1, 2))
    np.testing.assert_array_equal(dataset.test.labels, arrays["y_test"])
    assert [note for note in dataset.notes if "transposed" in note and "turned upright" in note]


def test_of_all_that_emnist_publishes_one_is_named(
    idx_files: dict[str, bytes], tmp_path: Path
) -> None:
    folder = tmp_path / "gzip"
    for name in ("emnist-digits", "emnist-mnist", "emnist-letters"):
        write(folder, emnist(idx_files, name))
    with pytest.raises(DataError, match="several datasets") as caught:
        data.load(str(folder))
    assert str(folder / "emnist-digits") in caught.value.remedy
    assert str(folder / "emnist-mnist") in caught.value.remedy
    assert "letters" not in caught.value.remedy
    dataset = data.load(str(folder / "emnist-digits"))
    assert (dataset.name, dataset.source) == ("emnist-digits", folder / "emnist-digits")


def test_letters_alone_are_no_digits(idx_files: dict[str, bytes], tmp_path: Path) -> None:
    write(tmp_path, emnist(idx_files, "emnist-letters"))
    with pytest.raises(DataError, match="by their names none of digits") as caught:
        data.load(str(tmp_path))
    assert "emnist-digits-train-images-idx3-ubyte" in caught.value.remedy


@pytest.mark.parametrize("suffix", [".gz", ""])
def test_qmnist_tells_the_digit_first(
    suffix: str, idx_files: dict[str, bytes], arrays: Arrays, tmp_path: Path
) -> None:
    files = emnist(idx_files, "qmnist")
    for part, key in (("train", "y_train"), ("test", "y_test")):
        del files[f"qmnist-{part}-labels-idx1-ubyte"]
        table = np.random.default_rng(0).integers(0, 4000, (len(arrays[key]), 8)).astype(">i4")
        table[:, 0] = arrays[key]
        header = b"\0\0\x0c\x02" + np.array(table.shape, ">u4").tobytes()
        files[f"qmnist-{part}-labels-idx2-int"] = header + table.tobytes()
    write(tmp_path, files, suffix)
    dataset = data.load(str(tmp_path))
    np.testing.assert_array_equal(dataset.train.labels, arrays["y_train"][:22])
    np.testing.assert_array_equal(dataset.test.images, arrays["x_test"])
    np.testing.assert_array_equal(dataset.test.labels, arrays["y_test"])


@pytest.mark.parametrize("given", [".", "MNIST", "MNIST/raw"])
def test_torchvisions_folders(
    given: str, idx_files: dict[str, bytes], arrays: Arrays, tmp_path: Path
) -> None:
    write(tmp_path / "MNIST" / "raw", idx_files)
    write(tmp_path / "MNIST" / "raw", idx_files, "")  # which torchvision unpacks beside the others
    dataset = data.load(str(tmp_path / given))
    np.testing.assert_array_equal(dataset.test.images, arrays["x_test"])
    assert dataset.name == (tmp_path / given).name


def test_torchvisions_root_with_several_datasets(
    idx_files: dict[str, bytes], tmp_path: Path
) -> None:
    write(tmp_path / "MNIST" / "raw", idx_files)
    write(tmp_path / "EMNIST" / "raw", emnist(idx_files, "emnist-digits"))
    with pytest.raises(DataError) as caught:
        data.load(str(tmp_path))
    assert str(tmp_path / "MNIST" / "raw") in caught.value.remedy
    for named in re.findall(r"[^ ,]+raw[^ ,]*[^ ,.]", caught.value.remedy):
        assert data.load(named)


def test_missing_files_are_named(idx_folder: Path) -> None:
    (idx_folder / f"{LABELS}.gz").unlink()
    with pytest.raises(DataError) as caught:
        idx.load(idx_folder)
    assert str(idx_folder) in caught.value.cause
    assert LABELS in caught.value.cause
    assert IMAGES not in caught.value.cause


def compressed(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    return lambda content: gzip.compress(change(content))


BROKEN = {
    "truncated gzip": (lambda content: gzip.compress(content)[:-200], "end-of-stream"),
    "gzip with a wrong checksum": (
        lambda content: gzip.compress(content)[:-8] + b"12345678",
        "CRC",
    ),
    "not gzip after its first bytes": (lambda _: b"\x1f\x8b" + b"\xff" * 50, "method"),
    "damaged gzip": (
        lambda content: gzip.compress(content)[:10] + b"\xff" * 50,
        "invalid block type",
    ),
    "empty": (lambda _: b"", "empty file"),
    "a web page": (lambda _: b"<!DOCTYPE html>", "magic number 3c21444f"),
    "labels in the place of images": (
        compressed(lambda content: b"\0\0\x08\x01" + content[4:]),
        "magic number 00000801, 00000803 expected",
    ),
    "values that are no bytes": (
        compressed(lambda content: b"\0\0\x0d\x03" + content[4:]),
        "magic number 00000d03",
    ),
    "ends in the header": (compressed(lambda content: content[:10]), "has 10 bytes"),
    "ends in the pictures": (compressed(lambda content: content[:-1]), "announces 24 x 28 x 28"),
    "goes on after the pictures": (
        compressed(lambda content: content + b"\0"),
        "announces 24 x 28 x 28",
    ),
}


@pytest.mark.parametrize(("change", "cause"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_named_with_what_is_wrong(
    change: Callable[[bytes], bytes], cause: str, idx_folder: Path, idx_files: dict[str, bytes]
) -> None:
    path = idx_folder / f"{IMAGES}.gz"
    path.write_bytes(change(idx_files[IMAGES]))
    with pytest.raises(DataError) as caught:
        idx.load(idx_folder)
    assert str(path) in caught.value.cause
    assert cause in caught.value.cause
    assert "\n" not in caught.value.cause


class Bomb(io.RawIOBase):
    """A stream of zeros that takes no memory, and says how many were read."""

    def __init__(self, start: bytes, size: int) -> None:
        self.start, self.size, self.done = start, size, 0

    def read(self, count: int = -1) -> bytes:
        assert count >= 0, "a file without end is read to its end"
        piece = self.start[self.done : self.done + count]
        piece += bytes(max(0, min(count, self.size - self.done) - len(piece)))
        self.done += len(piece)
        return piece


def header(*shape: int) -> bytes:
    return bytes((0, 0, 8, len(shape))) + np.array(shape, ">u4").tobytes()


@pytest.mark.parametrize(
    ("shape", "cause", "most"),
    [
        ((24, 28, 28), "has more bytes, but its header announces 24 x 28 x 28", 16 + 24 * 784 + 1),
        ((4_000_000, 28, 28), "holds 3,136,000,000 bytes, of which at most 1,073,741,824", 16),
        ((2**32 - 1,) * 3, "of which at most 1,073,741,824 are read", 16),
    ],
    ids=["more than announced", "more than the ceiling", "more than any machine has"],
)
def test_a_file_that_unpacks_to_gigabytes_is_not_read_to_its_end(
    shape: tuple[int, ...],
    cause: str,
    most: int,
    idx_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bomb = Bomb(header(*shape), 1 << 40)
    whole = gzip.GzipFile
    monkeypatch.setattr(
        gzip, "GzipFile", lambda fileobj: bomb if IMAGES in fileobj.name else whole(fileobj=fileobj)
    )
    with pytest.raises(DataError, match=cause):
        idx.load(idx_folder)
    assert bomb.done == most


def test_no_pictures_of_any_size(idx_folder: Path) -> None:
    (idx_folder / f"{IMAGES}.gz").write_bytes(header(0, 2**32 - 1, 2**32 - 1))
    with pytest.raises(DataError, match="0 x 4294967295 x 4294967295 values, not N x 28 x 28"):
        idx.load(idx_folder)


@pytest.mark.parametrize("shape", [(0, 2**32 - 1), (2**32 - 1, 0)], ids=str)
def test_labels_of_no_width_or_of_all(shape: tuple[int, ...], idx_folder: Path) -> None:
    content = b"\0\0\x0c\x02" + np.array(shape, ">u4").tobytes()
    (idx_folder / f"{LABELS}.gz").write_bytes(content)
    with pytest.raises(DataError, match=rf"announces {shape[0]} x {shape[1]} values, not N x 8"):
        idx.load(idx_folder)


def test_a_pipe_is_not_waited_for(idx_folder: Path) -> None:
    (idx_folder / f"{IMAGES}.gz").unlink()
    os.mkfifo(idx_folder / f"{IMAGES}.gz")
    with pytest.raises(DataError, match=rf"{IMAGES}\.gz is no regular file"):
        data.load(str(idx_folder))


def test_a_file_that_cannot_be_read_is_named(
    idx_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, _mode: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match=rf"{IMAGES}\.gz: Permission denied\."):
        idx.load(idx_folder)


def test_counts_that_disagree_are_given(idx_folder: Path, idx_files: dict[str, bytes]) -> None:
    (idx_folder / f"{LABELS}.gz").write_bytes(idx_files["t10k-labels-idx1-ubyte"])
    with pytest.raises(DataError, match=r"training split.*24 images but 6 labels"):
        idx.load(idx_folder)


def test_a_label_that_is_no_digit_is_given(idx_folder: Path, idx_files: dict[str, bytes]) -> None:
    content = bytearray(idx_files[LABELS])
    content[8 + 5] = 10
    (idx_folder / f"{LABELS}.gz").write_bytes(content)
    with pytest.raises(DataError, match="label 10 of image 5 is outside 0 to 9"):
        idx.load(idx_folder)


def test_pictures_of_another_size_are_refused(
    idx_folder: Path, idx_files: dict[str, bytes]
) -> None:
    flat = idx_files[IMAGES].replace(b"\0\0\0\x1c\0\0\0\x1c", b"\0\0\0\x0e\0\0\0\x38", 1)
    (idx_folder / f"{IMAGES}.gz").write_bytes(flat)
    with pytest.raises(DataError, match="announces 24 x 14 x 56 values, not N x 28 x 28"):
        idx.load(idx_folder)
