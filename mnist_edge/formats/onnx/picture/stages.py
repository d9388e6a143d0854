"""The stages of reading a picture, as parts of a graph; places and sizes are of rows, then columns.

Their numbers are those of Python's reading, in `mnist_edge.runtime.reading.parameters`; here stand
those alone that it has no need of.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from mnist_edge.contract import SIZE
from mnist_edge.formats.onnx.picture.graph import (
    Value,
    arange,
    either,
    joined,
    op,
    repeat,
    stage,
    where,
)
from mnist_edge.runtime.reading.parameters import (
    FOREGROUNDS,
    NORMALIZING,
    VIEWING,
)

SAMPLE = 64  # pixels across the picture, and down, that its colours are judged by
SQUARINGS = 5  # of a matrix: its strongest axis outweighs the next by its ratio to the 32nd
FIT_ROUNDS = 8  # of fitting the background
THRESHOLD_ROUNDS = 4  # of moving the threshold between the means of its two classes
# Normal noise has 1.44 times its mean where three in four pixels stay below.
NOISE = 1.44 * FOREGROUNDS.noise
FAINTEST = FOREGROUNDS.steepness / 2  # grey levels: what has no deeper threshold is blank
EDGE = 0.02  # of the fullest row's ink: the rows and columns of the digit have as much
CANVAS = NORMALIZING.supersampling * (NORMALIZING.box + 4)  # with room to thicken strokes

_EYE = np.eye(3, dtype=np.float32)
_ALPHA = np.array([[0], [0], [0], [1 / 255]], np.float32)

# Samples lie on a grid over -1 to 1, on which these polynomials of degree 0, 1, 2 are orthonormal.
_GRID = FOREGROUNDS.grid
_ODD = 2 * np.arange(_GRID) + 1
_q, _r = np.linalg.qr(np.vander(_ODD / _GRID - 1, 3, increasing=True))
_BASIS, _FROM_POWERS = _q.astype(np.float32), np.linalg.inv(_r).astype(np.float32)
_FLAT = np.outer(_BASIS.sum(axis=0), _BASIS.sum(axis=0))  # the factors of 1 everywhere
_QUADRATIC = (np.add.outer(range(3), range(3)) <= 2).astype(np.float32)
_RIM = np.flatnonzero(np.pad(np.zeros((_GRID - 2, _GRID - 2)), 1, constant_values=1))


@stage("grey")
def grey_of(picture: Value) -> Value:
    """Turn a picture to grey along the axis of colour on which it differs most, alpha on paper.

    Args:
        picture: uint8 (H, W) or (H, W, 1, 3 or 4).

    Returns:
        float32 (H, W), in grey levels from wherever.
    """
    size = picture.shape[:2]
    pixels = picture.reshaped(size, -1)
    channels = pixels.shape[2:]
    sample = _sample(pixels)
    colours, alpha = sample[:3], sample[3:] / 255.0
    paper = _paper(colours, alpha)
    axis = _axis(paper + alpha * (colours - paper))
    flat = pixels.to(np.float32).reshaped(-1, channels)
    weights = op("Pad", axis.transposed, np.array([0, 0, 1, 0]))
    level = (flat @ op("Slice", weights, np.array([0]), channels)).reshaped(size)

    def on_paper() -> Value:
        grey = (axis @ paper).reshaped()
        return grey + (flat @ _ALPHA).reshaped(size) * (level - grey)

    return either(op("Equal", channels, 4), on_paper, lambda: level)


def _sample(pixels: Value) -> Value:
    """Take pixels of a grid: float32 (4, n); what is no colour or no alpha is 255 throughout."""
    graph = pixels.graph
    step = (op("ReduceMax", pixels.shape[:2], keepdims=1) + (SAMPLE - 1)) / SAMPLE
    whole = np.array([0, 0]), np.array([np.iinfo(np.int64).max] * 2), np.array([0, 1])
    few = op("Slice", pixels, *whole, joined(graph, step, step))
    channels = pixels.shape[2:]
    rows = few.to(np.float32).reshaped(-1, channels)
    return op("Pad", rows, joined(graph, 0, 0, 0, 4 - channels), 255.0).transposed


def _paper(colours: Value, alpha: Value) -> Value:
    """Choose what lies behind a transparent picture: float32 (3, 1).

    Ink on nothing gets white or black, whichever it stands out from; what is more than half of the
    picture has its own colour continued.
    """
    mean = (colours * alpha).sum(1).unsqueezed(1) / alpha.sum().at_least(1.0)
    contrary = where(mean.mean() > 127.5, 0.0 * mean, 0.0 * mean + 255.0)
    return where(alpha.mean() > 0.5, mean, contrary)


def _axis(colours: Value) -> Value:
    """Return the first principal axis of colours (3, n), by the power method: float32 (1, 3)."""
    spread = colours - colours.mean(1).unsqueezed(1)
    power = spread @ spread.transposed + _EYE
    for _ in range(SQUARINGS):
        power = power / power.max()
        power = power @ power
    axis = op("Gather", power, op("ArgMax", (power * _EYE).sum(1), axis=0))
    axis = axis / abs(axis).sum()
    return where(axis.sum() < 0.0, -axis, axis)


class View(NamedTuple):
    """A part of a picture, of which each pixel is the mean of some.

    Attributes:
        window: int64 (4,), its first row and column in the picture, and those past its end.
        factor: int64 (1,), how many pixels of the picture are one of the view, across and down.
        levels: float32 (H, W), in grey levels.
    """

    window: Value
    factor: Value
    levels: Value

    def in_picture(self, box: Value) -> tuple[Value, Value]:
        """Return the ends of a box of the view, each int64 (2,), in pixels of the picture."""
        start, stop = self.window[:2], self.window[2:]
        return start + box[:2] * self.factor, (start + box[2:] * self.factor).at_most(stop)


@stage("view")
def view_of(grey: Value, window: Value) -> View:
    """Reduce a window, int64 (4,), of a grey picture to a view."""
    extent = window[2:] - window[:2]
    factor = (op("ReduceMax", extent, keepdims=1) + (VIEWING.side - 1)) / VIEWING.side
    size = (extent + (factor - 1)) / factor
    part = op("Slice", grey, window[:2], window[2:])
    part = op("Pad", part, joined(grey.graph, 0, 0, size * factor - extent), mode="edge")
    rows = part.reshaped(size[:1], factor, -1).mean(1)
    return View(window, factor, rows.reshaped(size, factor).mean(2))


@stage("closer")
def closer(view: View, box: Value, grey: Value) -> Value:
    """Return the window, int64 (4,), around a box of a view, with half its side as a margin."""
    first, last = view.in_picture(box)
    margin = op("ReduceMax", last - first, keepdims=1) / 2
    return joined(grey.graph, (first - margin).at_least(0), (last + margin).at_most(grey.shape))


@stage("background")
def background(levels: Value) -> Value:
    """Fit a quadratic surface, as light falls off smoothly: float32 (H, W).

    Least squares on a grid of samples, from the level of its rim, reweighted by the Cauchy function
    as Python's reading does. As no weight is over 1 and the polynomials are orthonormal, each round
    is a product, and comes closer (Böhning and Lindsay 1988).
    """
    sides = levels.shape[:1], levels.shape[1:]
    rows, columns = (side * _ODD / (2 * _GRID) for side in sides)
    samples = op("Gather", op("Gather", levels, rows), columns, axis=1)
    rim = op("Gather", samples.reshaped(-1), _RIM)
    times, least = FOREGROUNDS.spread

    def improved(_round: Value, factors: Value) -> Value:
        residual = samples - _BASIS @ factors @ _BASIS.T
        ratio = residual / (_median(abs(residual).reshaped(-1), _GRID**2) * times + least)
        weight = 1.0 + ratio * ratio
        return factors + _BASIS.T @ (residual / (weight * weight)) @ _BASIS * _QUADRATIC

    rounds = levels.graph.constant(FIT_ROUNDS)
    factors = repeat(rounds, _median(rim, len(_RIM)) * _FLAT, improved)
    down, across = (_polynomials(side) for side in sides)
    surface: Value = down @ factors @ across.transposed
    return surface


def _median(values: Value, count: int) -> Value:
    """Return the upper median of so many numbers."""
    return op("ReduceMin", op("TopK", values, np.array([count // 2])), keepdims=0)


def _polynomials(side: Value) -> Value:
    """Return the polynomials at the pixels of a side, int64 (1,): float32 (side, 3)."""
    place = (2.0 * arange(side) + 1.0) / side.to(np.float32) - 1.0
    return op("Pow", place.unsqueezed(1), np.arange(3, dtype=np.float32)) @ _FROM_POWERS


class Ink(NamedTuple):
    """What stands out from a background.

    Attributes:
        depth: float32 (H, W), grey levels from the background towards the ink; 0 on its other side.
        mask: float32 (H, W), 1 where there is ink.
        threshold: float32 (), the depth that full ink exceeds, in grey levels.
    """

    depth: Value
    mask: Value
    threshold: Value


@stage("ink")
def ink_of(difference: Value) -> Ink:
    """Tell the ink from the background: what is deepest, on one side of it, and deep enough.

    The threshold lies midway between the means of what it parts (Ridler and Calvard 1978). What is
    fainter, and not as faint as noise, is ink where it touches some.

    Args:
        difference: float32 (H, W), grey levels above the background.
    """
    light = (difference * difference * difference).sum() > 0.0
    depth = where(light, difference, -difference).at_least(0.0)
    pixels, everything = op("Size", depth).to(np.float32), depth.sum()
    threshold = depth.max() * 0.5
    paper = threshold
    for _ in range(THRESHOLD_ROUNDS):
        full = (depth > threshold).to(np.float32)
        count, inked = full.sum(), (full * depth).sum()
        paper = (everything - inked) / (pixels - count).at_least(1.0)
        threshold = (inked / count.at_least(1.0) + paper) * 0.5
    faint = (threshold * FOREGROUNDS.faint).at_least(paper * NOISE).at_most(threshold)
    full = (depth > threshold).to(np.float32)
    return Ink(depth, (depth > faint).to(np.float32) * _widened(full), threshold)


def _widened(mask: Value) -> Value:
    return _pool(mask.unsqueezed(0, 1), 3, 3).squeezed(0, 1)


def _pool(image: Value, *kernel: int) -> Value:
    return op("MaxPool", image, kernel_shape=kernel, pads=[side // 2 for side in kernel] * 2)


@stage("box")
def box_of(mask: Value) -> Value:
    """Return the first row and column of the digit, and those past its end: int64 (4,)."""
    first, last = [], []
    for other in (1, 0):
        profile = mask.sum(other)
        full = (profile >= profile.max() * EDGE).to(np.float32)
        first.append(op("ArgMax", full, axis=0))
        last.append(op("ArgMax", full, axis=0, select_last_index=1) + 1)
    return joined(mask.graph, *first, *last)


@stage("draw")
def drawn(ink: Ink, box: Value) -> Value:
    """Draw what is in a box as MNIST would, not yet centred: float32 (CANVAS, CANVAS), 0 to 1."""
    mask, start, stop = _within(ink.mask, box), box[:2].to(np.float32), box[2:].to(np.float32)
    side, area = (stop - start).max(), mask.sum().at_least(1.0)
    # Two outlines make a stroke; of square pixels, they are 4 / pi too long.
    width = area / (math.pi / 8 * _outline(mask)).at_least(1.0)
    contrast = (mask * ink.depth).sum() / area
    soft = (ink.depth / contrast.at_least(1.0)).clip(0, 1) * _widened(mask)

    scale = float(NORMALIZING.box) / side
    stroke = (scale * width).clip(NORMALIZING.min_stroke, NORMALIZING.max_stroke)
    stretched = (NORMALIZING.box - stroke) / (side - width).at_least(
        1.0
    )  # so that it fills the box
    differs = (abs(stroke - scale * width) > 1e-6) & (side > 2.0 * width)
    scale = where(differs, stretched, scale)
    times = NORMALIZING.supersampling
    radius = (stroke - scale * width) * (times / 2)
    step = 1.0 / (scale * times)
    first = (start + stop) * 0.5 - step * ((CANVAS - 1) / 2)
    down, across = (
        _resampling(first[axis], step, CANVAS, mask.shape[axis], cubic=True) for axis in (0, 1)
    )
    large = (down @ soft @ across.transposed).clip(0, 1)
    thin = radius > 0.0
    paper = where(thin, large, 1.0 - large)  # where it is too fat, what grows is the background
    grown = _thickened(paper, abs(radius))
    thick = where(thin, grown, 1.0 - grown)
    return where(thick.max() > 0.0, thick, large)


def _within(mask: Value, box: Value) -> Value:
    inside = []
    for axis in (0, 1):
        place = arange(mask.shape[axis : axis + 1])
        first, last = box[axis].to(np.float32), box[axis + 2].to(np.float32)
        inside.append((place >= first) & (place < last))
    return mask * (inside[0].unsqueezed(1) & inside[1]).to(np.float32)


def _outline(mask: Value) -> Value:
    """Return how many sides of pixels lie between what a mask holds and the rest."""
    padded = op("Pad", mask, np.array([1, 1, 1, 1]))
    across = padded.transposed
    return abs(padded[1:] - padded[:-1]).sum() + abs(across[1:] - across[:-1]).sum()


def _resampling(
    first: Value, step: Value, count: int, length: Value, *, cubic: bool = False
) -> Value:
    """Return what a row of pixels is resampled by: float32 (count, length).

    Where pixels become fewer each new one is the mean of what it covers; where they become more it
    is interpolated (Keys 1981).

    Args:
        first: the middle of the first new pixel, in pixels.
        step: how many pixels one of the new ones is wide.
        count: how many new ones there are.
        length: how many there are, int64 ().
        cubic: whether they may become more.
    """
    middle = (first + step * np.arange(count, dtype=np.float32)).unsqueezed(1)
    far = abs(arange(length) + 0.5 - middle)
    mean = ((step + 1.0) * 0.5 - far).clip(0, 1) / step
    if not cubic:
        return mean
    near, beside = far.at_most(1.0), far.at_least(1.0).at_most(2.0)
    lobes = ((2.5 - 0.5 * beside) * beside - 4.0) * beside + 2.0
    return where(step < 1.0, ((1.5 * near - 2.5) * near) * near + 1.0 + lobes, mean)


def _thickened(image: Value, radius: Value) -> Value:
    """Dilate by an octagon of a radius in pixels, of which there may be a part."""

    def once_more(number: Value, image: Value) -> Value:
        share = (radius - number.to(np.float32)).clip(0, 1)
        cross = op("Max", _pool(image, 3, 1), _pool(image, 1, 3))
        odd = op("Mod", number, 2) > 0
        return image + share * (where(odd, _pool(image, 3, 3), cross) - image)

    times = op("Ceil", radius).to(np.int64)
    return repeat(times, image.unsqueezed(0, 1), once_more).squeezed(0, 1)


@stage("centre")
def centred(canvas: Value) -> Value:
    """Put the centre of mass in the middle, and average: float32 (28, 28), ink 1 on 0."""
    graph, times = canvas.graph, NORMALIZING.supersampling
    mass = canvas.sum().at_least(1e-6)
    places = np.arange(CANVAS, dtype=np.float32) + np.float32(0.5)
    averages = []
    for other in (1, 0):
        middle = op("Round", (canvas.sum(other) * places).sum() / mass)  # so that nothing blurs
        step = graph.constant(times, np.float32)
        first = middle - NORMALIZING.centre * times
        averages.append(_resampling(first, step, SIZE, graph.constant(CANVAS)))
    field = averages[0] @ canvas @ averages[1].transposed
    return field / field.max().at_least(1e-6)


@stage("own")
def own_form(grey: Value) -> tuple[Value, Value]:
    """Tell whether a picture is in MNIST's own form, upright or inverted, and return it as that.

    Returns:
        bool (), and float32 (28, 28), ink 1 on 0.
    """
    part = op("Slice", grey, np.array([0, 0]), np.array([SIZE, SIZE]))
    part = op("Pad", part, joined(grey.graph, 0, 0, SIZE - part.shape)).unsqueezed(0)
    forms = op("Concat", part, 255.0 - part, axis=0)
    mass = forms.sum(1, 2).at_least(1.0)
    sides, far = [], []
    for other in (2, 1):
        profile = forms.sum(other)
        inked = (profile > 0.5).to(np.float32)
        last = op("ArgMax", inked, axis=1, keepdims=0, select_last_index=1)
        sides.append(last - op("ArgMax", inked, axis=1, keepdims=0) + 1)
        middle = (profile * np.arange(SIZE, dtype=np.float32)).sum(1) / mass
        far.append(abs(middle - NORMALIZING.centre))
    side = op("Max", *sides)
    fits = (side >= NORMALIZING.box - 1) & (side < NORMALIZING.box + 1)
    good = fits & (op("Max", *far) < NORMALIZING.off_centre) & (forms.max(1, 2) > 253.5)
    which = op("ArgMax", good.to(np.float32), axis=0, keepdims=0)
    exact = abs(grey.shape - SIZE).sum() < 1
    return op("Gather", good, which) & exact, op("Gather", forms, which) / 255.0
