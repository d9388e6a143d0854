"""Backgrounds: what a picture would be without its ink."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.runtime.reading.parameters import BACKGROUNDS
from mnist_edge.runtime.reading.views import median

Gray = NDArray[np.uint8]

_CORNERS = np.ix_((0, -1), (0, -1))
_CENTRES = 2 * np.arange(BACKGROUNDS.grid) + 1
_span = np.linspace(-1, 1, BACKGROUNDS.grid)
_X, _Y = (axis.ravel() for axis in np.meshgrid(_span, _span))
_QUADRATIC = np.stack([np.ones_like(_X), _X, _Y, _X * _Y, _X * _X, _Y * _Y], axis=1)
_RIDGE = 1e-6 * np.eye(_QUADRATIC.shape[1])


def surface(gray: Gray) -> Gray | int:
    """Fit a quadratic surface, as light falls off smoothly; one level where it is even.

    Least squares on a grid of samples, reweighted by the Cauchy function, so that ink, a table or
    a shadow has no say as long as it is less than half of the picture.
    """
    y, x = (_CENTRES * side // (2 * BACKGROUNDS.grid) for side in gray.shape)
    samples = gray[y[:, None], x]
    middle = median(samples)
    if np.count_nonzero(samples == middle) > samples.size // 2:
        return round(middle)
    level = samples.ravel().astype(float)
    trend = np.full_like(level, middle)
    times, least = BACKGROUNDS.spread
    for _ in range(BACKGROUNDS.rounds):
        residual = level - trend
        spread = median(np.abs(residual))
        weighted = _QUADRATIC.T / (1 + (residual / (times * spread + least)) ** 2) ** 2
        factors = np.linalg.solve(weighted @ _QUADRATIC + _RIDGE, weighted @ level)
        trend = _QUADRATIC @ factors
    grid = np.rint(trend).clip(0, 255).astype(np.uint8).reshape(BACKGROUNDS.grid, -1)
    height, width = gray.shape
    return np.asarray(Image.fromarray(grid).resize((width, height), Image.Resampling.BILINEAR))


def corners(gray: Gray) -> int:
    """Take the corners' level, as a drawing may fill all of its canvas but these."""
    return round(median(gray[_CORNERS]))
