"""A line of digits: candidates for each digit, and the best supported row of them."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_edge.contract import SIZE
from mnist_edge.runtime.reading.components import connected_components
from mnist_edge.runtime.reading.ink import Box, Ink, Mask
from mnist_edge.runtime.reading.normalization import draw

MOST_PIECES = 100  # of ink in a line; more are a texture, or print
MOST_PARTS = 8  # of them in one digit

# Shares of the line's height.
WIDEST = 1.4  # of a digit; wider ink is cut
CUTTABLE = 0.6  # as wide as two narrow digits that touch
APART = 0.2  # from cut to cut
MARK = 0.45  # a dash, a dot, a comma: as high as these, ink may be no digit

# What a reading costs beside the network's doubts, which are minus the logarithm of its
# probabilities; chosen on lines of MNIST training digits.
WEIGHTS = (0.03, 8.0, 0.7, 3.0)  # cuts, a gap, a second tall part, lack of height
SKIP = 1.0  # a mark


class Segment(NamedTuple):
    """Neighbouring pieces of ink, `first` to `last` without the latter, as one digit or as none.

    `image` is uint8 (28, 28) as the network sees it, all 0 for a mark that is no digit; `box` is
    in pixels of the ink's picture; `cost` is what its form speaks against it.
    """

    first: int
    last: int
    image: NDArray[np.uint8]
    box: Box
    cost: float
    is_digit: bool


class _Piece(NamedTuple):
    """A component of the ink or a slice of one; its cuts are in strokes, 0 where it ends."""

    component: int
    box: Box
    left_cut: float
    right_cut: float


def segments(ink: Ink) -> list[Segment]:
    """List what may be a digit in a line, from the left to the right.

    Components are the pieces, and wide ones are also cut where few pixels of ink stand above each
    other. Neighbouring pieces may be one digit. Nothing is listed where there are more than
    `MOST_PIECES`.
    """
    parts = connected_components(ink.mask)
    heights = parts.box[:, 3] - parts.box[:, 1]
    height = float(np.median(heights[heights > heights.max() / 2]))
    pieces: list[_Piece] = []
    for component in range(len(heights)):
        pieces += _slices(parts.labels == component, component, height, ink.stroke_width)
        if len(pieces) > MOST_PIECES:
            return []
    pieces.sort(key=lambda piece: piece.box[0] + piece.box[2])
    found = []
    for first in range(len(pieces)):
        if _is_mark(pieces[first], height):
            nothing = np.zeros((SIZE, SIZE), np.uint8)
            found.append(Segment(first, first + 1, nothing, pieces[first].box, SKIP, False))
        mask = np.zeros_like(ink.mask)
        for last in range(first + 1, min(first + MOST_PARTS, len(pieces)) + 1):
            group = pieces[first:last]
            boxes = np.array([piece.box for piece in group])
            box: Box = (*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist())
            if len(group) > 1 and box[2] - box[0] > WIDEST * height:
                break
            piece = group[-1]
            left, _, right, _ = piece.box
            mask[:, left:right] |= parts.labels[:, left:right] == piece.component
            image = draw(ink._replace(mask=mask, box=box))
            found.append(Segment(first, last, image, box, _cost(group, box, height), True))
    return found


def _slices(mask: Mask, component: int, height: float, stroke: float) -> list[_Piece]:
    """Cut a component at the columns with the least ink, `APART` from each other."""
    y, x = np.nonzero(mask)
    left, right = int(x.min()), int(x.max()) + 1
    cuts = [(left, 0.0), (right, 0.0)]
    if right - left > CUTTABLE * height:
        ink = np.bincount(x, minlength=right)
        for column in sorted(range(left, right), key=lambda column: ink[column]):
            if all(abs(column - other) >= APART * height for other, _ in cuts):
                cuts.append((column, float(ink[column]) / stroke))
    pieces = []
    for (start, left_cut), (end, right_cut) in itertools.pairwise(sorted(cuts)):
        inside = y[(x >= start) & (x < end)]
        box = (start, int(inside.min()), end, int(inside.max()) + 1)
        pieces.append(_Piece(component, box, left_cut, right_cut))
    return pieces


def _is_mark(piece: _Piece, height: float) -> bool:
    _, top, _, bottom = piece.box
    return piece.left_cut == piece.right_cut == 0 and bottom - top < MARK * height


def _cost(group: Sequence[_Piece], box: Box, height: float) -> float:
    """Say what speaks against a digit of this form; `WEIGHTS` tells what counts how much."""
    starts = {(piece.component, piece.box[0]) for piece in group}
    ends = {(piece.component, piece.box[2]) for piece in group}
    # Half of a cut is paid on each of its sides, and one through two strokes is four times worse.
    cut = sum(
        piece.left_cut**2 * ((piece.component, piece.box[0]) not in ends)
        + piece.right_cut**2 * ((piece.component, piece.box[2]) not in starts)
        for piece in group
    )
    gap, end = 0, group[0].box[2]
    tall: dict[int, int] = defaultdict(int)
    for piece in group:
        left, top, right, bottom = piece.box
        gap += max(0, left - end)
        end = max(end, right)
        tall[piece.component] = max(tall[piece.component], bottom - top)
    second = sorted([0, *tall.values()])[-2]
    short = max(0.0, 1 - (box[3] - box[1]) / height)
    return float(np.dot(WEIGHTS, (cut / 2, gap / height, (second / height) ** 2, short**2)))


def best_row(
    candidates: Sequence[Segment], costs: Sequence[float], digits: int | None
) -> list[int]:
    """Choose the segments that cover all pieces at the least cost.

    Args:
        candidates: what `segments` returned.
        costs: of each, its own and the network's.
        digits: how many shall be digits, if the pieces make as many; None for any number.

    Returns:
        The numbers of the segments, from the left to the right.
    """
    # By (pieces covered, digits among them): the least cost, and the segments that have it.
    best: dict[tuple[int, int], tuple[float, list[int]]] = {(0, 0): (0.0, [])}
    for number, segment in enumerate(candidates):
        for (covered, count), (cost, row) in list(best.items()):
            key = (segment.last, count + segment.is_digit)
            total = cost + costs[number]
            if covered == segment.first and total < best.get(key, (math.inf, []))[0]:
                best[key] = (total, [*row, number])
    end = candidates[-1].last
    rows = {count: row for (covered, count), row in best.items() if covered == end}
    return rows[digits][1] if digits in rows else min(rows.values())[1]
