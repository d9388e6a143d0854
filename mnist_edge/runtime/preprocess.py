"""From a decoded picture to the 28x28 field of MNIST: find the ink, size it, centre it.

A picture is taken to be ink on a ground, of either polarity. The ground is estimated in more than
one way, the picture is split into ink and ground by each, and the split whose outlines follow the
strongest edges is kept. What of its ink is the digit is then decided by geometry: not the frame,
not the ruled lines, not the specks. The digit is drawn into the field as MNIST's own pictures
were (LeCun et al., "Gradient-based learning applied to document recognition", 1998): scaled to a
20x20 box with its proportions kept, and centred by its centre of mass.
"""

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

# The side of the square that a digit is scaled into, as MNIST's were.
BOX = 20
# Thinner strokes, in pixels of the field, are thickened: MNIST has hardly any of them.
MIN_STROKE = 2.2

# The longer side, in pixels, at which ink is looked for; what is found small is looked at again.
WORK_SIDE = 192
LOOKS = 4
# The ground is estimated on a grid of this many points a side.
GRID = 16
# Least difference between ink and ground, of 255.
MIN_CONTRAST = 5
# How many times finer than the field the digit is drawn before it is averaged down.
SUPERSAMPLING = 4

Mask = NDArray[np.bool_]
Gray = NDArray[np.int16]
Polarity = Literal["dark", "light"]
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Reading:
    """How a picture was read.

    Attributes:
        image: uint8 (28, 28), ink 255 on 0, what the network sees.
        ink: whether there is any; `image` is all 0 otherwise.
        as_is: whether the picture was in MNIST's own form and left as it was.
        polarity: whether the ink was darker or lighter than its ground; None without ink, and
            where the picture was left as it was, as with what follows.
        box: left, top, right and bottom of the digit in the decoded picture, in pixels.
        stroke_width: of the digit in the field before thickening, in pixels.
    """

    image: NDArray[np.uint8]
    ink: bool
    as_is: bool = False
    polarity: Polarity | None = None
    box: Box | None = None
    stroke_width: float | None = None


class _Ink(NamedTuple):
    """One way to split a picture into ink and ground.

    Attributes:
        polarity: which side of the ground the ink is on.
        depth: int16 (H, W), how far each pixel is on that side of the ground.
        mask: bool (H, W), the pixels of the digit.
        box: left, top, right, bottom of the digit.
        stroke_width: in pixels.
        support: how well its outline follows the picture's edges; comparable between splits.
    """

    polarity: Polarity
    depth: Gray
    mask: Mask
    box: Box
    stroke_width: float
    support: float


def describe() -> dict[str, Any]:
    """Return the parameters that a contract records beside `VERSION`."""
    return {"size": SIZE, "box": BOX, "centre": "mass", "min_stroke": MIN_STROKE}


def preprocess(picture: Image.Image) -> Reading:
    """Read a picture of mode `L` or `RGB` and of any size."""
    if picture.size == (SIZE, SIZE):
        pixels = np.asarray(picture)
        if pixels.ndim == 3 and not np.ptp(pixels, axis=2).any():
            pixels = pixels[..., 0]
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
        x0, y0, x1, y1 = ink.box
        short, side = sorted((x1 - x0, y1 - y0))
        box = (
            left + x0 * factor,
            top + y0 * factor,
            min(right, left + x1 * factor),
            min(bottom, top + y1 * factor),
        )
        solid = ink.mask.sum() > 0.78 * short * side and short > 16 and side < 2.5 * short
        if solid:
            # No digit fills its box: this is the sheet it is on. Look inside, off the edge.
            margin = -factor * max(1, side // 25)
        elif factor > 1 and side < max(ink.mask.shape) / 2:
            margin = factor * side // 2
        else:
            break
        left, top = max(left, box[0] - margin), max(top, box[1] - margin)
        right, bottom = min(right, box[2] + margin), min(bottom, box[3] + margin)
    if ink is None:
        return Reading(np.zeros((SIZE, SIZE), np.uint8), ink=False)
    image, stroke_width = _render(ink)
    return Reading(image, ink=True, polarity=ink.polarity, box=box, stroke_width=stroke_width)


def _is_mnist(pixels: NDArray[np.uint8]) -> bool:
    """Tell whether a (28, 28) picture is white on black, scaled and centred as MNIST's are."""
    if pixels.max() < 254:
        return False
    y, x = np.nonzero(pixels)
    if not BOX - 1 <= max(np.ptp(y), np.ptp(x)) + 1 <= BOX:
        return False
    weight = pixels[y, x] / pixels.sum()
    return bool(max(abs(y @ weight - SIZE / 2), abs(x @ weight - SIZE / 2)) < 0.51)


def _find_ink(picture: Image.Image) -> _Ink | None:
    """Split a picture into ink and ground in every way, and return the best supported."""
    colours = np.asarray(picture).reshape(picture.height * picture.width, -1)
    picture = _to_gray(picture)
    gray = np.asarray(picture).astype(np.int16)
    best = None
    for ground, weight in _grounds(picture):
        relief = gray - np.asarray(ground.resize(picture.size, Image.Resampling.BILINEAR))
        threshold = _otsu(np.abs(relief))
        if threshold < MIN_CONTRAST:
            continue
        polarities: tuple[tuple[Polarity, int], ...] = (("dark", -1), ("light", 1))
        for polarity, sign in polarities:
            depth = sign * relief
            parts = connected_components(_without_rules(depth > threshold))
            digit = _digit_among(parts, colours)
            if not digit.any():
                continue
            mask = np.append(digit, False)[parts.labels]
            left, top = parts.box[digit, :2].min(axis=0).tolist()
            right, bottom = parts.box[digit, 2:].max(axis=0).tolist()
            # A long stroke of width w and length l has 2 l sides of pixels and area w l; slanted
            # outlines are made of 4 / pi times their length on average.
            width = 8 / np.pi * parts.area[digit].sum() / parts.outline[digit].sum()
            support = weight * _edge_support(sign * gray, mask, int(parts.contact[digit].sum()))
            if best is None or support > best.support:
                best = _Ink(
                    polarity, depth, mask, (left, top, right, bottom), float(width), support
                )
    return best


def _to_gray(picture: Image.Image) -> Image.Image:
    """Project colours onto the line along which they differ most from the commonest one.

    Luminance would lose a red digit on green paper.
    """
    if picture.mode == "L":
        return picture
    pixels = np.asarray(picture, np.float32)
    spread = (pixels - np.median(pixels, axis=(0, 1))).reshape(-1, 3)
    axis = np.linalg.eigh(spread.T @ spread)[1][:, -1]
    axis *= np.sign(axis.sum() or 1) / np.abs(axis).sum()
    level = pixels @ axis - 255 * np.minimum(axis, 0).sum()
    return Image.fromarray(np.rint(level).astype(np.uint8))


def _grounds(picture: Image.Image) -> list[tuple[Image.Image, float]]:
    """Estimate what a grey picture would be without its ink, each guess with its weight.

    A smooth surface holds for one sheet under any light. Where the picture has two levels of
    about the same extent, either may be the ground: a thick digit, or a sheet on a table.
    """
    coarse = picture.resize((GRID, GRID), Image.Resampling.NEAREST)
    grounds = [(_smooth_surface(coarse), 2.0)]
    means = np.asarray(picture.resize((GRID, GRID), Image.Resampling.BOX))
    low, high = np.percentile(means, (25, 75))
    if high - low > 12:
        grounds += [(Image.new("L", (1, 1), round(level)), 1.0) for level in (low, high)]
    return grounds


_AXIS = np.linspace(-1, 1, GRID)
_X, _Y = (axis.ravel() for axis in np.meshgrid(_AXIS, _AXIS))
_TERMS = np.stack([np.ones_like(_X), _X, _Y, _X * _Y, _X * _X, _Y * _Y], axis=1)


def _smooth_surface(coarse: Image.Image) -> Image.Image:
    """Fit a quadratic surface that ignores outliers, as ink is (Tukey-like reweighting)."""
    level = np.asarray(coarse, float).ravel()
    surface = np.full_like(level, np.median(level))
    for _ in range(3):
        off = level - surface
        scale = 1.5 * np.median(np.abs(off)) + 4
        weighted = _TERMS.T * (1 + (off / scale) ** 2) ** -2
        # The ridge keeps it solvable where nearly all points are outliers.
        ridge = 1e-6 * np.eye(len(weighted))
        surface = _TERMS @ np.linalg.solve(weighted @ _TERMS + ridge, weighted @ level)
    values = surface.reshape(GRID, GRID).clip(0, 255).round().astype(np.uint8)
    return Image.fromarray(values)


def _otsu(values: Gray) -> float:
    """Return the threshold that splits non-negative values into the two most distinct classes.

    Otsu, "A threshold selection method from gray-level histograms", 1979.
    """
    counts = np.bincount(values.ravel(), minlength=256)
    below = counts.cumsum()
    total = (counts * np.arange(len(counts))).cumsum()
    above = below[-1] - below
    between = (total[-1] * below - total * below[-1]) ** 2.0 / np.maximum(below * above, 1)
    return float(np.flatnonzero(between == between.max()).mean())


def _without_rules(mask: Mask) -> Mask:
    """Erase ruled lines, where nothing crosses: thin rows or columns inked nearly end to end."""
    rest = _without_rows(_without_rows(mask).T).T
    # Ink that still runs from end to end was no page with lines on it.
    through = (rest[0].any() and rest[-1].any()) or (rest[:, 0].any() and rest[:, -1].any())
    return mask if through else rest


def _without_rows(mask: Mask) -> Mask:
    ruled = mask.mean(axis=1) > 0.7
    if not ruled.any():
        return mask
    mask = mask.copy()
    ends = np.flatnonzero(np.diff(ruled.astype(np.int8), prepend=0, append=0))
    for start, end in ends.reshape(-1, 2):
        if end - start <= 0.03 * len(mask) and start > 0 and end < len(mask):
            above, below = max(1, start - 1), min(len(mask) - 1, end + 1)
            mask[above:below] &= mask[above - 1] | mask[below]
    return mask


def _digit_among(parts: Components, colours: NDArray[np.uint8]) -> Mask:
    """Choose the components that make up the digit: bool (n,), all False where none does."""
    # What lies along the border is the surroundings, however much of it there is.
    ink = parts.contact < 0.35 * parts.outline
    if not ink.any():
        return ink
    ink &= parts.area > 0.02 * parts.area[ink].max()
    length = np.maximum(parts.box[:, 2] - parts.box[:, 0], parts.box[:, 3] - parts.box[:, 1])
    while _is_frame(parts, ink, length, main := int(np.argmax(length * ink))):
        ink[main] = False
    if colours.shape[1] == 3:
        ink &= _like_in_colour(parts, colours, main)
    digit = np.zeros_like(ink)
    near = digit.copy()
    near[main] = True
    while (near & ~digit).any():
        digit |= near
        start, end = parts.box[digit, :2].min(axis=0), parts.box[digit, 2:].max(axis=0)
        gap = np.maximum(parts.box[:, :2] - end, start - parts.box[:, 2:]).max(axis=1)
        near = ink & (gap < 0.2 * length[main])
    return digit


def _is_frame(parts: Components, ink: Mask, length: NDArray[np.intp], main: int) -> bool:
    """Tell whether a component runs along its own box, around or beside other ink."""
    box = parts.box[main]
    height, width = parts.labels.shape
    others = ink & (length > 0.2 * length[main])
    others[main] = False
    if (box[2:] - box[:2] < 0.9 * np.array([width, height])).all():
        inside = (parts.box[:, :2] > box[:2]) & (parts.box[:, 2:] < box[2:])
        others &= inside.all(axis=1)
    if not others.any():
        return False
    rim = math.ceil(0.06 * length[main])
    (left, top), (right, bottom) = box[:2] + rim, box[2:] - rim
    within = parts.labels[top : max(top, bottom), left : max(left, right)] == main
    return bool(within.sum() < 0.15 * parts.area[main])


def _like_in_colour(parts: Components, colours: NDArray[np.uint8], main: int) -> Mask:
    """Tell which components differ from the ground in the same direction as `main` does."""
    count = len(parts.area)
    pixels = np.append(parts.area, max(1, parts.labels.size - parts.area.sum()))
    sums = [np.bincount(parts.labels.ravel(), channel, count + 1) for channel in colours.T]
    means = np.stack(sums, axis=1) / pixels[:, None]
    off = means[:-1] - means[-1]
    off /= np.linalg.norm(off, axis=1, keepdims=True) + 1e-6
    like: Mask = off @ off[main] > 0.9
    return like


def _edge_support(gray: Gray, mask: Mask, contact: int) -> float:
    """Return how much the grey level rises across the outline of a mask, in all and on average.

    The average counts three times: a split that follows few but sharp edges is the better one.
    The sides that face the picture's edge have no step, but count as outline.
    """
    total, sides = 0.0, contact
    for axis in (0, 1):
        outline = np.diff(mask.astype(np.int8), axis=axis)
        step = np.diff(gray, axis=axis) * outline
        total += float(np.maximum(step, 0).sum())
        sides += int(np.count_nonzero(outline))
    return total * (total / max(sides, 1)) ** 3


def _render(ink: _Ink) -> tuple[NDArray[np.uint8], float]:
    """Draw the digit into the field; also return its stroke width there, before thickening."""
    left, top, right, bottom = ink.box
    side = max(right - left, bottom - top)
    window = np.s_[max(0, top - 1) : bottom + 1, max(0, left - 1) : right + 1]
    # One pixel around the mask has the soft edges of the strokes.
    near = Image.fromarray(ink.mask[window]).convert("L").filter(ImageFilter.MaxFilter(3))
    full = max(1.0, float(ink.depth[ink.mask].mean()))
    soft = (ink.depth[window] * (255 / full)).clip(0, 255) * (np.asarray(near) > 0)

    scale = BOX / side
    stroke_width = ink.stroke_width * scale
    thin = stroke_width < MIN_STROKE
    if thin and side > 2 * ink.stroke_width:
        # Room in the box for what thickening adds.
        scale = (BOX - MIN_STROKE) / (side - ink.stroke_width)
        stroke_width = ink.stroke_width * scale
    fine = scale * SUPERSAMPLING
    drawn = Image.fromarray(soft.astype(np.uint8))
    drawn = drawn.resize(
        (max(1, round(drawn.width * fine)), max(1, round(drawn.height * fine))),
        Image.Resampling.BICUBIC if fine > 1 else Image.Resampling.BOX,
    )
    strokes = np.pad(np.asarray(drawn), 2 * SUPERSAMPLING)
    if thin:
        strokes = _thicken(strokes, (MIN_STROKE - stroke_width) * SUPERSAMPLING / 2)

    across, along = strokes.sum(axis=0, dtype=float), strokes.sum(axis=1, dtype=float)
    x = across @ np.arange(len(across)) / across.sum()
    y = along @ np.arange(len(along)) / along.sum()
    # MNIST's centre of mass is in the middle of pixel 14.
    middle = (SIZE / 2 + 0.5) * SUPERSAMPLING - 0.5
    field = Image.new("L", (SIZE * SUPERSAMPLING,) * 2)
    field.paste(Image.fromarray(strokes), (round(middle - x), round(middle - y)))
    pixels = np.asarray(field.reduce(SUPERSAMPLING))
    return np.rint(pixels * (255 / pixels.max())).astype(np.uint8), stroke_width


def _thicken(strokes: NDArray[np.uint8], radius: float) -> NDArray[np.uint8]:
    """Return the maximum over a disc of this radius around each pixel (grey dilation)."""
    reach = math.ceil(radius)
    height, width = strokes.shape
    padded = np.pad(strokes, reach)
    thick = strokes.copy()
    for y in range(-reach, reach + 1):
        for x in range(-reach, reach + 1):
            if 0 < y * y + x * x <= radius * radius + 0.5:
                shifted = padded[reach + y :, reach + x :][:height, :width]
                np.maximum(thick, shifted, out=thick)
    return thick
