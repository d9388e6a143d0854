"""From any picture to the 28x28 field that the network sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mnist_edge.runtime.decoding import decode
from mnist_edge.runtime.preprocess import preprocess

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mnist_edge.runtime.decoding import Source
    from mnist_edge.runtime.preprocess import Reading


def read(source: Source) -> Reading:
    return preprocess(decode(source))


def read_digit(source: Source) -> NDArray[np.uint8]:
    return read(source).image
