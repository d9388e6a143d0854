"""From a picture to the 28x28 field of MNIST: find the digit, size it, centre it."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeGuard

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.contract import SIZE
from mnist_edge.runtime.reading.candidates import look
from mnist_edge.runtime.reading.ink import Box, Found, Ink, Polarity
from mnist_edge.runtime.reading.morphology import pad, thicken
from mnist_edge.runtime.reading.outlines import filled
from mnist_edge.runtime.reading.rules import outline_of, path_length

VERSION = 1

# MNIST's own form: the digit's longer side is 20 of 28 pixels, its centre of mass in the middle
# of pixel 14. https://yann.lecun.com/exdb/mnist/
BOX = 20
CENTRE = 14
OFF_CENTRE = 0.55  # MNIST was centred by whole pixels
# In pixels of the 28x28 field: thinner strokes are thickened, fatter ones thinned.
MIN_STROKE, MAX_STROKE = 2.5, 4.5

SUPERSAMPLING = 4

# What a picture's numbers are multiplied by and summed up, for its mass and its first moments.
_MOMENTS = np.stack([np.ones((SIZE, SIZE)), *np.indices((SIZE, SIZE))])
_MOMENTS = _MOMENTS.reshape(3, -1).astype(np.float32)


class Reading(NamedTuple):
    """A picture as the network sees it, and how it was read.

    Attributes:
        image: uint8 (28, 28), ink 255 on paper 0.
        ink: False where the picture is blank; `image` is then all zero.
        found: the ink as it was found; None where it was not looked for or not found, as with
            `polarity`, `box` and `stroke_width`.
        inverted: whether the picture was in MNIST's own form but for being dark on light.
    """

    image: NDArray[np.uint8]
    ink: bool
    found: Found | None = None
    inverted: bool = False

    @property
    def as_is(self) -> bool:
        """Whether the picture was in MNIST's own form and is left as it was."""
        return self.ink and self.found is None and not self.inverted

    @property
    def crowded(self) -> bool:
        """Whether there is more ink than one digit's: other digits, text, a photograph."""
        return self.found is not None and self.found.ink.crowded

    @property
    def polarity(self) -> Polarity | None:
        """Whether the ink is darker or lighter than its ground."""
        return self.found and self.found.ink.polarity

    @property
    def box(self) -> Box | None:
        """Left, top, right and bottom of the ink in pixels of the decoded picture."""
        return self.found and self.found.in_picture(self.found.ink.box)

    @property
    def stroke_width(self) -> float | None:
        """Of the ink as drawn, in pixels of the 28x28 field."""
        if self.found is None:
            return None
        return drawn_width(self.found.ink)

    def rivals(self) -> list[Reading]:
        """Return what else may be the digit; none of it is to be trusted, as there is other ink."""
        if self.found is None:
            return []
        seen = (self.found, *self.found.rivals)
        outlined = [found._replace(ink=ink) for found in seen if (ink := filled(found.ink))]
        readings = []
        for rival in (*self.found.rivals, *outlined):
            ink = rival.ink._replace(rival=0.0, chosen=True, crowded=True)
            readings.append(Reading(draw(ink), ink=True, found=rival._replace(ink=ink)))
        return readings


def describe() -> dict[str, Any]:
    """Return the parameters that a contract records beside `VERSION`."""
    return {
        "size": SIZE,
        "box": BOX,
        "centre": "mass",
        "min_stroke": MIN_STROKE,
        "max_stroke": MAX_STROKE,
    }


def preprocess(picture: Image.Image) -> Reading:
    """Find the digit of a picture and draw it as MNIST would.

    Args:
        picture: of mode `L` or `RGB` and any size, as `decode` returns it.
    """
    if picture.size == (SIZE, SIZE):
        pixels = np.asarray(picture)
        if pixels.ndim == 3 and (pixels == pixels[:, :, :1]).all():
            pixels = pixels[:, :, 0]
        if pixels.ndim == 2:
            if is_mnist(pixels):
                return Reading(pixels, ink=True)
            if is_mnist(inverse := 255 - pixels):
                return Reading(inverse, ink=True, inverted=True)
    found = look(picture)
    if found is None:
        return Reading(np.zeros((SIZE, SIZE), np.uint8), ink=False)
    return Reading(draw(found.ink), ink=True, found=found)


def is_mnist(pixels: NDArray[Any]) -> TypeGuard[NDArray[np.uint8]]:
    """Tell whether pixels (28, 28) are in MNIST's own form, as its 70,000 pictures are."""
    content = pixels.tobytes()
    if pixels.dtype != np.uint8 or (b"\xff" not in content and b"\xfe" not in content):
        return False
    # Stripped of paper at both ends: the first and the last row or column with ink.
    sides = (_extent(content), _extent(pixels.T.tobytes()))
    if not BOX - 1 <= max(sides) <= BOX:
        return False
    # Of whole numbers under 2**24, float32 has exact sums. `dot` takes half as long as `@` here.
    mass, y, x = _MOMENTS.dot(pixels.ravel()).tolist()
    centred = max(abs(y / mass - CENTRE), abs(x / mass - CENTRE)) < OFF_CENTRE
    # Whole pixels only, as few other pictures' mass is, are what a painting program draws.
    return bool(centred and (mass % 255 or not _is_thin(pixels == 255, mass / 255)))


def _is_thin(full: NDArray[np.bool_], area: float) -> bool:
    """Tell whether these pixels are all the ink, and its strokes thinner than MNIST's are then."""
    return bool(full.sum() == area < MIN_STROKE * path_length(outline_of(full)))


def _extent(content: bytes) -> int:
    """Return how many rows of 28 bytes lie between the first that is not all zero and the last."""
    first = len(content) - len(content.lstrip(b"\0"))
    return (len(content.rstrip(b"\0")) - 1) // SIZE - first // SIZE + 1


def drawn_width(ink: Ink) -> float:
    """Return how wide the ink's strokes are, in pixels of the 28x28 field that its box fills."""
    return BOX / ink.side * ink.stroke_width


def draw(ink: Ink) -> NDArray[np.uint8]:
    """Draw the ink as MNIST would: sized to the box, of MNIST's strokes, centred by mass."""
    left, top, right, bottom = ink.box
    window = np.s_[max(0, top - 1) : bottom + 1, max(0, left - 1) : right + 1]
    near = thicken(ink.mask[window], 1.5)
    # Full ink is the mean of its pixels: the anti-aliased rim stays soft, the rest saturates.
    soft = (ink.depth[window] * (255 / ink.contrast)).clip(0, 255) * near

    scale = BOX / ink.side
    drawn = drawn_width(ink)
    stroke = min(max(MIN_STROKE, drawn), MAX_STROKE)
    if stroke != drawn and ink.side > 2 * ink.stroke_width:
        scale = (BOX - stroke) / (ink.side - ink.stroke_width)  # so that the box stays filled
    radius = (stroke - scale * ink.stroke_width) * SUPERSAMPLING / 2
    scale *= SUPERSAMPLING
    small = Image.fromarray(soft.astype(np.uint8))
    size = max(1, round(scale * small.width)), max(1, round(scale * small.height))
    filtering = Image.Resampling.BICUBIC if scale > 1 else Image.Resampling.BOX
    large = pad(np.asarray(small.resize(size, filtering)), 2 * SUPERSAMPLING)
    if radius > 0:
        large = thicken(large, radius)
    elif radius < 0 and (thinned := ~thicken(~large, -radius)).any():
        large = thinned

    rows, columns = large.sum(axis=1), large.sum(axis=0)
    y = rows @ np.arange(len(rows)) / rows.sum()
    x = columns @ np.arange(len(columns)) / rows.sum()
    middle = (CENTRE + 0.5) * SUPERSAMPLING - 0.5
    canvas = Image.new("L", (SIZE * SUPERSAMPLING, SIZE * SUPERSAMPLING))
    canvas.paste(Image.fromarray(large), (round(middle - x), round(middle - y)))
    field = np.asarray(canvas.reduce(SUPERSAMPLING))
    image: NDArray[np.uint8] = np.rint(field * (255 / field.max())).astype(np.uint8)
    return image
