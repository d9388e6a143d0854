"""What is drawn, read back from the data URIs."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.report.pictures import PALEST, Picture, inked, sheet


def strength(picture: Picture) -> NDArray[np.uint8]:
    kind, _, data = picture.uri.partition("base64,")
    assert kind == "data:image/png;"
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert image.size == (picture.width, picture.height)
    ink, alpha = image.split()
    assert not np.asarray(ink).any()
    return np.asarray(alpha)


def test_ink_is_opaque_and_paper_is_not() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (28, 20), np.uint8)
    assert (strength(inked(pixels)) == pixels).all()


def test_channels_become_tiles_on_one_scale() -> None:
    values = np.zeros((2, 3, 3))
    values[0, 0] = 1, 2, 4
    drawn = strength(sheet(values, width=7))
    assert drawn.shape == (5, 7)  # two tiles a row, a gap of one
    full = 255 - PALEST
    tiles = [drawn[0, 0], drawn[0, 4], drawn[3, 0]]
    assert [(tile - PALEST) / full for tile in tiles] == [
        *np.rint(full * np.array([0.25, 0.5, 1])) / full
    ]
    assert drawn[1, 1] == PALEST
    assert not drawn[2].any()
    assert not drawn[:, 3].any()
    assert not drawn[3:, 4:].any()


def test_zero_is_in_the_middle_where_there_are_negative_values() -> None:
    drawn = strength(sheet(np.array([-1.0, 0.0, 0.5]), width=9))
    assert drawn.tolist() == [[PALEST, round((PALEST + 255) / 2), round(PALEST + 239 * 0.75)]]


def test_numbers_wrap_and_all_zero_is_no_error() -> None:
    drawn = strength(sheet(np.zeros(25), width=10))
    assert drawn.shape == (3, 10)
    assert (drawn[:2] == PALEST).all()
