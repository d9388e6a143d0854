"""A line of digits: candidates for each digit, and the best supported row of them."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_edge.contract import SIZE, Limits
from mnist_edge.runtime import accept
from mnist_edge.runtime.reading import Network, propose
from mnist_edge.runtime.reading.candidates import Candidate
from mnist_edge.runtime.reading.decoding import Source, decode, origin_of
from mnist_edge.runtime.reading.foregrounds import Components, connected_components
from mnist_edge.runtime.reading.normalization import normalized
from mnist_edge.runtime.reading.parameters import DECODING, LINES
from mnist_edge.runtime.reading.rules import in_use
from mnist_edge.runtime.reading.views import Box, around, scaled

_NOTHING = np.zeros((SIZE, SIZE), np.uint8)


class Segment(NamedTuple):
    """Neighbouring pieces of ink, as one digit or as a mark that is none."""

    first: int
    last: int  # past the end
    image: NDArray[np.uint8]  # (28, 28), as the network sees it; all 0 for a mark
    box: Box  # in pixels of the ink's view
    cost: float  # what its form speaks against it
    is_digit: bool


class Row(NamedTuple):
    """A line as it was read."""

    boxes: tuple[Box, ...] = ()  # of its digits in the decoded picture, from the left to the right
    probabilities: NDArray[np.float32] = np.empty((0, 10), np.float32)  # of each
    reasons: tuple[str | None, ...] = ()  # why each is not to be trusted; None where it is
    reason: str | None = accept.BLANK  # why the line is not; None where it is
    cost: float = math.inf  # what speaks against it

    @property
    def text(self) -> str:
        """The digits."""
        return "".join(map(str, self.probabilities.argmax(axis=1)))


def read_line(
    source: Source,
    network: Network,
    limits: Limits,
    digits: int | None,
    max_pixels: int = DECODING.max_pixels,
) -> Row:
    """Read a line of digits, of so many or of any number, from what `read` takes.

    What is not trusted at once is looked at in every way, as a single digit is: the line whose
    digits are trusted most is chosen, and trusted if it was read alike in another way.

    Raises:
        UnreadableImage: the source is missing, not a picture, damaged or too large.
    """
    picture, best = decode(source, max_pixels), Row()
    for again in (False, True) if in_use("again") else (False,):
        found = propose(picture, again=again, line=True)
        if rows := [_row(candidate, network, limits, digits) for candidate in found]:
            best = max(rows, key=lambda row: (row.reasons.count(None), -row.cost))
            alone = [row.text for row in rows].count(best.text) == 1
            if again and alone and not best.reason:
                best = best._replace(reason=accept.NO_DIGIT)
        if not best.reason:
            break
    _, scale = origin_of(picture)
    return best._replace(boxes=tuple(scaled(box, scale) for box in best.boxes))


def _row(ink: Candidate, network: Network, limits: Limits, digits: int | None) -> Row:
    """Read one line; without digits where there is far more ink than in a line of them."""
    if not (found := segments(ink)):
        return Row(reason=accept.NO_DIGIT)
    answers = network(np.stack([segment.image for segment in found]))
    doubts = -np.log(answers.max(axis=1)) * [segment.is_digit for segment in found]
    costs = [segment.cost + doubt for segment, doubt in zip(found, doubts.tolist(), strict=True)]
    cost, row = best_row(found, costs, digits)
    boxes = tuple(ink.ink.view.in_picture(found[number].box) for number in row)
    reasons = tuple(accept.doubt(answer, limits) for answer in answers[row])
    reason = next(filter(None, reasons), None if row else accept.NO_DIGIT)
    if digits is not None and len(row) != digits:
        reason = accept.COUNT
    return Row(boxes, answers[row], reasons, reason, cost)


def segments(ink: Candidate) -> list[Segment]:
    """List what may be a digit in a line, from the left to the right.

    Components are the pieces, and wide ones are also cut where few pixels of ink stand above each
    other. Neighbouring pieces may be one digit. Nothing is listed where there are more than
    `LINES.pieces`.
    """
    parts = connected_components(ink.mask)
    heights = parts.box[:, 3] - parts.box[:, 1]
    height = float(np.median(heights[heights > heights.max() / 2]))
    pieces = _pieces(parts, height)
    if len(pieces) > LINES.pieces:
        return []
    found = []
    for first in range(len(pieces)):
        mask = np.zeros_like(ink.mask)
        for last in range(first + 1, min(first + LINES.parts, len(pieces)) + 1):
            group = pieces[first:last]
            boxes = np.array([box for _, box in group])
            box: Box = (*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist())
            if len(group) > 1 and box[2] - box[0] > LINES.widest * height:
                break
            component, (left, _, right, _) = group[-1]
            mask[:, left:right] |= parts.labels[:, left:right] == component
            near = around(box)
            own, rest = mask[near], (ink.mask & ~mask)[near]
            cuts = (own[:, 1:] & rest[:, :-1]).sum(), (own[:, :-1] & rest[:, 1:]).sum()
            if not any(cuts) and all(of == component for of, _ in group):
                short = box[3] - box[1] < LINES.mark * height
                cost = LINES.skip if short else LINES.skip_tall
                found.append(Segment(first, last, _NOTHING, box, cost, False))
            image = normalized(ink.ink.depth, mask, box, ink.stroke_width)
            cost = _cost(group, box, height, np.hypot(*cuts) / ink.stroke_width)
            found.append(Segment(first, last, image, box, cost, True))
    return found


def _pieces(parts: Components, height: float) -> list[tuple[int, Box]]:
    """Cut wide components at the columns with the least ink, `LINES.apart` from each other.

    Returns:
        The component and the box of each piece, from the left to the right.
    """
    pieces: list[tuple[int, Box]] = []
    for component, (left, top, right, bottom) in enumerate(parts.box.tolist()):
        mask = parts.labels[top:bottom, left:right] == component
        cuts = [0, right - left]
        if right - left > LINES.cuttable * height:
            for column in mask.sum(axis=0).argsort(kind="stable").tolist():
                if all(abs(column - other) >= LINES.apart * height for other in cuts):
                    cuts.append(column)
        for start, end in itertools.pairwise(sorted(cuts)):
            rows = mask[:, start:end].any(axis=1).nonzero()[0].tolist()
            box = left + start, top + rows[0], left + end, top + rows[-1] + 1
            pieces.append((component, box))
    return sorted(pieces, key=lambda piece: piece[1][0] + piece[1][2])


def _cost(group: list[tuple[int, Box]], box: Box, height: float, cut: float) -> float:
    """Say what speaks against a digit of this form; `LINES.weights` tells what counts how much."""
    gap, end = 0, box[0]
    tall: dict[int, int] = defaultdict(int)
    for component, (left, top, right, bottom) in group:
        gap += max(0, left - end)
        end = max(end, right)
        tall[component] = max(tall[component], bottom - top)
    second = sorted([0, *tall.values()])[-2]
    short = max(0.0, 1 - (box[3] - box[1]) / height)
    # A cut is paid by both sides, and one through two strokes is four times worse.
    against = cut**2 / 2, gap / height, (second / height) ** 2, short**2
    return float(np.dot(LINES.weights, against))


def best_row(
    found: Sequence[Segment], costs: Sequence[float], digits: int | None
) -> tuple[float, list[int]]:
    """Choose the segments that cover all pieces at the least cost.

    Args:
        found: what `segments` returned.
        costs: of each, its own and the network's.
        digits: how many shall be digits, if the pieces make as many; None for any number.

    Returns:
        The cost, and the numbers of the digits among them, from the left to the right.
    """
    # By (pieces covered, digits among them): the least cost, and these digits.
    best: dict[tuple[int, int], tuple[float, list[int]]] = {(0, 0): (0.0, [])}
    for number, segment in enumerate(found):
        for (covered, count), (cost, row) in list(best.items()):
            key = (segment.last, count + segment.is_digit)
            total = cost + costs[number]
            if covered == segment.first and total < best.get(key, (math.inf, []))[0]:
                best[key] = total, [*row, number] if segment.is_digit else row
    end = found[-1].last
    rows = {count: row for (covered, count), row in best.items() if covered == end}
    return rows[digits] if digits in rows else min(rows.values())
