"""Find the ink in a picture: try each ground and polarity, and look closer where it is small."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.runtime.reading import rules as strokes
from mnist_edge.runtime.reading import sheets
from mnist_edge.runtime.reading.backgrounds import grounds, median
from mnist_edge.runtime.reading.components import Components, connected_components
from mnist_edge.runtime.reading.ink import Box, Found, Gray, Ink, Mask, Polarity
from mnist_edge.runtime.reading.outlines import filled

WORK_SIDE = 128  # pixels: larger pictures are reduced
LOOKS = 4
CLOSER = 0.5  # of the picture's side: a smaller digit is looked at again, closer

# Ink that is fainter than what separates ink from paper, and noise.
SMALL = 32  # pixels: the side of a picture in which lines may be thinner than a pixel
FAINT = 0.5  # of that threshold, at least
NOISE = 4  # times what three in four pixels stay below, at least

MIN_EDGE = 7  # grey levels of 255 from pixel to pixel: a softer outline is a shadow, not ink
FIRST_GROUND = 2  # how much better the other grounds must explain the picture to be preferred
TABLE = 0.5  # of the picture: more is the ground itself, and not what it lies on
ALL = 0.9  # of the ink: the rest are specks

SIGNS: tuple[tuple[Polarity, int], ...] = (("dark", -1), ("light", 1))


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
    rivals: list[Found] = []
    for _ in range(LOOKS):
        factor = math.ceil(extent(window) / WORK_SIDE)
        pixels = np.asarray(picture.reduce(factor, window))
        flat = _along_contrast(pixels)
        if found is None and (inside := sheets.inside_frame(flat)):
            left, top, right, bottom = inside
            pixels = pixels[top:bottom, left:right]
            flat = _along_contrast(pixels)
            x0, y0, x1, y1 = (factor * side for side in inside)
            window = (x0, y0, min(x1, picture.width), min(y1, picture.height))
        inks = _find_inks(flat, pixels, line=line)
        if not inks:
            break
        if (sheet := sheets.inside_sheet(inks[0])) is not None:
            written = _find_inks(flat, pixels, sheet, line=line)
            if written and not sheets.is_hole(written[0], sheet):
                inks = written
        ink, *others = inks
        rivals += [Found(other, window, factor) for other in others if not other.crowded]
        if found and found.ink.crowded:
            ink = ink._replace(crowded=True)  # which a closer look does not see
        found = Found(ink, window, factor)
        left, top, right, bottom = found.in_picture(ink.box)
        side = factor * extent(ink.box)
        if sheets.is_page(ink):
            margin = -max(factor, side // 25)
        elif factor > 1 and side < CLOSER * extent(window):
            # What else there is would only be in the way.
            margin = factor if ink.crowded else side // 2
        else:
            break
        window = (
            max(window[0], left - margin),
            max(window[1], top - margin),
            min(window[2], right + margin),
            min(window[3], bottom + margin),
        )
    return found and found._replace(rivals=tuple(rivals))


def _find_inks(
    flat: NDArray[np.uint8],
    pixels: NDArray[np.uint8],
    inside: Mask | None = None,
    *,
    line: bool,
) -> list[Ink]:
    """Try each ground and polarity; the ink whose outline is best supported comes first.

    Last come what rings and what they encircle may be the outline of, and scattered strokes.

    Args:
        flat: the picture in grey (H, W).
        pixels: the picture as it is, (H, W) or (H, W, 3).
        inside: bool (H, W), where ink may be; None for everywhere.
        line: as `look` takes it.
    """
    colours = None
    if pixels.ndim == 3:
        colours = np.ascontiguousarray(pixels.reshape(flat.size, -1).T, np.float64)
        if inside is not None:
            # What a colour is compared with is that of the sheet.
            sheet = inside.ravel()
            colours = np.where(sheet, colours, colours[:, sheet].mean(axis=1, keepdims=True))
    gray = flat.astype(np.int16)
    inks: list[Ink] = []
    outlines: list[Ink] = []
    scattered: list[Ink] = []
    seen = set()
    reliefs = [gray - ground for ground in grounds(flat, inside)]
    if inside is not None:
        reliefs = [np.where(inside, relief, np.int16(0)) for relief in reliefs]
    guesses = len(reliefs)
    for number, relief in enumerate(reliefs):
        height = np.abs(relief)
        faint, full, noise = _thresholds(height)
        for polarity, sign in SIGNS:
            depth = sign * relief
            mask = strokes.without_rules(depth > faint)
            if not mask.any() or (outline := (polarity, mask.tobytes())) in seen:
                continue
            seen.add(outline)
            if strokes.is_texture(mask):
                continue
            parts = connected_components(mask)
            inked = np.bincount(parts.labels[depth > full], minlength=len(parts.area) + 1)[:-1] > 0
            drawn = strokes.strokes(parts, inked, colours)
            if not drawn.any():
                table = parts.area[parts.contact >= strokes.CONTACT * parts.outline].sum()
                if number < guesses and ALL * mask.sum() < table < TABLE * mask.size:
                    # It reaches in from the edge, as a table does: what is there besides?
                    reliefs.append(np.where(mask, np.int16(0), relief))
                continue
            candidates = strokes.Candidates(drawn) if line else strokes.candidates(parts, drawn)
            for chosen, kept in zip(candidates, (inks, outlines, scattered), strict=True):
                if chosen is None:
                    continue
                ink = _ink(parts, chosen, polarity, depth, sign * gray)
                if not ink.support:
                    continue
                support = ink.support * (FIRST_GROUND if number == 0 else 1)
                crowded = kept is not outlines and strokes.is_crowded(parts, drawn, chosen, ink.box)
                kept.append(ink._replace(support=support, crowded=crowded))
        if number < guesses and full < noise < height.max() and all(ink.crowded for ink in inks):
            # Of very little ink the threshold may divide the noise: what is above all of that?
            reliefs.append(np.where(height > noise, relief, np.int16(0)))
    if not inks:
        return []
    solid = [digit for ring in outlines if (digit := filled(ring))]
    return _best_first(inks) + solid + scattered


def _ink(
    parts: Components, chosen: NDArray[np.bool_], polarity: Polarity, depth: Gray, gray: Gray
) -> Ink:
    """Make ink of the chosen components, bool (n,); `depth` and `gray` (H, W) grow towards it."""
    mask = np.append(chosen, False)[parts.labels]
    left, top = parts.box[chosen, :2].min(axis=0).tolist()
    right, bottom = parts.box[chosen, 2:].max(axis=0).tolist()
    path = strokes.path_length(parts.outline[chosen].sum())
    width = float(parts.area[chosen].sum()) / path
    support = _support(gray, mask, int(parts.contact[chosen].sum()))
    return Ink(polarity, depth, mask, (left, top, right, bottom), width, support, crowded=False)


def _best_first(inks: list[Ink]) -> list[Ink]:
    """Sort by support; ink of the other polarity goes before the sheet under it."""
    first, *others = sorted(inks, key=lambda ink: ink.support, reverse=True)
    for number, rival in enumerate(others):
        if rival.polarity != first.polarity:
            # A page that is nearly all paper is looked at again, closer.
            if not sheets.is_page(first) and sheets.is_sheet_under(first, rival):
                return [others.pop(number), first, *others]
            return [first._replace(rival=rival.support), *others]
    return [first, *others]


def _along_contrast(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn colours to grey along the axis on which they differ most, be it of equal luminance."""
    if pixels.ndim == 2:
        return pixels
    red, green, blue = (pixels[:, :, band] for band in range(3))
    if (red == green).all() and (red == blue).all():
        return red.copy()
    spread = (pixels - [median(band) for band in (red, green, blue)]).reshape(-1, 3)
    axis = np.linalg.eigh(spread.T @ spread).eigenvectors[:, -1]
    axis *= np.sign(axis.sum() or 1) / np.abs(axis).sum()
    level = pixels @ axis - 255 * np.minimum(axis, 0).sum()
    gray: NDArray[np.uint8] = np.rint(level).astype(np.uint8)
    return gray


def _thresholds(values: NDArray[np.int16]) -> tuple[float, float, int]:
    """Return what is faint ink, if it is connected to full ink, what is full ink, and noise.

    Full ink has the threshold that separates two classes best (Otsu 1979), midway in a gap. The
    two make a hysteresis (Canny 1986), for thin lines in small pictures, some of whose pixels they
    only graze; in larger ones strokes are wider than a pixel, and what is faint is their rim. No
    noise goes beyond the last, if there is less ink than paper.
    """
    counts = np.bincount(values.ravel())
    below = counts.cumsum()
    total = (counts * np.arange(len(counts))).cumsum()
    classes = np.maximum(below * (below[-1] - below), 1)
    between = (total[-1] * below - total * below[-1]) ** 2.0 / classes
    best = np.flatnonzero(between == between.max())
    full = float(best.sum() / len(best))
    noise = NOISE * int(below.searchsorted(0.75 * below[-1]))
    faint = min(max(FAINT * full, noise), full) if max(values.shape) <= SMALL else full
    return faint, full, noise


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
