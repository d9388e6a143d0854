"""From any source of a picture to an upright, opaque, 8-bit one of bounded size."""

from __future__ import annotations

import io
import math
import os

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from mnist_edge.errors import UnreadableImage

Source = str | os.PathLike[str] | bytes | Image.Image | NDArray[np.generic]

# These only: Pillow's other readers are not needed, and one of them starts Ghostscript.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF")
# How their files are called, in folders that hold other files too.
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")

PIXEL_LIMIT = 100_000_000
MAX_SIDE = 1024

# What the values of an array, or of a picture with more than 8 bits, may be counted in.
FULL_SCALES = (1, 255, 65535)


def source_name(source: Source) -> str:
    """Return what messages call a source: its path, or what kind of thing it is."""
    if isinstance(source, bytes):
        return f"<{len(source)} bytes>"
    if isinstance(source, Image.Image):
        return f"<{source.mode} picture of {source.width}x{source.height}>"
    if isinstance(source, np.ndarray):
        return f"<{source.dtype} array of shape {source.shape}>"
    return os.fspath(source)


def decode(source: Source) -> Image.Image:
    """Decode a picture: its first frame, upright, without transparency, in 8 bits.

    Args:
        source: a path, the bytes of a file, a Pillow picture, or an array of shape (H, W),
            (H, W, 1), (H, W, 3) RGB or (H, W, 4) RGBA, whose values count in the smallest of
            0..1, 0..255 and 0..65535 that holds them all.

    Returns:
        A picture of mode `L` or `RGB` whose longer side is at most `MAX_SIDE`.

    Raises:
        UnreadableImage: the source is missing, not a picture, damaged, or has more than
            `PIXEL_LIMIT` pixels.
    """
    name = source_name(source)
    try:
        if isinstance(source, np.ndarray):
            return _normalize(_from_array(source))
        if isinstance(source, Image.Image):
            return _normalize(_within_limit(source))
        file = io.BytesIO(source) if isinstance(source, bytes) else source
        with Image.open(file, formats=FORMATS) as picture:
            _within_limit(picture).draft(None, (MAX_SIDE, MAX_SIDE))
            return _normalize(picture)
    except FileNotFoundError as error:
        raise UnreadableImage(f"{name}: no such file.", remedy="check the path.") from error
    except IsADirectoryError as error:
        raise UnreadableImage(
            f"{name} is a directory.", remedy="name a picture inside it."
        ) from error
    except PermissionError as error:
        raise UnreadableImage(
            f"{name}: permission denied.", remedy="make the file readable, or copy it."
        ) from error
    except UnidentifiedImageError as error:
        raise UnreadableImage(
            f"{name} is empty or not a picture in a known format.",
            remedy=f"use one of {', '.join(FORMATS)}.",
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadableImage(
            f"{name} has more than {PIXEL_LIMIT:,} pixels.",
            remedy="scale it down, or cut out the digit.",
        ) from error
    # Pillow documents no complete set of exceptions, and damaged bytes raise nearly any of them.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UnreadableImage(
            f"{name} cannot be decoded: {reason.rstrip('.')}.",
            remedy="open it in a picture editor and save it again, as PNG for example.",
        ) from error


def _within_limit(picture: Image.Image) -> Image.Image:
    if 0 in picture.size:
        raise ValueError("it has no pixels")
    if picture.width * picture.height > PIXEL_LIMIT:
        raise Image.DecompressionBombError
    return picture


def _from_array(values: NDArray[np.generic]) -> Image.Image:
    """Turn an array, or the values of a picture with more than 8 bits, into an 8-bit picture."""
    if values.shape[2:] == (1,):
        values = values[:, :, 0]
    channels = values.shape[2:]
    if not values.size or values.ndim < 2 or channels not in ((), (3,), (4,)):
        raise ValueError("the shape is none of (H, W), (H, W, 1), (H, W, 3) and (H, W, 4)")
    if values.dtype.kind not in "buif":
        raise ValueError("the values are not real numbers")
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= FULL_SCALES[-1]):
        raise ValueError(f"the values {low:g} to {high:g} are not within 0..1, 0..255 or 0..65535")
    scale = next(full for full in FULL_SCALES if high <= full)
    if values.dtype != np.uint8 or scale != 255:
        values = np.rint(values.astype(np.float32) * (255 / scale)).astype(np.uint8)
    return Image.fromarray(values)


def _normalize(picture: Image.Image) -> Image.Image:
    # Averaging costs less than converting does; these modes cannot be averaged.
    if picture.mode.startswith("I;16"):
        picture = picture.convert("I")
    elif picture.has_transparency_data:
        if picture.mode != "RGBA":
            picture = picture.convert("RGBA")
        if picture.getchannel("A").getextrema() == (255, 255):
            picture = picture.convert("RGB")
    elif picture.mode in ("1", "P", "HSV"):
        picture = picture.convert("L" if picture.mode == "1" else "RGB")
    factor = math.ceil(max(picture.size) / MAX_SIDE)
    if factor > 1:
        picture = picture.reduce(factor)
    picture = _upright(picture)
    if picture.mode in ("I", "F"):
        return _from_array(np.asarray(picture))
    if picture.mode == "RGBA":
        return _flatten(picture)
    return picture if picture.mode in ("L", "RGB") else picture.convert("RGB")


def _upright(picture: Image.Image) -> Image.Image:
    picture.load()  # while its file is open
    # Pillow would copy a picture that is upright already.
    turned = picture.getexif().get(ExifTags.Base.Orientation, 1) != 1
    return ImageOps.exif_transpose(picture) if turned else picture


def _flatten(picture: Image.Image) -> Image.Image:
    """Put a transparent picture on the ground that its maker will have seen.

    Ink on nothing gets the ground, black or white, that it stands out from. A drawing with a
    ground of its own, transparent only around it, has that ground continued.
    """
    pixels = np.asarray(picture)
    alpha = pixels[..., 3]
    visible = pixels[alpha > alpha.max() // 2][:, :3]
    ground = (255, 255, 255)
    if len(visible):
        low, high = np.percentile(visible.mean(axis=1), (1, 99))
        if len(visible) > alpha.size / 2 and high - low > 64:
            ground = tuple(np.median(visible, axis=0).astype(int))
        elif low + high > 255:
            ground = (0, 0, 0)
    flat = Image.new("RGB", picture.size, ground)
    flat.paste(picture, mask=picture.getchannel("A"))
    return flat
