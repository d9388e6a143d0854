"""Normalization: a digit as MNIST has them, of one size, with even strokes, in the middle."""

from __future__ import annotations

import math
from typing import Any, TypeGuard, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.contract import SIZE
from mnist_edge.runtime.reading.components import Mask, outline_of, path_length
from mnist_edge.runtime.reading.parameters import NORMALIZING
from mnist_edge.runtime.reading.views import Box, around

VERSION = 1

T = TypeVar("T", np.bool_, np.uint8)

# What a picture's numbers are multiplied by and summed up, for its mass and its first moments.
_MOMENTS = np.stack([np.ones((SIZE, SIZE)), *np.indices((SIZE, SIZE))])
_MOMENTS = _MOMENTS.reshape(3, -1).astype(np.float32)


def describe() -> dict[str, Any]:
    """Return the parameters that a contract records beside `VERSION`."""
    return {
        "size": SIZE,
        "box": NORMALIZING.box,
        "centre": "mass",
        "min_stroke": NORMALIZING.min_stroke,
        "max_stroke": NORMALIZING.max_stroke,
    }


def own_form(picture: Image.Image) -> NDArray[np.uint8] | None:
    """Return the pixels of a picture in MNIST's own form, light on dark; None where it is not.

    Args:
        picture: of mode `L` or `RGB`, light on dark or dark on light.
    """
    if picture.size != (SIZE, SIZE):
        return None
    pixels = np.asarray(picture)
    if pixels.ndim == 3:
        if (pixels != pixels[:, :, :1]).any():
            return None
        pixels = np.ascontiguousarray(pixels[:, :, 0])
    return next((form for form in (pixels, 255 - pixels) if is_mnist(form)), None)


def is_mnist(pixels: NDArray[Any]) -> TypeGuard[NDArray[np.uint8]]:
    """Tell whether pixels (28, 28) are in MNIST's own form, as its 70,000 pictures are."""
    content = pixels.tobytes()
    if pixels.dtype != np.uint8 or (b"\xff" not in content and b"\xfe" not in content):
        return False
    # Stripped of paper at both ends: the first and the last row or column with ink.
    sides = (_extent(content), _extent(pixels.T.tobytes()))
    if not NORMALIZING.box - 1 <= max(sides) <= NORMALIZING.box:
        return False
    # Of whole numbers under 2**24, float32 has exact sums. `dot` takes half as long as `@` here.
    mass, y, x = _MOMENTS.dot(pixels.ravel()).tolist()
    off_centre = max(abs(y / mass - NORMALIZING.centre), abs(x / mass - NORMALIZING.centre))
    if off_centre >= NORMALIZING.off_centre:
        return False
    # Whole pixels only, as few other pictures' mass is, are what a painting program draws.
    return bool(mass % 255 or not _is_thin(pixels == 255, mass / 255))


def _is_thin(full: NDArray[np.bool_], area: float) -> bool:
    """Tell whether these pixels are all the ink, and its strokes thinner than MNIST's are then."""
    return bool(full.sum() == area < NORMALIZING.min_stroke * path_length(outline_of(full)))


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
    left, top, right, bottom = box
    side = max(right - left, bottom - top)
    inked, own = depth[around(box)], mask[around(box)]
    # Full ink is the mean of its pixels: the anti-aliased rim stays soft, the rest saturates.
    ink = inked[own]
    contrast = int(ink.sum()) / len(ink)
    soft = np.minimum(np.maximum(inked * (255 / contrast), 0), 255) * thicken(own, 1.5)

    scale = NORMALIZING.box / side
    drawn = scale * stroke_width
    stroke = min(max(NORMALIZING.min_stroke, drawn), NORMALIZING.max_stroke)
    if stroke != drawn and side > 2 * stroke_width:
        scale = (NORMALIZING.box - stroke) / (side - stroke_width)  # so that the box stays filled
    times = NORMALIZING.supersampling
    radius = (stroke - scale * stroke_width) * times / 2
    scale *= times
    small = Image.fromarray(soft.astype(np.uint8))
    size = max(1, round(scale * small.width)), max(1, round(scale * small.height))
    filtering = Image.Resampling.BICUBIC if scale > 1 else Image.Resampling.BOX
    large = pad(np.asarray(small.resize(size, filtering)), 2 * times)
    if radius > 0:
        large = thicken(large, radius)
    elif radius < 0 and (thinned := ~thicken(~large, -radius)).any():
        large = thinned

    level = large.astype(float)
    rows, columns = level.sum(axis=1), level.sum(axis=0)
    mass = rows.sum()
    y, x = (side @ np.arange(len(side)) / mass for side in (rows, columns))
    middle = (NORMALIZING.centre + 0.5) * times - 0.5
    canvas = Image.new("L", (SIZE * times, SIZE * times))
    canvas.paste(Image.fromarray(large), (round(middle - x), round(middle - y)))
    field = np.asarray(canvas.reduce(times))
    image: NDArray[np.uint8] = np.rint(field * (255 / max(1, field.max()))).astype(np.uint8)
    return image


def thicken(pixels: NDArray[T], radius: float) -> NDArray[T]:
    """Dilate by a disk: by each of its rows, from the shortest to the longest."""
    height, width = pixels.shape
    reach = math.ceil(radius)
    padded = pad(pixels, reach)
    thick = pixels.copy()
    wide = padded[:, reach : reach + width].copy()
    for x in range(reach + 1):
        if x:
            np.maximum(wide, padded[:, reach - x :][:, :width], out=wide)
            np.maximum(wide, padded[:, reach + x :][:, :width], out=wide)
        for y in range(-reach, reach + 1):
            if x * x <= radius * radius + 0.5 - y * y < (x + 1) ** 2:
                np.maximum(thick, wide[reach + y :][:height], out=thick)
    return thick


def pad(values: NDArray[T], margin: int) -> NDArray[T]:
    """Put zeros around pixels; `np.pad` takes ten times as long, which counts for 28x28."""
    height, width = values.shape
    padded = np.zeros((height + 2 * margin, width + 2 * margin), values.dtype)
    padded[margin : margin + height, margin : margin + width] = values
    return padded
