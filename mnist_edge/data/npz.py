"""An .npz file, or a directory of .npy files, with the arrays named as in Keras' mnist.npz."""

from __future__ import annotations

import math
import zipfile
from typing import IO, TYPE_CHECKING

import numpy as np

from mnist_edge.data.dataset import Dataset
from mnist_edge.data.limits import check_announced
from mnist_edge.errors import DataError, MnistEdgeError, first_line, printable

if TYPE_CHECKING:
    from pathlib import Path

    from mnist_edge.data.arrays import Array

KEYS = ("x_train", "y_train", "x_test", "y_test")


def matches(path: Path) -> bool:
    """Tell whether a path is an .npz file, or a directory of .npy files."""
    return path.suffix == ".npz" if path.is_file() else any(path.glob("*.npy"))


def load(path: Path) -> Dataset:
    """Load `x_train`, `y_train`, `x_test` and `y_test`, in a form that `arrays` accepts.

    Pickled objects are refused, since unpickling runs whatever code the file carries.

    Raises:
        DataError: it is no .npz file, lacks an array, or the arrays are no digit dataset.
    """
    if path.is_dir():
        files = {key: path / f"{key}.npy" for key in KEYS}
        _check_complete(path, {file.stem for file in path.glob("*.npy") if file.is_file()})
        x_train, y_train, x_test, y_test = (_read_file(file) for file in files.values())
    else:
        x_train, y_train, x_test, y_test = _read_archive(path)
    return Dataset.from_arrays(path, (x_train, y_train), (x_test, y_test))


def _check_complete(path: Path, names: set[str]) -> None:
    missing = [key for key in KEYS if key not in names]
    if missing:
        raise DataError(
            f"{path}: lacks the array {', '.join(missing)}"
            + (f"; it has {printable(', '.join(sorted(names)))}." if names else "."),
            remedy=f"such a dataset has the arrays {', '.join(KEYS)}.",
        )


def _read_file(path: Path) -> Array:
    try:
        with path.open("rb") as file:
            return _read_array(path, file)
    except MnistEdgeError:
        raise
    except Exception as error:
        raise DataError(
            f"{path}: not a readable .npy file: {_reason(error)}.",
            remedy="write it with numpy.save.",
        ) from error


def _reason(error: Exception) -> str:
    """Return what went wrong; zipfile's and numpy's reasons mean little without their kind."""
    return f"{type(error).__name__}, {first_line(error).rstrip('.')}"


def _read_archive(path: Path) -> list[Array]:
    arrays = []
    try:
        with zipfile.ZipFile(path) as archive:
            members = {name.removesuffix(".npy"): name for name in archive.namelist()}
            _check_complete(path, {*members})
            for key in KEYS:
                with archive.open(members[key]) as file:
                    arrays.append(_read_array(path, file))
    except MnistEdgeError:
        raise
    except Exception as error:
        # Damage surfaces as nearly anything, tokenize.TokenError and MemoryError included.
        raise DataError(
            f"{path}: not a readable .npz file: {_reason(error)}.",
            remedy=f"write it with numpy.savez(…, {', '.join(f'{key}=…' for key in KEYS)}).",
        ) from error
    return arrays


def _read_array(path: Path, file: IO[bytes]) -> Array:
    """Read one array, once its header has said how large it is."""
    version = np.lib.format.read_magic(file)
    read_header = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, _, dtype = read_header(file)
    check_announced(path, math.prod(shape) * dtype.itemsize)
    file.seek(0)
    array: Array = np.lib.format.read_array(file, allow_pickle=False)
    return array
