"""The stages of reading as parts of an ONNX graph."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mnist_edge.contract import SIZE
from mnist_edge.formats.onnx.picture.graph import Value, either, op, repeat
from mnist_edge.runtime.reading.parameters import (
    BACKGROUNDS,
    NORMALIZING,
    VIEWING,
)

F = np.float32


def where(c, a, b):
    v = a if isinstance(a, Value) else b
    v = next((each for each in (a, b) if isinstance(each, Value)))
    a, b = (each if isinstance(each, Value) else v.graph.constant(each, v.dtype) for each in (a, b))
    return op("Where", c, a, b, dtype=v.dtype)


def vec(*scalars):
    parts = [op("Reshape", s, np.array([1])) if isinstance(s, Value) else np.array([s]) for s in scalars]
    return op("Concat", *parts, axis=0)


def amax(v):
    return op("ReduceMax", v, keepdims=0)


def total(v, axis=None):
    if axis is None:
        return op("ReduceSum", v, keepdims=0)
    return op("ReduceSum", v, np.array([axis]), keepdims=0)


def arange(n):
    """float32 0..n-1"""
    return op("Range", n.graph.constant(0, np.int64), n, n.graph.constant(1, np.int64), dtype=np.int64).to(F)


def median(v, count):
    flat = op("Reshape", v, np.array([-1]))
    top = op("TopK", flat, np.array([count // 2]))
    return op("ReduceMin", top, keepdims=0)


def colours_of(picture):
    shape = op("Shape", picture)
    size = op("Slice", shape, np.array([0]), np.array([2]))
    return op("Reshape", picture, op("Concat", size, np.array([-1]), axis=0))


def opaque(pixels):
    """uint8 (H,W,C) -> float32 (H,W,1|3)"""
    channels = op("Shape", pixels)[2]

    def composed():
        values = pixels.to(F)
        big = np.array([1 << 30])
        colours = op("Slice", values, np.array([0]), np.array([3]), np.array([2]))
        alpha = op("Slice", values, np.array([3]), np.array([4]), np.array([2])) / 255.0
        step = vec(op("Max", amax(op("Slice", op("Shape", pixels), np.array([0]), np.array([2]))) / 64, 1))
        steps = op("Concat", step, step, axis=0)
        few = [op("Slice", v, np.array([0, 0]), np.array([1 << 30, 1 << 30]), np.array([0, 1]), steps) for v in (colours, alpha)]
        seen = op("Max", total(few[1]), 1e-6)
        mean = op("ReduceSum", few[0] * few[1], np.array([0, 1]), keepdims=1) / seen
        cover = op("ReduceMean", few[1], keepdims=0)
        light = op("ReduceMean", mean, keepdims=0) > 127.5
        page = where(light, colours.graph.constant(0, F), colours.graph.constant(255, F))
        paper = where(cover > 0.5, mean, page)
        return paper + alpha * (colours - paper)

    return either(op("Equal", channels, 4), composed, lambda: pixels.to(F))


def along_contrast(colours):
    """float32 (H,W,C) -> (H,W)"""
    shape = op("Shape", colours)
    step = amax(op("Slice", shape, np.array([0]), np.array([2]))).to(F)
    step = op("Ceil", step / 64.0).to(np.int64)
    sample = op("Slice", colours, np.array([0, 0]), np.array([1 << 30, 1 << 30]), np.array([0, 1]), vec(step, step))
    channels = op("Slice", shape, np.array([2]), np.array([3]))
    rows = op("Reshape", sample, op("Concat", np.array([-1]), channels, axis=0))
    spread = rows - op("ReduceMean", rows, axes=[0])
    power = op("Transpose", spread, perm=[1, 0]) @ spread
    eye = op("EyeLike", power)
    power = power + eye
    for _ in range(5):
        power = power / amax(power)
        power = power @ power
    axis = op("Gather", power, op("ArgMax", total(power * eye, 1), axis=0, keepdims=0))
    axis = axis / total(op("Abs", axis))
    axis = where(total(axis) < 0, -axis, axis)
    flat = op("Reshape", colours, op("Concat", np.array([-1]), channels, axis=0))
    column = op("Unsqueeze", axis, np.array([1]))
    level = flat @ column - 255.0 * total(op("Min", axis, 0.0))
    return op("Reshape", level, op("Slice", shape, np.array([0]), np.array([2])))


def view_of(grey, window):
    """Window int64 (4,): left, top, right, bottom -> float (h,w), factor int64."""
    start, end = op("Gather", window, np.array([1, 0])), op("Gather", window, np.array([3, 2]))
    extent = end - start
    factor = (amax(extent) + (VIEWING.side - 1)) / VIEWING.side
    count = (extent + (factor - 1)) / factor
    part = op("Slice", grey, start, end, np.array([0, 1]))
    more = op("Concat", np.array([0, 0]), count * factor - extent, axis=0)
    padded = op("Pad", part, more, mode="edge")
    h, w = count[0], count[1]
    rows = op("ReduceMean", op("Reshape", padded, vec(h, factor, w * factor)), axes=[1], keepdims=0)
    small = op("ReduceMean", op("Reshape", rows, vec(h, w, factor)), axes=[2], keepdims=0)
    return small, factor


_NODES = (2 * np.arange(BACKGROUNDS.grid) + 1) / BACKGROUNDS.grid - 1
_MONOMIALS = np.stack([_NODES**0, _NODES, _NODES**2], axis=1)
_Q, _R = np.linalg.qr(_MONOMIALS)
_T = np.linalg.inv(_R)
_P = _Q.astype(F)
_DEGREE = (np.add.outer(range(3), range(3)) <= 2).astype(F)
_RING = np.flatnonzero(np.pad(np.zeros((14, 14)), 1, constant_values=1).ravel())


def basis(n):
    u = (2.0 * arange(n) + 1.0) / n.to(F) - 1.0
    u = op("Unsqueeze", u, np.array([1]))
    mono = op("Concat", op("Mul", u, 0.0) + 1.0, u, u * u, axis=1)
    return mono @ _T.astype(F)


def size_of(v, axis):
    return op("Gather", op("Shape", v), axis)


def background(view, rounds=8, ring=True):
    h, w = size_of(view, 0), size_of(view, 1)
    odd = view.graph.constant(2 * np.arange(16) + 1, np.int64)
    rows = op("Gather", view, odd * h / 32, axis=0)
    level = op("Gather", rows, odd * w / 32, axis=1)
    if ring:
        flat = op("Reshape", level, np.array([-1]))
        middle = median(op("Gather", flat, _RING), len(_RING))
    else:
        middle = median(level, 256)
    times, least = BACKGROUNDS.spread
    start = middle * (_P.T @ np.ones((16, 16), F) @ _P).astype(F)

    def improve(_n, factors):
        rest = level - op("MatMul", factors.graph.constant(_P, F) @ factors, _P.T.copy())
        scale = median(op("Abs", rest), 256) * times + least
        r = rest / scale
        weight = 1.0 + r * r
        weight = 1.0 / (weight * weight)
        step = factors.graph.constant(_P.T.copy(), F) @ (weight * rest) @ _P
        return factors + step * _DEGREE

    factors = repeat(view.graph.constant(rounds, np.int64), start, improve)
    return basis(h) @ factors @ op("Transpose", basis(w), perm=[1, 0])


class Ink(NamedTuple):
    depth: Value
    mask: Value
    threshold: Value
    sign: Value
    relief: Value


def foreground(relief, *, rounds=6, power=3):
    up, down = op("Max", relief, 0.0), op("Max", -relief, 0.0)
    cube = total(relief * relief * relief)
    light = cube > 0.0
    depth = where(light, up, down)
    top = amax(depth)
    t = top * 0.5
    for _ in range(rounds):
        m = (depth > t).to(F)
        n = total(m)
        s = total(m * depth)
        whole = total(depth)
        count = op("Size", depth, dtype=np.int64).to(F)
        above = s / op("Max", n, 1.0)
        below = (whole - s) / op("Max", count - n, 1.0)
        t = (above + below) * 0.5
    mask = (depth > t).to(F)
    return Ink(depth, mask, t, light, relief)


def extent_of(profile, share):
    on = (profile >= share * amax(profile)).to(F)
    first = op("ArgMax", on, axis=0, keepdims=0)
    last = op("ArgMax", on, axis=0, keepdims=0, select_last_index=1) + 1
    return first, last


def box_of(mask, share=0.02):
    left, right = extent_of(total(mask, 0), share)
    top, bottom = extent_of(total(mask, 1), share)
    return left, top, right, bottom


def closer(box, factor, window, grey):
    """Window around a box (view px) in picture px: with half its side as margin."""
    left, top = window[0], window[1]
    x0, y0, x1, y1 = box
    x0, x1 = left + x0 * factor, left + x1 * factor
    y0, y1 = top + y0 * factor, top + y1 * factor
    side = op("Max", x1 - x0, y1 - y0)
    margin = side / 2
    h, w = size_of(grey, 0), size_of(grey, 1)
    return vec(
        op("Max", x0 - margin, 0), op("Max", y0 - margin, 0),
        op("Min", x1 + margin, w), op("Min", y1 + margin, h),
    )


def weights(first, step, count, length):
    """(count, length) matrix: rows of a resampling; first centre, in pixels (edge coordinates)."""
    centres = first + step * np.arange(count, dtype=F)
    centres = op("Unsqueeze", centres, np.array([1]))
    pos = op("Unsqueeze", arange(length) + 0.5, np.array([0]))
    width = op("Max", step, 1.0)
    return op("Clip", (width + 1.0) * 0.5 - op("Abs", pos - centres), np.array(0, F), np.array(1, F)) / width


CANVAS = 24


def crop_mask(mask, box):
    """mask within box"""
    x0, y0, x1, y1 = (b.to(F) for b in box)
    h, w = size_of(mask, 0), size_of(mask, 1)
    px, py = arange(w), arange(h)
    inx = ((px >= x0) & (px < x1)).to(F)
    iny = ((py >= y0) & (py < y1)).to(F)
    return mask * inx * op("Unsqueeze", iny, np.array([1]))


def pool(x, kernel):
    pads = [k // 2 for k in kernel]
    return op("MaxPool", x, kernel_shape=list(kernel), pads=pads + pads)


def as4(x):
    return op("Unsqueeze", x, np.array([0, 1]))


def as2(x):
    return op("Squeeze", x, np.array([0, 1]))


def outline_length(mask):
    padded = op("Pad", mask, np.array([1, 1, 1, 1]))
    def diff(axis):
        a = op("Slice", padded, np.array([1]), np.array([1 << 30]), np.array([axis]))
        b = op("Slice", padded, np.array([0]), np.array([-1]), np.array([axis]))
        return total(op("Abs", a - b))
    return diff(0) + diff(1)


def thicken(x, radius):
    """(h,w) 0..1 by real radius >= 0."""
    n = op("Ceil", radius).to(np.int64)
    def step(number, before):
        amount = op("Clip", radius - number.to(F), np.array(0, F), np.array(1, F))
        odd = op("Mod", number, 2) > 0
        cross = op("Max", pool(before, (3, 1)), pool(before, (1, 3)))
        square = pool(before, (3, 3))
        return before + amount * (where(odd, square, cross) - before)
    return as2(repeat(n, as4(x), step))


def draw(ink, box):
    mask = crop_mask(ink.mask, box)
    area = total(mask)
    outline = outline_length(mask)
    stroke = area / op("Max", outline * float(np.pi / 8), 1.0)
    x0, y0, x1, y1 = (b.to(F) for b in box)
    side = op("Max", x1 - x0, y1 - y0)
    near = as2(pool(as4(mask), (3, 3)))
    contrast = total(mask * ink.depth) / op("Max", area, 1.0)
    soft = op("Clip", ink.depth / op("Max", contrast, 1.0), np.array(0, F), np.array(1, F)) * near
    scale = float(NORMALIZING.box) / side
    drawn = scale * stroke
    target = op("Clip", drawn, np.array(NORMALIZING.min_stroke, F), np.array(NORMALIZING.max_stroke, F))
    differs = (op("Abs", target - drawn) > 1e-6) & (side > 2.0 * stroke)
    scale = where(differs, (float(NORMALIZING.box) - target) / op("Max", side - stroke, 1.0), scale)
    times = NORMALIZING.supersampling
    radius = (target - scale * stroke) * (times / 2)
    step = 1.0 / (scale * float(times))
    n = CANVAS * times
    h, w = size_of(mask, 0), size_of(mask, 1)
    fx = (x0 + x1) * 0.5 - step * ((n - 1) / 2)
    fy = (y0 + y1) * 0.5 - step * ((n - 1) / 2)
    canvas = weights(fy, step, n, h) @ soft @ op("Transpose", weights(fx, step, n, w), perm=[1, 0])
    fat = radius < 0.0
    flipped = where(fat, 1.0 - canvas, canvas)
    thick = thicken(flipped, op("Abs", radius))
    thick = where(fat, 1.0 - thick, thick)
    thick = where(amax(thick) > 0.0, thick, canvas)
    return thick, stroke, radius


def centre(canvas):
    times = NORMALIZING.supersampling
    n = CANVAS * times
    mass = op("Max", total(canvas), 1e-6)
    positions = np.arange(n, dtype=F) + F(0.5)
    g = canvas.graph.constant(positions, F)
    cy = total(total(canvas, 1) * g) / mass
    cx = total(total(canvas, 0) * g) / mass
    offset = (0.5 - NORMALIZING.centre - 0.5) * times
    length = canvas.graph.constant(n, np.int64)
    step = canvas.graph.constant(times, F)
    field = weights(cy + offset, step, SIZE, length) @ canvas @ op("Transpose", weights(cx + offset, step, SIZE, length), perm=[1, 0])
    return field / op("Max", amax(field), 1e-6)


def own_form(grey):
    """Whether it is MNIST's own form, and that: float32 (28,28) 0..1."""
    shape = op("Shape", grey)
    part = op("Slice", grey, np.array([0, 0]), np.array([SIZE, SIZE]), np.array([0, 1]))
    more = SIZE - op("Shape", part)
    part = op("Pad", part, op("Concat", np.array([0, 0]), more, axis=0))
    forms = op("Concat", op("Unsqueeze", part, np.array([0])), op("Unsqueeze", 255.0 - part, np.array([0])), axis=0)
    full = op("ReduceMax", forms, axes=[1, 2], keepdims=0) >= 253.5
    mass = op("Max", op("ReduceSum", forms, np.array([1, 2]), keepdims=0), 1.0)
    sides, near = [], []
    for axis in (1, 2):
        profile = op("ReduceSum", forms, np.array([3 - axis]), keepdims=0)
        on = (profile > 0.5).to(F)
        first = op("ArgMax", on, axis=1, keepdims=0)
        last = op("ArgMax", on, axis=1, keepdims=0, select_last_index=1)
        sides.append(last - first + 1)
        at = total(profile * np.arange(SIZE, dtype=F), 1) / mass
        near.append(op("Abs", at - float(NORMALIZING.centre)) < NORMALIZING.off_centre)
    side = op("Max", *sides)
    fits = (side >= NORMALIZING.box - 1) & (side < NORMALIZING.box + 1)
    is28 = op("Equal", amax(shape), SIZE) & op("Equal", op("ReduceMin", shape, keepdims=0), SIZE)
    good = full & fits & near[0] & near[1] & is28
    which = op("ArgMax", good.to(F), axis=0, keepdims=0)
    return op("Gather", good, which), op("Gather", forms, which, axis=0) / 255.0
