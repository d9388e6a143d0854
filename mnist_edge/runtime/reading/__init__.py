"""From any picture to the 28x28 field that the network sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mnist_edge.contract import SIZE
from mnist_edge.runtime.reading.decoding import decode
from mnist_edge.runtime.reading.normalization import Reading, is_mnist, preprocess

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mnist_edge.runtime.reading.decoding import Source


def read(source: Source) -> Reading:
    """Decode a picture and find the digit in it.

    Args:
        source: a path, the bytes of a file, a Pillow picture, or an array of pixels, as
            `mnist_edge.runtime.reading.decoding.decode` takes them.

    Raises:
        UnreadableImage: the source is missing, not a picture, damaged or too large.
    """
    # A field of MNIST's own needs no decoding, which takes longer than a small network.
    if isinstance(source, np.ndarray) and source.shape == (SIZE, SIZE) and is_mnist(source):
        return Reading(source, True)
    return preprocess(decode(source))


def read_digit(source: Source) -> NDArray[np.uint8]:
    """Return the field alone: uint8 (28, 28), ink 255 on 0, all 0 for a blank picture."""
    return read(source).image
