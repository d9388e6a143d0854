"""What a picture would be without its ink."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.runtime.reading.ink import Mask

GRID = 16  # cells, across the picture and down
MIN_DIFFERENCE = 12  # grey levels: there is a shadow or fat ink, and another ground to try
SMALL = 32  # pixels: such a picture shows no table
TWO_LEVELS = 0.8  # of the variance lies between page and table, in the right light
STROKES = 7  # side by side would fill the picture: what is wider is a shadow or a sheet

_CORNERS = np.ix_((0, -1), (0, -1))
_CENTRES = 2 * np.arange(GRID) + 1
_span = np.linspace(-1, 1, GRID)
_X, _Y = (axis.ravel() for axis in np.meshgrid(_span, _span))
_QUADRATIC = np.stack([np.ones_like(_X), _X, _Y, _X * _Y, _X * _X, _Y * _Y], axis=1)
# Light that falls off to any side, in proportion to that in the middle.
_slopes = np.linspace(-0.4, 0.4, 9)
_LIGHTS = 1 + (_slopes[:, None, None] * _X + _slopes[:, None] * _Y).reshape(-1, _X.size)
_RIDGE = 1e-6 * np.eye(_QUADRATIC.shape[1])


def grounds(flat: NDArray[np.uint8], inside: Mask | None) -> list[NDArray[np.uint8]]:
    """Guess what the picture would be without its ink.

    The first guess is a quadratic surface, least squares reweighted by the Cauchy function, since
    light falls off smoothly. Where the quartiles differ much, a shadow, a table or fat ink takes a
    large part of the picture, and each of them is a guess too, in the light that tells them apart
    best. Shadows with sharp edges are left of a picture that loses what is narrow: first what is
    dark, then what is light. A picture may be all digit but for its corners: their level is a guess
    where it is even, as drawn on a screen, and goes before the middle of all levels; and where it
    is small, and shows no table.

    Args:
        flat: the picture in grey (H, W).
        inside: bool (H, W), what of it counts; None for all.

    Returns:
        One to five pictures (H, W).
    """
    y, x = (_CENTRES * side // (2 * GRID) for side in flat.shape)
    level = flat[y[:, None], x].astype(float).ravel()
    quadratic, chosen = _QUADRATIC, slice(None)
    if inside is not None:
        chosen = inside[y[:, None], x].ravel()
        level, quadratic = level[chosen], quadratic[chosen]
    middle = median(level)
    trend, factors = np.full_like(level, middle), None
    for _ in range(3):
        residual = level - trend
        spread = median(np.abs(residual))
        if not spread:
            break  # it is even
        scale = 1.5 * spread + 4
        weighted = quadratic.T / (1 + (residual / scale) ** 2) ** 2
        normal = weighted @ quadratic + _RIDGE
        factors = np.linalg.solve(normal, weighted @ level)
        trend = quadratic @ factors
    if factors is None:
        guesses = [np.full_like(flat, round(middle))]
    else:
        guesses = [_over_picture(_QUADRATIC @ factors, flat)]
    small = max(flat.shape) <= SMALL
    if inside is None and (small or factors is None):
        level = round(median(flat[_CORNERS]))
        if np.abs(guesses[0].astype(np.int16) - level).max() > MIN_DIFFERENCE:
            guesses.insert(0 if factors is None else 1, np.full_like(flat, level))
    if small:
        return guesses
    boxes = Image.fromarray(flat).resize((GRID, GRID), Image.Resampling.BOX)
    cells = np.asarray(boxes).ravel()[chosen]
    low, high = _quartiles(cells)
    if high - low <= MIN_DIFFERENCE:
        return guesses
    light = None if factors is None else _fall_of_light(cells, _LIGHTS[:, chosen])
    if light is None:
        guesses += [np.full_like(flat, low), np.full_like(flat, high)]
    else:
        levels = _quartiles(cells / _LIGHTS[light, chosen])
        guesses += [_over_picture(level * _LIGHTS[light], flat) for level in levels]
    if factors is None:
        return guesses  # no shadow falls on a screen
    width = max(flat.shape) // STROKES
    return [*guesses, _closed(flat, width), ~_closed(~flat, width)]


def _fall_of_light(levels: NDArray[np.uint8], lights: NDArray[np.float64]) -> int | None:
    """Choose the light in which levels are two, as those of a page and of a table.

    Otsu's criterion (1979): the share of their variance that lies between two classes.

    Args:
        levels: (n,), of a grid over the picture.
        lights: (m, n), how light it is there, in proportion.

    Returns:
        The number of the light; None if in no light they are two.
    """
    levels, lights = levels[::3], lights[:, ::3]  # enough, in a third of the time
    even = np.sort(levels / lights, axis=1)
    n = len(levels)
    sums, below = even.cumsum(axis=1), np.arange(1, n)
    mean = sums[:, -1:] / n
    between = n * (sums[:, :-1] - below * mean) ** 2 / (below * (n - below))
    share = between.max(axis=1) / ((even - mean) ** 2).sum(axis=1)
    best = int(share.argmax())
    return best if share[best] > TWO_LEVELS else None


def _closed(flat: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """Return a picture without what is dark and narrower than `width` pixels.

    The closing by a square (Serra 1982, "Image Analysis and Mathematical Morphology").
    """
    closed = np.pad(flat, width - 1, mode="edge")
    for extreme in (np.maximum, np.minimum):
        for _ in closed.shape:
            reach = 1
            while reach < width:
                step = min(reach, width - reach)
                closed = extreme(closed[step:], closed[:-step])
                reach += step
            closed = closed.T
    return closed


def _over_picture(levels: NDArray[np.float64], flat: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Interpolate levels of the grid over a picture (H, W)."""
    small = Image.fromarray(np.rint(levels).clip(0, 255).astype(np.uint8).reshape(GRID, GRID))
    height, width = flat.shape
    return np.asarray(small.resize((width, height), Image.Resampling.BILINEAR))


def _quartiles(values: NDArray[np.generic]) -> tuple[Any, Any]:
    ordered = np.sort(values)
    return ordered[len(ordered) // 4].item(), ordered[3 * len(ordered) // 4].item()


def median(values: NDArray[np.generic]) -> float:
    """Return the median; `np.median` takes five times as long, more than all else here."""
    low, high = (values.size - 1) // 2, values.size // 2
    ordered = np.partition(values, (low, high), axis=None)
    return float(ordered[low] / 2 + ordered[high] / 2)
