"""Measure reading on pictures that people made, rule by rule, and on others; and what it costs.

    python tools/benchmarks/reading.py [--ablate [--pairs]] [--lines N [--training]] [--others N]
                                       [--refusal] [--cost] [--write]
    python tools/benchmarks/reading.py --fit

Pictures are those of the folder that MNIST_EDGE_PICTURES names: `photos` and `negatives` (A), on
which choices are made, and `pictures2` (B), which confirms them. `--ablate` leaves out one rule at
a time, and `--pairs` two of those that matter, in two processes. `--lines` reads lines of MNIST's
digits, `--others` simulated pictures and digits of other hands, `--refusal` what is none in MNIST's
own form. `--fit` prints the weights of the logistic model by which the network's choice is made.
`--write` keeps the results in docs/reading.json, and writes their tables between the markers of
docs/reading.md.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from itertools import combinations
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import other_hands
import refusal
import simulated
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter, ImageOps

from mnist_edge import Classifier, data
from mnist_edge.data import synthetic
from mnist_edge.runtime import evaluate
from mnist_edge.runtime.answers import Prediction
from mnist_edge.runtime.evaluate import Count
from mnist_edge.runtime.labelled import items_of
from mnist_edge.runtime.reading import propose
from mnist_edge.runtime.reading.candidates import features
from mnist_edge.runtime.reading.decoding import decode
from mnist_edge.runtime.reading.normalization import own_form
from mnist_edge.runtime.reading.rules import RULES, without
from mnist_edge.tables import markdown, table

sys.path.append(str(Path(__file__).parents[1]))
from markers import between

DOCS = Path(__file__).parents[2] / "docs"
SETS = {"A": ("photos", "negatives"), "B": ("pictures2",)}
MATTERS = 3  # pictures that a rule loses for its pairs to be measured
PROCESSES = 2
FEW = 50  # pictures of a kind; kinds of fewer are not shown

# Lines of MNIST's digits.
SEED = 0
DIGITS = (3, 8)
GAPS = (-3, 14)  # pixels between two digits' boxes; digits are up to 20 pixels high
JITTER = 3  # pixels up or down
MARGIN = 8

RIDGE = 1.0  # of the fit: that much weight costs as much as a misread picture

# Of timing.
ROUNDS = 7
LARGE = {"1200x900": (1200, 900), "4000x3000": (4000, 3000)}
ENCODINGS = {"JPEG": "RGB", "PNG": "L", "WEBP": "RGB"}


class Shown(NamedTuple):
    """A decoded picture of a set, and the digit, the line or nothing that it shows."""

    of: str
    picture: Image.Image
    label: str


class Outcome(NamedTuple):
    """What comes out for each set, and how good the answer to each picture is."""

    counts: dict[str, Count]
    grades: list[int]


def main() -> None:
    """Measure what is asked for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="default: the shipped one")
    parser.add_argument("--ablate", action="store_true", help="leave out one rule at a time")
    parser.add_argument("--pairs", action="store_true", help="and each pair of those that matter")
    parser.add_argument("--lines", type=int, default=0, metavar="N", help="of MNIST's digits")
    parser.add_argument("--training", action="store_true", help="of its training split, to choose")
    parser.add_argument("--others", type=int, default=0, metavar="N", help="simulated pictures")
    parser.add_argument("--refusal", action="store_true", help="of what is no digit")
    parser.add_argument("--cost", action="store_true", help="measure the time a picture takes")
    parser.add_argument("--fit", action="store_true", help="print the weights of the choice")
    parser.add_argument("--write", action="store_true", help="write docs/reading.md")
    arguments = parser.parse_args()
    shown = pictures()
    if arguments.fit:
        chosen_on = [one for one in shown if one.of == "A"]
        print(json.dumps(fit(loaded(arguments.model), chosen_on), indent=1))
        return
    results: dict[str, list[list[str]]] = {}
    if arguments.ablate:  # before a model is loaded, as its memory is not to be shared
        results["ablation"] = ablation(arguments.model, shown, pairs=arguments.pairs)
    classifier = loaded(arguments.model)
    results["sets"] = totals(outcome(classifier, shown))
    if arguments.lines:
        results["lines"] = lines(classifier, arguments.lines, training=arguments.training)
    if arguments.others:
        results |= others(classifier, arguments.others)
    if arguments.refusal:
        results["refusal"] = refusal.rows("edge")
    if arguments.cost:
        results["cost"] = cost(classifier)
        results["large"] = large(classifier)
    for name, rows in results.items():
        print(table(HEADERS[name], rows), end="\n\n")
    if arguments.write:
        write(results)


@cache
def loaded(model: Path | None) -> Classifier:
    """Load a model, once in each process."""
    return Classifier.load(model)


@cache
def pictures() -> list[Shown]:
    """Decode the pictures that people made."""
    root = os.environ.get("MNIST_EDGE_PICTURES")
    if not root:
        sys.exit("MNIST_EDGE_PICTURES is not set: it names the folder of pictures.")
    return [
        Shown(name, decode(item.path), item.label)
        for name, folders in SETS.items()
        for folder in folders
        for item in items_of(Path(root, folder))
    ]


COUNTED = ("wrong", "not accepted", "accepted and wrong", "others accepted")
HEADERS = {
    "sets": ["set", "digits", "right", "accepted", "wrong of these", *evaluate.HEADERS[5:]],
    "ablation": [
        "left out",
        *(f"{name}: {what}" for name in SETS for what in COUNTED),
        "lines read whole",
        *(f"{what} of {name}" for name in SETS for what in ("lost", "won")),
        "why it is there",
    ],
    "lines": ["digits", "lines", "right", "number given", "accepted", "right of accepted"],
    "cost": ["28x28", "µs", "times a digit in MNIST's own form"],
    "large": ["picture", "decoding, ms", "reading with it, ms"],
    "refusal": refusal.HEADERS,
    **{made: list(evaluate.HEADERS[:5]) for made in ("simulated", "optdigits", "drawn")},
}


def outcome(classifier: Classifier, shown: list[Shown]) -> Outcome:
    """Read pictures, and count."""
    counts = {name: Count() for name in SETS}
    grades = []
    for of, picture, label in shown:
        answer = classifier.predict(picture)
        line = classifier.read_line(picture).text if len(label) > 1 else None
        counts[of].add(label, answer, line)
        grades.append(grade(label, answer, line))
    return Outcome(counts, grades)


def grade(label: str, answer: Prediction, line: str | None) -> int:
    """Tell how good an answer is: better ones have larger numbers.

    Of a digit a right one is better than a wrong one, and better if it is trusted, which a wrong
    one is not to be. What is no single digit is not to be trusted, and a line to be read whole.
    """
    if len(label) == 1:
        right = str(answer.digit) == label
        return 2 * right + (right == answer.accepted)
    return (not answer.accepted) + (line == (label or None))


def totals(measured: Outcome) -> list[list[str]]:
    """Return a row for each set."""
    return [
        [name, *evaluate.table_of(evaluate.Evaluation("", total=count))[0][1:]]
        for name, count in measured.counts.items()
    ]


def _without(job: tuple[Path | None, tuple[str, ...]]) -> Outcome:
    model, names = job
    with without(*names):
        return outcome(loaded(model), pictures())


def ablation(model: Path | None, shown: list[Shown], *, pairs: bool) -> list[list[str]]:
    """Leave out one rule at a time, and each pair of those that matter if asked for.

    A picture is lost whose answer is better with a rule than without it (`grade`), and won the
    other way about.
    """
    # Of the first two of the table one or the other is needed.
    single = [(), *((rule.name,) for rule in RULES if rule.name not in ("surface", "near"))]
    why: dict[tuple[str, ...], str] = {(rule.name,): rule.why for rule in RULES}
    rows, matters = [], list[str]()
    with get_context("fork").Pool(PROCESSES) as pool:
        measured = dict(
            zip(single, pool.map(_without, [(model, one) for one in single]), strict=True)
        )
        base = measured[()]
        for names, result in measured.items():
            if sum(map(int.__gt__, base.grades, result.grades)) >= MATTERS:
                matters += names
        stages = {rule.stage for rule in RULES}
        both = [
            two
            for two in (combinations(matters, 2) if pairs else ())
            if {rule.stage for rule in RULES if rule.name not in two} == stages
        ]
        measured |= dict(zip(both, pool.map(_without, [(model, two) for two in both]), strict=True))
    for names, result in measured.items():
        cells = [" and ".join(names) or "nothing"]
        for count in result.counts.values():
            missed = count.digits - count.right, count.digits - count.accepted
            cells += map(str, (*missed, count.accepted_wrong, count.others - count.refused))
        cells.append(str(sum(count.lines_right for count in result.counts.values())))
        for of in SETS:
            changes = [
                np.sign(after - before)
                for one, before, after in zip(shown, base.grades, result.grades, strict=True)
                if one.of == of
            ]
            cells += map(str, (changes.count(-1), changes.count(1)))
        rows.append([*cells, why.get(names, "")])
    return rows


def fit(classifier: Classifier, shown: list[Shown]) -> dict[str, float]:
    """Fit the logistic model of `mnist_edge.runtime.reading.candidates.chances`.

    All candidates of a picture count as much as one; those that the network reads right are the
    digit, and those of pictures without a digit are none.
    """
    rows, right, weights = [], list[bool](), list[float]()
    for _, picture, label in shown:
        found = propose(picture, again=True)
        if not found or len(label) > 1 or own_form(np.asarray(picture)) is not None:
            continue
        answers = classifier.engine.run(np.stack([one.normalized() for one in found]))
        rows.append(features(found, answers))
        right += [str(digit) == label for digit in answers.argmax(axis=1)]
        weights += [1 / len(found)] * len(found)
    x, y, w = np.concatenate(rows), np.array(right, float), np.array(weights)
    beta, ridge = np.zeros(4), RIDGE * np.diag([1e-6, 1, 1, 1])
    for _ in range(50):  # Newton's method
        chance = 1 / (1 + np.exp(-x @ beta))
        slope = x.T @ (w * (y - chance)) - ridge @ beta
        beta += np.linalg.solve((x.T * (w * chance * (1 - chance))) @ x + ridge, slope)
    names = ("bias", "support", "doubted", "network")
    return dict(zip(names, beta.round(2).tolist(), strict=True))


def lines(classifier: Classifier, number: int, *, training: bool) -> list[list[str]]:
    """Read lines of MNIST's digits, apart and touching."""
    mnist = data.load("mnist")
    images, labels = mnist.train if training else mnist.test
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


def others(classifier: Classifier, number: int) -> dict[str, list[list[str]]]:
    """Read simulated pictures, and digits of other hands than MNIST's."""
    measured = {}
    with tempfile.TemporaryDirectory() as folder:
        simulated.write(Path(folder, "simulated"), number, SEED)
        other_hands.write(Path(folder))
        for made in sorted(Path(folder).iterdir()):
            rows = evaluate.table_of(evaluate.evaluate(classifier, items_of(made)))
            measured[made.name] = [list(row[:5]) for row in rows if int(row[1]) >= FEW]
    return measured


def cost(classifier: Classifier) -> list[list[str]]:
    """Time digits of 28x28, as the least of some rounds of processor time."""
    drawn = synthetic.generate(200, seed=0).images
    digits = [image for image in drawn if own_form(image) is not None]
    ways: dict[str, tuple[Callable[[NDArray[np.uint8]], object], list[NDArray[np.uint8]]]] = {
        "bare run": (lambda image: classifier.engine.run(image[np.newaxis]), digits),
        "MNIST's own form": (classifier.predict, digits),
        "dark on light": (classifier.predict, [255 - image for image in digits]),
        "off centre": (classifier.predict, [np.roll(image, 3, (0, 1)) for image in digits]),
        "smaller": (classifier.predict, [smaller(image) for image in digits]),
    }
    least = dict.fromkeys(ways, float("inf"))
    for _ in range(ROUNDS):
        for name, (work, images) in ways.items():
            start = time.thread_time()
            for image in images:
                work(image)
            least[name] = min(least[name], (time.thread_time() - start) / len(images) * 1e6)
    own = least["MNIST's own form"]
    return [[name, f"{best:.0f}", f"{best / own:.1f}"] for name, best in least.items()]


def smaller(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Scale a digit to four fifths, which is not MNIST's own form."""
    small = Image.fromarray(image).resize((22, 22), Image.Resampling.BICUBIC)
    return np.asarray(ImageOps.expand(small, 3))


def large(classifier: Classifier) -> list[list[str]]:
    """Time photographs, as the least of some rounds of processor time."""
    digit = data.load("mnist").validation.images[0]
    photograph = simulated.photograph(digit, np.random.default_rng(SEED)).picture
    rows = []
    for size, pixels in LARGE.items():
        for kind, mode in ENCODINGS.items():
            stream = io.BytesIO()
            photograph.resize(pixels, Image.Resampling.BICUBIC).convert(mode).save(stream, kind)
            least = []
            for work in (lambda file: Image.open(io.BytesIO(file)).load(), classifier.predict):
                times = []
                for _ in range(ROUNDS):
                    start = time.thread_time()
                    work(stream.getvalue())
                    times.append(time.thread_time() - start)
                least.append(f"{min(times) * 1e3:.1f}")
            rows.append([f"{size} {kind} {mode}", *least])
    return rows


def write(results: dict[str, Any]) -> None:
    """Keep results beside those of other runs, and write their tables into the page."""
    kept, page = DOCS / "reading.json", DOCS / "reading.md"
    known = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    known |= results
    kept.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    text = page.read_text(encoding="utf-8")
    for name, rows in known.items():
        text = between(text, name, markdown(HEADERS[name], rows))
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
