"""From a picture to the 28x28 field of MNIST: find the ink, size it, centre it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from mnist_edge.contract import SIZE
from mnist_edge.runtime.components import Components, connected_components

VERSION = 1

# MNIST's own form: the digit's longer side is 20 of 28 pixels, its centre of mass in the middle
# of pixel 14. https://yann.lecun.com/exdb/mnist/
BOX = 20
CENTRE = 14
OFF_CENTRE = 0.55  # MNIST was centred by whole pixels
MIN_STROKE = 2.5  # thinner strokes are thickened to this, in pixels of the 28x28 field

# Where the ink is looked for: a reduced picture, and a coarse grid for its ground.
WORK_SIDE = 128
GRID = 16
MIN_QUARTERS = 12  # grey levels between the quartiles: a shadow or fat ink, another ground to try
MIN_EDGE = 7  # grey levels of 255 from pixel to pixel: a softer outline is a shadow, not ink
FIRST_GROUND = 2  # how much better the other grounds must explain the picture to be preferred

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
CLOSER = 0.5  # of the picture's side: a smaller digit is looked at again, closer

SUPERSAMPLING = 4
LOOKS = 4

Gray = NDArray[np.int16]
Mask = NDArray[np.bool_]
Box = tuple[int, int, int, int]
Polarity = Literal["dark", "light"]
SIGNS: tuple[tuple[Polarity, int], ...] = (("dark", -1), ("light", 1))


@dataclass(frozen=True, eq=False)
class Reading:
    """A picture as the network sees it, and how it was read.

    Attributes:
        image: uint8 (28, 28), ink 255 on paper 0.
        ink: False where the picture is blank; `image` is then all zero.
        as_is: it was in MNIST's own form and is left as it was.
        polarity: whether the ink is darker or lighter than its ground; None where it was not
            looked for or not found, as with `box` and `stroke_width`.
        box: left, top, right and bottom of the ink in pixels of the decoded picture.
        stroke_width: of the ink as drawn, in pixels of the 28x28 field.
    """

    image: NDArray[np.uint8]
    ink: bool
    as_is: bool = False
    polarity: Polarity | None = None
    box: Box | None = None
    stroke_width: float | None = None


def describe() -> dict[str, Any]:
    """Return the parameters that a contract records beside `VERSION`."""
    return {"size": SIZE, "box": BOX, "centre": "mass", "min_stroke": MIN_STROKE}


def preprocess(picture: Image.Image) -> Reading:
    """Find the digit of a picture and draw it as MNIST would.

    Args:
        picture: of mode `L` or `RGB` and any size, as `decode` returns it.
    """
    if picture.size == (SIZE, SIZE):
        pixels = np.asarray(picture)
        if pixels.ndim == 3 and (pixels == pixels[:, :, :1]).all():
            pixels = pixels[:, :, 0]
        if pixels.ndim == 2 and _is_mnist(pixels):
            return Reading(pixels, ink=True, as_is=True)

    left, top, right, bottom = box = (0, 0, *picture.size)
    ink = None
    for _ in range(LOOKS):
        factor = math.ceil(max(right - left, bottom - top) / WORK_SIDE)
        seen = _find_ink(picture.reduce(factor, (left, top, right, bottom)))
        if seen is None:
            break
        ink = seen
        x0, y0, x1, y1 = (factor * side for side in ink.box)
        box = (left + x0, top + y0, min(right, left + x1), min(bottom, top + y1))
        side = max(x1 - x0, y1 - y0)
        if ink.is_page:
            margin = -max(factor, side // 25)
        elif factor > 1 and side < CLOSER * max(right - left, bottom - top):
            margin = side // 2
        else:
            break
        left, top = max(left, box[0] - margin), max(top, box[1] - margin)
        right, bottom = min(right, box[2] + margin), min(bottom, box[3] + margin)
    if ink is None:
        return Reading(np.zeros((SIZE, SIZE), np.uint8), ink=False)
    scale = BOX / max(ink.box[2] - ink.box[0], ink.box[3] - ink.box[1])
    return Reading(
        _draw(ink), True, polarity=ink.polarity, box=box, stroke_width=scale * ink.stroke_width
    )


def _is_mnist(pixels: NDArray[np.uint8]) -> bool:
    # True of all 70,000 pictures of MNIST, which was centred by whole pixels.
    if pixels.max() < 254:
        return False
    y, x = np.nonzero(pixels)
    if not BOX - 1 <= 1 + max(np.ptp(y), np.ptp(x)) <= BOX:
        return False
    weight = pixels[y, x] / pixels.sum()
    return bool(max(abs(y @ weight - CENTRE), abs(x @ weight - CENTRE)) < OFF_CENTRE)


class _Ink(NamedTuple):
    """The digit in a picture of shape (H, W), H and W at most `WORK_SIDE`.

    `depth` (H, W) is how many grey levels each pixel lies from the ground towards the ink, `mask`
    (H, W) where the digit is; box and stroke width are in pixels of that picture.
    """

    polarity: Polarity
    depth: Gray
    mask: Mask
    box: Box
    stroke_width: float

    @property
    def is_page(self) -> bool:
        width, height = self.box[2] - self.box[0], self.box[3] - self.box[1]
        short, long = sorted((width, height))
        return short > GRID and long < 2.5 * short and self.mask.sum() > PAGE * width * height


def _find_ink(picture: Image.Image) -> _Ink | None:
    """Try each ground and polarity, and keep the ink whose outline is best supported."""
    colours = np.asarray(picture).reshape(picture.width * picture.height, -1)
    flat = _along_contrast(picture)
    gray = np.asarray(flat).astype(np.int16)
    best, best_support = None, 0.0
    for number, ground in enumerate(_grounds(flat)):
        relief = gray - ground
        threshold = _otsu(np.abs(relief))
        for polarity, sign in SIGNS:
            depth = sign * relief
            mask = _without_rules(depth > threshold)
            if not mask.any():
                continue
            parts = connected_components(mask)
            digit = _digit(parts, colours)
            if not digit.any():
                continue
            mask = np.append(digit, False)[parts.labels]
            support = _support(sign * gray, mask, int(parts.contact[digit].sum()))
            if number == 0:
                support *= FIRST_GROUND
            if support > best_support:
                left, top = parts.box[digit, :2].min(axis=0).tolist()
                right, bottom = parts.box[digit, 2:].max(axis=0).tolist()
                # Two outlines make a stroke; of square pixels, they are 4 / pi too long.
                width = 8 / math.pi * parts.area[digit].sum() / parts.outline[digit].sum()
                best = _Ink(polarity, depth, mask, (left, top, right, bottom), float(width))
                best_support = support
    return best


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
    surface = np.full_like(level, np.median(level))
    for _ in range(3):
        residual = level - surface
        scale = 1.5 * np.median(np.abs(residual)) + 4
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
    tight = (rest[0].any() and rest[-1].any()) or (rest[:, 0].any() and rest[:, -1].any())
    return mask if tight else rest  # in a tight crop the bars of a digit reach the edges too


def _without_rows(mask: Mask) -> Mask:
    ruled = mask.mean(axis=1) > RULE
    if not ruled.any():
        return mask
    mask = mask.copy()
    ends = np.flatnonzero(np.diff(ruled, prepend=False, append=False))
    for top, bottom in ends.reshape(-1, 2):
        if bottom - top <= RULE_THICKNESS * len(mask) and top > 0 and bottom < len(mask):
            above, below = max(0, top - 2), min(len(mask) - 1, bottom + 1)
            mask[above + 1 : below] &= mask[above] | mask[below]
    return mask


def _digit(parts: Components, colours: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Choose the components that make up the digit, as a boolean array over all of them."""
    ink = parts.contact < CONTACT * parts.outline
    if not ink.any():
        return ink
    ink &= parts.area > SPECK * parts.area[ink].max()
    length = (parts.box[:, 2:] - parts.box[:, :2]).max(axis=1)
    while _is_frame_or_rule(parts, ink, length, main := int((length * ink).argmax())):
        ink[main] = False
    if colours.shape[1] == 3:
        area = np.bincount(parts.labels.ravel(), minlength=len(ink) + 1)
        sums = [np.bincount(parts.labels.ravel(), band, len(ink) + 1) for band in colours.T]
        mean = np.stack(sums, axis=1) / np.maximum(area, 1)[:, None]
        colour = mean[:-1] - mean[-1]
        colour /= np.linalg.norm(colour, axis=1, keepdims=True) + 1e-6
        ink &= colour @ colour[main] > SAME_COLOUR
    digit = np.zeros_like(ink)
    near = np.arange(len(ink)) == main
    while (near & ~digit).any():
        digit |= near
        first, last = parts.box[digit, :2].min(axis=0), parts.box[digit, 2:].max(axis=0)
        gap = np.maximum(parts.box[:, :2] - last, first - parts.box[:, 2:]).max(axis=1)
        near = ink & (gap < NEAR * length[main])
    return digit


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


def _support(gray: Gray, mask: Mask, contact: int) -> float:
    """Score how well the outline of `mask` follows edges, in the direction of the ink.

    A wrong ground or polarity draws outlines where the picture has none. Steepness counts more
    than length, so that the border of a page does not outweigh the digit on it.
    """
    total, length = 0, contact
    for axis in (0, 1):
        side = np.diff(mask.astype(np.int16), axis=axis)
        total += int(np.maximum(np.diff(gray, axis=axis) * side, 0).sum())
        length += int(np.count_nonzero(side))
    steepness = total / max(length, 1)
    return total * steepness**3 if steepness >= MIN_EDGE else 0.0


def _draw(ink: _Ink) -> NDArray[np.uint8]:
    """Draw the ink as MNIST would: sized to the box, strokes not too thin, centred by mass."""
    left, top, right, bottom = ink.box
    window = np.s_[max(0, top - 1) : bottom + 1, max(0, left - 1) : right + 1]
    near = Image.fromarray(ink.mask[window]).convert("L").filter(ImageFilter.MaxFilter(3))
    # Full ink is the mean of its pixels: the anti-aliased rim stays soft, the rest saturates.
    full = ink.depth[ink.mask].mean()
    soft = np.clip(ink.depth[window] * (255 / full), 0, 255) * (np.asarray(near) > 0)

    side = max(right - left, bottom - top)
    scale = BOX / side
    if ink.stroke_width * scale < MIN_STROKE and side > 2 * ink.stroke_width:
        scale = (BOX - MIN_STROKE) / (side - ink.stroke_width)  # what thickening adds stays inside
    radius = (MIN_STROKE - ink.stroke_width * scale) * SUPERSAMPLING / 2
    scale *= SUPERSAMPLING
    small = Image.fromarray(soft.astype(np.uint8))
    size = max(1, round(scale * small.width)), max(1, round(scale * small.height))
    filtering = Image.Resampling.BICUBIC if scale > 1 else Image.Resampling.BOX
    large = np.pad(np.asarray(small.resize(size, filtering)), 2 * SUPERSAMPLING)
    if radius > 0:
        large = _thicken(large, radius)

    weight = large / large.sum()
    y = weight.sum(axis=1) @ np.arange(weight.shape[0])
    x = weight.sum(axis=0) @ np.arange(weight.shape[1])
    middle = (CENTRE + 0.5) * SUPERSAMPLING - 0.5
    canvas = Image.new("L", (SIZE * SUPERSAMPLING, SIZE * SUPERSAMPLING))
    canvas.paste(Image.fromarray(large), (round(middle - x), round(middle - y)))
    field = np.asarray(canvas.reduce(SUPERSAMPLING))
    image: NDArray[np.uint8] = np.rint(field * (255 / field.max())).astype(np.uint8)
    return image


def _thicken(pixels: NDArray[np.uint8], radius: float) -> NDArray[np.uint8]:
    """Dilate by a disk."""
    height, width = pixels.shape
    reach = math.ceil(radius)
    padded = np.pad(pixels, reach)
    thick = pixels.copy()
    for y in range(-reach, reach + 1):
        for x in range(-reach, reach + 1):
            if 0 < y * y + x * x <= radius * radius + 0.5:
                moved = padded[reach + y : reach + y + height, reach + x : reach + x + width]
                np.maximum(thick, moved, out=thick)
    return thick
