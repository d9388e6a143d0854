"""Digits the package draws itself: pen strokes, varied as hands vary them, in MNIST's form.

A picture begins as one of the skeletons of `ALLOGRAPHS`. Its control points are missed as a hand
misses them, joined by splines, bent, slanted and stretched, and inked with a pen of uneven
pressure. The form is MNIST's (LeCun et al., "Gradient-based learning applied to document
recognition", 1998): scaled to a 20x20 box, and centred by mass in the 28x28 field.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_edge.contract import SIZE
from mnist_edge.data.dataset import Dataset, Split
from mnist_edge.errors import UsageError

Floats = NDArray[np.float64]

# The ways to write each digit: how often, relative to the digit's others, and the points the pen
# passes, "x,y" in percent of the digit's height with y downwards. The line is smooth, but for a
# corner where a point ends in "!"; "|" lifts the pen.
Allographs = dict[int, tuple[tuple[float, str], ...]]
ALLOGRAPHS: Allographs = {
    0: (
        (3, "42,0 12,18 0,52 12,86 40,100 64,82 72,48 60,14 38,1"),
        (2, "58,12 38,0 12,20 0,56 14,90 38,98 62,78 68,42 54,10 34,6"),
        (2, "34,2 10,20 2,60 20,97 50,95 70,60 64,22 46,4 30,10"),
        (1, "52,14 30,2 8,30 2,65 20,97 50,90 68,50 60,12 40,0 26,12 40,34"),
        (1, "12,4 6,50 10,96 44,88 68,50 48,12 6,8"),
        (1, "24,0 6,24 0,56 10,90 24,100 40,84 46,50 38,12 20,2"),
        (1, "26,14 4,40 2,70 30,98 66,84 84,50 66,16 40,10"),
        (0.5, "40,0 10,16 0,54 14,92 38,98 62,76 66,40 52,6 36,2 | 62,4 8,96"),
        (1, "22,6 4,30 2,70 24,100 56,90 72,56 64,20 44,0"),
    ),
    1: (
        (8, "0,0 0,100"),
        (3, "36,0 0,100"),
        (2, "10,0 0,50 8,100"),
        (2, "0,0 8,50 0,100"),
        (2, "0,24 22,0! 22,100"),
        (2, "8,10 20,0! 14,100"),
        (1, "0,22 26,0! 26,100 | 0,100 56,98"),
        (1, "4,14 26,0! 26,100 | 4,98 48,100"),
        (1, "6,0 2,86 14,100"),
        (1, "60,0 0,100"),
        (1, "0,18 18,6 28,0! 18,50 8,100"),
        (0.5, "0,18 14,2! 16,98 | 0,98 32,98"),
    ),
    2: (
        (2, "4,22 22,2 50,4 58,28 38,62 2,98! 36,94 72,96"),
        (3, "4,20 26,1 54,8 54,32 34,70 12,98 0,84 18,68 44,84 78,94"),
        (2, "2,6 30,4 56,6! 30,48 2,96! 34,96 68,94"),
        (2, "2,28 20,4 46,6 50,38 26,78 2,98! 26,84 46,92 74,88"),
        (1, "6,18 26,0 46,18 36,55 4,100! 58,98"),
        (3, "8,24 24,2 50,4 60,28 50,62 24,94 4,94 0,76 20,64 46,76 66,94"),
        (2, "6,18 32,0 54,18 46,58 22,96 2,96 0,78 24,66 50,86 80,88"),
        (1, "16,10 34,0 46,16 44,56 28,94 6,98 2,82 24,72 60,76 90,66"),
        (1, "4,40 24,20 48,24 44,56 14,86 2,96! 40,92 110,80"),
        (1, "4,12 22,2 32,20 24,58 2,98! 34,96 66,90"),
        (1, "20,36 4,24 20,2 48,8 52,34 36,66 6,98! 36,92 70,98"),
        (1, "4,8 30,2 56,6! 42,36 18,68 4,86! 36,84 66,98"),
        (3, "6,24 24,4 50,2 58,20 48,50 24,82 4,90 2,72 24,62 48,80 68,100"),
        (1, "6,16 34,4 56,30 48,72 22,98 4,90 10,66 36,66 56,72 76,66"),
        (2, "12,18 42,0 70,22 62,64 30,96 6,90 6,70 34,60 64,80 80,98"),
        (1, "20,2 40,8 48,34 30,68 2,96! 50,90 100,86"),
        (1, "0,12 36,6 84,2! 50,40 6,92! 50,94 96,90"),
        (1, "20,14 40,2 58,18 48,56 22,94 8,86 14,68 34,66 60,72"),
        (1, "10,20 26,4 44,6 48,32 24,72 0,98! 30,92 66,100"),
    ),
    3: (
        (3, "4,10 34,0 56,16 46,38 20,46! 52,54 60,76 38,98 2,92"),
        (2, "4,12 30,0 54,14 44,36 22,48 18,44 30,42 56,56 58,82 32,100 2,90"),
        (2, "4,3 30,2 54,3! 38,22 22,42! 52,52 58,80 34,100 0,90"),
        (2, "2,12 30,0 50,14 46,36 30,46 52,60 56,80 34,100 0,92"),
        (1, "0,20 24,0 48,12 38,40 20,50! 44,54 44,80 20,100 0,96"),
        (1, "2,14 26,0 58,8 40,34 18,46! 40,50 40,80 20,100 2,98"),
        (1, "6,12 34,0 54,14 44,38 26,46! 54,54 60,80 36,100 8,92 0,72"),
        (1, "4,10 30,0 50,12 42,34 24,44! 52,54 54,84 26,100 4,88 14,70 34,74"),
        (1, "24,14 46,0 62,8 48,30 30,40! 56,50 56,78 26,100 0,88"),
        (1, "4,6 26,0 40,12 28,36 16,46! 34,50 38,72 20,100 8,98"),
        (1, "4,8 30,2 62,2! 44,22 26,44! 56,46 66,62 58,82 46,100"),
        (0.5, "20,30 12,10 40,0 60,16 46,40 20,50 50,50 68,70 50,96 14,96 2,76"),
    ),
    4: (
        (3, "10,0 0,52! 32,52 64,48 | 54,4 48,50 44,100"),
        (2, "12,4 4,40 18,54 50,44 | 56,0 50,50 44,100"),
        (0.5, "46,0 24,34 0,66! 70,64 | 46,0 46,50 46,100"),
        (0.3, "62,62 32,62 0,60! 24,30 46,2! 44,50 42,100"),
        (2, "6,2 2,40 22,52 48,38 58,2! 50,50 44,100"),
        (1, "22,0 12,30 0,60! 34,60 70,56 | 46,34 40,100"),
    ),
    5: (
        (3, "14,4 10,44! 38,38 58,62 44,92 0,94 | 14,4 40,4 66,0"),
        (3, "66,2 42,3 18,4! 10,44! 42,40 56,70 36,98 0,92"),
        (2, "58,6 32,0 14,22 26,44 48,56 50,82 26,100 0,90"),
        (3, "84,0 58,6 32,12! 24,46! 50,58 46,88 8,98"),
        (2, "72,2 50,5 28,8! 20,42 46,60 40,90 0,96"),
        (2, "20,6 14,42! 40,36 60,60 44,96 14,98 2,80 | 20,6 44,3 70,4"),
        (1, "80,2 50,8 20,20! 12,50 44,46 52,74 26,98 0,92"),
        (1, "58,10 38,0 18,10 14,32 40,48 56,70 40,96 10,96 0,80"),
        (1, "70,2 42,4 16,6! 10,42! 44,38 60,64 44,94 14,96 4,82 8,68"),
        (1, "90,2 56,8 22,16! 14,48! 56,42 84,62 66,90 30,98 0,90"),
        (1, "6,8 8,46! 36,32 60,52 46,92 0,96 | 4,10 34,6 66,2"),
        (1, "64,4 18,6! 14,44! 44,40 56,68 34,98 8,88 12,62"),
    ),
    6: (
        (3, "46,0 16,36 4,74 26,100 52,84 46,60 22,60 6,80"),
        (3, "34,0 10,46 2,84 22,100 46,84 40,60 8,74"),
        (2, "52,2 16,24 0,66 18,98 52,96 66,70 44,54 14,70"),
        (2, "42,0 10,40 4,80 30,100 56,80 44,58 20,70 30,86"),
        (1, "10,0 4,60 8,94 32,98 46,74 28,56 6,70"),
        (2, "20,0 4,44 6,88 36,100 66,80 60,48 34,56 24,90"),
        (1, "30,0 8,44 2,88 30,94 52,76 36,64 16,76"),
        (1, "26,0 8,40 2,84 24,100 48,84 44,62 22,74 14,100"),
        (1, "20,0 4,40 4,84 24,98 54,84 56,54 34,56 24,80 60,88"),
        (1, "54,14 36,0 12,20 2,60 14,96 44,94 56,72 38,54 8,68"),
        (1, "26,0 10,44 4,90 34,96 66,80 62,66 40,74 26,100"),
        (1, "36,0 10,46 2,88 22,100 40,88 34,76 16,84"),
    ),
    7: (
        (3, "0,6 28,4 56,2! 36,48 24,100"),
        (2, "0,24 4,4! 32,4 58,4! 38,50 26,100"),
        (2, "0,6 28,5 56,4! 42,50 30,100 | 12,52 34,50 58,47"),
        (2, "0,22 16,4 44,2 52,20 34,60 22,100"),
        (2, "0,24 12,6 32,14 58,2! 36,50 22,100"),
        (1, "0,4 28,4 56,4! 56,50 54,100"),
        (1, "0,26 2,4! 28,4 56,4! 54,50 50,100"),
        (1, "0,24 6,4! 34,6 60,2! 42,50 30,100 | 12,58 36,56 60,55"),
        (1, "0,14 30,10 54,0! 36,46 24,96 | 8,56 32,48 54,36"),
        (1, "2,4 26,6 50,2! 36,50 24,100 | 2,62 30,58 60,56"),
        (0.3, "0,8 28,6 54,4! 34,50 22,98! 46,96"),
        (0.5, "0,22 10,8! 34,16 66,4! 44,50 34,100 | 20,54 70,50"),
        (0.5, "0,12 24,2 48,10 52,34 36,70 16,100"),
    ),
    8: (
        (3, "56,14 30,0 8,18 28,42 56,68 40,98 10,94 4,70 30,46 54,26 50,6"),
        (2, "30,46 8,30 14,6 46,2 54,26 30,46 4,64 8,92 36,100 58,82 52,60 28,46"),
        (2, "66,6 30,2 8,20 30,44 50,72 34,98 8,92 8,70 34,44 66,8"),
        (2, "50,20 24,2 8,22 40,52 46,82 22,100 4,82 26,54 52,26 66,6"),
        (1, "20,46 4,22 24,0 42,22 24,46 0,74 22,100 44,76 22,48"),
        (1, "58,6 34,2 14,18 28,42 42,64 34,94 10,98 2,78 22,54 48,30 64,2"),
        (2, "48,18 28,0 6,12 12,36 34,52 44,80 24,100 12,82 26,58 52,36 46,14"),
        (2, "70,14 36,8 14,26 30,52 40,80 20,98 2,84 20,60 46,36 84,16"),
        (0.5, "2,6 14,40 44,66 40,96 16,98 12,72 34,46 46,4"),
        (0.5, "12,100 26,60 50,26 40,2 14,4 10,24 34,56 56,100"),
        (2, "60,4 40,2 18,10 16,28 34,46 44,66 34,92 14,98 4,84 18,62 44,42 58,22 60,6"),
        (1, "72,2 48,4 16,14 22,34 40,54 36,88 14,98 4,84 22,60 52,34 76,0"),
        (0.5, "60,0 50,32 30,56 8,76 14,98 40,94 42,74 20,52 6,34 22,20 48,34"),
        (2, "40,48 10,34 12,8 50,0 74,20 46,46 10,62 6,90 44,100 76,84 66,58 36,46"),
        (1, "30,60 6,30 16,4 46,0 64,18 50,46 26,70 12,92 26,100 40,86 30,64"),
        (1, "100,6 50,4 6,14 34,50 50,80 26,100 14,84 50,46 96,10"),
        (1, "40,20 16,4 4,22 22,48 40,74 24,100 4,80 24,52 44,32 50,0"),
    ),
    9: (
        (3, "48,14 22,2 2,26 16,50 44,36 50,8! 48,50 44,100"),
        (2, "50,14 26,0 2,24 16,48 46,32 52,10 50,60 36,94 6,96"),
        (3, "46,10 18,6 2,34 20,48 48,24 50,6 36,56 20,100"),
        (1, "50,20 22,2 0,28 20,46 48,26 54,60 62,100"),
        (1, "48,4 12,12 8,40 38,38 50,4! 50,50 48,100"),
        (2, "36,2 10,22 0,46 18,52 40,34 52,6! 44,50 34,100"),
        (2, "60,16 30,0 2,22 8,48 40,42 62,14! 60,56 58,100"),
        (1, "64,30 36,4 6,20 8,48 44,46 66,24 70,60 64,100"),
        (2, "62,8 32,2 8,22 20,42 50,32 44,62 24,100"),
        (1, "34,10 16,0 2,16 14,32 34,22 38,6 36,52 30,100"),
        (1, "50,12 26,0 4,20 20,46 50,34 52,10! 50,60 36,98 6,92"),
        (1, "40,14 20,2 2,24 18,44 40,26 44,8 38,56 34,90 50,100"),
        (1, "66,20 44,0 8,14 2,44 26,58 58,40 66,16! 62,60 60,100"),
        (3, "58,10 34,2 6,24 14,48 44,38 54,24! 52,60 44,100"),
        (2, "52,8 26,4 2,30 18,52 46,36 56,18! 46,56 30,100"),
        (1, "60,14 34,2 6,18 10,40 36,40 52,22! 62,60 84,100"),
        (1, "60,20 44,2 20,6 2,30 14,48 40,42 60,18! 58,60 52,100"),
        (2, "30,10 16,0 2,18 12,36 28,22 32,4! 30,50 24,100"),
    ),
}

# The same, with ways that MNIST, written by Americans, has few of. Most are usual in Europe: a one
# has a flag, which may be as long as its stem, a four stands on a short leg, a seven is crossed,
# has a hook, or both, and a nine stands on a foot. A zero may be slashed, a two or a six angular.
OTHER_HANDS = ALLOGRAPHS | {
    0: (
        *ALLOGRAPHS[0],
        (4, "40,0 10,16 0,54 14,92 38,98 62,76 66,40 52,6 36,2 | 64,2 6,98"),
    ),
    1: (
        (1, "0,30 24,0! 20,100"),
        (2, "0,14 26,2! 24,100"),
        (1, "0,18 14,12 24,0! 20,100"),
        (1, "0,20 16,16 28,2! 12,100"),
        (2, "0,36 30,0! 30,100"),
        (2, "10,40 46,0! 30,100"),
        (1, "0,50 34,0! 34,100"),
        (1, "0,60 46,0! 36,100"),
        (1, "0,66 40,0! 40,100"),
        (1, "0,90 36,0! 36,100"),
        (2, "0,40 30,0! 30,100 | 4,98 58,98"),
    ),
    2: (
        *ALLOGRAPHS[2],
        (3, "0,0 50,0! 0,100! 54,100"),
    ),
    4: (
        (2, "30,0 0,68! 64,66 | 46,44 38,100"),
        (1, "34,0 0,76! 62,74 | 44,52 38,100"),
        (2, "28,0 6,40 0,68 16,74 62,62 | 46,40 34,100"),
        (1, "22,0 4,48 4,72 58,66 | 56,30 42,64 34,100"),
        (1, "40,0 0,70! 64,70 | 44,0 44,100"),
    ),
    6: (
        *ALLOGRAPHS[6],
        (4, "50,0 0,0! 0,100! 50,100! 50,50! 0,50"),
    ),
    7: (
        (1, "0,6 50,2! 28,100 | 14,52 52,50"),
        (1, "0,22 4,4! 54,2! 24,100"),
        (1, "0,4 54,2! 36,48 30,100 | 10,56 60,44"),
        (2, "0,20 0,4! 60,4! 30,100 | 10,50 56,50"),
    ),
    9: (
        (1, "44,10 22,0 2,16 10,38 32,38 44,12! 56,70 52,92! 4,98"),
        (1, "40,8 18,2 2,18 14,40 38,30 42,8! 54,60 52,88 8,96"),
        (1, "42,12 24,0 6,14 8,34 28,40 42,16! 48,56 42,90 18,98 0,86"),
    ),
}

TRAINING_COUNT, TRAINING_SEED = 60_000, 1
TEST_COUNT, TEST_SEED = 10_000, 2

BOX = 20  # side of the square that the ink fills, as in MNIST
SPACING = 0.04  # between the points that stand for a line, in heights of the digit
EDGE = 2.5  # sigmas from the middle of a stroke to its edge
CHUNK = 256  # pictures drawn at once, which bounds the memory


def load() -> Dataset:
    """Draw the synthetic dataset: 60,000 training and 10,000 test pictures, always the same."""
    return Dataset.from_arrays(
        "synthetic", generate(TRAINING_COUNT, TRAINING_SEED), generate(TEST_COUNT, TEST_SEED)
    )


def generate(count: int, seed: int, allographs: Allographs = ALLOGRAPHS) -> Split:
    """Draw digits: each label as often as any other, give or take one, in random order.

    The same count and seed give the same pictures.

    Args:
        count: how many, 0 or more.
        seed: which ones, 0 or more.
        allographs: the ways to write the digits that are drawn, as in `ALLOGRAPHS`.

    Raises:
        UsageError: the count or the seed is negative.
    """
    if count < 0 or seed < 0:
        raise UsageError(
            f"cannot draw {count} digits with seed {seed}.",
            remedy="give a count and a seed of 0 or more.",
        )
    rng = np.random.Generator(np.random.PCG64(seed))
    labels = rng.permutation(np.resize(np.array([*allographs], np.uint8), count))
    images = np.empty((count, SIZE, SIZE), np.uint8)
    for digit, ways in allographs.items():
        frequency = np.array([frequency for frequency, _ in ways])
        places = np.flatnonzero(labels == digit)
        choice = rng.choice(len(ways), len(places), p=frequency / frequency.sum())
        for number, (_, drawing) in enumerate(ways):
            skeleton = _skeleton(drawing)
            chosen = places[choice == number]
            for start in range(0, len(chosen), CHUNK):
                chunk = chosen[start : start + CHUNK]
                line = _write(skeleton, len(chunk), rng)
                images[chunk] = centred(inked(line, skeleton.begins, rng))
    return Split(images, labels)


class Skeleton(NamedTuple):
    """One way to write a digit: P control points, and the S points of the line they span.

    Attributes:
        control: (P, 2), x and y of the control points, in heights of the digit.
        stroke: (P,), the stroke a control point belongs to.
        inward: (P,), the neighbour of a control point that ends a stroke; any other's own index.
        basis: (S, P), the share of each control point in each point of the line.
        begins: (strokes,), the point of the line at which each stroke begins.
    """

    control: Floats
    stroke: NDArray[np.intp]
    inward: NDArray[np.intp]
    basis: Floats
    begins: NDArray[np.intp]


def _skeleton(drawing: str) -> Skeleton:
    """Read one drawing of `ALLOGRAPHS`."""
    strokes = [stroke.split() for stroke in drawing.split("|")]
    marks = [mark for stroke in strokes for mark in stroke]
    control = np.array([mark.rstrip("!").split(",") for mark in marks], np.float64) / 100
    inward = np.arange(len(marks))
    share = np.eye(len(marks))
    basis = np.empty((0, len(marks)))
    begins = []
    first = 0
    for stroke in strokes:
        last = first + len(stroke) - 1
        inward[[first, last]] = first + 1, last - 1
        begins.append(len(basis))
        corners = [first + i for i, mark in enumerate(stroke) if mark.endswith("!")]
        for start, end in pairwise([first, *corners, last]):
            piece = slice(start, end + 1)
            basis = np.concatenate([basis, _spline(control[piece]) @ share[piece]])
        first = last + 1
    stroke_of = np.repeat(np.arange(len(strokes)), [len(stroke) for stroke in strokes])
    return Skeleton(control, stroke_of, inward, basis, np.array(begins))


def _spline(points: Floats) -> Floats:
    """Return the shares of `points` in the points of a smooth line through them.

    It is the cubic Hermite spline whose slopes are finite differences over the chords; where the
    chords are equal that is the Catmull-Rom spline.
    """
    chords = np.linalg.norm(np.diff(points, axis=0), axis=1)
    value = np.eye(len(points))
    slope = np.gradient(value, np.cumsum([0, *chords]), axis=0)
    pieces = []
    for i, chord in enumerate(chords):
        t = np.linspace(0, 1, 1 + int(np.ceil(chord / SPACING)))[:, None]
        pieces.append(
            (1 - t) ** 2 * ((1 + 2 * t) * value[i] + t * chord * slope[i])
            + t**2 * ((3 - 2 * t) * value[i + 1] - (1 - t) * chord * slope[i + 1])
        )
    return np.concatenate(pieces)


def _write(skeleton: Skeleton, count: int, rng: np.random.Generator) -> Floats:
    """Return the line as `count` hands lead it: (count, S, 2), in heights of the digit."""
    normal = rng.standard_normal
    points = len(skeleton.control)
    # A hand misses the points it aims at, a careless one by more, and the place of a stroke as a
    # whole; strokes end early or late.
    careless = 0.03 * np.exp(0.4 * normal((count, 1, 1)))
    control = skeleton.control + careless * normal((count, points, 2))
    control += 0.03 * normal((count, len(skeleton.begins), 2))[:, skeleton.stroke]
    beyond = 0.05 + 0.2 * normal((count, points, 1))
    control += beyond * (control - control[:, skeleton.inward])
    line = skeleton.basis @ control

    # Elastic distortion by waves longer than the digit: one part grows, another leans or shrinks.
    for _ in range(3):
        phase = line @ (3 * normal((count, 2, 1))) + rng.uniform(0, 2 * np.pi, (count, 1, 1))
        line += 0.04 * normal((count, 1, 2)) * np.sin(phase)

    aspect = np.exp(rng.uniform(-0.3, 0.45, (count, 1)))
    slant = rng.uniform(-0.3, 0.5, (count, 1))
    turn = rng.uniform(-0.18, 0.18, (count, 1))
    x = aspect * line[..., 0] - slant * line[..., 1]
    y = line[..., 1]
    return np.stack([np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y], -1)


def inked(line: Floats, begins: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return pictures (N, 28, 28) of lines (N, S, 2), the box of the ink in the middle."""
    count = len(line)
    normal = rng.standard_normal
    half_width = 1.32 * np.exp(0.28 * normal((count, 1, 1)))  # of the stroke, in pixels
    sharpness = rng.uniform(0.6, 1.2, (count, 1, 1))  # from paper to ink per pixel

    low, high = line.min(1, keepdims=True), line.max(1, keepdims=True)
    extent = high - low
    step = np.linalg.norm(np.diff(line, axis=1, prepend=line[:, :1]), axis=2, keepdims=True)
    step[:, begins] = 0
    longest = extent.max(2, keepdims=True)
    # Where a line winds in a narrow place the pen is finer, and the loops stay open. The place is
    # measured by the covariance of the points, which does not grow with the slant. A straight line
    # has neither area nor windings, and any pen will do.
    winding = step.sum(1, keepdims=True) - np.linalg.norm(extent, axis=2, keepdims=True)
    offset = line - line.mean(1, keepdims=True)
    spread = offset.swapaxes(1, 2) @ offset / line.shape[1]
    area = np.sqrt(np.linalg.det(spread).clip(0))[:, None, None]
    room = BOX / longest * (area + 1e-4) / (winding.clip(0) + 1e-4)
    half_width = np.minimum(half_width, 3 * room)

    margin = half_width + 0.5 / sharpness
    scale = (BOX - 2 * margin) / longest
    line = (line - (low + high) / 2) * scale + SIZE / 2
    step *= scale

    waves = 0.25 * np.exp(0.5 * normal((count, 1, 1))) * np.cumsum(step, axis=1)
    phase = rng.uniform(0, 2 * np.pi, (count, 1, 1))
    pressure = 1 + 0.12 * normal((count, 1, 1)) * np.sin(waves + phase)

    # Every point leaves a Gaussian. Along a stroke they add up to a ridge of height 1 whose
    # logarithm is the squared distance to the stroke: a distance field without a search for the
    # nearest point. Half of the ridge is missing at the two ends of a stroke; `begins - 1` is where
    # the stroke before ended, and for the first stroke the end of the line.
    sigma = half_width * pressure / EDGE
    weight = (step + np.roll(step, -1, axis=1)) / 2 / (np.sqrt(2 * np.pi) * sigma)
    weight[:, np.concatenate([begins, begins - 1])] += 0.5
    pixels = np.arange(SIZE) + 0.5
    falloff = np.exp(-0.5 * ((line[..., None] - pixels) / sigma[..., None]) ** 2)
    ridge = (weight * falloff[:, :, 1]).swapaxes(1, 2) @ falloff[:, :, 0]
    distance = np.sqrt(-2 * np.log(np.clip(ridge, 1e-30, 1))) / EDGE  # in half widths

    rough = 0.08 * normal((count, SIZE, SIZE))
    ink: Floats = np.clip(0.5 + sharpness * (half_width * (1 - distance) + rough), 0, 1)
    ink /= ink.max((1, 2), keepdims=True)
    return np.rint(255 * ink).astype(np.uint8)


def centred(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Shift pictures by whole pixels until the centre of mass is in pixel (14, 14), as MNIST's."""
    half = SIZE // 2
    padded = np.pad(pictures, [(0, 0), (half, half), (half, half)])
    place = np.arange(SIZE)
    mass = pictures.sum((1, 2))
    rows, columns = (
        np.rint(pictures.sum(axis) @ place / mass).astype(np.intp)[:, None] + place
        for axis in (2, 1)
    )
    picture = np.arange(len(pictures))
    shifted: NDArray[np.uint8] = padded[picture[:, None, None], rows[:, :, None], columns[:, None]]
    return shifted
