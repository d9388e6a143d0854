"""The rules of reading, a row each: what is tried, dropped, put together and doubted.

What a row is worth is measured on pictures that people made, by `python tools/benchmarks/reading.py
--ablate`, and stands in docs/reading.md. A row that is worth nothing goes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from mnist_edge.runtime.reading.foregrounds import Chosen, Foreground, corners, faint, full, surface
from mnist_edge.runtime.reading.parameters import CHOOSING
from mnist_edge.runtime.reading.views import side_of

if TYPE_CHECKING:
    from mnist_edge.runtime.reading.candidates import Candidate


# Dropped: what no pen drew, of the components (n,) that are left.


def _at_the_edge(ink: Foreground, _left: Chosen) -> Chosen:
    return ink.parts.contact >= CHOOSING.contact * ink.parts.outline


def _other_colours(ink: Foreground, left: Chosen) -> Chosen:
    parts, pixels = ink.parts, ink.view.pixels
    if pixels.ndim == 2 or np.count_nonzero(left) == 1:
        return np.zeros_like(left)
    labels = parts.labels.ravel()
    area = np.append(parts.area, max(1, labels.size - parts.area.sum()))
    bands = [np.bincount(labels, band, len(area)) for band in pixels.reshape(-1, 3).T]
    mean = np.stack(bands, axis=1) / area[:, None]
    colour = mean[:-1] - mean[-1]
    colour /= np.linalg.norm(colour, axis=1, keepdims=True) + 1e-6
    differ: Chosen = colour @ colour[parts.longest(left)] <= CHOOSING.colour
    return differ


# Chosen: what may be one digit, of those that are left.


def _near(ink: Foreground, left: Chosen) -> Chosen:
    parts, chosen = ink.parts, np.zeros_like(left)
    main = parts.longest(left)
    added = np.arange(len(left)) == main
    while (added & ~chosen).any():
        chosen |= added
        first, last = parts.box[chosen, :2].min(axis=0), parts.box[chosen, 2:].max(axis=0)
        gap = np.maximum(parts.box[:, :2] - last, first - parts.box[:, 2:]).max(axis=1)
        added = left & (gap < CHOOSING.near * parts.length[main])
    return chosen


def _all(_ink: Foreground, left: Chosen) -> Chosen:
    return left


# Doubted: what is more than one digit, or less.


def _beside(candidate: Candidate) -> bool:
    return candidate.beside


def _long_path(candidate: Candidate) -> bool:
    return candidate.path > CHOOSING.path * side_of(candidate.box)


Stage = Literal["background", "threshold", "drop", "choose", "doubt", "pass"]


class Rule(NamedTuple):
    """A row of the table.

    The first pass takes the first background and threshold, the second tries all of them; what is
    dropped is in neither.
    """

    name: str  # what `--explain` and `without` call it
    stage: Stage  # when it is applied
    why: str  # what it is for
    apply: Any = None  # its function; None of a pass, which is a step of the algorithm itself


EVERYTHING = Rule("scattered", "choose", "all strokes, as a digit may be broken", _all)
RULES: tuple[Rule, ...] = (
    Rule("surface", "background", "light falls off smoothly", surface),
    Rule("corners", "background", "a digit may fill all but the corners", corners),
    Rule("faint", "threshold", "thin strokes only graze some of their pixels", faint),
    Rule("otsu", "threshold", "what is faint may be dirt or paper", full),
    Rule("edge", "drop", "a table or the page lies along the picture's edge", _at_the_edge),
    Rule("colours", "drop", "of another colour than the longest stroke", _other_colours),
    Rule("near", "choose", "the longest stroke and what lies near it", _near),
    EVERYTHING,
    Rule("other ink", "doubt", "there is ink beside it that may be a digit too", _beside),
    Rule("long path", "doubt", "its strokes are longer than any digit's", _long_path),
    Rule("closer", "pass", "a small digit in a large picture needs another view"),
    Rule("again", "pass", "what is not trusted at once is read in every way"),
)

_in_use = RULES


def active(stage: Stage) -> list[Rule]:
    """Return the rules of a stage in their order, but for those that are left out."""
    return [rule for rule in _in_use if rule.stage == stage]


def in_use(name: str) -> bool:
    """Tell whether a rule is not left out."""
    return any(rule.name == name for rule in _in_use)


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Leave rules out, to measure what they are worth; not for several threads.

    Raises:
        KeyError: there is no such rule.
    """
    global _in_use  # noqa: PLW0603
    if unknown := set(names) - {rule.name for rule in RULES}:
        raise KeyError(*unknown)
    before, _in_use = _in_use, tuple(rule for rule in _in_use if rule.name not in names)
    try:
        yield
    finally:
        _in_use = before
