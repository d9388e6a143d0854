"""Strokes: which of the marks in a mask a pen drew, and which of those are one digit's."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_edge.runtime.reading.components import Components
from mnist_edge.runtime.reading.ink import Box, Mask

# What is ink and what is not, as shares.
CONTACT = 0.35  # of an outline on the picture's edge: table, frame or ground
SPECK = 0.02  # of the largest component's area
RULE = 0.7  # of a row or column inked: a ruled line, if it is thinner than
RULE_THICKNESS = 0.03  # of the picture
SPANS = 0.9  # of the picture's side: reaches from edge to edge
RIM = 0.06  # of a frame's side: as deep as frames go
RING = 0.3  # of its box filled, at most: more is a sheet, with what a stroke on it encloses
UNDERLINE = 6  # of its height: a straight line as long, and longer than the digit, is none of it
COMPANION = 0.2  # of a frame's or rule's length: what it leaves must be as long to be a digit
NEAR = 0.2  # of the digit's length: the gap to a part of it
SAME_COLOUR = 0.9  # cosine between the colours of two inks, seen from the ground's colour

# Ink that is none: a texture, or dots.
CELLS = 6  # across the picture, and down
EVEN = 0.4  # of the most ink in a cell is in each: it goes on alike everywhere
GRAIN = 0.7  # of the outline that as many pixels have where each is inked by chance
SCATTERED = 0.1  # of the picture's area: fewer pixels may be thin strokes as well
DOTS = 3  # alike, and nothing longer: dirt, punched holes, dotted paper
DOT = 0.6  # of its box filled
DOT_LENGTH = 5  # pixels: too small to have another form

# Ink that is too much for one digit.
LONGEST = 4.5  # of a digit's length: the path of the pen that draws it
WIDEST = 2  # of its height
PARTS = 6  # of comparable length, as of a rough brush
PARTS_ABREAST = 2  # of a digit that is wider than high: more are a word
RUN_INTO = 0.22  # of its outline on the picture's edge: what it runs into there is part of it


def without_rules(mask: Mask) -> Mask:
    """Erase thin lines from edge to edge, except where a stroke crosses them."""
    upright = _without_rows(mask)
    turned = upright.T
    rest = _without_rows(turned)
    if upright is mask and rest is turned:
        return mask
    rest = rest.T
    # In a tight crop the bars of a digit reach the edges too, as thin leftovers of lines do not.
    for first, last in ((rest[0], rest[-1]), (rest[:, 0], rest[:, -1])):
        if min(_longest_run(first), _longest_run(last)) > RULE_THICKNESS * len(first):
            return mask
    return rest


def _longest_run(pixels: NDArray[np.bool_]) -> int:
    ends = np.flatnonzero(np.diff(pixels.astype(np.int8), prepend=0, append=0))
    return int((ends[1::2] - ends[::2]).max(initial=0))


def _without_rows(mask: Mask) -> Mask:
    thickness = RULE_THICKNESS * len(mask)
    if thickness < 1:
        return mask
    ruled = np.zeros(len(mask) + 2, np.bool_)
    ruled[1:-1] = mask.sum(axis=1) > RULE * mask.shape[1]
    if not ruled.any():
        return mask
    ends = np.flatnonzero(ruled[1:] != ruled[:-1]).reshape(-1, 2)
    rules = ends[ends[:, 1] - ends[:, 0] <= thickness]
    if not ((rules[:, 0] > 0) & (rules[:, 1] < len(mask))).any():
        return mask  # a line on the picture's edge is one of several, or a digit's bar
    padded = np.zeros((len(mask) + 4, mask.shape[1]), np.bool_)
    padded[2:-2] = mask
    for top, bottom in rules + 2:
        padded[top - 1 : bottom + 1] &= padded[top - 2] | padded[bottom + 1]
    return padded[2:-2]


def is_texture(mask: Mask) -> bool:
    """Tell noise, and what goes on alike from edge to edge as squared paper, from ink."""
    height, width = mask.shape
    sides = outline_of(mask)
    if path_length(sides) < LONGEST * max(height, width):
        return False
    covered = np.count_nonzero(mask) / mask.size
    if covered > SCATTERED and sides > GRAIN * 4 * covered * (1 - covered) * mask.size:
        return True
    y, x = (np.arange(CELLS) * side // CELLS for side in mask.shape)
    inked = np.add.reduceat(np.add.reduceat(mask, y, axis=0, dtype=np.intp), x, axis=1)
    share = inked / np.outer(np.diff(y, append=height), np.diff(x, append=width))
    return bool(share.min() > EVEN * share.max())


def strokes(
    parts: Components, inked: NDArray[np.bool_], colours: NDArray[np.float64] | None
) -> NDArray[np.bool_]:
    """Choose the components that a pen drew.

    Args:
        parts: n components of a mask (H, W).
        inked: bool (n,), which of them are not faint all over.
        colours: of its pixels, (3, H * W); None where they are grey.

    Returns:
        bool (n,).
    """
    ink: NDArray[np.bool_] = inked & (parts.contact < CONTACT * parts.outline)
    if not ink.any():
        return ink
    ink &= parts.area > SPECK * parts.area[ink].max()
    if _are_dots(parts, ink):
        return np.zeros_like(ink)
    main = int((parts.length * ink).argmax())
    while ink[main] and _is_frame_or_rule(parts, ink, main):
        ink[main] = False
        main = int((parts.length * ink).argmax())
    if colours is not None and np.count_nonzero(ink) > 1:
        labels = parts.labels.ravel()
        area = np.append(parts.area, max(1, labels.size - parts.area.sum()))
        sums = [np.bincount(labels, band, len(area)) for band in colours]
        mean = np.stack(sums, axis=1) / area[:, None]
        colour = mean[:-1] - mean[-1]
        colour /= np.linalg.norm(colour, axis=1, keepdims=True) + 1e-6
        ink &= colour @ colour[main] > SAME_COLOUR
    return ink


def _are_dots(parts: Components, ink: NDArray[np.bool_]) -> bool:
    """Tell dirt, punched holes and dotted paper from a digit."""
    if np.count_nonzero(ink) < DOTS:
        return False
    longest = parts.length[ink].max()
    alike = ink if longest <= DOT_LENGTH else ink & (parts.length > longest / 2)
    if np.count_nonzero(alike) < DOTS:
        return False
    sides = (parts.box[:, 2:] - parts.box[:, :2])[alike]
    round_ = sides.max(axis=1) < 1.5 * sides.min(axis=1)
    solid = parts.area[alike] > DOT * sides.prod(axis=1)
    return bool(longest <= DOT_LENGTH or (round_ & solid).all())


def _is_frame_or_rule(parts: Components, ink: NDArray[np.bool_], main: int) -> bool:
    """Tell a frame, or a line under or beside other ink, from a digit."""
    left, top, right, bottom = parts.box[main].tolist()
    height, width = parts.labels.shape
    wide, high = right - left >= SPANS * width, bottom - top >= SPANS * height
    if np.count_nonzero(ink) == 1 and not (wide and high):
        return False
    others = ink & (parts.length > COMPANION * parts.length[main])
    others[main] = False
    if right - left > UNDERLINE * (bottom - top) and others.any():
        return True
    if not (wide or high):
        others &= (parts.box[:, :2] > (left, top)).all(axis=1)
        others &= (parts.box[:, 2:] < (right, bottom)).all(axis=1)
    if not (wide and high) and not others.any():
        return False
    rim = math.ceil(RIM * parts.length[main])
    inside = parts.labels[top + rim : max(0, bottom - rim), left + rim : max(0, right - rim)]
    return bool((inside == main).sum() < 0.15 * parts.area[main])


class Candidates(NamedTuple):
    """What of the strokes may be the digit, each bool (n,).

    Attributes:
        digit: the longest stroke and whatever lies near it, inside a ring if there is one.
        outline: ring and inside, which may be the outlines of a digit with a hole; None without.
        scattered: all strokes, where some are not near the digit; None elsewhere.
    """

    digit: NDArray[np.bool_]
    outline: NDArray[np.bool_] | None = None
    scattered: NDArray[np.bool_] | None = None


def candidates(parts: Components, drawn: NDArray[np.bool_]) -> Candidates:
    """Choose what of the strokes (n,) may be the digit."""
    if np.count_nonzero(drawn) == 1:
        return Candidates(drawn)
    digit = _with_what_is_near(parts, drawn)
    inside = drawn & _encircled(parts, int((parts.length * drawn).argmax()))
    if inside.any():
        return Candidates(_with_what_is_near(parts, inside), outline=digit)
    return Candidates(digit, scattered=None if (digit == drawn).all() else drawn)


def _with_what_is_near(parts: Components, drawn: NDArray[np.bool_]) -> NDArray[np.bool_]:
    chosen = np.zeros_like(drawn)
    main = int((parts.length * drawn).argmax())
    near = np.arange(len(drawn)) == main
    while (near & ~chosen).any():
        chosen |= near
        first, last = parts.box[chosen, :2].min(axis=0), parts.box[chosen, 2:].max(axis=0)
        gap = np.maximum(parts.box[:, :2] - last, first - parts.box[:, 2:]).max(axis=1)
        near = drawn & (gap < NEAR * parts.length[main])
    return chosen


def _encircled(parts: Components, ring: int) -> NDArray[np.bool_]:
    """Tell which components (n,), if not short, have a thin one on all four sides."""
    inside: NDArray[np.bool_] = parts.length > COMPANION * parts.length[ring]
    inside &= parts.area[ring] < RING * (parts.box[ring, 2:] - parts.box[ring, :2]).prod()
    of_ring = parts.labels == ring
    for number in np.flatnonzero(inside).tolist():
        left, top, right, bottom = parts.box[number].tolist()
        row, column = of_ring[(top + bottom) // 2], of_ring[:, (left + right) // 2]
        sides = row[:left], row[right:], column[:top], column[bottom:]
        inside[number] = all(side.any() for side in sides)
    return inside


def is_crowded(
    parts: Components, drawn: NDArray[np.bool_], chosen: NDArray[np.bool_], box: Box
) -> bool:
    """Tell whether there is more ink than one digit's.

    Other ink, long enough to be another digit, is not part of the chosen; or its strokes are too
    long, it is too wide, has too many parts, or lies along the picture's edge.

    Args:
        parts: n components of a mask.
        drawn: bool (n,), the strokes.
        chosen: bool (n,), those of the digit.
        box: around them.
    """
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    outline = parts.outline[chosen].sum()
    long = drawn & (parts.length > COMPANION * parts.length[chosen].max())
    return bool(
        (long & ~chosen).any()
        or path_length(outline) > LONGEST * max(width, height)
        or width > WIDEST * height
        or np.count_nonzero(long) > (PARTS_ABREAST if width > height else PARTS)
        or parts.contact[chosen].sum() > RUN_INTO * outline
    )


def outline_of(mask: Mask) -> int:
    """Return how many sides of pixels lie between what a mask holds and the rest of it."""
    upright, across = mask[1:] != mask[:-1], mask[:, 1:] != mask[:, :-1]
    return int(np.count_nonzero(upright) + np.count_nonzero(across))


def path_length(outline: int | np.intp) -> float:
    """Return the length of the strokes that have such an outline, in pixels."""
    # Two outlines make a stroke; of square pixels, they are 4 / pi too long.
    return math.pi / 8 * int(outline)
