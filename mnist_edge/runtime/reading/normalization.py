"""Normalization: a digit as MNIST has them, of one size, with even strokes, in the middle."""

from __future__ import annotations

import math
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from mnist_edge.contract import SIZE
from mnist_edge.runtime.reading.foregrounds import PATH, Mask
from mnist_edge.runtime.reading.parameters import NORMALIZING
from mnist_edge.runtime.reading.views import Box, around, side_of

VERSION = 1

T = TypeVar("T", np.bool_, np.uint8)

# What a picture's numbers are multiplied by and summed up, for its mass and its first moments.
_MOMENTS = np.stack([np.ones((SIZE, SIZE)), *np.indices((SIZE, SIZE))])
_MOMENTS = _MOMENTS.reshape(3, -1).astype(np.float32)


def own_form(pixels: NDArray[Any]) -> NDArray[np.uint8] | None:
    """Return pixels that are in MNIST's own form, as its 70,000 are; None where they are not.

    What is, but for its place, is moved there by whole pixels, as MNIST's were. Any shape and type
    is taken, and uint8 (28, 28) returned, light on dark.
    """
    if pixels.shape == (SIZE, SIZE, 3) and (pixels == pixels[:, :, :1]).all():
        pixels = pixels[:, :, 0]
    if pixels.shape != (SIZE, SIZE) or pixels.dtype != np.uint8:
        return None
    image = _centred(pixels)
    return _centred(255 - pixels) if image is None else image


def _centred(pixels: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    content = pixels.tobytes()
    if b"\xff" not in content and b"\xfe" not in content:
        return None
    if not NORMALIZING.box - 1 <= _side(pixels, content) <= NORMALIZING.box:
        return None
    # Of whole numbers under 2**24, float32 has exact sums. `dot` takes half as long as `@` here.
    mass, y, x = _MOMENTS.dot(pixels.ravel()).tolist()
    # Whole pixels only, as few other pictures' mass is, are what a painting program draws.
    if mass % 255 == 0 and _is_thin(pixels == 255, mass / 255):
        return None
    down, right = NORMALIZING.centre - y / mass, NORMALIZING.centre - x / mass
    if abs(down) < NORMALIZING.off_centre and abs(right) < NORMALIZING.off_centre:
        return pixels
    moved = np.roll(pixels, (round(down), round(right)), (0, 1))
    # What would lie beyond an edge came in at the other.
    return moved if _side(moved, moved.tobytes()) <= NORMALIZING.box else None


def _is_thin(full: NDArray[np.bool_], area: float) -> bool:
    """Tell whether these pixels are all the ink, and its strokes thinner than MNIST's are then."""
    outline = (full[1:] != full[:-1]).sum() + (full[:, 1:] != full[:, :-1]).sum()
    return bool(full.sum() == area < NORMALIZING.min_stroke * PATH * outline)


def _side(pixels: NDArray[np.uint8], content: bytes) -> int:
    """Return the longer side of the box around what is not 0, of (28, 28) and their bytes."""
    return max(_extent(content), _extent(pixels.T.tobytes()))


def _extent(content: bytes) -> int:
    """Return how many rows of 28 bytes lie between the first that is not all zero and the last."""
    first = len(content) - len(content.lstrip(b"\0"))
    return (len(content.rstrip(b"\0")) - 1) // SIZE - first // SIZE + 1


def normalized(
    depth: NDArray[np.int16], mask: Mask, box: Box, stroke_width: float
) -> NDArray[np.uint8]:
    """Draw a digit as MNIST would: sized to the box, of MNIST's strokes, centred by mass.

    Args:
        depth: int16 (H, W), grey levels from the background towards the ink.
        mask: bool (H, W), the digit's pixels.
        box: around them.
        stroke_width: in pixels.

    Returns:
        uint8 (28, 28), ink 255 on 0.
    """
    side = side_of(box)
    inked, own = depth[around(box)], mask[around(box)]
    # Full ink is the mean of its pixels: the anti-aliased rim stays soft, the rest saturates.
    ink = inked[own]
    contrast = int(ink.sum()) / len(ink)
    soft = np.minimum(np.maximum(inked * (255 / contrast), 0), 255) * thicken(own, NORMALIZING.rim)
    digit = Image.fromarray(soft.astype(np.uint8))

    scale = NORMALIZING.box / side
    drawn = scale * stroke_width
    stroke = min(max(NORMALIZING.min_stroke, drawn), NORMALIZING.max_stroke)
    if stroke != drawn and side > 2 * stroke_width:
        scale = (NORMALIZING.box - stroke) / (side - stroke_width)  # so that the box stays filled
    times = NORMALIZING.supersampling
    radius = (stroke - scale * stroke_width) * times / 2
    scale *= times
    size = max(1, round(scale * digit.width)), max(1, round(scale * digit.height))
    filtering = Image.Resampling.BICUBIC if scale > 1 else Image.Resampling.BOX
    large = np.asarray(ImageOps.expand(digit.resize(size, filtering), 2 * times))
    if radius > 0:
        large = thicken(large, radius)
    elif radius < 0 and (thinned := ~thicken(~large, -radius)).any():
        large = thinned

    level = large.astype(np.float32)
    mass, (height, width) = float(level.sum()), level.shape
    x, y = float(level.dot(np.arange(width)).sum()), float(np.arange(height).dot(level).sum())
    middle = (NORMALIZING.centre + 0.5) * times - 0.5
    canvas = Image.new("L", (SIZE * times, SIZE * times))
    canvas.paste(Image.fromarray(large), (round(middle - x / mass), round(middle - y / mass)))
    field = np.asarray(canvas.reduce(times))
    image: NDArray[np.uint8] = np.rint(field * (255 / max(1, field.max()))).astype(np.uint8)
    return image


def thicken(pixels: NDArray[T], radius: float) -> NDArray[T]:
    """Dilate by a disk: by each of its rows, from the shortest to the longest."""
    height, width = pixels.shape
    square = radius * radius + NORMALIZING.disk
    reach = int(math.sqrt(square))
    padded = np.zeros((height + 2 * reach, width + 2 * reach), pixels.dtype)
    padded[reach : reach + height, reach : reach + width] = pixels
    thick = pixels.copy()
    wide = padded[:, reach : reach + width].copy()
    for x in range(reach + 1):
        if x:
            np.maximum(wide, padded[:, reach - x :][:, :width], out=wide)
            np.maximum(wide, padded[:, reach + x :][:, :width], out=wide)
        for y in range(-reach, reach + 1):
            if x * x <= square - y * y < (x + 1) ** 2:
                np.maximum(thick, wide[reach + y :][:height], out=thick)
    return thick
