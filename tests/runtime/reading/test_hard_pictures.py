"""Pictures of kinds that reading has failed on: drawn here, read by the shipped model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tests.runtime.reading.conftest import read

Point = tuple[float, float]
Colour = tuple[int, int, int]

# Strokes in a box of 1 x 1.
STROKES: dict[int, list[list[Point]]] = {
    1: [[(0.3, 0.25), (0.55, 0.05), (0.55, 0.95)]],
    2: [
        [
            *((0.15, 0.25), (0.3, 0.08), (0.55, 0.04), (0.78, 0.14), (0.8, 0.32), (0.62, 0.55)),
            *((0.15, 0.94), (0.9, 0.94)),
        ]
    ],
    4: [[(0.55, 0.04), (0.08, 0.62), (0.94, 0.62)], [(0.7, 0.3), (0.7, 0.97)]],
    5: [
        [
            *((0.82, 0.05), (0.25, 0.05), (0.2, 0.45), (0.5, 0.38), (0.78, 0.5), (0.82, 0.72)),
            *((0.65, 0.92), (0.4, 0.95), (0.15, 0.85)),
        ]
    ],
    6: [
        [
            *((0.25, 0.03), (0.25, 0.8), (0.4, 0.95), (0.62, 0.95), (0.76, 0.8), (0.74, 0.6)),
            *((0.58, 0.5), (0.4, 0.54), (0.25, 0.7)),
        ]
    ],
    7: [[(0.08, 0.06), (0.9, 0.06), (0.42, 0.97)]],
}
BLACK, WHITE = (0, 0, 0), (255, 255, 255)


def write(
    picture: Image.Image,
    digit: int,
    *,
    at: tuple[int, int] = (0, 0),
    size: tuple[int, int],
    pen: int,
    ink: Colour = BLACK,
) -> None:
    """Draw a digit in a box of a picture."""
    draw = ImageDraw.Draw(picture)
    for stroke in STROKES[digit]:
        points = [(at[0] + x * size[0], at[1] + y * size[1]) for x, y in stroke]
        draw.line(points, fill=ink, width=pen, joint="curve")
        for x, y in points if pen > 2 else ():
            radius = pen / 2 - 0.5
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=ink)


def page(
    digit: int, *, size: int = 300, pen: int = 12, ink: Colour = BLACK, paper: Colour = WHITE
) -> Image.Image:
    """Write a digit in the middle of a page, two thirds of it high."""
    picture = Image.new("RGB", (size, size), paper)
    box = size * 4 // 10, size * 2 // 3
    write(picture, digit, at=(size * 3 // 10, size // 6), size=box, pen=pen, ink=ink)
    return picture


def tight(digit: int) -> Image.Image:
    """Cut thin strokes to their box."""
    picture = Image.new("RGB", (160, 240), WHITE)
    write(picture, digit, size=(159, 239), pen=4)
    left, top, right, bottom = Image.eval(picture.convert("L"), lambda level: 255 - level).getbbox()  # type: ignore[misc]
    return picture.crop((left, top, right, bottom))


def on_squared_paper(digit: int) -> Image.Image:
    """Write with a felt pen on fine squares, and underline with a long swash."""
    picture = Image.new("RGB", (400, 400), (246, 246, 240))
    draw = ImageDraw.Draw(picture)
    for place in range(3, 400, 12):
        draw.line((place, 0, place, 400), fill=(205, 215, 230))
        draw.line((0, place, 400, place), fill=(205, 215, 230))
    write(picture, digit, at=(130, 80), size=(130, 220), pen=16, ink=(200, 40, 60))
    swash = [(130 + 6 * x, 292 - 0.02 * x * (24 - x) * 6) for x in range(25)]
    draw.line(swash, fill=(200, 40, 60), width=14, joint="curve")
    return picture


def on_a_gradient(digit: int) -> Image.Image:
    """Write in white on what goes from black to light grey."""
    levels = np.tile(np.linspace(0, 215, 300), (300, 1)).astype(np.uint8)
    picture = Image.fromarray(levels).convert("RGB")
    write(picture, digit, at=(90, 50), size=(120, 200), pen=18, ink=WHITE)
    return picture


def beside_a_line(digit: int) -> Image.Image:
    """Photograph the line at the side of a notebook too."""
    picture = page(digit)
    ImageDraw.Draw(picture).line((20, 0, 24, 300), fill=(200, 90, 90), width=3)
    return picture


def beside_a_table(digit: int) -> Image.Image:
    """Photograph the table along one side too."""
    picture = page(digit, paper=(226, 222, 214))
    ImageDraw.Draw(picture).polygon(((0, 0), (34, 0), (26, 300), (0, 300)), fill=(70, 50, 40))
    return picture


def crossed(digit: int) -> Image.Image:
    """Let a ruler line of another colour cross the digit."""
    picture = Image.new("RGB", (300, 300), WHITE)
    ImageDraw.Draw(picture).line((0, 150, 300, 150), fill=(150, 190, 240), width=2)
    write(picture, digit, at=(90, 50), size=(120, 200), pen=12)
    return picture


def with_one_pixel(digit: int) -> Iterator[Image.Image]:
    """Draw with the thinnest pen there is."""
    for side in (50, 75, 100):
        yield page(digit, size=side, pen=1)


PICTURES = {
    **{f"tight crop of a {digit}": (digit, [tight(digit)]) for digit in (4, 6, 7)},
    **{f"{digit} on squared paper": (digit, [on_squared_paper(digit)]) for digit in (1, 2)},
    "5 on a gradient": (5, [on_a_gradient(5)]),
    **{f"{digit} beside a line": (digit, [beside_a_line(digit)]) for digit in (2, 4, 5, 7)},
    **{f"{digit} beside a table": (digit, [beside_a_table(digit)]) for digit in (2, 4, 5, 7)},
    **{f"{digit} crossed by a line": (digit, [crossed(digit)]) for digit in (2, 4, 5, 7)},
    **{f"{digit} of one pixel": (digit, [*with_one_pixel(digit)]) for digit in (1, 2, 4, 5, 7)},
}


@pytest.mark.parametrize(("digit", "pictures"), PICTURES.values(), ids=PICTURES.keys())
def test_what_was_hard_is_read(digit: int, pictures: list[Image.Image]) -> None:
    for picture in pictures:
        for turned in (picture, Image.eval(picture, lambda level: 255 - level)):
            answer = read(turned).answer
            assert answer is not None
            assert answer.argmax() == digit
