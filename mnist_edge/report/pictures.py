"""Small pictures inside the page: PNG data URIs, transparent where there is no ink."""

from __future__ import annotations

import base64
import io
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# What the least value of a sheet is drawn with, so that its tiles show their edges.
PALEST = 16


class Picture(NamedTuple):
    """An image of the page: its address, and its size in its own pixels."""

    uri: str
    width: int
    height: int


def inked(strength: NDArray[np.uint8]) -> Picture:
    """Return a picture of black ink, uint8 (rows, columns), opaque at 255; the page colours it."""
    image = Image.new("LA", strength.shape[::-1])
    image.putalpha(Image.fromarray(strength))
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    text = base64.b64encode(file.getvalue()).decode()
    return Picture(f"data:image/png;base64,{text}", image.width, image.height)


def sheet(values: NDArray[np.floating], width: int) -> Picture:
    """Draw what a layer gave for one picture, all on one scale.

    Zero is the palest and the largest value full ink; where there are negative values, zero is
    grey, and the largest absolute value either the palest or full ink.

    Args:
        values: (rows, columns, channels), drawn channel by channel; or any other shape, drawn as
            a row of numbers that wraps.
        width: how wide the sheet may become, in its own pixels.
    """
    gap = 1
    if values.ndim != 3:
        values, gap = values.reshape(1, 1, -1), 0
    values = values / (np.abs(values).max() or 1)
    if values.min() < 0:
        values = (values + 1) / 2
    height, breadth, count = values.shape
    columns = min(count, max(1, (width + gap) // (breadth + gap)))
    rows = math.ceil(count / columns)
    strength = np.zeros((rows * (height + gap) - gap, columns * (breadth + gap) - gap), np.uint8)
    for number in range(count):
        top, left = number // columns * (height + gap), number % columns * (breadth + gap)
        tile = np.rint(PALEST + (255 - PALEST) * values[..., number])
        strength[top : top + height, left : left + breadth] = tile
    return inked(strength)
