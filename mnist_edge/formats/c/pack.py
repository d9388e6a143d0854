"""Weights that have few different values, in as few bits as tell these apart."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Packed(NamedTuple):
    """The weights of a layer as its kernel reads them.

    Attributes:
        bits: of each weight: 2, 4 or 8.
        content: int8; of 8 bits the weights themselves, channel by channel. Of less a table of
            2**bits values, and then for each channel the places of its weights in it, the first
            one in the lowest bits of a byte, and filled up to whole bytes.
    """

    bits: int
    content: NDArray[np.int8]


def pack(weights: NDArray[np.int8]) -> Packed:
    """Return weights (output channels, …) in the form that takes the fewest bytes."""
    rows = weights.reshape(len(weights), -1)
    values, places = np.unique(rows, return_inverse=True)
    forms = [Packed(8, rows.ravel())]
    for bits in (2, 4):
        if len(values) <= 2**bits:
            table = np.zeros(2**bits, np.int8)
            table[: len(values)] = values
            forms.append(Packed(bits, np.append(table, _joined(places.reshape(rows.shape), bits))))
    return min(forms, key=lambda form: form.content.size)


def _joined(places: NDArray[np.intp], bits: int) -> NDArray[np.int8]:
    """Return rows of small numbers with several in a byte."""
    each = 8 // bits
    filled = np.pad(places, ((0, 0), (0, -places.shape[1] % each))).reshape(-1, each)
    joined: NDArray[np.uint8] = (filled << np.arange(0, 8, bits)).sum(axis=1).astype(np.uint8)
    return joined.view(np.int8)
