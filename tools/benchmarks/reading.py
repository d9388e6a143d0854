"""Measure reading on pictures that people made, rule by rule, and on lines of MNIST's digits.

    python tools/benchmarks/reading.py [--ablate [--pairs]] [--lines N] [--cost] [--write]
    python tools/benchmarks/reading.py --fit

Pictures are those of the folder that MNIST_EDGE_PICTURES names: `photos` and `negatives`, on which
choices are made, and `pictures2`, which confirms them. `--ablate` leaves out one rule at a time,
and `--pairs` two of those that matter. `--fit` prints the weights of the logistic model by which
the network's choice is made. `--write` keeps the results in docs/reading.json, and writes their
tables between the markers of docs/reading.md.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

from mnist_edge import Classifier, data
from mnist_edge.data import synthetic
from mnist_edge.runtime.evaluate import Count, items_of
from mnist_edge.runtime.reading import propose
from mnist_edge.runtime.reading.decoding import decode
from mnist_edge.runtime.reading.normalization import is_mnist
from mnist_edge.runtime.reading.parameters import CHANCE
from mnist_edge.runtime.reading.rules import RULES, without
from mnist_edge.tables import markdown, table

DOCS = Path(__file__).parents[2] / "docs"
SETS = {"A": ("photos", "negatives"), "B": ("pictures2",)}
MATTERS = 3  # pictures that a rule loses for its pairs to be measured

# Lines of MNIST's digits.
SEED = 0
DIGITS = (3, 8)
GAPS = (-3, 14)  # pixels between two digits' boxes; digits are up to 20 pixels high
JITTER = 3  # pixels up or down
MARGIN = 8

RIDGE = 1.0  # of the fit: that much weight costs as much as a misread picture


class Shown(NamedTuple):
    """A decoded picture, and the digit, the line or nothing that it shows."""

    picture: Image.Image
    label: str


def main() -> None:
    """Measure what is asked for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="default: the shipped one")
    parser.add_argument("--ablate", action="store_true", help="leave out one rule at a time")
    parser.add_argument("--pairs", action="store_true", help="and each pair of those that matter")
    parser.add_argument("--lines", type=int, default=0, metavar="N", help="of MNIST's digits")
    parser.add_argument("--cost", action="store_true", help="measure the time a picture takes")
    parser.add_argument("--fit", action="store_true", help="print the weights of the choice")
    parser.add_argument("--write", action="store_true", help="write docs/reading.md")
    arguments = parser.parse_args()
    classifier = Classifier.load(arguments.model)
    sets = {name: load(folders) for name, folders in SETS.items()}
    if arguments.fit:
        print(json.dumps(fit(classifier, sets["A"]), indent=1))
        return
    results: dict[str, list[list[str]]] = {"sets": [row("all rules", classifier, sets)]}
    if arguments.ablate:
        results["ablation"] = ablation(classifier, sets, pairs=arguments.pairs)
    if arguments.lines:
        results["lines"] = lines(classifier, arguments.lines)
    if arguments.cost:
        results["cost"] = cost(classifier)
    for name, rows in results.items():
        print(table(HEADERS[name], rows), end="\n\n")
    if arguments.write:
        write(results)


def load(folders: tuple[str, ...]) -> list[Shown]:
    """Decode the pictures of folders."""
    root = os.environ.get("MNIST_EDGE_PICTURES")
    if not root:
        sys.exit("MNIST_EDGE_PICTURES is not set: it names the folder of pictures.")
    items = [item for folder in folders for item in items_of(Path(root, folder))]
    return [Shown(decode(item.path), item.label) for item in items]


SET_HEADERS = [
    f"{name}: {what}"
    for name in SETS
    for what in ("digits", "wrong", "not accepted", "accepted and wrong", "others accepted")
]
HEADERS = {
    "sets": ["", *SET_HEADERS, "lines", "read whole"],
    "ablation": ["left out", *SET_HEADERS, "lines", "read whole", "why it is there"],
    "lines": ["digits", "lines", "right", "number given", "accepted", "right of accepted"],
    "cost": ["28x28", "µs", "times a digit in MNIST's own form"],
}


def row(name: str, classifier: Classifier, sets: dict[str, list[Shown]]) -> list[str]:
    """Return what comes out for every set: wrong, not accepted, accepted and wrong, and so on."""
    counts = {key: count(classifier, shown) for key, shown in sets.items()}
    cells = [name]
    for one in counts.values():
        missed = one.digits - one.right, one.digits - one.accepted, one.accepted_wrong
        cells += map(str, (one.digits, *missed, one.others - one.refused))
    lines_ = sum(one.lines for one in counts.values())
    return [*cells, str(lines_), str(sum(one.lines_right for one in counts.values()))]


def count(classifier: Classifier, shown: list[Shown]) -> Count:
    """Read pictures, and count."""
    total = Count()
    for picture, label in shown:
        line = classifier.read_line(picture).text if len(label) > 1 else None
        total.add(label, classifier.predict(picture), line)
    return total


def ablation(
    classifier: Classifier, sets: dict[str, list[Shown]], *, pairs: bool
) -> list[list[str]]:
    """Leave out one rule at a time, and each pair of those that matter if asked for."""
    base = row("nothing", classifier, sets)
    rows = [[*base, ""]]
    matters = []
    for rule in RULES:
        if rule.name in ("surface", "near"):
            continue  # of which one is needed
        with without(rule.name):
            rows.append([*row(rule.name, classifier, sets), rule.why])
        lost = sum(abs(int(a) - int(b)) for a, b in zip(rows[-1][1:], base[1:], strict=False))
        if lost >= MATTERS and rule.stage != "look":
            matters.append(rule.name)
        print(rows[-1], file=sys.stderr)
    for pair in combinations(matters, 2) if pairs else ():
        with without(*pair):
            rows.append([*row(" and ".join(pair), classifier, sets), ""])
        print(rows[-1], file=sys.stderr)
    return rows


def fit(classifier: Classifier, shown: list[Shown]) -> dict[str, float]:
    """Fit the logistic model of `mnist_edge.runtime.reading.candidates.chances`.

    All candidates of a picture count as much as one; those that the network reads right are the
    digit, and those of pictures without a digit are none.
    """
    features, right, weights = [], [], []
    for picture, label in shown:
        found = propose(picture, None)
        if not found or len(label) > 1 or is_mnist(np.asarray(picture)):
            continue
        answers = classifier.engine.run(np.stack([one.normalized() for one in found]))
        best = max(one.support for one in found)
        sums = np.partition(answers.astype(float), -2, axis=1)[:, -2:].sum(axis=1)
        sums = sums.clip(CHANCE.least, 1 - CHANCE.least)
        for one, answer, share in zip(found, answers, sums, strict=True):
            odds = np.log(share / (1 - share))
            features.append([1, one.support - best, bool(one.doubts), odds])
            right.append(str(answer.argmax()) == label)
            weights.append(1 / len(found))
    x, y, w = np.array(features, float), np.array(right, float), np.array(weights)
    beta, ridge = np.zeros(4), RIDGE * np.diag([1e-6, 1, 1, 1])
    for _ in range(50):  # Newton's method
        chance = 1 / (1 + np.exp(-x @ beta))
        slope = x.T @ (w * (y - chance)) - ridge @ beta
        beta += np.linalg.solve((x.T * (w * chance * (1 - chance))) @ x + ridge, slope)
    names = ("bias", "support", "doubted", "network")
    return dict(zip(names, beta.round(2).tolist(), strict=True))


def lines(classifier: Classifier, number: int) -> list[list[str]]:
    """Read lines of MNIST's test digits, apart and touching."""
    images, labels = data.load("mnist").test
    rng = np.random.default_rng(SEED)
    marks = []
    for _ in range(number):
        pixels, text, touching = compose(images, labels, rng)
        free = classifier.read_line(pixels)
        counted = classifier.read_line(pixels, digits=len(text))
        marks.append((touching, free.text == text, free.accepted, counted.text == text))
    touching_, right, accepted, counted_right = np.array(marks).T
    return [
        [
            name,
            f"{group.sum()}",
            f"{right[group].mean():.2%}",
            f"{counted_right[group].mean():.2%}",
            f"{accepted[group].mean():.2%}",
            f"{right[group & accepted].mean():.2%}",
        ]
        for name, group in (("apart", ~touching_), ("touching", touching_))
        if group.any()
    ]


def compose(
    images: NDArray[np.uint8], labels: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], str, bool]:
    """Compose a line of random digits: its pixels, its text, and whether any two touch."""
    chosen = rng.integers(len(labels), size=rng.integers(DIGITS[0], DIGITS[1] + 1))
    height = 28 + 2 * (MARGIN + JITTER)
    canvas = Image.new("L", (2 * MARGIN + len(chosen) * (20 + GAPS[1]), height))
    x, touching = MARGIN, False
    for index in chosen:
        digit = Image.new("L", canvas.size)
        ink = images[index][:, images[index].any(axis=0)]
        digit.paste(Image.fromarray(ink), (x, MARGIN + int(rng.integers(2 * JITTER + 1))))
        around = digit.filter(ImageFilter.MaxFilter(3))
        touching |= ImageChops.darker(around, canvas).getbbox() is not None
        canvas = ImageChops.lighter(canvas, digit)
        x += ink.shape[1] + int(rng.integers(*GAPS))
    pixels = np.asarray(canvas)[:, : x + MARGIN]
    text = "".join(str(label) for label in labels[chosen])
    return (255 - pixels if rng.random() < 0.5 else pixels), text, touching


def cost(classifier: Classifier) -> list[list[str]]:
    """Time digits of 28x28, as the least of some rounds of processor time."""
    digits = [image for image in synthetic.generate(200, seed=0).images if is_mnist(image)]
    ways: dict[str, tuple[Callable[[NDArray[np.uint8]], object], list[NDArray[np.uint8]]]] = {
        "bare run": (lambda image: classifier.engine.run(image[np.newaxis]), digits),
        "MNIST's own form": (classifier.predict, digits),
        "dark on light": (classifier.predict, [255 - image for image in digits]),
        "off centre": (classifier.predict, [np.roll(image, 3, (0, 1)) for image in digits]),
    }
    least = dict.fromkeys(ways, float("inf"))
    for _ in range(7):
        for name, (work, images) in ways.items():
            start = time.thread_time()
            for image in images:
                work(image)
            least[name] = min(least[name], (time.thread_time() - start) / len(images) * 1e6)
    own = least["MNIST's own form"]
    return [[name, f"{best:.0f}", f"{best / own:.1f}"] for name, best in least.items()]


def write(results: dict[str, Any]) -> None:
    """Keep results beside those of other runs, and write their tables into the page."""
    kept, page = DOCS / "reading.json", DOCS / "reading.md"
    known = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    known |= results
    kept.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    text = page.read_text(encoding="utf-8")
    for name, rows in known.items():
        start, end = f"<!-- {name} -->\n", f"\n<!-- /{name} -->"
        body = markdown(HEADERS[name], rows).replace("\\", r"\\")
        text = re.sub(f"(?<={start}).*?(?={end})", body, text, flags=re.DOTALL)
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
