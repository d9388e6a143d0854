"""Where the ink is in a picture, and which of it is the digit, or the line of digits."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.runtime.components import Components, connected_components

# Where the ink is looked for: a reduced picture, and a coarse grid for its ground.
WORK_SIDE = 128
GRID = 16
MIN_QUARTERS = 12  # grey levels between the quartiles: a shadow or fat ink, another ground to try
SMALL = 32  # pixels: such a picture may have a shadow, but shows no table
TWO_LEVELS = 0.8  # of the variance lies between page and table, in the right light
MIN_EDGE = 7  # grey levels of 255 from pixel to pixel: a softer outline is a shadow, not ink
FIRST_GROUND = 2  # how much better the other grounds must explain the picture to be preferred
LOOKS = 4
CLOSER = 0.5  # of the picture's side: a smaller digit is looked at again, closer

# What is ink and what is not, as shares.
CONTACT = 0.35  # of an outline on the picture's edge: table, frame or ground
TABLE = 0.5  # of the picture: more is the ground itself, and not what it lies on
ALL = 0.9  # of the ink: the rest are specks
SPECK = 0.02  # of the largest component's area
RULE = 0.7  # of a row or column inked: a ruled line, if it is thinner than
RULE_THICKNESS = 0.03  # of the picture
SPANS = 0.9  # of the picture's side: reaches from edge to edge
EVEN_GREY = 12  # grey levels: as far from each other as those of a frame's pixels
RIM = 0.06  # of a frame's side: as deep as frames go
COMPANION = 0.2  # of a frame's or rule's length: what it leaves must be as long to be a digit
NEAR = 0.2  # of the digit's length: the gap to a part of it
SAME_COLOUR = 0.9  # cosine between the colours of two inks, seen from the ground's colour
PAGE = 0.78  # of its box filled: a sheet of paper, no digit is so solid
SHEET = 0.4  # of its box filled, by what bold ink leaves of a sheet
CORNER = 0.8  # of the way to a corner of its box: a sheet reaches all four, if it is not too askew
HOLE = 0.65  # of its box filled: the hole in a zero, not a digit on a sheet
LARGE_HOLE = 0.1  # of the sheet: a box as large as this; a one is as solid, but narrow

# A sheet or a canvas that lies askew.
TURN = 20  # degrees, at most
RECTANGULAR = 0.86  # of the rectangle around it filled, holes included; a disk fills 0.79
PAPER = 0.7  # of it not written on
LARGE = 0.2  # of the picture: a smaller one is looked at closer first
BLURRED = 2  # pixels of its edge

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
        rival: the same of the best reading in the other polarity; 0 where there is none, or where
            it is the sheet under this ink.
        crowded: whether it is too much for one digit: other ink, long enough to be another, is
            not part of it, its strokes are too long, it is too wide, has too many parts, or lies
            along the picture's edge.
    """

    polarity: Polarity
    depth: Gray
    mask: Mask
    box: Box
    stroke_width: float
    support: float
    rival: float
    crowded: bool

    @property
    def contrast(self) -> float:
        """Grey levels between the ground and the ink, their mean."""
        return float(self.depth[self.mask].mean())

    @property
    def has_sides_of_sheet(self) -> bool:
        """Whether its box is neither too small nor too narrow for a sheet of paper."""
        left, top, right, bottom = self.box
        short, long = sorted((right - left, bottom - top))
        return short > GRID and long < 2.5 * short

    @property
    def is_page(self) -> bool:
        """Whether it is a sheet of paper, with the digit on it."""
        left, top, right, bottom = self.box
        area = int(np.count_nonzero(self.mask))
        return self.has_sides_of_sheet and area > PAGE * (right - left) * (bottom - top)

    def is_hole_in(self, sheet: Mask) -> bool:
        """Whether it is the hole in a zero that was taken for a sheet."""
        left, top, right, bottom = self.box
        size = (right - left) * (bottom - top)
        solid = int(np.count_nonzero(self.mask)) > HOLE * size
        return solid and size > LARGE_HOLE * int(np.count_nonzero(sheet))

    def is_sheet_under(self, other: Ink) -> bool:
        """Whether it is a sheet of paper or a canvas with the other ink on it."""
        left, top, right, bottom = self.box
        x0, y0, x1, y1 = other.box
        if other.crowded or not (left < x0 and top < y0 and x1 < right and y1 < bottom):
            return False
        sheet = self.mask[top:bottom, left:right]
        paper, hole = np.count_nonzero(sheet), np.count_nonzero(other.mask)
        if paper < SHEET * sheet.size or hole > HOLE * (x1 - x0) * (y1 - y0):
            return False
        rows, columns = sheet.nonzero()
        y, x = (2 * rows + 1) / len(sheet) - 1, (2 * columns + 1) / sheet.shape[1] - 1
        return bool(min(np.ptp(x + y), np.ptp(x - y)) > CORNER * 4)


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
        pixels = np.asarray(picture.reduce(factor, window))
        flat = _along_contrast(pixels)
        if found is None and (inside := _inside_frame(flat)):
            left, top, right, bottom = inside
            pixels = pixels[top:bottom, left:right]
            flat = _along_contrast(pixels)
            x0, y0, x1, y1 = (factor * side for side in inside)
            window = (x0, y0, min(x1, picture.width), min(y1, picture.height))
        ink = _find_ink(flat, pixels, line=line)
        if ink is None:
            break
        if (sheet := _sheet(ink)) is not None:
            written = _find_ink(flat, pixels, sheet, line=line)
            if written and not written.is_hole_in(sheet):
                ink = written
        if found and found.ink.crowded:
            ink = ink._replace(crowded=True)  # which a closer look does not see
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


def _inside_frame(flat: NDArray[np.uint8]) -> Box | None:
    """Return what an even frame around the picture encloses, None without such a frame."""
    gray = flat.astype(np.int16)
    inside = []
    for side in (gray.T, gray, gray.T[::-1], gray[::-1]):
        depth = math.ceil(RIM * len(side)) + 1
        # Of a reduced picture each side may have taken in another share of what is inside.
        share = (np.abs(side[:depth] - _median(side[0])) < EVEN_GREY).mean(axis=1)
        end = int((share < SPANS).argmax())
        if not end or share[end:].max() > 1 - RULE:
            return None
        # One more, in which a reduced picture has both frame and inside.
        inside.append(end + 1)
    left, top, right, bottom = inside
    return left, top, flat.shape[1] - right, len(flat) - bottom


# The axes of a sheet for each turn of it: all the first ones, then those at right angles to them.
_turns = np.deg2rad(np.arange(-TURN, TURN + 1, 2))
_AXES = np.concatenate([_turns, _turns + np.pi / 2])
_AXES = np.stack([np.cos(_AXES), np.sin(_AXES)], axis=1)


def _sheet(ink: Ink) -> Mask | None:
    """Return where a sheet of paper or a canvas lies, bool (H, W), None if the ink is none.

    However it is turned, it fills the rectangle around it, with what is written on it.
    """
    left, top, right, bottom = ink.box
    mask = ink.mask[top:bottom, left:right]
    if not ink.has_sides_of_sheet or mask.size < LARGE * ink.mask.size:
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


def _find_ink(
    flat: NDArray[np.uint8],
    pixels: NDArray[np.uint8],
    inside: Mask | None = None,
    *,
    line: bool,
) -> Ink | None:
    """Try each ground and polarity, and keep the ink whose outline is best supported.

    Args:
        flat: the picture in grey (H, W).
        pixels: the picture as it is, (H, W) or (H, W, 3).
        inside: bool (H, W), where ink may be; None for everywhere.
        line: as `look` takes it.
    """
    colours = pixels.reshape(flat.size, -1)
    if inside is not None:
        # What a colour is compared with is that of the sheet.
        colours = np.where(inside.reshape(-1, 1), colours, colours[inside.ravel()].mean(axis=0))
    gray = flat.astype(np.int16)
    best: dict[Polarity, Ink] = {}
    seen = set()
    reliefs = [gray - ground for ground in _grounds(flat, inside)]
    if inside is not None:
        reliefs = [np.where(inside, relief, np.int16(0)) for relief in reliefs]
    grounds = len(reliefs)
    for number, relief in enumerate(reliefs):
        threshold = _otsu(np.abs(relief))
        for polarity, sign in SIGNS:
            depth = sign * relief
            mask = _without_rules(depth > threshold)
            if not mask.any() or (outline := (polarity, mask.tobytes())) in seen:
                continue
            seen.add(outline)
            if _is_texture(mask):
                continue
            parts = connected_components(mask)
            length = (parts.box[:, 2:] - parts.box[:, :2]).max(axis=1)
            strokes = _strokes(parts, length, colours)
            if not strokes.any():
                table = parts.area[parts.contact >= CONTACT * parts.outline].sum()
                if number < grounds and ALL * mask.sum() < table < TABLE * mask.size:
                    # It reaches in from the edge, as a table does: what is there besides?
                    reliefs.append(np.where(mask, np.int16(0), relief))
                continue
            kept = strokes if line else _digit(parts, length, strokes)
            mask = np.append(kept, False)[parts.labels]
            outline, contact = parts.outline[kept].sum(), int(parts.contact[kept].sum())
            support = _support(sign * gray, mask, contact)
            if number == 0:
                support *= FIRST_GROUND
            if support <= (best[polarity].support if polarity in best else 0.0):
                continue
            left, top = parts.box[kept, :2].min(axis=0).tolist()
            right, bottom = parts.box[kept, 2:].max(axis=0).tolist()
            path = _path(outline)
            long = strokes & (length > COMPANION * length[kept].max())
            limit = PARTS_ABREAST if right - left > bottom - top else PARTS
            best[polarity] = Ink(
                polarity,
                depth,
                mask,
                (left, top, right, bottom),
                float(parts.area[kept].sum()) / path,
                support,
                rival=0.0,
                crowded=bool(
                    (long & ~kept).any()
                    or path > LONGEST * max(right - left, bottom - top)
                    or right - left > WIDEST * (bottom - top)
                    or np.count_nonzero(long) > limit
                    or contact > RUN_INTO * outline
                ),
            )
    if not best:
        return None
    chosen, *rivals = sorted(best.values(), key=lambda ink: ink.support, reverse=True)
    for rival in rivals:
        # A page that is nearly all paper is looked at again, closer.
        on_sheet = not chosen.is_page and chosen.is_sheet_under(rival)
        chosen = rival if on_sheet else chosen._replace(rival=rival.support)
    return chosen


def _along_contrast(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn colours to grey along the axis on which they differ most, be it of equal luminance."""
    if pixels.ndim == 2:
        return pixels
    red, green, blue = (pixels[:, :, band] for band in range(3))
    if (red == green).all() and (red == blue).all():
        return red.copy()
    spread = (pixels - [_median(band) for band in (red, green, blue)]).reshape(-1, 3)
    axis = np.linalg.eigh(spread.T @ spread).eigenvectors[:, -1]
    axis *= np.sign(axis.sum() or 1) / np.abs(axis).sum()
    level = pixels @ axis - 255 * np.minimum(axis, 0).sum()
    gray: NDArray[np.uint8] = np.rint(level).astype(np.uint8)
    return gray


_CENTRES = 2 * np.arange(GRID) + 1
_span = np.linspace(-1, 1, GRID)
_X, _Y = (axis.ravel() for axis in np.meshgrid(_span, _span))
_QUADRATIC = np.stack([np.ones_like(_X), _X, _Y, _X * _Y, _X * _X, _Y * _Y], axis=1)
# Light that falls off to any side, in proportion to that in the middle.
_slopes = np.linspace(-0.4, 0.4, 9)
_LIGHTS = 1 + (_slopes[:, None, None] * _X + _slopes[:, None] * _Y).reshape(-1, _X.size)
_RIDGE = 1e-6 * np.eye(_QUADRATIC.shape[1])


def _grounds(flat: NDArray[np.uint8], inside: Mask | None) -> list[NDArray[np.uint8]]:
    """Guess what the picture would be without its ink.

    The first guess is a quadratic surface, least squares reweighted by the Cauchy function, since
    light falls off smoothly. Where the quartiles differ much, a shadow, a table or fat ink takes a
    large part of the picture, and each of them is a guess too, in the light that tells them apart
    best. Only what is inside counts, if that is told, as `_find_ink` takes it.
    """
    y, x = (_CENTRES * side // (2 * GRID) for side in flat.shape)
    level = flat[y[:, None], x].astype(float).ravel()
    quadratic, chosen = _QUADRATIC, slice(None)
    if inside is not None:
        chosen = inside[y[:, None], x].ravel()
        level, quadratic = level[chosen], quadratic[chosen]
    middle = _median(level)
    trend, factors = np.full_like(level, middle), None
    for _ in range(3):
        residual = level - trend
        spread = _median(np.abs(residual))
        if not spread:
            break  # the paper is even, as drawn on a screen
        scale = 1.5 * spread + 4
        weighted = quadratic.T / (1 + (residual / scale) ** 2) ** 2
        normal = weighted @ quadratic + _RIDGE
        factors = np.linalg.solve(normal, weighted @ level)
        trend = quadratic @ factors
    if factors is None:
        grounds = [np.full_like(flat, round(middle))]
    else:
        grounds = [_over_picture(_QUADRATIC @ factors, flat)]
    boxes = Image.fromarray(flat).resize((GRID, GRID), Image.Resampling.BOX)
    cells = np.asarray(boxes).ravel()[chosen]
    low, high = _quartiles(cells)
    if high - low <= MIN_QUARTERS:
        return grounds
    if max(flat.shape) <= SMALL:
        return [*grounds, np.full_like(flat, low)]
    light = None if factors is None else _fall_of_light(cells, _LIGHTS[:, chosen])
    if light is None:
        return [*grounds, np.full_like(flat, low), np.full_like(flat, high)]
    low, high = _quartiles(cells / _LIGHTS[light, chosen])
    return [*grounds, *(_over_picture(guess * _LIGHTS[light], flat) for guess in (low, high))]


def _fall_of_light(levels: NDArray[np.uint8], lights: NDArray[np.float64]) -> int | None:
    """Choose the light in which levels are two, as those of a page and of a table.

    Otsu's criterion (1979): the share of their variance that lies between two classes.

    Args:
        levels: (n,), of a grid over the picture.
        lights: (m, n), how light it is there, in proportion.

    Returns:
        The number of the light; None if in no light they are two.
    """
    levels, lights = levels[::3], lights[:, ::3]  # enough, in a third of the time
    even = np.sort(levels / lights, axis=1)
    n = len(levels)
    sums, below = even.cumsum(axis=1), np.arange(1, n)
    mean = sums[:, -1:] / n
    between = n * (sums[:, :-1] - below * mean) ** 2 / (below * (n - below))
    share = between.max(axis=1) / ((even - mean) ** 2).sum(axis=1)
    best = int(share.argmax())
    return best if share[best] > TWO_LEVELS else None


def _over_picture(levels: NDArray[np.float64], flat: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Interpolate levels of the grid over a picture (H, W)."""
    small = Image.fromarray(np.rint(levels).clip(0, 255).astype(np.uint8).reshape(GRID, GRID))
    height, width = flat.shape
    return np.asarray(small.resize((width, height), Image.Resampling.BILINEAR))


def _quartiles(values: NDArray[np.generic]) -> tuple[Any, Any]:
    ordered = np.sort(values)
    return ordered[len(ordered) // 4].item(), ordered[3 * len(ordered) // 4].item()


def _median(values: NDArray[np.generic]) -> float:
    # np.median takes five times as long, more than all else here.
    low, high = (values.size - 1) // 2, values.size // 2
    ordered = np.partition(values, (low, high), axis=None)
    return float(ordered[low] / 2 + ordered[high] / 2)


def _otsu(values: NDArray[np.int16]) -> float:
    """Return the threshold that separates two classes best (Otsu 1979), midway in a gap."""
    counts = np.bincount(values.ravel())
    below = counts.cumsum()
    total = (counts * np.arange(len(counts))).cumsum()
    classes = np.maximum(below * (below[-1] - below), 1)
    between = (total[-1] * below - total * below[-1]) ** 2.0 / classes
    best = np.flatnonzero(between == between.max())
    return float(best.sum() / len(best))


def _without_rules(mask: Mask) -> Mask:
    """Erase thin lines from edge to edge, except where a stroke crosses them."""
    upright = _without_rows(mask)
    turned = upright.T
    rest = _without_rows(turned)
    if upright is mask and rest is turned:
        return mask
    rest = rest.T
    tight = (rest[0].any() and rest[-1].any()) or (rest[:, 0].any() and rest[:, -1].any())
    return mask if tight else rest  # in a tight crop the bars of a digit reach the edges too


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


def _is_texture(mask: Mask) -> bool:
    """Tell noise, and what goes on alike from edge to edge as squared paper, from ink."""
    height, width = mask.shape
    sides = np.count_nonzero(mask[1:] != mask[:-1]) + np.count_nonzero(mask[:, 1:] != mask[:, :-1])
    if _path(sides) < LONGEST * max(height, width):
        return False
    covered = np.count_nonzero(mask) / mask.size
    if covered > SCATTERED and sides > GRAIN * 4 * covered * (1 - covered) * mask.size:
        return True
    y, x = (np.arange(CELLS) * side // CELLS for side in mask.shape)
    inked = np.add.reduceat(np.add.reduceat(mask, y, axis=0, dtype=np.intp), x, axis=1)
    share = inked / np.outer(np.diff(y, append=height), np.diff(x, append=width))
    return bool(share.min() > EVEN * share.max())


def _path(outline: int | np.intp) -> float:
    """Return the length of the strokes that have such an outline, in pixels."""
    # Two outlines make a stroke; of square pixels, they are 4 / pi too long.
    return math.pi / 8 * int(outline)


def _strokes(
    parts: Components, length: NDArray[np.intp], colours: NDArray[np.uint8]
) -> NDArray[np.bool_]:
    """Choose the components that a pen drew, as a boolean array over all of them."""
    ink: NDArray[np.bool_] = parts.contact < CONTACT * parts.outline
    if not ink.any():
        return ink
    ink &= parts.area > SPECK * parts.area[ink].max()
    if _are_dots(parts, ink, length):
        return np.zeros_like(ink)
    main = int((length * ink).argmax())
    while ink[main] and _is_frame_or_rule(parts, ink, length, main):
        ink[main] = False
        main = int((length * ink).argmax())
    if colours.shape[1] == 3 and np.count_nonzero(ink) > 1:
        area = np.bincount(parts.labels.ravel(), minlength=len(ink) + 1)
        sums = [np.bincount(parts.labels.ravel(), band, len(ink) + 1) for band in colours.T]
        mean = np.stack(sums, axis=1) / np.maximum(area, 1)[:, None]
        colour = mean[:-1] - mean[-1]
        colour /= np.linalg.norm(colour, axis=1, keepdims=True) + 1e-6
        ink &= colour @ colour[main] > SAME_COLOUR
    return ink


def _are_dots(parts: Components, ink: NDArray[np.bool_], length: NDArray[np.intp]) -> bool:
    """Tell dirt, punched holes and dotted paper from a digit."""
    if np.count_nonzero(ink) < DOTS:
        return False
    longest = length[ink].max()
    alike = ink if longest <= DOT_LENGTH else ink & (length > longest / 2)
    if np.count_nonzero(alike) < DOTS:
        return False
    sides = (parts.box[:, 2:] - parts.box[:, :2])[alike]
    round_ = sides.max(axis=1) < 1.5 * sides.min(axis=1)
    solid = parts.area[alike] > DOT * sides.prod(axis=1)
    return bool(longest <= DOT_LENGTH or (round_ & solid).all())


def _is_frame_or_rule(
    parts: Components, ink: NDArray[np.bool_], length: NDArray[np.intp], main: int
) -> bool:
    """Tell a frame, or a line from edge to edge beside other ink, from a digit."""
    left, top, right, bottom = parts.box[main].tolist()
    height, width = parts.labels.shape
    wide, high = right - left >= SPANS * width, bottom - top >= SPANS * height
    if np.count_nonzero(ink) == 1 and not (wide and high):
        return False
    others = ink & (length > COMPANION * length[main])
    others[main] = False
    if not (wide or high):
        others &= (parts.box[:, :2] > (left, top)).all(axis=1)
        others &= (parts.box[:, 2:] < (right, bottom)).all(axis=1)
    if not (wide and high) and not others.any():
        return False
    rim = math.ceil(RIM * length[main])
    inside = parts.labels[top + rim : max(0, bottom - rim), left + rim : max(0, right - rim)]
    return bool((inside == main).sum() < 0.15 * parts.area[main])


def _digit(
    parts: Components, length: NDArray[np.intp], strokes: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Choose the longest of the strokes and whatever lies near it."""
    if np.count_nonzero(strokes) == 1:
        return strokes
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
