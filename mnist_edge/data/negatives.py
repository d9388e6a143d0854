"""Pictures in MNIST's form that show no digit: what a network learns not to answer.

Letters and symbols from Hershey's single-stroke fonts (A. V. Hershey, "Calligraphy for Computers",
1967) where they look like no digit, drawings of random strokes, silhouettes, words and scraps of
text. They are inked, boxed and centred as the synthetic digits are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from mnist_edge.contract import SIZE
from mnist_edge.data.synthetic import BOX, SPACING, Floats, centred, inked
from mnist_edge.extras import require

Pictures = NDArray[np.uint8]
Strokes = list[Floats]

# The characters of each font that nobody takes for a digit. Greek letters go by the Latin keys
# they are on, Japanese ones by their place in the font.
LATIN = "ABCDEFHJKLMNPQRTUVWXYacdefhjkmnprtuvwx@#%*+="
GLYPHS = {
    "futural": LATIN,
    "rowmand": LATIN,
    "scripts": "ABDEFHKMNPRTUVWXadfhkmnptuvwx",
    "cursive": "ABDEFHKMNPRTUVWXadfhkmnptuvwx",
    "greek": "ACDGHKLMNPRSWXYaghklmnpuwxy",
    "japanese": "".join(
        map(chr, [*range(35, 50), *range(52, 59), *range(85, 92), *range(94, 104)])
    ),
}

# How often each kind is drawn.
SHARES = {"letters": 0.55, "doodles": 0.2, "silhouettes": 0.12, "words": 0.08, "scraps": 0.05}

VARIANTS = 8  # pictures of one drawing, each by another hand


def generate(count: int, seed: int) -> Pictures:
    """Draw pictures without a digit: uint8 (count, 28, 28), ink 255 on 0, in random order.

    The same count and seed give the same pictures.

    Args:
        count: how many, 0 or more.
        seed: which ones, 0 or more.

    Raises:
        MissingExtra: Hershey-Fonts is not installed.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    counts = rng.multinomial(count, list(SHARES.values()))
    kinds = dict(zip(SHARES, counts.tolist(), strict=True))
    characters = glyphs(GLYPHS)

    def letters(count: int) -> Pictures:
        return written(count, lambda: characters[rng.integers(len(characters))], rng)

    pictures = np.concatenate(
        [
            letters(kinds["letters"]),
            written(kinds["doodles"], lambda: _doodle(rng), rng),
            _silhouettes(kinds["silhouettes"], rng),
            _words(letters(4 * kinds["words"]), rng),
            _scraps(kinds["scraps"], rng),
        ]
    )
    return rng.permutation(pictures)


def glyphs(characters_of: Mapping[str, str]) -> list[Strokes]:
    """Return the strokes, arrays (N, 2) with y downwards, of characters of Hershey's fonts.

    Raises:
        MissingExtra: Hershey-Fonts is not installed.
    """
    require("HersheyFonts", extra="train")
    from HersheyFonts import HersheyFonts

    glyphs = []
    for name, characters in characters_of.items():
        font = HersheyFonts()
        font.load_default_font(name)
        for glyph in font.glyphs_for_text(characters):
            strokes = [np.array(stroke, float) for stroke in glyph.strokes if len(stroke) > 1]
            if strokes:
                glyphs.append(strokes)
    return glyphs


def written(count: int, drawing: Callable[[], Strokes], rng: np.random.Generator) -> Pictures:
    """Ink drawings, a few pictures of each: uint8 (count, 28, 28)."""
    pictures = np.empty((count, SIZE, SIZE), np.uint8)
    for start in range(0, count, VARIANTS):
        strokes = [_dense(stroke) for stroke in _unit(drawing())]
        begins = np.cumsum([0, *map(len, strokes[:-1])])
        part = pictures[start : start + VARIANTS]
        line = np.concatenate(strokes) @ _affine(len(part), rng)
        part[:] = centred(inked(line, begins, rng))
    return pictures


def _unit(strokes: Strokes) -> Strokes:
    """Scale strokes to a longer side of 1."""
    points = np.concatenate(strokes)
    return [stroke / np.ptp(points, axis=0).max() for stroke in strokes]


def _dense(stroke: Floats) -> Floats:
    """Return points along a stroke no further apart than `SPACING`."""
    pieces = [
        np.linspace(start, end, 1 + int(np.ceil(np.linalg.norm(end - start) / SPACING)))
        for start, end in pairwise(stroke)
    ]
    return np.concatenate(pieces)


def _affine(count: int, rng: np.random.Generator) -> Floats:
    """Return maps (count, 2, 2) that stretch, slant and turn a drawing."""
    aspect = np.exp(rng.uniform(-0.3, 0.3, count))
    slant, turn = rng.uniform(-0.2, 0.4, count), rng.uniform(-0.2, 0.2, count)
    cos, sin = np.cos(turn), np.sin(turn)
    # Stretched and slanted, then turned.
    x, y = np.stack([aspect * cos, aspect * sin], -1), np.stack([-sin, cos], -1)
    return np.stack([x, y - slant[:, None] * x / aspect[:, None]], axis=1)


def _doodle(rng: np.random.Generator) -> Strokes:
    """Draw a polygon or star, a zigzag, some straight strokes, or some rings and strokes."""
    kind = rng.integers(4)
    if kind == 0:
        outline = _outline(rng)
        return [np.concatenate([outline, outline[:1]])]
    if kind == 1:
        return [rng.uniform(0, 1, (rng.integers(5, 10), 2)) * [1, rng.uniform(0.3, 1)]]
    strokes = list(rng.uniform(0, 1, (rng.integers(3, 8), 2, 2)))
    if kind == 3:
        angle = np.linspace(0, 2 * np.pi, 20)[:, None]
        ring = np.concatenate([np.cos(angle), np.sin(angle)], axis=1)
        rings = rng.integers(2, 4)
        strokes[rings - 1 :] = [
            rng.uniform(0.1, 0.9, 2) + ring * rng.uniform(0.1, 0.35, 2) for _ in range(rings)
        ]
    return strokes


def _outline(rng: np.random.Generator) -> Floats:
    """Return the corners (N, 2) of a polygon, a star or a heart."""
    corners = int(rng.integers(3, 8))
    if rng.random() < 0.25:
        angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        y = -13 * np.cos(angle) + 5 * np.cos(2 * angle) + 2 * np.cos(3 * angle)
        return np.stack([16 * np.sin(angle) ** 3, y], axis=1)
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False) + rng.uniform(0, 2 * np.pi)
    angle += rng.uniform(-0.25, 0.25, corners)
    radius = rng.uniform(0.6, 1, corners)
    if rng.random() < 0.4:  # between two points of a star is a notch
        angle = np.sort(np.concatenate([angle, angle + np.pi / corners]))
        radius = np.where(np.arange(2 * corners) % 2, rng.uniform(0.3, 0.6), 1)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius[:, None]


def _silhouettes(count: int, rng: np.random.Generator) -> Pictures:
    """Fill outlines, or what exceeds a level in a smooth random surface; some are textured."""
    pictures = np.empty((count, SIZE, SIZE), np.uint8)
    for picture in pictures:
        side = 4 * BOX
        if rng.random() < 0.5:
            outline = _outline(rng) * [1, rng.uniform(0.4, 1)]
            outline = (outline - outline.min(0)) / np.ptp(outline, axis=0).max() * side
            canvas = Image.new("L", (side, side))
            ImageDraw.Draw(canvas).polygon([*map(tuple, outline)], fill=255)
        else:
            rough = Image.fromarray(rng.uniform(0, 255, rng.integers(3, 9, 2)).astype(np.uint8))
            surface = rough.resize((side, side), Image.Resampling.BICUBIC)
            canvas = surface.point([0] * 128 + [255] * 128)
            if not canvas.getbbox():  # the level is nowhere exceeded
                canvas = ImageOps.invert(canvas)
        picture[:] = _boxed(canvas.crop(canvas.getbbox()))
        if rng.random() < 0.4:
            picture[:] = picture * rng.uniform(rng.uniform(0, 1), 1, picture.shape)
    return centred(pictures)


def _boxed(canvas: Image.Image) -> Pictures:
    """Scale to a longer side of 20 pixels, in the middle of 28x28."""
    scale = BOX / max(canvas.size)
    size = [max(1, round(scale * side)) for side in canvas.size]
    field = Image.new("L", (SIZE, SIZE))
    corner = (SIZE - size[0]) // 2, (SIZE - size[1]) // 2
    field.paste(canvas.resize(size, Image.Resampling.BOX), corner)
    return np.asarray(field)


def _words(letters: Pictures, rng: np.random.Generator) -> Pictures:
    """Set four letters each: in a row, or the first two beside or above each other."""
    pictures = np.empty((len(letters) // 4, SIZE, SIZE), np.uint8)
    for picture, group in zip(pictures, letters.reshape(-1, 4, SIZE, SIZE), strict=True):
        tight = group[:, 3:-3, 5:-5]
        layout = rng.integers(3)
        word = np.concatenate(list(tight[: 4 if layout == 0 else 2]), axis=0 if layout == 2 else 1)
        image = Image.fromarray(word)
        picture[:] = _boxed(image.crop(image.getbbox()))
        picture[:] = picture * (255 / picture.max())
    return centred(pictures)


def _scraps(count: int, rng: np.random.Generator) -> Pictures:
    """Ink blocks with noise, or with noisy lines of text."""
    pictures = np.empty((count, SIZE, SIZE), np.uint8)
    for picture in pictures:
        height, width = rng.integers(4, BOX + 1), rng.integers(8, BOX + 1)
        block = 255 * rng.uniform(rng.uniform(0, 0.9), 1, (height, width))
        if rng.random() < 0.5:
            block[:: rng.integers(2, 5)] *= rng.uniform(0, 0.6)
        picture[:] = _boxed(Image.fromarray(block.astype(np.uint8)))
    return centred(pictures)
