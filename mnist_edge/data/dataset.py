"""What a dataset is: three splits of 28×28 pictures with their labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_edge.contract import LABELS, SIZE
from mnist_edge.errors import DataError

CLASSES = len(LABELS)

# Of every twelve training pictures the last one validates: 55,000 and 5,000 of MNIST's 60,000.
VALIDATION_SHARE = 12


class Split(NamedTuple):
    """Pictures and their labels.

    Attributes:
        images: uint8 of shape (N, 28, 28), 0 paper and 255 ink, as MNIST is.
        labels: uint8 of shape (N,), 0 to 9; `CLASSES` where a training adds a picture without a
            digit.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Dataset:
    """A named dataset.

    Attributes:
        name: what reports call it: `mnist`, `synthetic`, or the path it was read from.
        train: what weights and calibration are fitted on.
        validation: what epochs and thresholds are chosen on; the tail of the training file.
        test: what the final figure is measured on, and nothing else.
    """

    name: str
    train: Split
    validation: Split
    test: Split

    @classmethod
    def from_arrays(cls, name: str, training: Split, test: Split) -> Dataset:
        """Check the arrays of a training and a test file and cut the validation split.

        Labels of any integer type become uint8, once it is sure that they fit.

        Raises:
            DataError: shapes, types, counts or labels are not those of a digit dataset.
        """
        training = _checked(f"{name} (training split)", training)
        test = _checked(f"{name} (test split)", test)
        count = len(training.labels)
        if count < 2:
            raise DataError(
                f"{name}: one training picture cannot both train and validate.",
                remedy="choose a dataset with more pictures.",
            )
        cut = count - max(1, count // VALIDATION_SHARE)
        return cls(
            name,
            train=Split(training.images[:cut], training.labels[:cut]),
            validation=Split(training.images[cut:], training.labels[cut:]),
            test=test,
        )


def _checked(name: str, split: Split) -> Split:
    images, labels = split
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (SIZE, SIZE):
        raise DataError(
            f"{name}: images are {images.dtype} {images.shape}, not uint8 (N, {SIZE}, {SIZE}).",
            remedy="store the pictures as 28x28 bytes, 0 paper and 255 ink, as MNIST does.",
        )
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise DataError(
            f"{name}: labels are {labels.dtype} {labels.shape}, not integers (N,).",
            remedy="store one digit per picture, not one-hot rows or probabilities.",
        )
    if len(images) != len(labels):
        raise DataError(
            f"{name}: {len(images)} images but {len(labels)} labels.",
            remedy="the two files belong to different datasets, or one is incomplete.",
        )
    if not len(labels):
        raise DataError(f"{name}: no images at all.", remedy="choose a dataset with pictures.")
    if labels.min() < 0 or labels.max() >= CLASSES:
        bad = int(np.flatnonzero((labels < 0) | (labels >= CLASSES))[0])
        raise DataError(
            f"{name}: label {labels[bad]} of image {bad} is outside 0 to 9.",
            remedy="a digit dataset has the labels 0 to 9 only.",
        )
    return Split(images, labels.astype(np.uint8, copy=False))
