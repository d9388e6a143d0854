"""An .npz file with the arrays of a dataset, named as Keras names them in its mnist.npz."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mnist_edge.data.dataset import Dataset, Split
from mnist_edge.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

KEYS = ("x_train", "y_train", "x_test", "y_test")


def load(path: Path) -> Dataset:
    """Load `x_train` and `x_test`, uint8 (N, 28, 28), and `y_train` and `y_test`, integer (N,).

    Pickled objects are refused, since unpickling runs whatever code the file carries.

    Raises:
        DataError: it is no .npz file, lacks an array, or the arrays are no digit dataset.
    """
    try:
        # Unlike np.load, NpzFile takes nothing but an archive of arrays. A member that is no array
        # comes as bytes, which from_arrays refuses.
        with path.open("rb") as file, np.lib.npyio.NpzFile(file, allow_pickle=False) as archive:
            arrays = {key: np.asarray(archive[key]) for key in KEYS if key in archive}
    except Exception as error:
        # Damage surfaces as nearly anything, tokenize.TokenError and MemoryError included.
        raise DataError(
            f"{path}: not a readable .npz file: {error!r}.",
            remedy=f"write it with numpy.savez(…, {', '.join(f'{key}=…' for key in KEYS)}).",
        ) from error
    missing = [key for key in KEYS if key not in arrays]
    if missing:
        raise DataError(
            f"{path}: lacks the array {', '.join(missing)}.",
            remedy=f"an .npz dataset has the arrays {', '.join(KEYS)}.",
        )
    x_train, y_train, x_test, y_test = (arrays[key] for key in KEYS)
    return Dataset.from_arrays(str(path), Split(x_train, y_train), Split(x_test, y_test))
