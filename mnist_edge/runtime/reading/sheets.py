"""Sheets of paper, canvases and frames: what lies between the picture's edge and the ink."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mnist_edge.runtime.reading.backgrounds import median
from mnist_edge.runtime.reading.components import connected_components
from mnist_edge.runtime.reading.ink import Box, Ink, Mask

# Ink that may be a sheet.
SMALLEST = 16  # pixels
LONGEST = 2.5  # of its width
PAGE = 0.78  # of its box filled: a sheet of paper, no digit is so solid
SHEET = 0.4  # of its box filled, by what bold ink leaves of a sheet
CORNER = 0.8  # of the way to a corner of its box: a sheet reaches all four, if it is not too askew
HOLE = 0.65  # of its box filled: the hole in a zero, not a digit on a sheet
LARGE_HOLE = 0.1  # of the sheet: a box as large as this; a one is as solid, but narrow

# A sheet that lies askew.
TURN = 20  # degrees, at most
RECTANGULAR = 0.86  # of the rectangle around it filled, holes included; a disk fills 0.79
PAPER = 0.7  # of it not written on
LARGE = 0.2  # of the picture: a smaller one is looked at closer first
BLURRED = 2  # pixels of its edge

# A frame around the picture.
EVEN = 12  # grey levels: as far from each other as its pixels
EVEN_SHARE = 0.9  # of a side's pixels, at least
BROKEN_SHARE = 0.3  # of them, at most, is as even where the frame has ended
RIM = 0.06  # of the picture's side: as deep as frames go

# The axes of a sheet for each turn of it: all the first ones, then those at right angles to them.
_turns = np.deg2rad(np.arange(-TURN, TURN + 1, 2))
_AXES = np.concatenate([_turns, _turns + np.pi / 2])
_AXES = np.stack([np.cos(_AXES), np.sin(_AXES)], axis=1)


def is_page(ink: Ink) -> bool:
    """Tell whether ink is a sheet of paper that lies straight, with the digit on it."""
    left, top, right, bottom = ink.box
    area = int(np.count_nonzero(ink.mask))
    return _has_sides_of_sheet(ink) and area > PAGE * (right - left) * (bottom - top)


def is_sheet_under(ink: Ink, other: Ink) -> bool:
    """Tell whether ink is a sheet of paper or a canvas with the other ink on it."""
    left, top, right, bottom = ink.box
    x0, y0, x1, y1 = other.box
    if other.crowded or not (left < x0 and top < y0 and x1 < right and y1 < bottom):
        return False
    sheet = ink.mask[top:bottom, left:right]
    paper, hole = np.count_nonzero(sheet), np.count_nonzero(other.mask)
    if paper < SHEET * sheet.size or hole > HOLE * (x1 - x0) * (y1 - y0):
        return False
    rows, columns = sheet.nonzero()
    y, x = (2 * rows + 1) / len(sheet) - 1, (2 * columns + 1) / sheet.shape[1] - 1
    return bool(min(np.ptp(x + y), np.ptp(x - y)) > CORNER * 4)


def is_hole(ink: Ink, sheet: Mask) -> bool:
    """Tell whether ink is the hole in a zero that was taken for a sheet."""
    left, top, right, bottom = ink.box
    size = (right - left) * (bottom - top)
    solid = int(np.count_nonzero(ink.mask)) > HOLE * size
    return solid and size > LARGE_HOLE * int(np.count_nonzero(sheet))


def inside_sheet(ink: Ink) -> Mask | None:
    """Return the inside of the sheet that the ink is, bool (H, W); None if it is none.

    However it is turned, a sheet fills the rectangle around it, with what is written on it.
    """
    left, top, right, bottom = ink.box
    mask = ink.mask[top:bottom, left:right]
    if not _has_sides_of_sheet(ink) or mask.size < LARGE * ink.mask.size:
        return None
    # The ends of its rows, and the turn that puts the smallest rectangle around them.
    rows = np.flatnonzero(mask.any(axis=1))
    first = mask[rows].argmax(axis=1)
    past = mask.shape[1] - mask[rows, ::-1].argmax(axis=1)
    ends = np.stack(
        [np.concatenate([first, past] * 2), np.concatenate([rows, rows, rows + 1, rows + 1])]
    )
    turned = _AXES @ ends
    areas = np.ptp(turned, axis=1).reshape(2, -1).prod(axis=0)
    best = int(areas.argmin())
    if np.count_nonzero(mask) < PAPER * RECTANGULAR * areas[best]:
        return None
    around = np.ones((bottom - top + 2, right - left + 2), np.bool_)
    around[1:-1, 1:-1] = ~mask
    ground = connected_components(around).labels
    filled = int(np.count_nonzero(ground[1:-1, 1:-1] != ground[0, 0]))
    if filled < RECTANGULAR * areas[best] or np.count_nonzero(mask) < PAPER * filled:
        return None
    y, x = np.indices(ink.mask.shape) + 0.5
    inside = np.ones_like(ink.mask)
    for number in (best, best + len(areas)):
        across = _AXES[number, 0] * (x - left) + _AXES[number, 1] * (y - top)
        inside &= across > turned[number].min() + BLURRED
        inside &= across < turned[number].max() - BLURRED
    return inside


def _has_sides_of_sheet(ink: Ink) -> bool:
    left, top, right, bottom = ink.box
    short, long = sorted((right - left, bottom - top))
    return short > SMALLEST and long < LONGEST * short


def inside_frame(flat: NDArray[np.uint8]) -> Box | None:
    """Return what an even frame around a picture (H, W) encloses, None without such a frame."""
    gray = flat.astype(np.int16)
    inside = []
    for side in (gray.T, gray, gray.T[::-1], gray[::-1]):
        depth = math.ceil(RIM * len(side)) + 1
        # Of a reduced picture each side may have taken in another share of what is inside.
        share = (np.abs(side[:depth] - median(side[0])) < EVEN).mean(axis=1)
        end = int((share < EVEN_SHARE).argmax())
        if not end or share[end:].max() > BROKEN_SHARE:
            return None
        # One more, in which a reduced picture has both frame and inside.
        inside.append(end + 1)
    left, top, right, bottom = inside
    return left, top, flat.shape[1] - right, len(flat) - bottom
