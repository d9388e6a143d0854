"""Reading pictures as people make them: every format, mode, polarity, place, size and pen.

A seven is drawn by Pillow in many ways, and each has to give the same 28x28 field as the plain
one. How alike two fields are is said by their correlation: the same seven drawn with another pen
correlates above 0.85, a different digit below 0.6.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from mnist_edge.data import synthetic
from mnist_edge.errors import UnreadableImage
from mnist_edge.runtime.reading import Reading, decoding
from mnist_edge.runtime.reading.foregrounds import connected_components
from mnist_edge.runtime.reading.normalization import normalized
from mnist_edge.runtime.reading.parameters import NORMALIZING
from tests.conftest import data_folder
from tests.runtime.reading.conftest import drawn_width, likeness, read, read_digit

Field = NDArray[np.uint8]
SEVEN = [(60, 40), (140, 40), (95, 160)]
ALIKE = 0.85


def seven(
    paper: object = 255,
    ink: object = 0,
    *,
    mode: str = "L",
    size: tuple[int, int] = (200, 200),
    offset: tuple[int, int] = (0, 0),
    scale: float = 1.0,
    pen: int = 16,
) -> Image.Image:
    """Draw a seven, of about 80 by 120 pixels at scale 1."""
    picture = Image.new(mode, size, paper)  # type: ignore[arg-type]
    points = [(x * scale + offset[0], y * scale + offset[1]) for x, y in SEVEN]
    ImageDraw.Draw(picture).line(points, fill=ink, width=pen, joint="curve")  # type: ignore[arg-type]
    return picture


def assert_a_seven(reading: Reading, alike: float = ALIKE) -> None:
    assert likeness(reading.image, read_digit(seven())) > alike


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def test_the_measure_tells_digits_apart() -> None:
    one = Image.new("L", (200, 200), 255)
    ImageDraw.Draw(one).line([(100, 40), (100, 160)], fill=0, width=16)
    assert likeness(read_digit(one), read_digit(seven())) < 0.6


def test_a_field_has_mnists_form() -> None:
    field = read_digit(seven())
    assert field.shape == (28, 28)
    assert field.dtype == np.uint8
    assert field.max() == 255
    y, x = np.nonzero(field > 64)
    # Anti-aliasing may add a pixel.
    assert NORMALIZING.box - 1 <= max(np.ptp(y), np.ptp(x)) + 1 <= NORMALIZING.box + 1
    y, x = np.nonzero(field)
    weight = field[y, x] / field.sum()
    # In the middle of pixel 14, where MNIST's are, to half a pixel.
    assert abs(y @ weight - 14) < 0.5
    assert abs(x @ weight - 14) < 0.5
    assert len(np.unique(field)) > 10  # grey edges


@pytest.mark.parametrize("kind", decoding.FORMATS)
def test_every_format_is_read(kind: str, tmp_path: Path) -> None:
    data = encoded(seven(), kind)
    assert_a_seven(read(data))
    path = tmp_path / "digit"  # the bytes tell the format, not the name
    path.write_bytes(data)
    assert_a_seven(read(path))
    assert_a_seven(read(str(path)))


@pytest.mark.parametrize(
    "picture",
    [
        seven().convert("1"),
        seven(),
        seven((255, 255), (0, 255), mode="LA"),
        seven((0, 0), (0, 255), mode="LA"),
        seven(mode="RGB", paper=(250, 240, 220), ink=(20, 30, 120)),
        seven(mode="RGB", paper=(250, 240, 220), ink=(20, 30, 120)).convert("P"),
        seven(mode="RGBA", paper=(255, 255, 255, 255), ink=(0, 0, 0, 255)),
        seven(mode="RGBA", paper=(0, 0, 0, 0), ink=(0, 0, 0, 255)),
        seven(mode="RGBA", paper=(0, 0, 0, 0), ink=(255, 255, 255, 255)),
        seven(mode="RGBA", paper=(255, 255, 255, 0), ink=(200, 30, 30, 255)),
        seven(mode="CMYK", paper=(0, 0, 0, 0), ink=(0, 0, 0, 255)),
        seven(mode="RGB", paper=(250, 240, 220), ink=(20, 30, 120)).convert("YCbCr"),
        seven(mode="RGB", paper=(250, 240, 220), ink=(20, 30, 120)).convert("HSV"),
        seven(mode="I", paper=65535, ink=3000),
        seven(mode="I;16", paper=65535, ink=3000),
        seven(mode="F", paper=1.0, ink=0.1),
    ],
    ids=lambda picture: f"{picture.mode} {picture.getpixel((0, 0))}",
)
def test_every_mode_is_read_in_any_size(picture: Image.Image) -> None:
    assert_a_seven(read(picture))
    assert_a_seven(read(picture.resize((1600, 1600), Image.Resampling.NEAREST)))


def test_arrays_are_read_in_their_own_scale() -> None:
    pixels = np.asarray(seven())
    for array in (pixels, pixels / 255, pixels.astype(np.uint16) * 257, pixels == 255):
        assert_a_seven(read(array))
    assert_a_seven(read(np.stack([pixels] * 3, axis=2)))
    assert_a_seven(read(pixels[:, :, np.newaxis]))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_camera_that_was_held_otherwise_is_turned_upright(orientation: int) -> None:
    # What a viewer would show upright, stored as the camera saw it.
    undo = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE"}
    undo |= {6: "ROTATE_90", 7: "TRANSVERSE", 8: "ROTATE_270"}
    picture = seven(size=(220, 200))
    if orientation in undo:
        picture = picture.transpose(Image.Transpose[undo[orientation]])
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert_a_seven(read(encoded(picture, "JPEG", quality=95, exif=exif)))


@pytest.mark.parametrize(
    ("paper", "ink", "polarity"),
    [(255, 0, "dark"), (0, 255, "light"), (200, 120, "dark"), (90, 150, "light")],
)
def test_either_polarity_is_read_and_told(paper: int, ink: int, polarity: str) -> None:
    reading = read(seven(paper, ink))
    assert reading.candidate is not None
    assert reading.candidate.ink.polarity == polarity
    assert_a_seven(reading)


def test_ink_of_the_papers_brightness_but_another_colour_is_read() -> None:
    # Red and green of luminance 128 each: a grey copy shows nothing.
    picture = seven(mode="RGB", paper=(0, 218, 0), ink=(255, 88, 0))
    grey = np.asarray(picture.convert("L"), int)
    assert np.ptp(grey) < 5
    assert_a_seven(read(picture))


@pytest.mark.parametrize(
    "picture",
    [
        seven(size=(900, 600), offset=(600, 380)),
        seven(size=(84, 124), offset=(-58, -38)),
        seven(size=(2000, 2000), scale=0.25, offset=(1500, 1700), pen=5),
        seven(size=(1600, 1600), scale=8, pen=120),
        seven(size=(36, 36), scale=0.2, offset=(-3, -4), pen=3),
        seven(pen=30),
        seven(size=(640, 640), scale=3, pen=2),
    ],
    ids=["corner", "tight", "tiny on a page", "large", "small", "felt pen", "hairline"],
)
def test_place_size_and_pen_do_not_matter(picture: Image.Image) -> None:
    # Pens between a hairline and a felt pen change the seven itself.
    assert_a_seven(read(picture), alike=0.7)


def test_thin_strokes_are_thickened_to_what_mnist_has() -> None:
    reading = read(seven(size=(640, 640), scale=3, pen=2))
    assert drawn_width(reading.candidate) < 1
    # A stroke of width w and length l covers w l; the seven is some 32 pixels long in the field.
    assert reading.image.sum() / 255 / 32 > NORMALIZING.min_stroke * 0.8


def test_fat_strokes_are_thinned_to_what_mnist_has() -> None:
    reading = read(seven(size=(700, 700), offset=(60, 60), scale=3, pen=170))
    assert drawn_width(reading.candidate) > 6
    assert reading.image.sum() / 255 / 32 < NORMALIZING.max_stroke * 1.1


def test_what_thinning_would_erase_is_left_as_it_is() -> None:
    candidate = read(seven(size=(640, 640), scale=3, pen=10)).candidate
    assert candidate is not None
    # As of a hairline beside fat digits, whose width is that of a whole line of digits.
    wide = 5 * candidate.stroke_width
    assert normalized(candidate.ink.depth, candidate.mask, candidate.box, wide).max() == 255


def test_a_line_thinner_than_a_pixel_is_read_with_what_it_is_connected_to() -> None:
    picture = Image.new("L", (224, 224), 255)
    bar, stem = [(60, 51), (150, 51)], [(150, 51), (100, 180)]
    ImageDraw.Draw(picture).line(bar, fill=0, width=3)
    ImageDraw.Draw(picture).line(stem, fill=0, width=14)
    reading = read(picture.reduce(8))
    # In 28 pixels the bar is a third of the stem's ink.
    assert reading.box == pytest.approx((7, 6, 20, 23), abs=1)


@pytest.mark.parametrize(
    ("paper", "ink", "polarity"), [(255, 0, "dark"), (0, 255, "light"), (193, 60, "dark")]
)
def test_the_corners_tell_the_paper_of_a_drawing_that_is_mostly_ink(
    paper: int, ink: int, polarity: str
) -> None:
    crop = Image.new("L", (28, 28), paper)
    pen = ImageDraw.Draw(crop)
    pen.ellipse((0, 0, 27, 27), fill=ink)
    pen.ellipse((10, 8, 17, 19), fill=paper)
    assert np.count_nonzero(np.asarray(crop) == ink) > 0.6 * 28**2
    roomy = Image.new("L", (100, 100), paper)
    roomy.paste(crop, (36, 36))
    reading = read(crop)
    assert reading.candidate is not None
    assert reading.candidate.ink.polarity == polarity
    assert likeness(reading.image, read_digit(roomy)) > ALIKE


def lit(picture: Image.Image) -> Image.Image:
    """Let the light fall off from one corner to the other, to 40 %."""
    ramp = np.linspace(1, 0.4, picture.width + picture.height)
    y, x = np.mgrid[: picture.height, : picture.width]
    return Image.fromarray((np.asarray(picture) * ramp[x + y]).astype(np.uint8))


def speckled(picture: Image.Image) -> Image.Image:
    rng = np.random.default_rng(0)
    pixels = np.asarray(picture).copy()
    pixels[rng.random(pixels.shape) < 0.003] = 0
    return Image.fromarray(pixels)


def noisy(picture: Image.Image, deviation: float = 12) -> Image.Image:
    noise = np.random.default_rng(0).normal(0, deviation, (picture.height, picture.width))
    return Image.fromarray((np.asarray(picture) + noise).clip(0, 255).astype(np.uint8))


def askew(picture: Image.Image) -> Image.Image:
    return picture.rotate(8, Image.Resampling.BICUBIC, expand=True, fillcolor=0)


def ruled(picture: Image.Image) -> Image.Image:
    draw = ImageDraw.Draw(picture)
    for y in range(20, picture.height, 50):
        draw.line([(0, y), (picture.width, y)], fill=150, width=1)
    return picture


def squared(picture: Image.Image) -> Image.Image:
    """Draw squares from the very edge on."""
    small = picture.resize((100, 100))
    draw = ImageDraw.Draw(small)
    for place in range(0, 100, 22):
        draw.line([(0, place), (100, place)], fill=150, width=1)
        draw.line([(place, 0), (place, 100)], fill=150, width=1)
    return small


def on_a_table(picture: Image.Image) -> Image.Image:
    table = Image.new("L", (500, 400), 60)
    table.paste(picture, (170, 90))
    return table


def blurred(picture: Image.Image) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(4))


def compressed(picture: Image.Image) -> Image.Image:
    return Image.open(io.BytesIO(encoded(picture, "JPEG", quality=15)))


@pytest.mark.parametrize(
    "disturb",
    [lit, speckled, noisy, askew, ruled, squared, on_a_table, blurred, compressed],
)
def test_what_surrounds_the_digit_is_seen_through(
    disturb: Callable[[Image.Image], Image.Image],
) -> None:
    assert_a_seven(read(disturb(seven())), alike=0.75)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "array"])
def test_boxes_are_in_pixels_of_the_picture_upright(kind: str, mode: str) -> None:
    large = seven().resize((3600, 2600)).convert("RGB" if kind == "JPEG" else mode)
    source = np.asarray(large) if kind == "array" else encoded(large, kind)
    # Of 200 x 200 pixels; a pixel of what is looked at is up to 32 of the picture.
    expected = [18 * 60, 13 * 32, 18 * 148, 13 * 164]
    assert read(source).box == pytest.approx(expected, abs=64)
    if kind == "array":
        return
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side
    lying = encoded(large.transpose(Image.Transpose.ROTATE_90), kind, exif=exif)
    assert read(lying).box == pytest.approx(expected, abs=64)


def test_a_square_zero_is_no_sheet_with_its_hole_on_it() -> None:
    square = Image.new("L", (200, 200), 255)
    ImageDraw.Draw(square).rectangle([50, 40, 150, 160], outline=0, width=26)
    reading = read(square)
    assert reading.candidate is not None
    assert reading.candidate.ink.polarity == "dark"
    # It was looked at in half its size.
    assert reading.box == (50, 40, 152, 162)


@pytest.mark.parametrize(
    "picture",
    [
        Image.new("L", (1, 1)),
        Image.new("L", (28, 28)),
        Image.new("RGB", (300, 200), "white"),
        Image.new("RGBA", (50, 50), (0, 0, 0, 0)),
        Image.new("L", (1, 400), 90),
        lit(Image.new("L", (200, 200), 255)),
    ],
    ids=["one pixel", "black", "white", "transparent", "a line", "shaded"],
)
def test_a_blank_picture_has_no_ink(picture: Image.Image) -> None:
    reading = read(picture)
    assert reading.reason == "blank"
    assert not reading.image.any()


def test_mnists_own_form_is_left_as_it_is() -> None:
    split = synthetic.generate(300, seed=4)
    as_is = [read(image) for image in split.images]
    kept = [reading.own_form for reading in as_is]
    # Some of the drawn digits are a pixel larger than MNIST's.
    assert np.mean(kept) > 0.9
    for image, reading in zip(split.images, as_is, strict=True):
        assert not reading.own_form or np.array_equal(reading.image, image)
    for image in split.images[kept][:20]:
        inverted = read(255 - image)
        assert inverted.own_form
        assert np.array_equal(inverted.image, image)
        # Off the centre the digit is looked for. Thin strokes are then thickened, which the
        # original's were not.
        assert likeness(read_digit(np.roll(255 - image, 3, axis=1)), image) > 0.7


def test_what_lies_off_the_centre_is_moved_by_whole_pixels_where_it_has_room() -> None:
    images = [image for image in synthetic.generate(60, seed=4).images if read(image).own_form]
    roomy = [image for image in images if not image[-3:].any() and not image[:, -3:].any()]
    assert len(roomy) > 20
    for image in roomy:
        moved = np.roll(image, 3, (0, 1))
        for picture in (moved, 255 - moved, Image.fromarray(moved)):
            assert np.array_equal(read(picture).image, image)
    # Cut off at an edge it is drawn anew.
    for image in images:
        if image[:, -6:].any():
            assert not read(np.roll(image, 6, axis=1)).own_form


@pytest.mark.parametrize(("pen", "as_is"), [(1, False), (4, True)])
def test_strokes_of_one_pixel_are_thickened_also_in_mnists_own_form(pen: int, as_is: bool) -> None:
    zero = Image.new("L", (28, 28))
    ImageDraw.Draw(zero).ellipse([7, 4, 21, 23], outline=255, width=pen)
    reading = read(zero)
    assert reading.own_form is as_is
    ink = np.count_nonzero(np.asarray(zero))
    assert reading.image.sum() / 255 == ink if as_is else reading.image.sum() / 255 > 1.5 * ink


def test_all_of_mnist_is_left_as_it_is() -> None:
    from mnist_edge.data import idx

    dataset = idx.load(data_folder("MNIST_EDGE_DATA"))
    changed = [
        index
        for split in (dataset.train, dataset.validation, dataset.test)
        for index, image in enumerate(split.images)
        if not read(image).own_form
    ]
    assert not changed


def test_the_development_pictures_are_read_at_least_this_well() -> None:
    from mnist_edge import Classifier

    classifier = Classifier.load()
    paths = sorted((data_folder("MNIST_EDGE_PICTURES") / "photos").glob("[0-9]/*"))
    answers = classifier.predict_batch(paths)
    right = answers.digits == np.array([int(path.parent.name) for path in paths])
    assert right.mean() >= 0.99
    assert answers.accepted.mean() >= 0.97
    assert right[answers.accepted].mean() >= 0.997


def test_the_development_pictures_without_a_digit_are_refused() -> None:
    from mnist_edge import Classifier

    classifier = Classifier.load()
    paths = sorted((data_folder("MNIST_EDGE_PICTURES") / "negatives").glob("*/*"))
    answers = list(classifier.predict_batch(paths))
    assert np.mean([answer.accepted for answer in answers]) <= 0.05
    blank = [answer for path, answer in zip(paths, answers, strict=True) if "blank" in path.parts]
    assert blank
    assert not any(answer.accepted for answer in blank)


fields = st.sampled_from(list(synthetic.generate(40, seed=9).images))


@settings(deadline=None, max_examples=40)
@given(
    fields,
    st.integers(0, 60),
    st.integers(0, 60),
    st.floats(1.0, 6.0),
    st.booleans(),
    st.sampled_from([None, 40, 90]),
)
def test_shifting_padding_scaling_inverting_and_recompressing_keep_the_digit(
    field: Field, left: int, top: int, scale: float, inverted: bool, quality: int | None
) -> None:
    side = round(28 * scale)
    drawn = Image.fromarray(field).resize((side, side), Image.Resampling.BICUBIC)
    picture = Image.new("L", (side + 90, side + 90))
    picture.paste(drawn, (15 + left // 2, 15 + top // 2))
    if inverted:
        picture = ImageOps.invert(picture)
    if quality:
        picture = Image.open(io.BytesIO(encoded(picture, "JPEG", quality=quality)))
    # The original has lost nothing; a small copy, compressed and enlarged again, some of its edge.
    assert likeness(read_digit(picture), field) > 0.7


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=400), st.sampled_from(["", *decoding.FORMATS]), st.integers(0, 3000))
def test_any_bytes_give_a_reading_or_unreadable_image(tail: bytes, kind: str, keep: int) -> None:
    data = encoded(seven(), kind)[:keep] + tail if kind else tail
    with contextlib.suppress(UnreadableImage):
        assert read(data).image.shape == (28, 28)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 5)),
        np.zeros(28),
        np.zeros((28, 28, 2)),
        np.full((28, 28), np.nan),
        np.full((28, 28), -1.0),
        np.full((28, 28), 1e6),
        np.full((28, 28), "ink"),
        np.full((28, 28), 1j),
    ],
    ids=["empty", "flat", "two channels", "nan", "negative", "large", "text", "complex"],
)
def test_what_is_no_array_of_pixels_is_refused(array: NDArray[np.generic]) -> None:
    with pytest.raises(UnreadableImage, match="array of shape"):
        read(array)


def test_components_are_what_touches() -> None:
    mask = np.array([[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 0, 1], [1, 1, 0, 0]], bool)
    parts = connected_components(mask)
    assert sorted(parts.area) == [2, 2, 3]  # corners touch
    assert len(set(parts.labels[mask])) == 3
    assert (parts.labels[~mask] == 3).all()
    bar = parts.labels[0, 3]
    assert parts.box[bar].tolist() == [3, 0, 4, 3]
    assert (parts.outline[bar], parts.contact[bar]) == (8, 4)
    assert connected_components(np.zeros((3, 3), bool)).area.size == 0
