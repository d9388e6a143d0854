"""Candidates: what of a foreground may be the digit, and what speaks for it and against it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_edge.runtime.accept import two_best
from mnist_edge.runtime.reading.foregrounds import PATH, Chosen, Foreground, Mask
from mnist_edge.runtime.reading.normalization import normalized
from mnist_edge.runtime.reading.parameters import CHANCE, CHOOSING, FOREGROUNDS
from mnist_edge.runtime.reading.rules import EVERYTHING, active
from mnist_edge.runtime.reading.views import Box, around


class Candidate(NamedTuple):
    """Components of a foreground that may be the digit."""

    ink: Foreground  # that they are of
    choice: str  # the name of the rule that chose them
    chosen: Chosen  # those of the digit
    path: float  # how long its strokes are together, in pixels
    mask: Mask  # where they are
    box: Box  # in pixels of the view
    support: float  # how well their outline follows edges of the picture; the logarithm
    beside: bool  # whether there is other ink as long as a digit, or was in a larger view
    dropped: tuple[tuple[str, int], ...]  # how many components each rule dropped
    doubts: tuple[str, ...] = ()  # the rules that doubt that this is one digit and nothing else

    @property
    def stroke_width(self) -> float:
        """In pixels: the area by the length of the path."""
        return float(self.ink.parts.area @ self.chosen) / self.path

    def normalized(self) -> NDArray[np.uint8]:
        """Draw it as MNIST would: uint8 (28, 28), ink 255 on 0."""
        return normalized(self.ink.depth, self.mask, self.box, self.stroke_width)


def candidates(ink: Foreground, *, beside: bool) -> list[Candidate]:
    """List what of a foreground may be the digit; all of it alone where a line is looked for.

    Args:
        ink: the foreground.
        beside: whether there is other ink in the larger view, of which this is a part.
    """
    parts, found = ink.parts, list[Candidate]()
    left, dropped = np.ones(len(parts.area), np.bool_), list[tuple[str, int]]()
    for rule in active("drop"):
        drop = left & rule.apply(ink, left)
        if count := int(np.count_nonzero(drop)):
            left &= ~drop
            dropped.append((rule.name, count))
    number = np.count_nonzero(left)
    for rule in ([EVERYTHING] if ink.view.line else active("choose"))[:number]:
        chosen = rule.apply(ink, left) if number > 1 else left  # one alone is no choice
        if any((chosen == one.chosen).all() for one in found):
            continue
        mask, box = parts.of(chosen)
        support = _support(ink, mask, box, int(parts.contact @ chosen))
        if support == -math.inf:
            continue
        long = parts.length > CHOOSING.companion * parts.length[parts.longest(chosen)]
        other = beside or bool((left & long & ~chosen).any())
        path = PATH * int(parts.outline @ chosen)
        candidate = Candidate(
            ink, rule.name, chosen, path, mask, box, support, other, tuple(dropped)
        )
        doubts = tuple(doubt.name for doubt in active("doubt") if doubt.apply(candidate))
        found.append(candidate._replace(doubts=doubts))
    return found


def _support(ink: Foreground, mask: Mask, box: Box, contact: int) -> float:
    """Score how well the outline of a mask follows edges, in the direction of the ink.

    A wrong background or polarity draws outlines where the picture has none. Steepness counts more
    than length, so that the border of a page does not outweigh the digit on it.
    """
    total, length, window = 0, contact, around(box)
    depth, inked = ink.depth[window], mask[window].view(np.int8)
    for levels, inside in ((depth, inked), (depth.T, inked.T)):
        side = inside[1:] - inside[:-1]
        total += int(np.maximum((levels[1:] - levels[:-1]) * side, 0).sum())
        length += int(np.count_nonzero(side))
    steepness = total / max(length, 1)
    soft = steepness < FOREGROUNDS.steepness
    return -math.inf if soft else math.log(total) + FOREGROUNDS.steep * math.log(steepness)


def prior(candidate: Candidate) -> float:
    """Return how likely a candidate is before the network has seen it, to sort candidates by."""
    return CHANCE.support * candidate.support + CHANCE.doubted * bool(candidate.doubts)


def features(found: Sequence[Candidate], probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return what speaks for each of n candidates, (n, 4), to be weighted by `CHANCE`.

    1; its support beside that of the best supported one; whether it is doubted; and the log odds
    that the network, which answers with (n, 10), takes it for one digit or another.
    """
    support = np.array([candidate.support for candidate in found])
    doubted = [bool(candidate.doubts) for candidate in found]
    sums = two_best(probabilities)[0].clip(CHANCE.least, 1 - CHANCE.least)
    odds = np.log(sums / (1 - sums))
    return np.stack([np.ones_like(odds), support - support.max(), doubted, odds], axis=1)


def chances(found: Sequence[Candidate], probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return how likely each of n candidates is the digit, and the network right about it, (n,)."""
    weights = CHANCE.bias, CHANCE.support, CHANCE.doubted, CHANCE.network
    chance: NDArray[np.float64] = 1 / (1 + np.exp(-features(found, probabilities) @ weights))
    return chance
