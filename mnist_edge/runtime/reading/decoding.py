"""From any source of a picture to an upright, opaque, 8-bit one of bounded size."""

from __future__ import annotations

import base64
import binascii
import io
import math
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from mnist_edge.contract import SIZE
from mnist_edge.errors import ImageTooLarge, UnreadableImage, printable
from mnist_edge.runtime.reading.parameters import DECODING

Source = (
    str
    | os.PathLike[str]
    | bytes
    | bytearray
    | memoryview
    | BinaryIO
    | Image.Image
    | NDArray[np.generic]
    | Sequence[Sequence[Any]]
)

Scale = tuple[float, float]  # by how much a source is wider and higher than what was decoded

# These only: Pillow's other readers are not needed, and one of them starts Ghostscript.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF")
# How their files are called, in folders that hold other files too.
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")

# How the base64 of PNG, JPEG, WebP, GIF, TIFF and BMP begins.
_BASE64 = (
    *("iVBORw0KGgo", "/9j/", "UklGR", "R0lGOD", "SUkqA", "TU0AK"),
    *("Qk0", "Qk1", "Qk2", "Qk3"),
)

_OF_URL = str.maketrans("-_", "+/")

# Where a decoded picture notes how many frames its file has, and by how much that is larger.
_ORIGIN = "mnist_edge.origin"

# Modes that cannot be averaged as they are, and what they are averaged in.
_AVERAGED_AS = {"1": "L", "P": "RGB", "HSV": "RGB"} | dict.fromkeys(
    ("I;16", "I;16L", "I;16B", "I;16N"), "I"
)

# What is wrong with a source, and what to do about it.
_TOO_LARGE = (Image.DecompressionBombError, Image.DecompressionBombWarning)
_FAULTS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str, str], ...] = (
    (FileNotFoundError, ": no such file", "check the path."),
    (IsADirectoryError, " is a directory", f"name a picture in it: *{', *'.join(SUFFIXES)}."),
    (PermissionError, ": permission denied", "make the file readable, or copy it."),
    (
        UnidentifiedImageError,
        " is empty or not a picture in a known format",
        f"use one of {', '.join(FORMATS)}.",
    ),
    (
        _TOO_LARGE,
        " is too large: {}",
        "scale it down, cut out the digit, or allow more by max_pixels (--max-pixels).",
    ),
    (binascii.Error, " is no base64: {}", "give all of it, or a path."),
    # Pillow documents no complete set of exceptions, and damaged bytes raise nearly any of them.
    (
        Exception,
        " cannot be decoded: {}",
        "give pixels as an array (28, 28), say, or a file saved as PNG.",
    ),
)


def path_of(source: Source) -> str | None:
    """Return the path of a picture; None where it has none."""
    # An array is told in the least time, which counts beside a small network.
    if isinstance(source, np.ndarray) or not isinstance(source, str | os.PathLike):
        return None
    return None if isinstance(source, str) and _is_encoded(source) else os.fspath(source)


def source_name(source: Source) -> str:
    """Return what messages call a source: its path, or what kind of thing it is."""
    if isinstance(source, bytes | bytearray | memoryview):
        return f"<{memoryview(source).nbytes} bytes>"
    if isinstance(source, Image.Image):
        return f"<{source.mode} picture of {source.width}x{source.height}>"
    if isinstance(source, np.ndarray):
        return f"<{source.dtype} array of shape {source.shape}>"
    if isinstance(source, str) and _is_encoded(source):
        return f"<{source[:12]}…, {len(source)} characters>"
    path = path_of(source)
    return f"<{type(source).__name__}>" if path is None else printable(path) or "''"


def decode(source: Source, max_pixels: int = DECODING.max_pixels) -> Image.Image:
    """Decode a picture: its first frame, upright, without transparency, in 8 bits.

    Args:
        source: a path; the bytes of a file, or a file that is open; a data URL, or its base64; a
            Pillow picture; or an array or nested list of shape (H, W), (H, W, 1), (H, W, 3) RGB or
            (H, W, 4) RGBA, whose values count in the smallest of 0..1, 0..255 and 0..65535 that
            holds them all.
        max_pixels: more are refused before they are decoded. Decoding takes at most 4 bytes of
            memory for each of these, and 64 MiB: where Pillow's decoder takes more for a pixel, as
            `DECODING` lists it, fewer are allowed.

    Returns:
        A picture of mode `L` or `RGB` whose longer side is at most `DECODING.max_side`, with its
        `origin_of`.

    Raises:
        UnreadableImage: the source is missing, not a picture, or damaged.
        ImageTooLarge: it has more than `max_pixels`, or what its format is allowed.
    """
    return next(decode_frames(source, max_pixels, 0))


def decode_frames(
    source: Source, max_pixels: int, cost: float = DECODING.frames_cost
) -> Iterator[Image.Image]:
    """Decode every frame of an animation, or every page of a TIFF file, as `decode` does.

    Of several, each may take `cost` bytes a pixel.

    Raises:
        UnreadableImage: as `decode`; a frame may be damaged after others were not.
    """
    with _explaining(source):
        if isinstance(source, Image.Image):
            _check_size(source.size, max_pixels, _cost(source))
            # What was decoded before still knows from what.
            yield _noting(_normalize(source), source.size, *origin_of(source))
        elif (file := _file(source)) is None:
            yield _from_array(np.asarray(source), max_pixels)
        else:
            with Image.open(file, formats=FORMATS) as picture:
                frames = left = _count(picture)
                for frame in ImageSequence.Iterator(picture):
                    size, left = frame.size, left - 1
                    _check_size(size, max_pixels, max(_cost(frame), cost * (frames > 1)))
                    frame.draft(None, (DECODING.max_side, DECODING.max_side))
                    yield _noting(_normalize(frame), size, frames)
                if left > 0:
                    raise ValueError("it ends before its last frame")


def _count(picture: Image.Image) -> int:
    """Return how many frames a file has; of a damaged one, those before and that which is."""
    with suppress(Exception):  # any, as of damaged pixels
        return getattr(picture, "n_frames", 1)
    count = 0
    with suppress(Exception):
        while True:
            picture.seek(count)
            count += 1
    picture.seek(0)
    return count + 1


def origin_of(picture: Image.Image) -> tuple[int, Scale]:
    """Return how many frames a decoded picture's file has, and how much larger these are."""
    origin: tuple[int, Scale] = picture.info.get(_ORIGIN, (1, (1.0, 1.0)))
    return origin


def in_one_range(batch: NDArray[np.generic], max_pixels: int) -> Iterator[Source]:
    """Yield the pictures of an array (N, H, W) or (N, H, W, C), as uint8 or decoded.

    Their values count in one range, that which holds them all.

    Raises:
        UnreadableImage: the values are in no range that is known, or each has more pixels.
    """
    with _explaining(batch):
        _check_size(batch.shape[2:0:-1], max_pixels)
        scale = _full_scale(batch)
        for picture in batch:
            # Alone, the levels 0 and 1 would count in another range.
            if picture.size <= DECODING.band and picture.max() >= 2 * scale / 255:
                yield _in_grey_levels(picture, scale)
            else:
                yield _from_array(picture, max_pixels, scale)


def _noting(
    picture: Image.Image, size: tuple[int, ...], frames: int = 1, before: Scale = (1.0, 1.0)
) -> Image.Image:
    """Note what a picture was decoded from, whose sides may have been swapped since."""
    alike = (size[0] > size[1]) == (picture.width > picture.height)
    width, height = size if alike else size[::-1]
    larger = before[0] * width / picture.width, before[1] * height / picture.height
    picture.info = {_ORIGIN: (frames, larger)}
    return picture


@contextmanager
def _explaining(source: Source) -> Iterator[None]:
    """Turn whatever goes wrong into one line of cause and one of remedy."""
    try:
        yield
    except UnreadableImage:
        raise
    except Exception as error:
        cause, remedy = next(row for kind, *row in _FAULTS if isinstance(error, kind))
        reason = printable(" ".join(str(error).split())).rstrip(".") or type(error).__name__
        failure = ImageTooLarge if isinstance(error, _TOO_LARGE) else UnreadableImage
        raise failure(f"{source_name(source)}{cause.format(reason)}.", remedy=remedy) from error


def _is_encoded(text: str) -> bool:
    if text[:5].lower() == "data:":
        return "," in text
    long = len(text) >= DECODING.shortest_base64
    return long and text.lstrip().startswith(_BASE64) and "." not in text


def _file(source: Source) -> str | BinaryIO | None:
    """Return what Pillow opens; None where the source is pixels."""
    if (path := path_of(source)) is not None:
        mode = Path(path).stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # a pipe would be waited for
            raise ValueError("it is a pipe or a device, and no file")
        return path
    if isinstance(source, str):
        head, comma, content = source.rpartition(",")
        if comma and not head.rstrip().lower().endswith("base64"):
            raise ValueError("a data URL of a picture is in base64")
        # Encoders wrap lines; in a URL they may escape, replace and leave out characters.
        digits = "".join(unquote(content).split()).translate(_OF_URL).rstrip("=")
        source = base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    elif hasattr(source, "read"):
        if getattr(source, "seekable", bool)():
            return source  # type: ignore[return-value]
        source = _content_of(source)  # type: ignore[arg-type]
    if not isinstance(source, bytes | bytearray | memoryview):
        return None
    if memoryview(source).nbytes > DECODING.max_bytes:
        raise Image.DecompressionBombError(f"more than {DECODING.max_bytes:,} bytes")
    return io.BytesIO(source)


def _content_of(file: BinaryIO) -> bytes:
    """Read what cannot be read twice, until it ends or is too much."""
    content = io.BytesIO()
    # Without a buffer, as a pipe may be, one call reads a part.
    while part := file.read(DECODING.max_bytes + 1 - content.tell()):
        content.write(part)
    return content.getvalue()


def _cost(picture: Image.Image) -> float:
    """Return how many bytes of memory for a pixel its decoder takes, or what is always allowed."""
    if picture.format == "WEBP":
        return DECODING.webp_cost
    if picture.format == "TIFF" and picture.mode not in ("1", "L", "P"):
        return DECODING.tiff_cost
    # libjpeg may hold all coefficients, of two bytes; those of colours are often fewer.
    factors = [h * v for _, h, v, _ in getattr(picture, "layer", ())]
    return 2 * sum(factors) / max(factors) if factors else DECODING.cost


def _check_size(size: tuple[int, ...], max_pixels: int, cost: float = DECODING.cost) -> None:
    """Refuse a picture for whose pixels its decoder would take more memory than is allowed."""
    width, height = size
    if not width * height:
        raise ValueError("it has no pixels")
    most = int(max_pixels * min(1, DECODING.cost / cost))
    if width * height > most:
        raise Image.DecompressionBombError(
            f"{width} x {height} pixels, more than the {most:,} that such a picture may have"
        )


def _from_array(
    values: NDArray[np.generic], max_pixels: int = DECODING.max_pixels, scale: int | None = None
) -> Image.Image:
    """Turn an array, or the values of a picture with more than 8 bits, into an 8-bit picture."""
    if values.shape[2:] == (1,):
        values = values[:, :, 0]
    if values.ndim < 2 or values.shape[2:] not in ((), (3,), (4,)):
        raise ValueError("the shape is none of (H, W), (H, W, 1), (H, W, 3) and (H, W, 4)")
    if values.shape == (1, SIZE * SIZE):
        raise ValueError(f"it is a row of {SIZE * SIZE} pixels, not yet of shape ({SIZE}, {SIZE})")
    size = values.shape[1::-1]
    _check_size(size, max_pixels)
    full = scale or _full_scale(values)

    def rows(top: int, bottom: int) -> Image.Image:
        return Image.fromarray(np.ascontiguousarray(_in_grey_levels(values[top:bottom], full)))

    return _noting(_opaque(_averaged(size, rows)), size)


def _full_scale(values: NDArray[np.generic]) -> int:
    """Return what the values count in; numbers that are not whole may lie a little beyond."""
    if values.dtype.kind not in "buif":
        raise ValueError("the values are not real numbers")
    low, high = float(values.min(initial=0)), float(values.max(initial=0))
    beyond = DECODING.overshoot if values.dtype.kind == "f" else 0
    full = next((each for each in DECODING.full_scales if high <= each * (1 + beyond)), 0)
    if not full or low < -full * beyond:
        raise ValueError(f"the values {low:g} to {high:g} are not within 0..1, 0..255 or 0..65535")
    return full


def _in_grey_levels(values: NDArray[np.generic], full_scale: int) -> NDArray[np.uint8]:
    """Return values of any range as uint8."""
    if values.dtype == np.uint8 and full_scale == 255:
        return values  # type: ignore[return-value]
    levels = np.rint(values.astype(np.float32) * (255 / full_scale))
    grey: NDArray[np.uint8] = levels.clip(0, 255).astype(np.uint8)
    return grey


def _normalize(picture: Image.Image) -> Image.Image:
    """Reduce a picture, turn it upright, and put it on paper."""
    mode = "RGBA" if picture.has_transparency_data else _AVERAGED_AS.get(picture.mode)

    def rows(top: int, bottom: int) -> Image.Image:
        return picture.crop((0, top, picture.width, bottom)).convert(mode)

    small = _averaged(picture.size, rows) if mode else picture.reduce(_factor(picture.size))
    ImageOps.exif_transpose(small, in_place=True)
    return _from_array(np.asarray(small)) if small.mode in ("I", "F") else _opaque(small)


def _factor(size: tuple[int, ...]) -> int:
    return math.ceil(max(size) / DECODING.max_side)


def _averaged(size: tuple[int, ...], rows: Callable[[int, int], Image.Image]) -> Image.Image:
    """Average what `rows` returns between two of them down: no copy of the whole is converted."""
    (width, height), factor = size, _factor(size)
    step = factor * max(1, DECODING.band // (factor * width))
    bands = [rows(top, min(top + step, height)).reduce(factor) for top in range(0, height, step)]
    if len(bands) == 1:
        return bands[0]
    whole = Image.fromarray(np.concatenate([np.asarray(band) for band in bands]))
    whole.info = bands[0].info
    return whole


def _opaque(picture: Image.Image) -> Image.Image:
    """Put a transparent picture on the background that its maker will have seen.

    Ink on nothing gets the background, black or white, that it stands out from. A drawing with a
    background of its own, transparent only around it, has that continued.
    """
    if picture.mode != "RGBA" or picture.getchannel("A").getextrema() == (255, 255):
        return picture if picture.mode in ("L", "RGB") else picture.convert("RGB")
    pixels = np.asarray(picture)
    alpha = pixels[..., 3]
    visible = pixels[alpha > alpha.max() // 2][:, :3]
    background = (255, 255, 255)
    if len(visible):
        low, high = np.percentile(visible.mean(axis=1), DECODING.extremes)
        own = len(visible) > DECODING.card * alpha.size
        if own and high - low > DECODING.contrast:
            background = tuple(np.median(visible, axis=0).astype(int))
        elif low + high > 255:
            background = (0, 0, 0)
    flat = Image.new("RGB", picture.size, background)
    flat.paste(picture, mask=picture.getchannel("A"))
    return flat
