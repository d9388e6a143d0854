"""Ink on its ground, as it was found in a picture."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.int16]
Mask = NDArray[np.bool_]
Box = tuple[int, int, int, int]
Polarity = Literal["dark", "light"]


class Ink(NamedTuple):
    """The ink that is read, in a picture of shape (H, W).

    Attributes:
        polarity: whether it is darker or lighter than its ground.
        depth: int16 (H, W), grey levels from the ground towards the ink.
        mask: bool (H, W), where the ink is.
        box: its left, top, right and bottom, the latter two past the end.
        stroke_width: in pixels.
        support: how well its outline is supported by edges in the picture.
        crowded: whether it is too much for one digit, as `mnist_edge.runtime.reading.rules` tells.
        rival: the support of the best reading in the other polarity; 0 where there is none, or it
            is the sheet under this ink.
        filled: whether only its outline was drawn.
        chosen: whether the network chose it, as it did not trust the ink that was found first.
    """

    polarity: Polarity
    depth: Gray
    mask: Mask
    box: Box
    stroke_width: float
    support: float
    crowded: bool
    rival: float = 0.0
    filled: bool = False
    chosen: bool = False

    @property
    def side(self) -> int:
        """The longer side of the box, in pixels."""
        left, top, right, bottom = self.box
        return max(right - left, bottom - top)

    @property
    def contrast(self) -> float:
        """Grey levels between the ground and the ink, their mean."""
        return float(self.depth[self.mask].mean())


class Found(NamedTuple):
    """Ink in the part of a picture that was looked at, reduced by a factor.

    Attributes:
        ink: what was found.
        window: where in the picture it was looked for.
        factor: how many pixels of the picture are one of the ink's.
        rivals: other ink that may be the digit, of which the network is to choose.
    """

    ink: Ink
    window: Box
    factor: int
    rivals: tuple[Found, ...] = ()

    def in_picture(self, box: Box) -> Box:
        """Return a box of the ink in pixels of the whole picture."""
        left, top, right, bottom = self.window
        x0, y0, x1, y1 = (self.factor * side for side in box)
        return left + x0, top + y0, min(right, left + x1), min(bottom, top + y1)
