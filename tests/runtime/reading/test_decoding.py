"""Decoding: what comes out is upright, opaque and bounded; what cannot be read says why."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import struct
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from mnist_edge.errors import UnreadableImage
from mnist_edge.runtime.reading.decoding import FORMATS, decode, in_one_range
from mnist_edge.runtime.reading.parameters import DECODING


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def corner(mode: str = "L", size: tuple[int, int] = (60, 40)) -> Image.Image:
    """A white picture with a dark upper left corner, so that turning and flipping show."""
    picture = Image.new("L", size, 255)
    ImageDraw.Draw(picture).rectangle((0, 0, size[0] // 3, size[1] // 3), fill=0)
    return picture.convert(mode)


def bomb() -> bytes:
    """A valid PNG of 30,000 x 30,000 bits in a few kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(30_000)))
        + chunk(b"IEND", b"")
    )


def truncated(kind: str) -> bytes:
    data = encoded(corner("RGB", (300, 200)), kind)
    return data[: len(data) // 2]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty or not a picture"),
        (b"just some text\n", "empty or not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "empty or not a picture"),
        (truncated("PNG"), "cannot be decoded"),
        (truncated("JPEG"), "cannot be decoded"),
        (bomb(), "is too large: Image size (900000000 pixels) exceeds limit"),
    ],
    ids=["empty", "text", "PostScript", "half a PNG", "half a JPEG", "decompression bomb"],
)
def test_a_bad_file_is_named_with_its_fault_and_a_remedy(
    content: bytes, says: str, tmp_path: Path
) -> None:
    path = tmp_path / "digit.png"
    path.write_bytes(content)
    with pytest.raises(UnreadableImage) as from_path:
        decode(path)
    with pytest.raises(UnreadableImage) as from_bytes:
        decode(content)
    for error, name in (
        (from_path.value, str(path)),
        (from_bytes.value, f"<{len(content)} bytes>"),
    ):
        assert name in error.cause
        assert says in error.cause
        assert "\n" not in error.cause + error.remedy
        assert error.remedy


@pytest.mark.parametrize(
    ("prepare", "says"),
    [
        (Path.exists, "no such file"),
        (Path.mkdir, r"is a directory.\n.*: \*\.png, \*\.jpg, .*\*\.tiff"),
        (lambda path: path.symlink_to(path), "cannot be decoded"),
    ],
    ids=["missing", "a directory", "a link to itself"],
)
def test_a_path_without_a_file_is_refused(
    prepare: Callable[[Path], object], says: str, tmp_path: Path
) -> None:
    path = tmp_path / "digit.png"
    prepare(path)
    with pytest.raises(UnreadableImage, match=says):
        decode(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "digit.png"
    path.write_bytes(encoded(corner(), "PNG"))
    path.chmod(0)
    with pytest.raises(UnreadableImage, match="permission denied"):
        decode(path)


def test_a_path_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(UnreadableImage, match="cannot be decoded"):
        decode("digit\0.png")


def test_a_picture_without_pixels_is_refused() -> None:
    with pytest.raises(UnreadableImage, match="no pixels"):
        decode(Image.new("L", (0, 5)))


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(FORMATS),
    st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1)), max_size=4),
)
def test_damaged_bytes_give_a_picture_or_unreadable_image(
    kind: str, damage: list[tuple[float, bytes]]
) -> None:
    data = bytearray(encoded(corner("RGB"), kind))
    for place, patch in damage:
        start = int(place * (len(data) - 1))
        data[start : start + len(patch)] = patch
    with contextlib.suppress(UnreadableImage):
        assert decode(bytes(data)).mode in ("L", "RGB")


@pytest.mark.parametrize("kind", FORMATS)
def test_large_pictures_are_reduced(kind: str) -> None:
    data = encoded(corner("RGB", (3000, 1500)), kind)
    picture = decode(data)
    assert max(picture.size) <= DECODING.max_side
    # Half a pixel of rounding at each side.
    assert picture.width / picture.height == pytest.approx(2, abs=0.01)
    pixels = np.asarray(picture.convert("L"))
    assert pixels[5, 5] < 10
    assert pixels[-5, -5] > 245


def test_a_long_thin_picture_keeps_a_side() -> None:
    assert decode(Image.new("L", (1, 50_000), 255)).size == (1, 1021)


def test_the_first_frame_of_an_animation_is_taken() -> None:
    frames = [corner(), Image.new("L", (60, 40), 0)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert np.asarray(decode(data).convert("L"))[-1, -1] == 255


def test_sixteen_bit_pictures_are_turned_upright_too() -> None:
    deep = Image.fromarray(np.asarray(corner()).astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112] = 3  # stored upside down
    pixels = np.asarray(decode(encoded(deep, "PNG", exif=exif)))
    assert pixels[-1, -1] == 0
    assert pixels[0, 0] == 255


def test_a_given_picture_is_not_changed() -> None:
    picture = Image.open(io.BytesIO(encoded(corner("RGB", (3000, 2000)), "JPEG")))
    decode(picture)
    assert picture.size == (3000, 2000)


def transparent(ink: tuple[int, int, int], size: int = 90) -> Image.Image:
    picture = Image.new("RGBA", (size, size), (0, 0, 0, 0))
    ImageDraw.Draw(picture).line([(45, 15), (45, 75)], fill=(*ink, 255), width=12)
    return picture


@pytest.mark.parametrize(
    ("ink", "paper"),
    [((0, 0, 0), 255), ((255, 255, 255), 0), ((30, 40, 160), 255), ((250, 220, 60), 0)],
)
def test_ink_on_nothing_gets_the_ground_it_stands_out_from(
    ink: tuple[int, int, int], paper: int
) -> None:
    pixels = np.asarray(decode(transparent(ink)))
    assert (pixels[0, 0] == paper).all()
    assert tuple(pixels[45, 45]) == ink


@pytest.mark.parametrize(("paper", "ink"), [(255, 0), (20, 240)])
def test_a_card_with_transparent_corners_is_continued(paper: int, ink: int) -> None:
    card = Image.new("RGBA", (90, 90), (0, 0, 0, 0))
    draw = ImageDraw.Draw(card)
    draw.rounded_rectangle((0, 0, 89, 89), 25, fill=(paper,) * 3 + (255,))
    draw.line([(45, 15), (45, 75)], fill=(ink,) * 3 + (255,), width=12)
    assert (np.asarray(decode(card))[0, 0] == paper).all()


def test_a_palette_with_a_transparent_colour_is_made_opaque() -> None:
    picture = Image.new("P", (90, 90), 0)
    picture.putpalette([0, 0, 0, 10, 10, 10])
    ImageDraw.Draw(picture).line([(45, 15), (45, 75)], fill=1, width=12)
    data = encoded(picture, "GIF", transparency=0)
    pixels = np.asarray(decode(data))
    assert (pixels[0, 0] == 255).all()
    assert (pixels[45, 45] == 10).all()


def test_an_opaque_alpha_channel_changes_nothing() -> None:
    picture = corner("RGB")
    assert np.array_equal(np.asarray(decode(picture.convert("RGBA"))), np.asarray(picture))


@pytest.mark.parametrize("full", [1.0, 255, 65535])
def test_an_arrays_values_count_in_the_smallest_range_that_holds_them(full: float) -> None:
    steps = np.linspace(0, 1, 256).reshape(16, 16)
    assert np.array_equal(np.asarray(decode(steps * full)).ravel(), np.arange(256))


@pytest.mark.parametrize("side", [28, DECODING.max_side + 1])
def test_pictures_of_one_array_count_in_one_range(side: int) -> None:
    batch = np.ones((2, side, side))
    batch[1] = 255
    levels = [np.asarray(decode(picture)) for picture in in_one_range(batch, side**2)]
    assert [(level.min(), level.max()) for level in levels] == [(1, 1), (255, 255)]


def test_a_long_text_that_is_no_picture_is_not_repeated_whole() -> None:
    with pytest.raises(UnreadableImage) as caught:
        decode("iVBORw" * 30_000)
    assert len(caught.value.cause) < 1000


@pytest.mark.parametrize("full", [1.0, 255.0, 65535.0])
def test_numbers_may_lie_a_little_beyond_their_range(full: float) -> None:
    """As resizing and tone curves leave them; else full ink would be a 255th of the next range."""
    levels = np.asarray(corner("L"), float)
    plain, beyond = (decode(levels / 255 * full * times) for times in (1, 1 + 1e-6))
    assert np.array_equal(np.asarray(beyond), np.asarray(plain))
    with pytest.raises(UnreadableImage, match=r"are not within 0\.\.1"):
        decode(levels / 255 * 2 * full - full)


def test_an_empty_path_is_named() -> None:
    with pytest.raises(UnreadableImage, match=r"^''"):
        decode("")


def test_a_path_may_be_called_as_a_data_url_begins(tmp_path: Path) -> None:
    corner().save(tmp_path / "data:x.png")
    with contextlib.chdir(tmp_path):
        assert decode(Path("data:x.png")).size == decode("data:x.png").size == (60, 40)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize(
    "before",
    ["", "\n", "data:image/x;base64,", "DATA:image/x;Base64,", "data:image/x; base64,"],
    ids=["bare", "after a line", "URL", "capitals", "a space"],
)
def test_base64_may_be_wrapped(kind: str, before: str) -> None:
    content = encoded(corner("RGB"), kind)
    text = before + base64.encodebytes(content).decode()
    assert np.array_equal(np.asarray(decode(text)), np.asarray(decode(content)))


def test_a_data_url_may_be_written_as_urls_are() -> None:
    content = encoded(Image.effect_noise((60, 40), 90), "PNG")
    plain = base64.b64encode(content).decode()
    assert {*"+/"} < {*plain}
    for text in (
        quote(plain, safe=""),
        base64.urlsafe_b64encode(content).decode(),
        plain.rstrip("="),
    ):
        url = f"data:image/png;base64,{text}"
        assert np.array_equal(np.asarray(decode(url)), np.asarray(decode(content)))


def test_what_is_no_base64_says_so() -> None:
    with pytest.raises(UnreadableImage, match="is no base64: Only base64 data") as caught:
        decode("data:image/png;base64,iVBORw0KGgo!")
    assert caught.value.remedy == "give all of it, or a path."
    with pytest.raises(UnreadableImage, match="a data URL of a picture is in base64"):
        decode("data:image/png,iVBORw0KGgo")


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_what_holds_bytes_is_read_like_bytes(kind: Callable[[bytes], bytes]) -> None:
    assert decode(kind(encoded(corner(), "PNG"))).size == (60, 40)
    with pytest.raises(UnreadableImage, match="<4 bytes> is empty or not"):
        decode(kind(b"none"))


def test_a_pipe_without_a_buffer_is_read_to_its_end() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (400, 400), dtype=np.uint8)
    content = encoded(Image.fromarray(noise), "PNG")  # more than a pipe holds
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb") as stream:
            stream.write(content)

    writer = threading.Thread(target=write)
    writer.start()
    with os.fdopen(reading, "rb", buffering=0) as stream:
        picture = decode(stream)
    writer.join()
    assert np.array_equal(np.asarray(picture), noise)
