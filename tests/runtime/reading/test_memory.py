"""Memory: what a picture takes to decode is bounded, whatever its format and mode."""

from __future__ import annotations

import ctypes
import gc
import io
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mnist_edge import Classifier, UnreadableImage
from mnist_edge.cli.options import MaxPixels
from mnist_edge.runtime.reading.decoding import decode, decode_frames, in_one_range
from mnist_edge.runtime.reading.parameters import DECODING

# Large enough for four bytes a pixel to be more than the 64 MiB that everything else may take.
SIDE = 4900
PEAK = Path("/proc/self/clear_refs")

pytestmark = pytest.mark.skipif(
    not os.access(PEAK, os.W_OK), reason="peak memory can be reset on Linux only"
)


def memory(field: str) -> int:
    """Return a field of /proc/self/status in bytes."""
    status = Path("/proc/self/status").read_text()
    found = re.search(rf"^{field}:\s+(\d+) kB", status, re.MULTILINE)
    assert found is not None
    return 1024 * int(found[1])


def peak_of(work: Callable[[], object]) -> int:
    """Return how many bytes more than before are held while something is done."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # so that what was freed before is not used again
    before = memory("VmRSS")
    PEAK.write_text("5")
    work()
    return memory("VmHWM") - before


def drawn(mode: str, width: int, height: int) -> Image.Image:
    """A picture that compresses well, as hostile ones do."""
    picture = Image.new(mode, (width, height))
    if mode == "P":
        picture.putpalette(bytes(range(256)) * 3)
    picture.paste(Image.new(mode, (width // 9, height // 9), 1), (width // 3, height // 3))
    return picture


def in_one_strip(compression: str) -> dict[str, object]:
    """Options for a TIFF file that libtiff decompresses as a whole."""
    return {"compression": compression, "tiffinfo": {278: SIDE}}


FULL = {"subsampling": 0, "progressive": True}
KINDS: list[tuple[str, str, dict[str, Any]]] = [
    *(("PNG", mode, {}) for mode in ("1", "L", "P", "RGB", "RGBA", "LA", "I;16")),
    ("PNG", "P", {"transparency": 0}),
    ("PNG", "RGB", {"transparency": (0, 0, 0)}),
    *(("JPEG", mode, options) for mode in ("L", "RGB", "CMYK") for options in ({}, FULL)),
    ("GIF", "P", {"transparency": 0}),
    *(("BMP", mode, {}) for mode in ("1", "P", "RGB", "RGBA")),
    *(("WEBP", mode, {"lossless": True, "quality": 0, "method": 0}) for mode in ("RGB", "RGBA")),
    *(
        ("TIFF", mode, in_one_strip("tiff_lzw"))
        for mode in ("1", "L", "P", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F")
    ),
    ("TIFF", "RGB", in_one_strip("jpeg")),
    ("TIFF", "RGB", {"tiffinfo": {274: 6}}),  # turned
]


@pytest.mark.parametrize(("kind", "mode", "options"), KINDS, ids=lambda value: str(value)[:20])
def test_decoding_takes_four_bytes_a_pixel_that_is_allowed_or_refuses(
    kind: str, mode: str, options: dict[str, Any]
) -> None:
    stream = io.BytesIO()
    drawn(mode, SIDE, SIDE).save(stream, kind, **options)
    data = stream.getvalue()
    refused: list[str] = []

    def read() -> None:
        try:
            decode(data, SIDE**2)
        except UnreadableImage as error:
            refused.append(error.cause)

    allowed = 4 * SIDE**2 + (64 << 20)
    assert peak_of(read) <= allowed
    if not refused:
        return
    # Then as many as this format may have are decoded within the same bound.
    most = int(re.findall(r"more than the ([\d,]+) that", refused[0])[0].replace(",", ""))
    side = int(most**0.5)
    stream = io.BytesIO()
    drawn(mode, side, side).save(stream, kind, **options)
    small = stream.getvalue()
    assert peak_of(lambda: decode(small, SIDE**2)) <= allowed


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_frames_take_no_more(kind: str) -> None:
    most = SIDE**2 * DECODING.cost // DECODING.frames_cost
    frames = [drawn("RGB", int(most**0.5), int(most**0.5)) for _ in range(3)]
    stream = io.BytesIO()
    for number, frame in enumerate(frames):  # or they would be taken for one
        frame.putpixel((0, number), (255, 255, 255))
    frames[0].save(stream, kind, save_all=True, append_images=frames[1:])
    data = stream.getvalue()
    frames.clear()

    def read() -> None:
        assert len([*decode_frames(data, SIDE**2)]) == 3

    assert peak_of(read) <= 4 * SIDE**2 + (64 << 20)
    with pytest.raises(UnreadableImage, match="pixels, more than the"):
        list(decode_frames(data, SIDE**2 // 2))


ARRAYS: dict[str, Callable[[], NDArray[np.generic]]] = {
    "grey": lambda: np.full((SIDE, SIDE), 3, np.uint8),
    "RGBA": lambda: np.full((SIDE, SIDE, 4), 3, np.uint8),
    "bool": lambda: np.zeros((SIDE, SIDE), bool),
    "float64": lambda: np.full((SIDE, SIDE), 0.5),
    "float32 RGB": lambda: np.full((SIDE, SIDE, 3), 0.5, np.float32),
    "int64, transposed": lambda: np.full((SIDE, SIDE), 7).T,
    "repeated": lambda: np.broadcast_to(np.uint8(3), (SIDE, SIDE)),
}


@pytest.mark.parametrize("make", ARRAYS.values(), ids=ARRAYS)
def test_arrays_take_no_copy(make: Callable[[], NDArray[np.generic]]) -> None:
    array = make()
    assert peak_of(lambda: decode(array)) <= 64 << 20


@pytest.mark.parametrize("shape", [(100_000, 28, 28), (3, SIDE, SIDE), (3, SIDE, SIDE, 4)])
def test_a_batch_takes_no_more_than_one_of_its_pictures(shape: tuple[int, ...]) -> None:
    batch, most = np.broadcast_to(np.float32(0.5), shape), 4 * shape[1] * shape[2] + (64 << 20)
    assert peak_of(lambda: [None for _ in in_one_range(batch, SIDE**2)]) <= most
    with pytest.raises(UnreadableImage, match=f"{shape[2]} x {shape[1]} pixels, more than the"):
        Classifier.load(max_pixels=700).predict_batch(batch)


def test_a_webp_picture_is_refused_before_its_decoder_takes_memory() -> None:
    stream = io.BytesIO()
    drawn("RGB", SIDE, SIDE).save(stream, "WEBP", lossless=True, quality=0, method=0)

    def read() -> None:
        with pytest.raises(UnreadableImage, match="4900 x 4900 pixels, more than the 6,002,500"):
            decode(stream, SIDE**2)

    assert peak_of(read) < 16 << 20


def test_the_limit_is_a_parameter_of_the_classifier() -> None:
    sources = (
        Image.new("L", (40, 40)),
        np.zeros((40, 40), np.uint8),
        np.broadcast_to(np.uint8(0), (40, 40)),
        [[0] * 40] * 40,
    )
    strict, default = Classifier.load(max_pixels=1000), Classifier.load()
    for source in sources:
        with pytest.raises(UnreadableImage, match="40 x 40 pixels, more than the 1,000") as caught:
            strict.predict(source)
        assert "--max-pixels" in caught.value.remedy
        for work in (strict.read_line, strict.predict_frames):
            with pytest.raises(UnreadableImage, match="more than the 1,000"):
                work(source)
        assert default.predict(source).reason == "blank"
    with pytest.raises(UnreadableImage, match="12000 x 12000 pixels, more"):
        default.predict(np.broadcast_to(np.uint8(3), (12_000, 12_000)))


def test_help_names_the_default() -> None:
    option = MaxPixels.__metadata__[0]  # type: ignore[attr-defined]
    assert f"{DECODING.max_pixels:,}" in option.help


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.png")
    for source in (tmp_path / "x.png", "/dev/zero"):
        with pytest.raises(UnreadableImage, match="a pipe or a device"):
            decode(source)
