"""Archives in the layout of Keras' mnist.npz, whole and broken."""

from __future__ import annotations

import random
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge import data
from mnist_edge.data import npz
from mnist_edge.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

Arrays = dict[str, Any]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "digits.npz"


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32, np.int64, np.uint64, ">i4"])
def test_labels_of_any_integer_type_become_bytes(dtype: Any, arrays: Arrays, path: Path) -> None:
    labels = {key: arrays[key].astype(dtype) for key in ("y_train", "y_test")}
    np.savez_compressed(path, **{**arrays, **labels})

    dataset = npz.load(path)

    assert (dataset.name, dataset.source) == (path.name, path)
    np.testing.assert_array_equal(dataset.train.images, arrays["x_train"][:22])
    np.testing.assert_array_equal(dataset.train.labels, arrays["y_train"][:22])
    np.testing.assert_array_equal(dataset.validation.labels, arrays["y_train"][22:])
    np.testing.assert_array_equal(dataset.test.images, arrays["x_test"])
    np.testing.assert_array_equal(dataset.test.labels, arrays["y_test"])
    assert {split.labels.dtype for split in (dataset.train, dataset.test)} == {np.dtype(np.uint8)}


# As bytes, 256 and 266 would be the digits 0 and 10, 259 the digit 3, and -1 would be 255.
@pytest.mark.parametrize("label", [-1, 10, 256, 259, 300])
def test_a_label_that_is_no_digit_is_given_as_it_is(label: int, arrays: Arrays, path: Path) -> None:
    labels = arrays["y_train"].astype(np.int64)
    labels[7] = label
    np.savez(path, **{**arrays, "y_train": labels})
    with pytest.raises(DataError, match=rf"digits\.npz.*training.*label {label} of image 7 "):
        npz.load(path)


WRONG = {
    "images of another size": ("x_test", np.zeros((6, 32, 32), np.uint8), r"\(6, 32, 32\)"),
    "images in colour": ("x_test", np.zeros((6, 28, 28, 3), np.uint8), r"\(6, 28, 28, 3\)"),
    "images of another type": ("x_train", np.zeros((24, 28, 28), "U1"), "U1.*not numbers"),
    "labels that are no integers": ("y_test", np.full(6, 0.5), "float64, and not whole numbers"),
    "counts that disagree": ("y_test", np.zeros(5, np.int64), "6 images but 5 labels"),
    "pickled objects": ("y_train", np.array([1] * 24, object), "Object arrays cannot be loaded"),
}


@pytest.mark.parametrize(("key", "array", "cause"), WRONG.values(), ids=WRONG.keys())
def test_wrong_arrays_are_refused(
    key: str, array: NDArray[Any], cause: str, arrays: Arrays, path: Path
) -> None:
    np.savez(path, **{**arrays, key: array})
    with pytest.raises(DataError, match=rf"digits\.npz.*{cause}"):
        npz.load(path)


def test_no_pictures_at_all(arrays: Arrays, path: Path) -> None:
    np.savez(path, **{key: array[:0] for key, array in arrays.items()})
    with pytest.raises(DataError, match="no images at all"):
        npz.load(path)


def test_missing_arrays_are_named(arrays: Arrays, path: Path) -> None:
    np.savez(path, x_train=arrays["x_train"], y_train=arrays["y_train"])
    with pytest.raises(DataError, match=r"digits\.npz: lacks the array x_test, y_test; it has x_"):
        npz.load(path)


def test_a_member_that_is_no_array_is_refused(arrays: Arrays, path: Path) -> None:
    np.savez(path, **{key: array for key, array in arrays.items() if key != "x_test"})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("x_test.npy", b"six pictures")
    with pytest.raises(DataError, match=r"digits\.npz: not a readable .npz file.*magic string"):
        npz.load(path)


@pytest.mark.parametrize("content", [b"", b"x,y\n1,2\n", b"PK\x03\x04", b"\x80\x04."])
def test_a_file_that_is_no_archive_is_refused(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"digits\.npz: not a readable \.npz file"):
        npz.load(path)


def test_a_cause_of_several_lines_is_given_in_one(arrays: Arrays, path: Path) -> None:
    # numpy explains at length that it will not parse a header of more than 10,000 characters.
    fields = [(f"pixel{number}", "u1") for number in range(784)]
    np.savez(path, **{**arrays, "x_test": np.zeros(6, fields)})
    with pytest.raises(DataError, match=r"digits\.npz.*Header info length") as caught:
        npz.load(path)
    assert "\n" not in caught.value.cause


def test_a_single_array_is_refused(arrays: Arrays, path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, arrays["x_train"])
    with pytest.raises(DataError, match=r"digits\.npz: not a readable \.npz file"):
        npz.load(path)


def test_a_folder_of_npy_files(arrays: Arrays, tmp_path: Path) -> None:
    for key, array in arrays.items():
        np.save(tmp_path / f"{key}.npy", array)
    dataset = data.load(str(tmp_path))
    np.testing.assert_array_equal(dataset.train.images, arrays["x_train"][:22])
    np.testing.assert_array_equal(dataset.test.labels, arrays["y_test"])

    with pytest.raises(DataError) as caught:
        data.load(str(tmp_path / "x_train.npy"))
    assert f"name the directory, {tmp_path}" in caught.value.remedy

    (tmp_path / "y_test.npy").write_bytes(b"\x93NUMPY\x01")
    with pytest.raises(DataError, match=r"y_test\.npy: not a readable \.npy file"):
        data.load(str(tmp_path))
    (tmp_path / "y_test.npy").rename(tmp_path / "labels.npy")
    with pytest.raises(DataError, match=r"lacks the array y_test; it has labels, x_test, x_train"):
        data.load(str(tmp_path))


def test_floats_and_one_hot_labels(arrays: Arrays, path: Path) -> None:
    np.savez(
        path,
        x_train=(arrays["x_train"] / 255).astype(np.float32).reshape(-1, 784),
        y_train=np.eye(10, dtype=np.float32)[arrays["y_train"]],
        x_test=(arrays["x_test"] / 255)[..., np.newaxis],
        y_test=arrays["y_test"][:, np.newaxis],
    )
    dataset = npz.load(path)
    np.testing.assert_array_equal(dataset.train.images, arrays["x_train"][:22])
    np.testing.assert_array_equal(dataset.train.labels, arrays["y_train"][:22])
    np.testing.assert_array_equal(dataset.test.images, arrays["x_test"])
    np.testing.assert_array_equal(dataset.test.labels, arrays["y_test"])


ANNOUNCED = {
    "a terabyte": ("<f8", (10**9, 28, 28), "holds 6,272,000,000,000 bytes, of which at most"),
    "a gigabyte that is not there": ("|u1", (1_300_000, 28, 28), "EOF"),
    "fewer than none": ("|u1", (-5, 28, 28), "negative dimensions"),
    "none, but huge": ("|u1", (0, 2**62, 2**62), "too big"),
    "values without bytes": ("|V0", (2**62,), "not numbers"),
}


@pytest.mark.parametrize(("descr", "shape", "cause"), ANNOUNCED.values(), ids=ANNOUNCED.keys())
def test_what_a_header_announces_is_not_believed(
    descr: str, shape: tuple[int, ...], cause: str, path: Path
) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for key in npz.KEYS:
            with archive.open(f"{key}.npy", "w") as file:
                document = {"descr": descr, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, document)
    with pytest.raises(DataError, match=rf"digits\.npz.*{cause}"):
        npz.load(path)


def test_the_names_of_arrays_are_not_printed_raw(path: Path) -> None:
    np.savez(path, **{"\x1b[2J\n": np.zeros(1)})  # type: ignore[arg-type]
    with pytest.raises(DataError) as caught:
        npz.load(path)
    assert r"it has \x1b[2J\n." in caught.value.cause


def test_damage_anywhere_is_a_data_error_or_none(arrays: Arrays, path: Path) -> None:
    """Flipping bits must not surface as an exception of numpy, zipfile or zlib."""
    np.savez_compressed(path, **arrays)
    intact = path.read_bytes()
    rng = random.Random(0)
    causes = []
    for _ in range(300):
        damaged = bytearray(intact)
        # The headers at both ends are where damage has the most to break.
        at = rng.choice((rng.randrange(len(intact)), rng.randrange(150), -rng.randrange(1, 300)))
        damaged[at] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged[: rng.choice((len(intact), rng.randrange(len(intact))))])
        try:
            npz.load(path)
        except DataError as error:
            causes.append(error.cause)
    assert len(causes) > 200
    assert not any("\n" in cause for cause in causes)
