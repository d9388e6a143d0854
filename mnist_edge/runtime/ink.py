"""Where the ink is in a picture, and which of it is the digit, or the line of digits."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.runtime.components import Components, connected_components

# Where the ink is looked for: a reduced picture, and a coarse grid for its ground.
WORK_SIDE = 128
GRID = 16
MIN_QUARTERS = 12  # grey levels between the quartiles: a shadow or fat ink, another ground to try
MIN_EDGE = 7  # grey levels of 255 from pixel to pixel: a softer outline is a shadow, not ink
FIRST_GROUND = 2  # how much better the other grounds must explain the picture to be preferred
LOOKS = 4
CLOSER = 0.5  # of the picture's side: a smaller digit is looked at again, closer

# What is ink and what is not, as shares.
CONTACT = 0.35  # of an outline on the picture's edge: table, frame or ground
SPECK = 0.02  # of the largest component's area
RULE = 0.7  # of a row or column inked: a ruled line, if it is thinner than
RULE_THICKNESS = 0.03  # of the picture
SPANS = 0.9  # of the picture's side: reaches from edge to edge
RIM = 0.06  # of a frame's side: as deep as frames go
COMPANION = 0.2  # of a frame's or rule's length: what it leaves must be as long to be a digit
NEAR = 0.2  # of the digit's length: the gap to a part of it
SAME_COLOUR = 0.9  # cosine between the colours of two inks, seen from the ground's colour
PAGE = 0.78  # of its box filled: a sheet of paper, no digit is so solid

Gray = NDArray[np.int16]
Mask = NDArray[np.bool_]
Box = tuple[int, int, int, int]
Polarity = Literal["dark", "light"]
SIGNS: tuple[tuple[Polarity, int], ...] = (("dark", -1), ("light", 1))


class Ink(NamedTuple):
    """The ink that is read, in a picture of shape (H, W).

    Attributes:
        polarity: whether it is darker or lighter than its ground.
        depth: int16 (H, W), grey levels from the ground towards the ink.
        mask: bool (H, W), where the ink is.
        box: its left, top, right and bottom, the latter two past the end.
        stroke_width: in pixels.
        support: how well its outline is supported by edges in the picture.
        rival: the same of the best reading in the other polarity.
        left_out: whether other ink, long enough to be another digit, is not part of it.
    """

    polarity: Polarity
    depth: Gray
    mask: Mask
    box: Box
    stroke_width: float
    support: float
    rival: float
    left_out: bool

    @property
    def contrast(self) -> float:
        """Grey levels between the ground and the ink, their mean."""
        return float(self.depth[self.mask].mean())

    @property
    def is_page(self) -> bool:
        """Whether it is a sheet of paper, with the digit on it."""
        width, height = self.box[2] - self.box[0], self.box[3] - self.box[1]
        short, long = sorted((width, height))
        return short > GRID and long < 2.5 * short and self.mask.sum() > PAGE * width * height


class Found(NamedTuple):
    """Ink in the part of a picture that was looked at, reduced by a factor."""

    ink: Ink
    window: Box
    factor: int

    def in_picture(self, box: Box) -> Box:
        """Return a box of the ink in pixels of the whole picture."""
        left, top, right, bottom = self.window
        x0, y0, x1, y1 = (self.factor * side for side in box)
        return left + x0, top + y0, min(right, left + x1), min(bottom, top + y1)


def look(picture: Image.Image, *, line: bool = False) -> Found | None:
    """Find the digit in a picture, or a line of digits; look closer where it is small.

    Args:
        picture: of mode `L` or `RGB` and any size.
        line: keep all ink, not only what belongs to the largest digit; resolution follows the
            height then, as lines are wide.
    """

    def extent(box: Box) -> int:
        left, top, right, bottom = box
        return bottom - top if line else max(right - left, bottom - top)

    window: Box = (0, 0, *picture.size)
    found = None
    for _ in range(LOOKS):
        factor = math.ceil(extent(window) / WORK_SIDE)
        ink = _find_ink(picture.reduce(factor, window), line=line)
        if ink is None:
            break
        if found and found.ink.left_out:
            ink = ink._replace(left_out=True)  # which a closer look does not see
        found = Found(ink, window, factor)
        left, top, right, bottom = found.in_picture(ink.box)
        side = factor * extent(ink.box)
        if ink.is_page:
            margin = -max(factor, side // 25)
        elif factor > 1 and side < CLOSER * extent(window):
            margin = side // 2
        else:
            break
        window = (
            max(window[0], left - margin),
            max(window[1], top - margin),
            min(window[2], right + margin),
            min(window[3], bottom + margin),
        )
    return found


def _find_ink(picture: Image.Image, *, line: bool) -> Ink | None:
    """Try each ground and polarity, and keep the ink whose outline is best supported."""
    colours = np.asarray(picture).reshape(picture.width * picture.height, -1)
    flat = _along_contrast(picture)
    gray = np.asarray(flat).astype(np.int16)
    best: dict[Polarity, Ink] = {}
    seen = set()
    for number, ground in enumerate(_grounds(flat)):
        relief = gray - ground
        threshold = _otsu(np.abs(relief))
        for polarity, sign in SIGNS:
            depth = sign * relief
            mask = _without_rules(depth > threshold)
            if not mask.any() or (outline := (polarity, mask.tobytes())) in seen:
                continue
            seen.add(outline)
            parts = connected_components(mask)
            length = (parts.box[:, 2:] - parts.box[:, :2]).max(axis=1)
            strokes = _strokes(parts, length, colours)
            if not strokes.any():
                continue
            kept = strokes if line else _digit(parts, length, strokes)
            mask = np.append(kept, False)[parts.labels]
            support = _support(sign * gray, mask, int(parts.contact[kept].sum()))
            if number == 0:
                support *= FIRST_GROUND
            if support <= (best[polarity].support if polarity in best else 0.0):
                continue
            left, top = parts.box[kept, :2].min(axis=0).tolist()
            right, bottom = parts.box[kept, 2:].max(axis=0).tolist()
            # Two outlines make a stroke; of square pixels, they are 4 / pi too long.
            width = 8 / math.pi * parts.area[kept].sum() / parts.outline[kept].sum()
            others = length[strokes & ~kept]
            best[polarity] = Ink(
                polarity,
                depth,
                mask,
                (left, top, right, bottom),
                float(width),
                support,
                rival=0.0,
                left_out=bool((others > COMPANION * length[kept].max()).any()),
            )
    if not best:
        return None
    *rivals, chosen = sorted(best.values(), key=lambda ink: ink.support)
    return chosen._replace(rival=rivals[0].support) if rivals else chosen


def _along_contrast(picture: Image.Image) -> Image.Image:
    """Turn colours to grey along the axis on which they differ most, be it of equal luminance."""
    if picture.mode == "L":
        return picture
    pixels = np.asarray(picture)
    if (pixels == pixels[:, :, :1]).all():
        return picture.getchannel(0)
    spread = (pixels - np.median(pixels, axis=(0, 1))).reshape(-1, 3)
    axis = np.linalg.eigh(spread.T @ spread).eigenvectors[:, -1]
    axis *= np.sign(axis.sum() or 1) / np.abs(axis).sum()
    level = pixels @ axis - 255 * np.minimum(axis, 0).sum()
    return Image.fromarray(np.rint(level).astype(np.uint8))


_span = np.linspace(-1, 1, GRID)
_X, _Y = (axis.ravel() for axis in np.meshgrid(_span, _span))
_QUADRATIC = np.stack([np.ones_like(_X), _X, _Y, _X * _Y, _X * _X, _Y * _Y], axis=1)


def _grounds(flat: Image.Image) -> list[NDArray[np.uint8]]:
    """Guess what the picture would be without its ink.

    The first guess is a quadratic surface, least squares reweighted by the Cauchy function, since
    light falls off smoothly. Where the quartiles differ much, a shadow or fat ink takes a large
    part of the picture, and each of them is a guess too.
    """
    level = np.asarray(flat.resize((GRID, GRID), Image.Resampling.NEAREST), float).ravel()
    surface = np.full_like(level, _median(level))
    for _ in range(3):
        residual = level - surface
        scale = 1.5 * _median(np.abs(residual)) + 4
        weighted = _QUADRATIC.T / (1 + (residual / scale) ** 2) ** 2
        normal = weighted @ _QUADRATIC + 1e-6 * np.eye(len(weighted))
        surface = _QUADRATIC @ np.linalg.solve(normal, weighted @ level)
    small = Image.fromarray(np.rint(surface).clip(0, 255).astype(np.uint8).reshape(GRID, GRID))
    grounds = [np.asarray(small.resize(flat.size, Image.Resampling.BILINEAR))]
    ordered = np.sort(np.asarray(flat.resize((GRID, GRID), Image.Resampling.BOX)), axis=None)
    low, high = (int(ordered[quarter * len(ordered) // 4]) for quarter in (1, 3))
    if high - low > MIN_QUARTERS:
        grounds += [np.full_like(grounds[0], guess) for guess in (low, high)]
    return grounds


def _median(values: NDArray[np.float64]) -> float:
    # Of an even number; np.median takes five times as long, more than all else here.
    half = len(values) // 2
    return float(np.partition(values, (half - 1, half))[half - 1 : half + 1].mean())


def _otsu(values: NDArray[np.int16]) -> float:
    """Return the threshold that separates two classes best (Otsu 1979), midway in a gap."""
    counts = np.bincount(values.ravel())
    below = counts.cumsum()
    total = (counts * np.arange(len(counts))).cumsum()
    classes = np.maximum(below * (below[-1] - below), 1)
    between = (total[-1] * below - total * below[-1]) ** 2.0 / classes
    return float(np.flatnonzero(between == between.max()).mean())


def _without_rules(mask: Mask) -> Mask:
    """Erase thin lines from edge to edge, except where a stroke crosses them."""
    rest = _without_rows(_without_rows(mask).T).T
    if rest is mask:
        return mask
    tight = (rest[0].any() and rest[-1].any()) or (rest[:, 0].any() and rest[:, -1].any())
    return mask if tight else rest  # in a tight crop the bars of a digit reach the edges too


def _without_rows(mask: Mask) -> Mask:
    ruled = np.count_nonzero(mask, axis=1) > RULE * mask.shape[1]
    if not ruled.any():
        return mask
    mask = mask.copy()
    ends = np.flatnonzero(np.diff(ruled, prepend=False, append=False))
    for top, bottom in ends.reshape(-1, 2):
        if bottom - top <= RULE_THICKNESS * len(mask) and top > 0 and bottom < len(mask):
            above, below = max(0, top - 2), min(len(mask) - 1, bottom + 1)
            mask[above + 1 : below] &= mask[above] | mask[below]
    return mask


def _strokes(
    parts: Components, length: NDArray[np.intp], colours: NDArray[np.uint8]
) -> NDArray[np.bool_]:
    """Choose the components that a pen drew, as a boolean array over all of them."""
    ink = parts.contact < CONTACT * parts.outline
    if not ink.any():
        return ink
    ink &= parts.area > SPECK * parts.area[ink].max()
    while _is_frame_or_rule(parts, ink, length, main := int((length * ink).argmax())):
        ink[main] = False
    if colours.shape[1] == 3 and np.count_nonzero(ink) > 1:
        area = np.bincount(parts.labels.ravel(), minlength=len(ink) + 1)
        sums = [np.bincount(parts.labels.ravel(), band, len(ink) + 1) for band in colours.T]
        mean = np.stack(sums, axis=1) / np.maximum(area, 1)[:, None]
        colour = mean[:-1] - mean[-1]
        colour /= np.linalg.norm(colour, axis=1, keepdims=True) + 1e-6
        ink &= colour @ colour[main] > SAME_COLOUR
    return ink


def _is_frame_or_rule(
    parts: Components, ink: NDArray[np.bool_], length: NDArray[np.intp], main: int
) -> bool:
    """Tell a frame around other ink, or a line from edge to edge beside it, from a digit."""
    left, top, right, bottom = box = parts.box[main]
    height, width = parts.labels.shape
    others = ink & (length > COMPANION * length[main])
    others[main] = False
    if right - left < SPANS * width and bottom - top < SPANS * height:
        others &= ((parts.box[:, :2] > box[:2]) & (parts.box[:, 2:] < box[2:])).all(axis=1)
    if not others.any():
        return False
    rim = math.ceil(RIM * length[main])
    inside = parts.labels[top + rim : max(0, bottom - rim), left + rim : max(0, right - rim)]
    return bool((inside == main).sum() < 0.15 * parts.area[main])


def _digit(
    parts: Components, length: NDArray[np.intp], strokes: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Choose the longest of the strokes and whatever lies near it."""
    main = int((length * strokes).argmax())
    digit = np.zeros_like(strokes)
    near = np.arange(len(strokes)) == main
    while (near & ~digit).any():
        digit |= near
        first, last = parts.box[digit, :2].min(axis=0), parts.box[digit, 2:].max(axis=0)
        gap = np.maximum(parts.box[:, :2] - last, first - parts.box[:, 2:]).max(axis=1)
        near = strokes & (gap < NEAR * length[main])
    return digit


def _support(gray: Gray, mask: Mask, contact: int) -> float:
    """Score how well the outline of `mask` follows edges, in the direction of the ink.

    A wrong ground or polarity draws outlines where the picture has none. Steepness counts more
    than length, so that the border of a page does not outweigh the digit on it.
    """
    total, length = 0, contact
    inked = mask.view(np.int8)
    for levels, inside in ((gray, inked), (gray.T, inked.T)):
        side = inside[1:] - inside[:-1]
        total += int(np.maximum((levels[1:] - levels[:-1]) * side, 0).sum())
        length += int(np.count_nonzero(side))
    steepness = total / max(length, 1)
    return total * steepness**3 if steepness >= MIN_EDGE else 0.0
