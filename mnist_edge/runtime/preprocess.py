"""From a picture to the 28x28 field of MNIST: find the ink, size it, centre it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

VERSION = 1
SIZE = 28
BOX = 20
WORK = 192  # longer side on which the ink is looked for
REACH = 0.3
POW = 2
LEVELS = 8
MIN_STROKE = 2.2
SUPER = 4


@dataclass(frozen=True)
class Reading:
    image: NDArray[np.uint8]
    ink: bool
    polarity: str = ""
    box: tuple = ()
    stroke_width: float = 0
    passed_through: bool = False
    debug: dict = None


def is_mnist(gray):
    if gray.shape != (SIZE, SIZE) or gray.max() < 254:
        return False
    ys, xs = np.nonzero(gray)
    if not 19 <= max(np.ptp(ys), np.ptp(xs)) + 1 <= BOX:
        return False
    w = gray[ys, xs].astype(float)
    return max(abs(ys @ w / w.sum() - 14), abs(xs @ w / w.sum() - 14)) <= 0.51


def preprocess(picture):
    if picture.size == (SIZE, SIZE):
        g = np.asarray(picture)
        if g.ndim == 3 and (np.ptp(g, axis=2) == 0).all():
            g = g[..., 0]
        if g.ndim == 2 and is_mnist(g):
            return Reading(g, True, passed_through=True)
    region = (0, 0, *picture.size)
    for i in range(4):
        factor = max(1, -(-max(region[2] - region[0], region[3] - region[1]) // WORK))
        work = picture.reduce(factor, box=region)
        g = flatten_colour(np.asarray(work))
        best = None
        q = g - surface(g)
        for d in (q - np.median(q), g - ground(g, WINDOW)):
            if np.abs(d).max() < 12: continue
            t = otsu(np.abs(d) ** GAMMA) ** (1 / GAMMA)
            for pol, f in (('dark', -1), ('light', 1)):
                c = look(g * f, d * f, t)
                if c is not None and (best is None or c[0] > best[0]): best = (*c, pol)
        if best is None: return Reading(np.zeros((28, 28), np.uint8), False)
        score, diff, mask, box, pol = best
        w, h = box[2] - box[0], box[3] - box[1]
        side = max(w, h)
        solid = mask.sum() / (h * w) > SOLID and side < 2.5 * min(h, w) and min(h, w) > 16
        if solid: m = -max(1, side // 25)
        elif side <= 0.5 * max(diff.shape): m = side // 2
        else: break
        region = (max(region[0], region[0] + (box[0] - m) * factor), max(region[1], region[1] + (box[1] - m) * factor),
                  min(region[2], region[0] + (box[2] + m) * factor), min(region[3], region[1] + (box[3] + m) * factor))
    img, sw = render(np.maximum(diff, 0), mask)
    return Reading(img, True, pol, box, sw, debug=dict(diff=diff, mask=mask))

WINDOW = 0.5
GAMMA = 0.75
HUG=0.4
BAND=0.06
RECT=0.85
SPAN=0.9
SPECK=0.02
SOLID = 0.78
LEV = 64
def ground(g, share):
    f = max(1, max(g.shape) // 24)
    small = np.asarray(Image.fromarray(g).reduce(f)) if f > 1 else g
    k = max(1, round(share * max(small.shape)))
    lev = np.linspace(small.min(), small.max(), LEV + 1)[:, None, None]
    c = (small <= lev).astype(np.int32)
    for ax in (1, 2):
        n = c.shape[ax]; kk = min(k, n)
        c = np.insert(np.cumsum(c, axis=ax), 0, 0, axis=ax)
        lo = np.clip(np.arange(n) - kk // 2, 0, n - kk)
        c = np.take(c, lo + kk, axis=ax) - np.take(c, lo, axis=ax)
    half = c[-1] / 2
    j = np.argmax(c >= half, axis=0)
    hi = np.take_along_axis(c, j[None], 0)[0]; lo = np.take_along_axis(c, np.maximum(j - 1, 0)[None], 0)[0] * (j > 0)
    step = float(lev[1, 0, 0] - lev[0, 0, 0])
    med = lev[0, 0, 0] + step * (j - 1 + np.where(j > 0, (half - lo) / np.maximum(hi - lo, 1), 1))
    return np.asarray(Image.fromarray(med.astype(np.float32)).resize((g.shape[1], g.shape[0]), Image.BILINEAR))

def look(f, diff, t):
    mask = diff > t
    if not mask.any(): return None
    lab, st = components(mask)
    ok = st["contact"] < 0.4 * st["outline"]
    if not ok.any():
        return None
    ok &= st["area"] > 0.02 * st["area"][ok].max()
    long = np.maximum(st["x1"] - st["x0"], st["y1"] - st["y0"])
    main = np.argmax(np.where(ok, long, 0))
    keep = np.zeros(len(ok), bool)
    keep[main] = True
    box = [st[q][main] for q in ("x0", "y0", "x1", "y1")]
    while True:
        gap = np.maximum(
            np.maximum(st["x0"] - box[2], box[0] - st["x1"]),
            np.maximum(st["y0"] - box[3], box[1] - st["y1"]),
        )
        new = ok & ~keep & (gap < 0.2 * long[main])
        if not new.any():
            break
        keep |= new
        box = [
            st["x0"][keep].min(),
            st["y0"][keep].min(),
            st["x1"][keep].max(),
            st["y1"][keep].max(),
        ]
    m = np.concatenate([[False], keep])[lab]
    total = n = 0.0
    for ax in (0, 1):
        cut = np.diff(m.astype(np.int8), axis=ax)
        step = np.diff(f, axis=ax)[cut != 0] * cut[cut != 0]
        total += np.maximum(step, 0).sum()
        n += len(step)
    if n == 0:
        return None
    n += st["contact"][keep].sum()
    return total * (total / n) ** POW, diff, m, box


def components(mask):
    h, w = mask.shape
    stride = w + 2
    padded = np.zeros((h, stride), np.int8)
    padded[:, 1:-1] = mask
    step = np.diff(padded.ravel(), append=0)
    start, end = np.flatnonzero(step == 1) + 1, np.flatnonzero(step == -1) + 1
    first = np.searchsorted(end + stride, start, "left")
    last = np.searchsorted(start + stride, end, "right")
    n = np.maximum(last - first, 0)
    below = np.repeat(np.arange(len(start)), n)
    above = np.arange(n.sum()) - np.repeat(n.cumsum() - n, n) + np.repeat(first, n)
    root = np.arange(len(start))
    while True:
        low = np.minimum(root[below], root[above])
        new = root.copy()
        np.minimum.at(new, root[below], low)
        np.minimum.at(new, root[above], low)
        new = new[new]
        if (new == root).all():
            break
        root = new
    names, run = np.unique(root, return_inverse=True)
    lab = np.zeros(h * stride, np.int32)
    lab[
        np.repeat(start, end - start)
        + np.arange((end - start).sum())
        - np.repeat((end - start).cumsum() - (end - start), end - start)
    ] = np.repeat(run + 1, end - start)
    lab = lab.reshape(h, stride)
    k = len(names)
    edge = lab[:, 1:] != lab[:, :-1]
    out = np.bincount(lab[:, 1:][edge], minlength=k + 1) + np.bincount(
        lab[:, :-1][edge], minlength=k + 1
    )
    L = np.pad(lab[:, 1:-1], ((1, 1), (0, 0)))
    edge = L[1:] != L[:-1]
    out = (
        out + np.bincount(L[1:][edge], minlength=k + 1) + np.bincount(L[:-1][edge], minlength=k + 1)
    )
    lab = lab[:, 1:-1]
    ring = np.concatenate([lab[0], lab[-1], lab[:, 0], lab[:, -1]])
    row, x0, x1 = start // stride, start % stride - 1, end % stride - 1
    st = dict(
        area=np.bincount(run, end - start, minlength=k),
        outline=out[1:].astype(float),
        contact=np.bincount(ring, minlength=k + 1)[1:],
        x0=np.full(k, w),
        y0=np.full(k, h),
        x1=np.zeros(k, int),
        y1=np.zeros(k, int),
    )
    np.minimum.at(st["x0"], run, x0)
    np.minimum.at(st["y0"], run, row)
    np.maximum.at(st["x1"], run, x1)
    np.maximum.at(st["y1"], run, row + 1)
    return lab, st


def flatten_colour(a):
    if a.ndim == 2:
        return a.astype(np.float32)
    p = a.reshape(-1, 3).astype(np.float32)
    p = p - np.median(p, axis=0)
    _, vec = np.linalg.eigh(p.T @ p)
    v = vec[:, -1]
    v = v / np.abs(v).sum() * np.sign(v.sum())
    return a.astype(np.float32) @ v.astype(np.float32)


def surface(g):
    h, w = g.shape
    f = max(1, max(h, w) // 32)
    y, x = np.mgrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j] if h > 1 and w > 1 else np.zeros((2, h, w))
    terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], -1)
    T = terms[::f, ::f].reshape(-1, 6)
    v = g[::f, ::f].ravel()
    rim = np.zeros(g.shape, bool)
    rim[[0, -1]] = rim[:, [0, -1]] = True
    r = rim[::f, ::f].ravel()
    base = np.median(g[rim])
    res = v - base
    for i in range(4):
        s = 1.5 * np.median(np.abs(res)) + 4
        wt = 1 / (1 + (res / s) ** 2)
        c = np.linalg.lstsq(T * wt[:, None], v * wt, rcond=None)[0]
        res = v - T @ c
    return terms @ c


def dil(a, k):
    """Running maximum over a k-wide centred window along both axes"""
    for ax in (0, 1):
        n = k
        pad = [(0, 0), (0, 0)]
        pad[ax] = (k // 2, k - 1 - k // 2)
        b = np.pad(a, pad, mode="edge")
        b = np.moveaxis(b, ax, 0)
        step = 1
        while step < k:
            s = min(step, k - step)
            b = np.maximum(b[s:], b[: len(b) - s])
            step += s
        a = np.moveaxis(b, 0, ax)
    return a


def otsu(v, lo=0.0, hi=None, bins=128):
    hi = float(v.max())
    h, e = np.histogram(v, bins, (0, hi))
    c = (e[1:] + e[:-1]) / 2
    w0 = h.cumsum()
    w1 = w0[-1] - w0
    m = (h * c).cumsum()
    mu0 = m / np.maximum(w0, 1)
    mu1 = (m[-1] - m) / np.maximum(w1, 1)
    return c[np.argmax(w0 * w1 * (mu0 - mu1) ** 2)]


def render(diff, mask):
    ys, xs = np.nonzero(mask)
    y0, y1, x0, x1 = ys.min(), ys.max() + 1, xs.min(), xs.max() + 1
    near = dil(mask.astype(np.uint8), 3) > 0
    d = np.where(near, diff, 0)[max(0, y0 - 1) : y1 + 1, max(0, x0 - 1) : x1 + 1]
    peak = np.percentile(diff[mask], 75)
    d = np.clip(d / peak, 0, 1)
    h, w = y1 - y0, x1 - x0
    scale = SUPER * BOX / max(h, w)
    im = Image.fromarray((d * 255).astype(np.uint8))
    size = max(1, round(im.width * scale)), max(1, round(im.height * scale))
    big = np.asarray(im.resize(size, Image.BICUBIC if scale > 1 else Image.BOX))
    big = np.pad(big, 4 * SUPER)
    m = big > 127
    edge = (m[1:] != m[:-1]).sum() + (m[:, 1:] != m[:, :-1]).sum()
    sw = 2 * m.sum() / max(1, edge * np.pi / 4) / SUPER
    if sw < MIN_STROKE:
        rr = (MIN_STROKE - sw) * SUPER / 2
        big = disk_dilate(big, rr)
    wy, wx = big.sum(1).astype(float), big.sum(0).astype(float)
    cy = wy @ np.arange(len(wy)) / wy.sum()
    cx = wx @ np.arange(len(wx)) / wx.sum()
    n = SIZE * SUPER
    # centre (cy + .5) to be at 14*SUPER
    oy, ox = round(cy + 0.5 - n / 2 - SUPER / 2), round(cx + 0.5 - n / 2 - SUPER / 2)
    out = np.zeros((n, n), np.float32)
    ya, xa = max(0, -oy), max(0, -ox)
    src = big[max(0, oy) : max(0, oy) + n - ya, max(0, ox) : max(0, ox) + n - xa]
    out[ya : ya + src.shape[0], xa : xa + src.shape[1]] = src
    o = out.reshape(SIZE, SUPER, SIZE, SUPER).mean((1, 3))
    if o.max() > 0:
        o *= 255 / o.max()
    return np.rint(o).astype(np.uint8), sw


def disk_dilate(a, r):
    n = int(np.ceil(r))
    p = np.pad(a, n)
    out = a.copy()
    for dy in range(-n, n + 1):
        for dx in range(-n, n + 1):
            if 0 < dy * dy + dx * dx <= r * r + 0.5:
                np.maximum(out, p[n + dy : n + dy + a.shape[0], n + dx : n + dx + a.shape[1]], out)
    return out


def describe():
    return {"size": SIZE, "box": BOX}
