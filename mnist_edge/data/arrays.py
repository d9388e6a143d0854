"""From the arrays in which people store digits to bytes (N, 28, 28) and labels (N,)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.contract import LABELS, SIZE
from mnist_edge.errors import DataError

Array = NDArray[Any]

# What pixels may be counted in.
FULL_SCALES = (1, 255)
# Pictures that are converted at once, which bounds the memory.
CHUNK = 4096

_SHAPES = (
    f"(N, {SIZE}, {SIZE}), (N, {SIZE}, {SIZE}, 1), (N, 1, {SIZE}, {SIZE}) or (N, {SIZE * SIZE})"
)


def full_scale(name: str, images: Array) -> int:
    """Return what a pixel full of ink is: 1 or 255, the smaller that holds all.

    Raises:
        DataError: the values are no real numbers, or neither 0 to 1 nor 0 to 255.
    """
    if images.dtype.kind not in "buif":
        raise DataError(
            f"{name}: images are {images.dtype} {images.shape}, not numbers.",
            remedy="store the pictures as bytes, 0 paper and 255 ink, as MNIST does.",
        )
    if not images.size:
        return FULL_SCALES[-1]
    low, high = float(images.min()), float(images.max())
    # Nothing compares with NaN, which min and max pass on. No full ink is as faint as a fourth.
    if not (low >= 0 and high <= FULL_SCALES[-1]) or 1 < high < FULL_SCALES[-1] / 4:
        raise DataError(
            f"{name}: pixels are {low:.9g} to {high:.9g}, neither 0 to 1 nor 0 to 255.",
            remedy="store the pictures as they are before any normalization, 0 to 255.",
        )
    return next(scale for scale in FULL_SCALES if high <= scale)


def pixels(name: str, images: Array, scale: int) -> NDArray[np.uint8]:
    """Return pictures of any accepted shape as uint8 (N, 28, 28), of which `scale` becomes 255.

    Raises:
        DataError: the shape is another, or a value is not within 0 to `scale`.
    """
    shapes = ((SIZE, SIZE), (SIZE, SIZE, 1), (1, SIZE, SIZE), (SIZE * SIZE,))
    if images.shape[1:] not in shapes:
        raise DataError(
            f"{name}: images are {images.dtype} {images.shape}, not {_SHAPES}.",
            remedy=f"store the pictures as {SIZE}x{SIZE} bytes, 0 paper and 255 ink, as in MNIST.",
        )
    # What is all paper is so in any range.
    if full_scale(name, images) != scale and images.any():
        raise DataError(
            f"{name}: pixels are 0 to {float(images.max()):g}, those of the training split 0 to "
            f"{scale}.",
            remedy="store both splits in the same range.",
        )
    images = np.ascontiguousarray(images.reshape(-1, SIZE, SIZE))
    if images.dtype == np.uint8 and scale == FULL_SCALES[-1]:
        return images
    scaled = np.empty(images.shape, np.uint8)
    for start in range(0, len(images), CHUNK):
        values = images[start : start + CHUNK].astype(np.float64)
        scaled[start : start + CHUNK] = np.rint(values * (FULL_SCALES[-1] / scale))
    return scaled


def digits(name: str, labels: Array) -> NDArray[np.uint8]:
    """Return labels (N,), (N, 1) or one-hot (N, 10), of any type of number, as uint8 (N,).

    Raises:
        DataError: they are none of these, or a label is not within 0 to 9.
    """
    if labels.dtype.kind not in "buif" or labels.shape[1:] not in ((), (1,), (len(LABELS),)):
        raise DataError(
            f"{name}: labels are {labels.dtype} {labels.shape}, not integers (N,).",
            remedy='store one digit per picture, as labels.astype("uint8").',
        )
    if labels.shape[1:] == (len(LABELS),):
        if not (((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) == 1).all()):
            raise DataError(
                f"{name}: labels are {labels.dtype} {labels.shape}, and not one-hot.",
                remedy="store one digit per picture, not probabilities.",
            )
        labels = labels.argmax(axis=1)
    labels = labels.reshape(-1)
    if labels.dtype.kind == "f" and not (labels == np.rint(labels)).all():
        raise DataError(
            f"{name}: labels are {labels.dtype}, and not whole numbers.",
            remedy='store one digit per picture, as labels.astype("uint8").',
        )
    wrong = np.flatnonzero((labels < 0) | (labels >= len(LABELS)))
    if len(wrong):
        raise DataError(
            f"{name}: label {labels[wrong[0]]} of image {wrong[0]} is outside 0 to 9.",
            remedy="a digit dataset has the labels 0 to 9 only.",
        )
    return labels.astype(np.uint8, copy=False)
