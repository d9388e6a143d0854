"""Preprocessing: of everything in a picture, the digit alone reaches the 28x28 field.

A five and a one are drawn with Pillow; the field of the bare digit is the standard. Correlation
says how alike two fields are: what resampling, noise and light change keeps it above 0.85, while
a lost stroke, a frame or a line that is kept, or the wrong polarity brings it below 0.75.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from mnist_edge.runtime.reading import Reading
from mnist_edge.runtime.reading.candidates import Candidate
from mnist_edge.runtime.reading.parameters import NORMALIZING
from tests.runtime.reading.conftest import drawn_width
from tests.runtime.reading.conftest import likeness as alike
from tests.runtime.reading.conftest import read as preprocess

Colour = tuple[int, int, int]
ALIKE = 0.85
FIVE = [(140, 50), (75, 50), (70, 100), (110, 95), (135, 120), (125, 150), (90, 160), (65, 150)]
BLACK, WHITE = (0, 0, 0), (255, 255, 255)


def five(
    *, ink: Colour = BLACK, paper: Colour = WHITE, pen: int = 12, scale: float = 1.0
) -> Image.Image:
    """Draw a five of 75 x 110 in 210 x 210 pixels, at scale 1."""
    picture = Image.new("RGB", (round(210 * scale), round(210 * scale)), paper)
    points = [(x * scale, y * scale) for x, y in FIVE]
    ImageDraw.Draw(picture).line(points, fill=ink, width=pen, joint="curve")
    return picture


def _ink(reading: Reading) -> Candidate:
    assert reading.candidate is not None
    return reading.candidate


def likeness(reading: Reading, standard: Image.Image) -> float:
    return alike(reading.image, preprocess(standard).image)


def array(picture: Image.Image) -> NDArray[np.float64]:
    return np.asarray(picture.convert("RGB"), float)


def picture_of(pixels: NDArray[np.float64]) -> Image.Image:
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def frame(gap: int, width: int) -> Image.Image:
    picture = five()
    ImageDraw.Draw(picture).rectangle((gap, gap, 209 - gap, 209 - gap), outline=BLACK, width=width)
    return picture


def table_at_a_side() -> Image.Image:
    picture = five(paper=(225, 220, 210), ink=(50, 50, 90))
    ImageDraw.Draw(picture).polygon([(150, 0), (210, 0), (210, 120)], fill=(90, 60, 40))
    return picture


def half_in_shadow() -> Image.Image:
    pixels = array(five(paper=(225, 220, 210), ink=(50, 50, 90)))
    pixels[:, 95:] *= 0.55
    return picture_of(pixels)


def badge() -> Image.Image:
    picture = five()
    ImageDraw.Draw(picture).rectangle((150, 140, 200, 160), fill=(255, 0, 100))
    return picture


def pepper() -> Image.Image:
    picture = five()
    draw = ImageDraw.Draw(picture)
    for x, y in np.random.default_rng(0).integers(0, 205, (40, 2)).tolist():
        draw.rectangle((x, y, x + 3, y + 3), fill=BLACK)
    return picture


def checkered() -> Image.Image:
    """The pattern by which editors show transparency, saved as if it were the paper."""
    y, x = np.indices((210, 210)) // 6
    paper = np.where((x + y) % 2, 255.0, 225.0)[:, :, None]
    return picture_of(np.minimum(array(five()), paper))


def broken() -> Image.Image:
    """A five whose bar does not touch the rest."""
    picture = five()
    ImageDraw.Draw(picture).rectangle((60, 62, 100, 72), fill=WHITE)
    return picture


@pytest.mark.parametrize(
    "picture",
    [
        frame(0, 6),
        table_at_a_side(),
        half_in_shadow(),
        badge(),
        checkered(),
        broken(),
    ],
    ids=[
        "frame at the edge",
        "table at a side",
        "half in shadow",
        "badge of another colour",
        "checkered",
        "broken stroke",
    ],
)
def test_only_the_digit_is_kept(picture: Image.Image) -> None:
    reading = preprocess(picture)
    assert _ink(reading).ink.polarity == "dark"
    assert likeness(reading, five()) > ALIKE


def test_the_box_is_where_the_digit_is() -> None:
    inked = Image.fromarray(array(five())[:, :, 0] < 128).getbbox()
    assert inked is not None
    # The ink is looked for at half of the resolution.
    assert preprocess(five()).box == pytest.approx(inked, abs=2)


def test_the_width_of_a_stroke_is_measured_in_the_field() -> None:
    reading = preprocess(five(pen=12))
    assert reading.box is not None
    side = max(reading.box[2] - reading.box[0], reading.box[3] - reading.box[1])
    # Pixels, corners and ends make an outline some fifth longer or shorter than two strokes.
    assert drawn_width(reading.candidate) == pytest.approx(12 * 20 / side, rel=0.2)


@pytest.mark.parametrize("pen", [1, 2, 4])
def test_thin_strokes_reach_the_width_of_mnists(pen: int) -> None:
    image = preprocess(five(pen=pen, scale=2)).image
    # The path of FIVE is 300 long, 20 / 110 of that in the field: mean width = ink / length.
    width = image.sum() / 255 / (300 * 20 / 110)
    # A hairline comes out uneven, so that up to a third of its ink is grey.
    assert width == pytest.approx(NORMALIZING.min_stroke, rel=1 / 3)


@pytest.mark.parametrize(
    ("ink", "paper", "polarity"),
    [
        (BLACK, WHITE, "dark"),
        (WHITE, BLACK, "light"),
        ((120, 120, 120), (180, 180, 180), "dark"),
        ((240, 240, 235), (60, 80, 65), "light"),
    ],
)
def test_either_polarity_gives_the_same_field(ink: Colour, paper: Colour, polarity: str) -> None:
    reading = preprocess(five(ink=ink, paper=paper))
    assert _ink(reading).ink.polarity == polarity
    assert likeness(reading, five()) > 0.98


def test_a_fat_digit_cut_to_its_box_keeps_its_polarity() -> None:
    picture = five(pen=34)
    cut = picture.crop((48, 33, 157, 177))
    for tight in (cut, picture_of(255 - array(cut))):
        assert likeness(preprocess(tight), picture) > ALIKE


def test_a_tight_crop_keeps_a_thin_bar_from_edge_to_edge() -> None:
    # The bar of a four, one pixel wide, is no ruled line.
    picture = Image.new("L", (120, 160), 255)
    draw = ImageDraw.Draw(picture)
    draw.line([(60, 0), (0, 100)], fill=0, width=2)
    draw.line([(0, 100), (119, 100)], fill=0, width=2)
    draw.line([(85, 30), (85, 159)], fill=0, width=2)
    wide = Image.new("L", (240, 280), 255)
    wide.paste(picture, (60, 60))
    assert likeness(preprocess(picture), wide) > ALIKE


def blob() -> Image.Image:
    """A soft shade, as the shadow of a hand."""
    picture = Image.new("L", (200, 200), 200)
    ImageDraw.Draw(picture).ellipse((60, 60, 140, 140), fill=150)
    return picture.filter(ImageFilter.GaussianBlur(25))


def grain() -> Image.Image:
    noise = np.random.default_rng(0).normal(220, 3, (200, 200))
    return Image.fromarray(noise.astype(np.uint8))


@pytest.mark.parametrize("make", [blob, grain], ids=["a soft shade", "the grain of paper"])
def test_shades_and_grain_are_no_ink(make: Callable[[], Image.Image]) -> None:
    reading = preprocess(make())
    assert reading.reason == "blank"
    assert not reading.image.any()
    assert reading.box is None


def noise(
    size: tuple[int, int], *, spread: float, blur: float = 0, level: float = 180
) -> NDArray[np.float64]:
    """Grain of a standard deviation in grey levels, blurred by some pixels."""
    values = np.random.default_rng(0).normal(0, 1, size)
    if blur:
        sharp = Image.fromarray((128 + 50 * values).clip(0, 255).astype(np.uint8))
        values = np.asarray(sharp.filter(ImageFilter.GaussianBlur(blur)), float)
    grain: NDArray[np.float64] = level + spread * (values - values.mean()) / values.std()
    return grain


def uniform(side: int) -> NDArray[np.float64]:
    return np.random.default_rng(0).uniform(0, 256, (side, side))


def vignette(size: tuple[int, int]) -> NDArray[np.float64]:
    y, x = (np.linspace(-1, 1, side) for side in size)
    return 230 - 60 * (y[:, None] ** 2 + x**2)


def paper(
    kind: str, *, size: tuple[int, int] = (480, 640), spacing: int = 40
) -> NDArray[np.float64]:
    """Draw ruled, squared or dotted paper, a margin, punched holes or an empty frame."""
    picture = Image.new("L", size, 250)
    draw = ImageDraw.Draw(picture)
    width, height = size
    if kind in ("ruled", "squared", "margin"):
        for y in range(spacing, height, spacing):
            draw.line((0, y, width, y), fill=150)
    if kind == "squared":
        for x in range(spacing, width, spacing):
            draw.line((x, 0, x, height), fill=150)
    if kind == "dotted":
        for y in range(spacing, height, spacing):
            for x in range(spacing, width, spacing):
                draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill=120)
    if kind == "margin":
        draw.line((width // 8, 0, width // 8, height), fill=160)
    if kind in ("margin", "holes"):
        for y in (height // 8, height // 2, height - height // 8):
            draw.ellipse((15, y - 12, 39, y + 12), fill=60)
    if kind == "frame":
        draw.rectangle((6, 6, width - 7, height - 7), outline=0, width=4)
    if kind == "border":
        draw.rectangle((0, 0, width - 1, height - 1), outline=0, width=20)
    return np.asarray(picture, float)


def as_jpeg(pixels: NDArray[np.float64], quality: int = 60) -> Image.Image:
    stream = io.BytesIO()
    picture_of(pixels).convert("RGB").save(stream, "JPEG", quality=quality)
    return Image.open(stream).convert("RGB")


BLANKS = {
    **{f"uniform noise {side}": picture_of(uniform(side)) for side in (28, 64, 128, 280)},
    **{
        f"noise of {spread} on {side}": picture_of(noise((side, side), spread=spread))
        for spread in (5, 15, 40)
        for side in (28, 100, 300)
    },
    "noise of colours": picture_of(np.random.default_rng(0).uniform(0, 256, (90, 90, 3))),
    "noise as JPEG": as_jpeg(noise((300, 300), spread=30)),
    "strong JPEG": as_jpeg(noise((300, 300), spread=30), quality=20),
    "soft clouds": picture_of(noise((200, 200), spread=10, blur=12)),
    "crumpled": picture_of(
        noise((400, 300), spread=8, blur=15) + noise((400, 300), spread=2) - 180
    ),
    "vignette": picture_of(vignette((200, 300))),
    "vignette with grain": picture_of(vignette((300, 400)) + noise((300, 400), spread=4, level=0)),
    "gradient with grain": picture_of(
        np.linspace(60, 240, 300) + noise((300, 300), spread=8, level=0)
    ),
    "cloth": picture_of(
        170 + 30 * np.outer(np.sin(np.arange(120) * 1.3), np.sin(np.arange(120) * 1.3))
    ),
    "salt": picture_of(np.where(np.random.default_rng(0).random((100, 100)) < 0.01, 0, 255.0)),
    **{
        f"{kind} {spacing}": picture_of(paper(kind, spacing=spacing))
        for kind in ("ruled", "squared", "dotted", "margin")
        for spacing in (24, 40, 64)
    },
    "punched holes": picture_of(paper("holes")),
    "empty frame": picture_of(paper("frame")),
    "empty frame of 28": picture_of(
        np.pad(np.pad(np.full((24, 24), 250.0), 1), 1, constant_values=250)
    ),
    "black border": picture_of(paper("border")),
    "ruled, a photograph": as_jpeg(paper("ruled") + noise((640, 480), spread=3, level=0), 80),
}


@pytest.mark.parametrize("picture", BLANKS.values(), ids=BLANKS.keys())
@pytest.mark.parametrize("inverted", [False, True], ids=["", "inverted"])
def test_a_blank_picture_has_no_ink(picture: Image.Image, inverted: bool) -> None:
    if inverted:
        picture = ImageOps.invert(picture)
    assert preprocess(picture).reason is not None


def word() -> Image.Image:
    picture = Image.new("RGB", (420, 210), WHITE)
    for offset in range(0, 360, 90):
        picture.paste(five().crop((60, 40, 148, 160)), (offset + 10, 40))
    return picture


def text() -> Image.Image:
    picture = Image.new("L", (600, 400), 255)
    draw = ImageDraw.Draw(picture)
    for y in range(30, 370, 24):
        draw.text((20, y), "the quick brown fox jumps over the lazy dog", fill=0, font_size=20)
    return picture


def scribble() -> Image.Image:
    points = np.random.default_rng(0).integers(40, 170, (30, 2)).ravel().tolist()
    picture = Image.new("L", (210, 210), 255)
    ImageDraw.Draw(picture).line(points, fill=0, width=3)
    return picture


@pytest.mark.parametrize("picture", [word(), text(), scribble()], ids=["word", "page", "scribble"])
def test_more_ink_than_one_digits_is_refused(picture: Image.Image) -> None:
    assert preprocess(picture).reason == "no-digit"


def rough() -> Image.Image:
    """A five by a dry brush: full of holes, with bristles beside the strokes."""
    pixels = array(five(pen=16))
    worn = np.random.default_rng(0).random((70, 70)) < 0.2
    pixels[np.kron(worn, np.ones((3, 3), bool))] = 255
    return picture_of(pixels)


@pytest.mark.parametrize(
    "picture",
    [five(), five(pen=2), broken(), rough(), pepper()],
    ids=["plain", "thin", "broken", "rough", "pepper"],
)
def test_one_digit_is_not_too_much(picture: Image.Image) -> None:
    reading = preprocess(picture)
    assert not bool(_ink(reading).doubts)


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 3), (3, 700), (129, 129), (28, 28)])
def test_any_size_gives_a_field(size: tuple[int, int]) -> None:
    picture = Image.new("L", size, 255)
    picture.putpixel((size[0] // 2, size[1] // 2), 0)
    reading = preprocess(picture)
    assert reading.image.shape == (28, 28)
    assert reading.image.dtype == np.uint8
    assert (reading.reason == "blank") != reading.image.any()


@settings(deadline=None, max_examples=60)
@given(
    scale=st.floats(0.4, 4),
    left=st.integers(0, 300),
    top=st.integers(0, 300),
    inverted=st.booleans(),
    quality=st.integers(30, 95),
)
def test_where_and_how_large_and_how_compressed_does_not_matter(
    scale: float, left: int, top: int, inverted: bool, quality: int
) -> None:
    small = five(scale=scale, pen=max(2, round(12 * scale)))
    picture = Image.new("RGB", (small.width + left, small.height + top), WHITE)
    picture.paste(small, (left, top))
    if inverted:
        picture = picture_of(255 - array(picture))
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    reading = preprocess(Image.open(stream).convert("RGB"))
    assert _ink(reading).ink.polarity == ("light" if inverted else "dark")
    assert likeness(reading, five()) > ALIKE
