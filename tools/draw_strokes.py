"""Draw 200 digits as a pointer would, stroke by stroke, for the tests of the page to replay.

python tools/draw_strokes.py writes tests/page/strokes.json, always the same. The shapes were
designed by hand, a few for each digit; size, place, slant, speed and unsteadiness are random within
the bounds of ten styles. They are nobody's handwriting.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

OUT = Path(__file__).parents[1] / "tests" / "page" / "strokes.json"

SIDE = 400  # of the sheet, in units
MARGIN = 12  # of it
EACH = 2  # of every style and digit
TICK = 8.0  # milliseconds between two positions of a mouse, of 125 a second

# float64 (N, 2): x to the right and y down, in heights of the digit.
Path2D: TypeAlias = NDArray[np.float64]
Shape: TypeAlias = list[Path2D]


class Style(NamedTuple):
    """How a digit is drawn.

    Attributes:
        height: least and greatest, in units of the sheet.
        pen: width of the pen, likewise.
        speed: units a millisecond, in the middle of a stroke.
        slant: greatest, in degrees, to either side.
        wobble: of the hand, in heights of the digit.
        corner: whether it lies in a corner, else about the middle.
    """

    height: tuple[int, int] = (220, 300)
    pen: tuple[int, int] = (18, 28)
    speed: tuple[float, float] = (0.5, 1.2)
    slant: float = 8
    wobble: float = 0.008
    corner: bool = False


STYLES = {
    "plain": Style(),
    "slow": Style(speed=(0.3, 0.5)),
    "fast": Style(speed=(3.0, 5.0), wobble=0.012),
    "large": Style(height=(340, 370)),
    "small": Style(height=(60, 100), pen=(7, 11), speed=(0.15, 0.5)),
    "corner": Style(height=(110, 170), pen=(12, 18), corner=True),
    "thick": Style(pen=(38, 52)),
    "thin": Style(pen=(6, 9)),
    "slanted": Style(slant=24),
    "unsteady": Style(wobble=0.022, speed=(0.3, 0.8)),
}


def arc(x: float, y: float, rx: float, ry: float, start: float, end: float) -> Path2D:
    """Return a part of an ellipse, between angles in degrees, clockwise from the right."""
    angles = np.radians(np.linspace(start, end, 40))
    return np.stack([x + rx * np.cos(angles), y + ry * np.sin(angles)], axis=1)


def line(*points: tuple[float, float]) -> Path2D:
    """Return straight lines from point to point."""
    return np.array(points, np.float64)


def curve(*points: tuple[float, float]) -> Path2D:
    """Return a curve through points: Catmull and Rom, A class of local interpolating splines."""
    given = np.array([points[0], *points, points[-1]], np.float64)
    steps = np.linspace(0, 1, 16, endpoint=False)[:, None]
    parts = [
        0.5
        * (
            2 * b
            + (c - a) * steps
            + (2 * a - 5 * b + 4 * c - d) * steps**2
            + (3 * b - a - 3 * c + d) * steps**3
        )
        for a, b, c, d in zip(given, given[1:], given[2:], given[3:], strict=False)
    ]
    return np.concatenate([*parts, given[-1:]])


def joined(*paths: Path2D) -> Path2D:
    """Return paths drawn without lifting the pen."""
    return np.concatenate(paths)


SHAPES: dict[int, list[Shape]] = {
    0: [
        [arc(0.33, 0.5, 0.33, 0.5, -80, -430)],
        [arc(0.25, 0.5, 0.25, 0.5, -95, 262)],
        [arc(0.3, 0.5, 0.3, 0.5, -100, -270), arc(0.3, 0.5, 0.3, 0.5, -92, 96)],
    ],
    1: [
        [line((0.1, 0), (0.1, 1))],
        [line((0, 0.25), (0.25, 0), (0.25, 1))],
        [line((0.02, 0.22), (0.25, 0), (0.25, 1)), line((0, 1), (0.5, 1))],
        [curve((0.16, 0), (0.13, 0.4), (0.07, 1))],
    ],
    2: [
        [joined(arc(0.3, 0.28, 0.28, 0.28, -170, 30), line((0.02, 1), (0.62, 1)))],
        [curve((0.03, 0.22), (0.3, 0), (0.56, 0.24), (0.36, 0.6), (0.02, 0.98), (0.62, 1))],
        [
            curve(
                *[(0.04, 0.2), (0.3, 0), (0.54, 0.25), (0.32, 0.68), (0.1, 0.95), (0.02, 0.86)],
                *[(0.12, 0.8), (0.36, 0.96), (0.62, 0.94)],
            )
        ],
    ],
    3: [
        [joined(arc(0.26, 0.25, 0.27, 0.25, -160, 80), arc(0.26, 0.74, 0.3, 0.26, -80, 150))],
        [joined(line((0.05, 0), (0.55, 0), (0.28, 0.4)), arc(0.27, 0.7, 0.3, 0.3, -85, 150))],
        [curve((0.03, 0.1), (0.3, 0), (0.52, 0.2), (0.22, 0.46), (0.56, 0.7), (0.32, 1), (0, 0.9))],
    ],
    4: [
        [line((0.1, 0), (0, 0.6), (0.62, 0.6)), line((0.45, 0.15), (0.43, 1))],
        [line((0.45, 1), (0.45, 0), (0, 0.66), (0.65, 0.66))],
        [line((0.42, 0), (0, 0.64), (0.64, 0.64)), line((0.42, 0), (0.42, 1))],
        [curve((0.06, 0.02), (0.02, 0.5), (0.5, 0.5)), line((0.52, 0), (0.48, 1))],
    ],
    5: [
        [
            joined(line((0.1, 0), (0.06, 0.42)), arc(0.26, 0.68, 0.3, 0.32, -120, 145)),
            line((0.1, 0), (0.55, 0)),
        ],
        [joined(line((0.55, 0), (0.1, 0), (0.06, 0.42)), arc(0.26, 0.68, 0.3, 0.32, -120, 140))],
        [curve((0.52, 0.02), (0.12, 0.03), (0.07, 0.42), (0.5, 0.5), (0.5, 0.88), (0.02, 0.96))],
    ],
    6: [
        [
            curve(
                (0.5, 0),
                (0.12, 0.36),
                (0.06, 0.78),
                (0.3, 1),
                (0.55, 0.76),
                (0.32, 0.55),
                (0.08, 0.75),
            )
        ],
        [joined(line((0.38, 0), (0.06, 0.6)), arc(0.28, 0.72, 0.26, 0.28, -170, -515))],
        [
            joined(
                curve((0.45, 0.05), (0.2, 0.1), (0.02, 0.5)), arc(0.28, 0.7, 0.27, 0.3, 190, -160)
            )
        ],
    ],
    7: [
        [line((0, 0), (0.58, 0), (0.2, 1))],
        [line((0, 0), (0.58, 0), (0.2, 1)), line((0.12, 0.5), (0.52, 0.5))],
        [line((0.02, 0.14), (0.02, 0), (0.58, 0.02), (0.24, 1))],
        [curve((0, 0.04), (0.3, 0.02), (0.56, 0.02), (0.34, 0.5), (0.26, 1))],
    ],
    8: [
        [
            curve(
                *[(0.5, 0.1), (0.28, 0), (0.06, 0.2), (0.28, 0.47), (0.54, 0.74), (0.28, 1)],
                *[(0.02, 0.74), (0.28, 0.47), (0.48, 0.24), (0.46, 0.1)],
            )
        ],
        [arc(0.28, 0.23, 0.22, 0.23, 90, 450), arc(0.28, 0.73, 0.28, 0.27, -90, 270)],
        [
            joined(
                arc(0.27, 0.25, 0.22, 0.25, -60, -270),
                arc(0.27, 0.75, 0.27, 0.25, -90, 270),
                arc(0.27, 0.25, 0.22, 0.25, 90, -50),
            )
        ],
    ],
    9: [
        [joined(arc(0.27, 0.28, 0.26, 0.28, -20, -360), line((0.53, 0.25), (0.5, 1)))],
        [arc(0.27, 0.28, 0.26, 0.28, -30, -390), line((0.53, 0.08), (0.48, 1))],
        [
            joined(
                arc(0.27, 0.28, 0.27, 0.28, -10, -365), curve((0.54, 0.3), (0.5, 0.8), (0.08, 0.98))
            )
        ],
    ],
}


def drawn(digit: int, shape: Shape, style: Style, rng: np.random.Generator) -> dict[str, object]:
    """Return a digit as a pointer draws it.

    A stroke is where the pointer goes down and then its steps: x, y, dx, dy, dx, dy, …, whole units
    of the sheet.
    """
    height = rng.uniform(*style.height)
    angle = np.radians(rng.uniform(-style.slant, style.slant))
    shear = np.array([[1, 0], [-np.tan(angle), 1]]) * [rng.uniform(0.85, 1.15), 1]
    strokes = [height * _unsteady(stroke @ shear, style.wobble, rng) for stroke in shape]
    points = np.concatenate(strokes)
    least, extent = points.min(axis=0), np.ptp(points, axis=0)
    width = int(rng.integers(style.pen[0], style.pen[1] + 1))
    free = np.maximum(SIDE - 2 * MARGIN - width - extent, 0)
    share = rng.integers(0, 2, 2) if style.corner else rng.normal(0.5, 0.12, 2).clip(0, 1)
    place = MARGIN + width / 2 + free * share - least
    speed = rng.uniform(*style.speed)
    positions = [_positions(stroke + place, speed).round().astype(int) for stroke in strokes]
    steps = [np.diff(each, axis=0, prepend=0).ravel().tolist() for each in positions]
    return {"digit": digit, "width": width, "strokes": steps}


def _unsteady(path: Path2D, wobble: float, rng: np.random.Generator) -> Path2D:
    """Return a path as a hand draws it: off by two waves of random phase along its length."""
    length = np.hypot(*np.diff(path, axis=0).T).sum()
    shares = np.linspace(0, 1, 200)
    path = _resampled(path, shares)
    for waves in (0.6, 1.7):  # to a height of the digit
        phases = rng.uniform(0, 2 * np.pi, 2)
        path = path + wobble * np.sin(2 * np.pi * waves * length * shares[:, None] + phases)
    return path


def _positions(path: Path2D, speed: float) -> Path2D:
    """Return where a mouse is at each tick on a path, which it begins and ends more slowly."""
    length = np.hypot(*np.diff(path, axis=0).T).sum()
    time = np.linspace(0, 1, max(3, round(length / speed / TICK)))
    # Half way between even speed and a smooth step.
    return _resampled(path, 0.5 * time + 0.5 * (3 * time**2 - 2 * time**3))


def _resampled(path: Path2D, shares: NDArray[np.float64]) -> Path2D:
    """Return the points of a path at shares of its length."""
    steps = np.hypot(*np.diff(path, axis=0).T)
    behind = np.concatenate([[0], np.cumsum(steps)])
    return np.stack([np.interp(shares * behind[-1], behind, side) for side in path.T], axis=1)


def main() -> None:
    """Write the drawings, one a line."""
    rng = np.random.default_rng(22)
    drawings = []
    for digit, shapes in SHAPES.items():
        for number, (name, style) in enumerate(STYLES.items()):
            for each in range(EACH):
                shape = shapes[(EACH * number + each) % len(shapes)]
                drawings.append({"style": name, **drawn(digit, shape, style, rng)})
    lines = ",\n".join(json.dumps(drawing, separators=(",", ":")) for drawing in drawings)
    OUT.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
