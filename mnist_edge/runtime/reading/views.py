"""A view: a part of a picture, reduced to what reading needs, in colours and in grey."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.runtime.reading.parameters import VIEWING

Box = tuple[int, int, int, int]  # left, top, right and bottom, the latter two past the end


class View(NamedTuple):
    """A part of a picture, of which each pixel is the mean of some."""

    window: Box  # the part
    factor: int  # how many pixels of the picture are one of the view, across and down
    pixels: NDArray[np.uint8]  # (H, W) or (H, W, 3)
    gray: NDArray[np.uint8]  # (H, W), along the axis of colour on which the part differs most
    line: bool  # whether a line of digits is looked for, of which the height counts alone

    @classmethod
    def of(cls, picture: Image.Image, window: Box, *, line: bool) -> View:
        """Look at a window of a picture, or at all of it."""
        factor = math.ceil(side_of(window, line=line) / VIEWING.side)
        if factor > 1:
            picture = picture.reduce(factor, window)
        elif window != (0, 0, *picture.size):
            picture = picture.crop(window)
        pixels = np.asarray(picture)
        return cls(window, factor, pixels, _along_contrast(pixels), line)

    def in_picture(self, box: Box) -> Box:
        """Return a box of the view in pixels of the picture."""
        left, top, right, bottom = self.window
        x0, y0, x1, y1 = (self.factor * side for side in box)
        return left + x0, top + y0, min(right, left + x1), min(bottom, top + y1)

    def closer(self, box: Box) -> Box | None:
        """Return the window around a box that is small in this view; None where it is not."""
        left, top, right, bottom = found = self.in_picture(box)
        x0, y0, x1, y1 = self.window
        side, extent = (side_of(each, line=self.line) for each in (found, self.window))
        if self.factor == 1 or side >= VIEWING.closer * extent:
            return None
        margin = side // 2
        left, top = max(x0, left - margin), max(y0, top - margin)
        return left, top, min(x1, right + margin), min(y1, bottom + margin)


def scaled(box: Box, scale: tuple[float, float]) -> Box:
    """Return a box in pixels that are so many times smaller, across and down."""
    left, top, right, bottom = box
    across, down = scale
    return round(left * across), round(top * down), round(right * across), round(bottom * down)


def side_of(box: Box, *, line: bool = False) -> int:
    """Return the longer side of a box; of a line of digits, its height."""
    left, top, right, bottom = box
    return bottom - top if line else max(right - left, bottom - top)


def around(box: Box) -> tuple[slice, slice]:
    """Return the rows and columns of a box, and one more on each side where there is one."""
    left, top, right, bottom = box
    return slice(max(0, top - 1), bottom + 1), slice(max(0, left - 1), right + 1)


def median(values: NDArray[np.generic]) -> float:
    """Return the median; `np.median` takes five times as long, more than all else here."""
    low, high = (values.size - 1) // 2, values.size // 2
    ordered = np.partition(values, (low, high), axis=None)
    return float(ordered[low] / 2 + ordered[high] / 2)


def _along_contrast(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn colours to grey along the axis on which they differ most, be it of equal luminance."""
    if pixels.ndim == 2:
        return pixels
    red, green, blue = (pixels[:, :, band] for band in range(3))
    if (red == green).all() and (red == blue).all():
        return red.copy()
    spread = (pixels - [median(band) for band in (red, green, blue)]).reshape(-1, 3)
    axis = np.linalg.eigh(spread.T @ spread).eigenvectors[:, -1]
    axis *= np.sign(axis.sum() or 1) / np.abs(axis).sum()
    level = pixels @ axis - 255 * np.minimum(axis, 0).sum()
    gray: NDArray[np.uint8] = np.rint(level).astype(np.uint8)
    return gray
