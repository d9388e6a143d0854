"""Candidates: what of a foreground may be the digit, and what speaks for it and against it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_edge.runtime.reading.components import path_length
from mnist_edge.runtime.reading.foregrounds import Foreground, Mask
from mnist_edge.runtime.reading.normalization import normalized
from mnist_edge.runtime.reading.parameters import (
    CHANCE,
    DROPPING,
    NORMALIZING,
    THRESHOLDING,
)
from mnist_edge.runtime.reading.rules import EVERYTHING, Chosen, active
from mnist_edge.runtime.reading.views import Box, around


class Candidate(NamedTuple):
    """Components of a foreground that may be the digit.

    Attributes:
        ink: the foreground they are of.
        choice: the name of the rule that chose them.
        left: bool (n,), the components that were not dropped.
        chosen: bool (n,), those of the digit.
        mask: bool (H, W), where they are.
        box: left, top, right and bottom in pixels of the view, the latter two past the end.
        support: how well their outline follows edges of the picture; the logarithm.
        afar: what was found in a larger view, of which theirs is a part.
        dropped: how many components each rule dropped.
        doubts: the names of the rules that doubt that this is one digit and nothing else.
    """

    ink: Foreground
    choice: str
    left: Chosen
    chosen: Chosen
    mask: Mask
    box: Box
    support: float
    afar: Candidate | None = None
    dropped: tuple[tuple[str, int], ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Of the box, in pixels."""
        return self.box[2] - self.box[0]

    @property
    def height(self) -> int:
        """Of the box, in pixels."""
        return self.box[3] - self.box[1]

    @property
    def side(self) -> int:
        """The longer side of the box, in pixels."""
        return max(self.width, self.height)

    @property
    def outline(self) -> int:
        """In sides of pixels."""
        return int(self.ink.parts.outline[self.chosen].sum())

    @property
    def stroke_width(self) -> float:
        """In pixels: the area by the length of the path."""
        return float(self.ink.parts.area[self.chosen].sum()) / path_length(self.outline)

    @property
    def drawn_width(self) -> float:
        """Of the strokes in a picture of 28x28 that the digit fills as MNIST's do, in pixels."""
        return NORMALIZING.box / self.side * self.stroke_width

    @property
    def comparable(self) -> Chosen:
        """Which of the components that are left are long enough to be a digit beside this one."""
        length = self.ink.parts.length
        long: Chosen = length > DROPPING.companion * length[self.chosen].max()
        return self.left & long

    @property
    def in_picture(self) -> Box:
        """The box in pixels of the picture."""
        return self.ink.view.in_picture(self.box)

    def normalized(self) -> NDArray[np.uint8]:
        """Draw it as MNIST would: uint8 (28, 28), ink 255 on 0."""
        return normalized(self.ink.depth, self.mask, self.box, self.stroke_width)


def candidates(
    ink: Foreground, afar: Candidate | None = None, *, line: bool = False
) -> list[Candidate]:
    """List what of a foreground may be the digit.

    Args:
        ink: the foreground.
        afar: what was found in the larger view, of which this is a part.
        line: whether all of it that is not dropped is looked for, and nothing else.
    """
    left = np.ones(len(ink.parts.area), np.bool_)
    dropped = []
    for rule in active("drop"):
        drop = left & rule.apply(ink, left)
        if count := int(np.count_nonzero(drop)):
            dropped.append((rule.name, count))
            left &= ~drop
    found: list[Candidate] = []
    choices = [EVERYTHING] if line else active("choose")
    for rule in choices[: np.count_nonzero(left)]:  # one component is no choice
        chosen = rule.apply(ink, left)
        if any((chosen == other.chosen).all() for other in found):
            continue
        mask, box = ink.parts.of(chosen)
        support = _support(ink, mask, box, int(ink.parts.contact[chosen].sum()))
        if support > -math.inf:
            candidate = Candidate(
                *(ink, rule.name, left, chosen, mask, box, support, afar, tuple(dropped))
            )
            doubts = tuple(doubt.name for doubt in active("doubt") if doubt.apply(candidate))
            found.append(candidate._replace(doubts=doubts))
    return found


def _support(ink: Foreground, mask: Mask, box: Box, contact: int) -> float:
    """Score how well the outline of a mask follows edges, in the direction of the ink.

    A wrong background or polarity draws outlines where the picture has none. Steepness counts more
    than length, so that the border of a page does not outweigh the digit on it.
    """
    total, length = 0, contact
    window = around(box)
    gray, inked = ink.view.gray[window].astype(np.int16), mask[window].view(np.int8)
    if ink.polarity == "dark":
        gray = -gray
    for levels, inside in ((gray, inked), (gray.T, inked.T)):
        side = inside[1:] - inside[:-1]
        total += int(np.maximum((levels[1:] - levels[:-1]) * side, 0).sum())
        length += int(np.count_nonzero(side))
    steepness = total / max(length, 1)
    soft = steepness < THRESHOLDING.steepness
    return -math.inf if soft else math.log(total) + 3 * math.log(steepness)


def prior(candidate: Candidate) -> float:
    """Return how likely a candidate is before the network has seen it, to sort candidates by."""
    return CHANCE.support * candidate.support + CHANCE.doubted * bool(candidate.doubts)


def chances(found: list[Candidate], probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return how likely each of n candidates is the digit, and the network right about it, (n,).

    A logistic model of its prior, beside that of the best supported candidate, and of the log odds
    that the network takes it for one digit or another.
    """
    best = max(candidate.support for candidate in found)
    before = np.array([prior(candidate) for candidate in found]) - CHANCE.support * best
    sums = np.partition(probabilities.astype(np.float64), -2, axis=1)[:, -2:].sum(axis=1)
    sums = sums.clip(CHANCE.least, 1 - CHANCE.least)
    after = CHANCE.bias + before + CHANCE.network * np.log(sums / (1 - sums))
    chance: NDArray[np.float64] = 1 / (1 + np.exp(-after))
    return chance
