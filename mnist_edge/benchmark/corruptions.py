"""Eight ways in which pictures of digits get worse, drawn by a seed.

In the spirit of MNIST-C (https://arxiv.org/abs/1906.02337), with corruptions that people's own
pictures suffer from. They go into the network as they are: nothing of the runtime's reading of
pictures, which undoes some of them (`invert` above all), comes before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.contract import SIZE

Images = NDArray[np.uint8]

MAX_SHIFT = 3  # pixels
MAX_ROTATION = 25  # degrees
NOISE = 32  # standard deviation, of 255
PATCH = 6  # side of what is hidden, in pixels
BINOMIAL = np.array([1, 4, 6, 4, 1], np.float32) / 16  # near a Gaussian of one pixel


def corruptions(images: Images, seed: int = 0) -> Iterator[tuple[str, Images]]:
    """Yield every corruption's name and what it makes of uint8 (N, 28, 28), ink 255 on 0.

    The same pictures and seed give the same bytes.
    """
    for number, corrupt in enumerate(_CORRUPTIONS):
        yield corrupt.__name__.lstrip("_"), corrupt(images, np.random.default_rng([seed, number]))


def _shift(images: Images, random: np.random.Generator) -> Images:
    moves = random.integers(-MAX_SHIFT, MAX_SHIFT, (len(images), 2), endpoint=True)
    margin = np.pad(images, [(0, 0), (MAX_SHIFT, MAX_SHIFT), (MAX_SHIFT, MAX_SHIFT)])
    windows = np.lib.stride_tricks.sliding_window_view(margin, (SIZE, SIZE), axis=(1, 2))
    down, right = MAX_SHIFT - moves.T
    shifted: Images = windows[np.arange(len(images)), down, right]
    return shifted


def _rotation(images: Images, random: np.random.Generator) -> Images:
    angles = random.uniform(-MAX_ROTATION, MAX_ROTATION, len(images))
    return np.stack(
        [
            np.asarray(Image.fromarray(image).rotate(angle, Image.Resampling.BILINEAR))
            for image, angle in zip(images, angles, strict=True)
        ]
    )


def _thick(images: Images, _random: np.random.Generator) -> Images:
    thickened: Images = np.maximum.reduce(_neighbours(images, 3))
    return thickened


def _thin(images: Images, _random: np.random.Generator) -> Images:
    thinned: Images = np.minimum.reduce(_neighbours(images, 2))
    return thinned


def _blur(images: Images, _random: np.random.Generator) -> Images:
    weights = np.outer(BINOMIAL, BINOMIAL).ravel()
    soft = sum(map(np.multiply, weights, _neighbours(images, len(BINOMIAL))))
    return np.rint(soft).astype(np.uint8)


def _neighbours(images: Images, side: int) -> list[Images]:
    """Return the pictures as seen from each of the `side` × `side` pixels around."""
    before, after = side // 2, (side - 1) // 2
    margin = np.pad(images, [(0, 0), (before, after), (before, after)])
    return [
        margin[:, down : down + SIZE, right : right + SIZE]
        for down in range(side)
        for right in range(side)
    ]


def _noise(images: Images, random: np.random.Generator) -> Images:
    noisy = images + NOISE * random.standard_normal(images.shape, np.float32)
    clipped: Images = np.rint(noisy.clip(0, 255)).astype(np.uint8)
    return clipped


def _invert(images: Images, _random: np.random.Generator) -> Images:
    return 255 - images


def _occlusion(images: Images, random: np.random.Generator) -> Images:
    """Hide a square that lies somewhere in the field of 20 pixels that the digit fills."""
    corners = random.integers(4, 24 - PATCH, (len(images), 2, 1), endpoint=True)
    hidden = (np.arange(SIZE) >= corners) & (np.arange(SIZE) < corners + PATCH)
    rows, columns = hidden[:, 0, :, None], hidden[:, 1, None, :]
    return np.where(rows & columns, np.uint8(0), images)


_CORRUPTIONS: tuple[Callable[[Images, np.random.Generator], Images], ...] = (
    *(_shift, _rotation, _thick, _thin, _blur, _noise, _invert, _occlusion),
)
