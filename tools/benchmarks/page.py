"""Replay the recorded drawings on the page, read by both of its readers, beside `predict`.

    python tools/benchmarks/page.py

Each is drawn by the events of a pointer in Chromium, on the page that `mnist-edge serve` gives;
`predict` reads the PNG that the page sent. Then the page's own modules draw each with pens of other
widths, for both ways in which the browser reads: the drawing, and its PNG as a picture. Writes
docs/page.md, between its markers, in three minutes. onnxruntime-web is fetched as `mnist-edge page`
does, where it is not in the cache.
"""

from __future__ import annotations

import gzip
import shutil
import sys
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple, TypedDict

import numpy as np
from playwright.sync_api import Page, sync_playwright

from mnist_edge import Classifier
from mnist_edge.files import replacing
from mnist_edge.runtime import shipped
from mnist_edge.serve import onnxruntime_web, site
from mnist_edge.tables import markdown

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "page.md"

# The tests are no package that is installed.
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]
from markers import between  # noqa: E402

from tests.page.hosting import BROWSER, Host, serving  # noqa: E402
from tests.page.pointer import SIDE, Drawing, Tab, positions, recorded  # noqa: E402

READERS = ("server", "browser")

# What the browser reads with: drawings, and pictures.
MODELS = (f"{shipped.DEFAULT}.wasm", site.PICTURES)

# Units of the sheet: from the finest pen of the page to the broadest, and small drawings.
PENS = (6, 12, 24, 36, 48, 60)
SMALL = (60, 40, 25)
# How much broader an eraser is than what it erases.
ERASED = 8
# What is no digit.
TWO = "two digits beside each other"

# Reads drawings in both ways, as what they are and as PNG; digit, acceptance and milliseconds.
BOTH = """async drawings => {
    const {BrowserReader} = await import("./readers.js");
    const {ofFile, ofStrokes} = await import("./picture.js");
    const reader = window.reader ??= new BrowserReader({pictures: true});
    const sheet = {width: SIDE, height: SIDE};
    const read = async picture => {
        const began = performance.now();
        const {digit, accepted} = await reader.read(picture);
        return [String(digit), accepted, performance.now() - began];
    };
    const answers = [];
    for (const strokes of drawings) {
        const drawn = ofStrokes(sheet, strokes);
        const picture = await ofFile(await drawn.png());
        answers.push([await read(drawn), await read(picture)]);
    }
    return answers;
}""".replace("SIDE", str(SIDE))

# How long after the last movement of the pointer the answer to it is there.
CLOCK = """() => {
    let moved = 0;
    addEventListener("pointermove", event => { moved = event.timeStamp; }, true);
    const answer = document.querySelector("#answer");
    const done = () => {
        if (answer.ariaBusy === "false") window.delay = performance.now() - moved;
    };
    new MutationObserver(done).observe(answer, {attributeFilter: ["aria-busy"]});
}"""


class Stroke(TypedDict):
    """A stroke as the page has it: x, y, x, y, … and the pen's width, in units of the sheet."""

    points: list[float]
    width: float
    erases: bool


class Reading(NamedTuple):
    """The answer to a drawing; `milliseconds` from the last movement to it, 0 if not measured."""

    digit: str
    accepted: bool
    milliseconds: float = 0


def main() -> None:
    """Replay, and write the tables."""
    drawings = recorded()
    onnxruntime_web.fetch()
    with sync_playwright() as playwright, serving() as host:
        executable = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=executable, args=[*BROWSER])
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        readings, sent = replayed(page, host, drawings)
        page = browser.new_page()
        page.goto(host.address)
        first, *_ = read_both(page, [_strokes(drawings[0], drawings[0]["width"])])
        varied = {name: read_both(page, made) for name, made in variations(drawings).items()}
        browser.close()
    classifier = Classifier.load()
    answers = [classifier.predict(picture) for picture in sent]
    readings["`predict`"] = [Reading(str(each.digit), each.accepted) for each in answers]
    text = PAGE.read_text(encoding="utf-8")
    for name, content in (
        ("readers", _readers(readings, drawings)),
        ("styles", _styles(readings, drawings)),
        ("variations", _variations(varied, drawings)),
        ("loads", _loads(first, varied)),
    ):
        text = between(text, name, content)
        print(content, end="\n\n")
    with replacing(PAGE) as temporary:
        temporary.write_text(text, encoding="utf-8")


def variations(drawings: Sequence[Drawing]) -> dict[str, list[list[Stroke]]]:
    """Return the drawings with other pens, made smaller, and two beside each other, by names."""
    made = {f"pen of {pen}": [_strokes(each, pen) for each in drawings] for pen in PENS}
    for height in SMALL:
        made[f"{height} units, pen of {PENS[0]}"] = [
            _strokes(each, PENS[0], scale=height / _extent(each)) for each in drawings
        ]
    pairs = [*zip(drawings, [*drawings[1:], drawings[0]], strict=True)]
    for pen in PENS[::2]:
        made[f"beside one that was erased, pen of {pen}"] = [
            _beside(one, pen, other, erased=True) for one, other in pairs
        ]
    made[TWO] = [_beside(one, one["width"] / 2, other, erased=False) for one, other in pairs]
    return made


def _beside(one: Drawing, pen: float, other: Drawing, *, erased: bool) -> list[Stroke]:
    """Return a drawing at half its size beside another, which may be erased again."""
    there = _strokes(other, pen, scale=0.5, across=SIDE / 2)
    eraser: list[Stroke] = [
        {**stroke, "width": pen + ERASED, "erases": True} for stroke in there if erased
    ]
    return there + eraser + _strokes(one, pen, scale=0.5)


def _strokes(drawing: Drawing, pen: float, scale: float = 1, across: float = 0) -> list[Stroke]:
    """Return what the page has of a drawing that is made smaller and moved to the right."""
    strokes = ([*zip(*positions(each), strict=True)] for each in drawing["strokes"])
    points = ([(across + scale * x, scale * y) for x, y in stroke] for stroke in strokes)
    return [{"points": [*chain(*each)], "width": pen, "erases": False} for each in points]


def _extent(drawing: Drawing) -> int:
    """Return the larger of a drawing's width and height, without its pen."""
    sides = zip(*map(positions, drawing["strokes"]), strict=True)
    return max(max(side) - min(side) for side in map(list[int], map(chain.from_iterable, sides)))


def replayed(
    page: Page, host: Host, drawings: Sequence[Drawing]
) -> tuple[dict[str, list[Reading]], list[bytes]]:
    """Draw everything, read by one reader while it is drawn and by the other afterwards.

    Returns:
        The answers of each reader, and the pictures that were sent to the server.
    """
    readings: dict[str, list[Reading]] = {reader: [] for reader in READERS}
    bodies: list[bytes] = []
    page.on("request", lambda request: bodies.append(request.post_data_buffer or b""))
    page.goto(host.address)
    tab = Tab(page)
    tab.answer()
    page.evaluate(CLOCK)
    sent = []
    for number, drawing in enumerate(drawings):
        first, second = READERS if number % 2 else READERS[::-1]
        tab.read_by(first)
        tab.replay(drawing)
        digit, accepted, *_ = tab.answer()
        readings[first].append(Reading(digit, accepted, page.evaluate("window.delay")))
        tab.read_by(second)
        digit, accepted, *_ = tab.answer()
        readings[second].append(Reading(digit, accepted))
        sent.append(next(body for body in reversed(bodies) if body))
        tab.press("clear")
        tab.answer()
    return readings, sent


def read_both(page: Page, drawings: Sequence[list[Stroke]]) -> list[tuple[Reading, Reading]]:
    """Return how the browser reads drawings, and the same as pictures."""
    answers = page.evaluate(BOTH, drawings)
    return [(Reading(*drawing), Reading(*picture)) for drawing, picture in answers]


def _readers(readings: Mapping[str, list[Reading]], drawings: Sequence[Drawing]) -> str:
    rows = []
    for reader, given in readings.items():
        right = [r.digit == str(d["digit"]) for r, d in zip(given, drawings, strict=True)]
        accepted = [each.accepted for each in given]
        wrong = sum(not r and a for r, a in zip(right, accepted, strict=True))
        delays = [each.milliseconds for each in given if each.milliseconds]
        times = [f"{np.percentile(delays, share):.0f} ms" for share in (50, 95) if delays]
        name = f"the {reader}" if reader in READERS else reader
        counts = (f"{sum(right)} of {len(right)}", f"{sum(accepted)}", f"{wrong}")
        rows.append((name, *counts, *(times or ("", ""))))
    headers = ("read by", "right", "accepted", "of these wrong", "answer after", "95 % after")
    return markdown(headers, rows)


def _variations(
    varied: Mapping[str, list[tuple[Reading, Reading]]], drawings: Sequence[Drawing]
) -> str:
    rows = []
    for name, both in varied.items():
        cells = []
        for given in zip(*both, strict=True):
            right = [r.digit == str(d["digit"]) for r, d in zip(given, drawings, strict=True)]
            if name == TWO:
                right = [False] * len(given)
            accepted = [each.accepted for each in given]
            wrong = sum(a and not r for r, a in zip(right, accepted, strict=True))
            cells += ["" if name == TWO else f"{sum(right)}", f"{sum(accepted)}", f"{wrong}"]
        rows.append((name, f"{len(both)}", *cells))
    headers = chain(*((f"`{model}`: right", "accepted", "of these wrong") for model in MODELS))
    return markdown(("", "drawings", *headers), rows)


def _loads(
    first: tuple[Reading, Reading], varied: Mapping[str, list[tuple[Reading, Reading]]]
) -> str:
    files = {name: _bytes(content) for name, content in site.served().items()}
    heavy = {name for name in files if name == site.PICTURES or name.endswith(("ort.js", "d.wasm"))}
    rows = []
    for way, (model, names) in enumerate(zip(MODELS, ({site.DRAWINGS}, heavy), strict=True)):
        delays = [both[way].milliseconds for group in varied.values() for both in group]
        rows.append(
            (
                f"`{model}`",
                f"{sum(len(files[name]) for name in names):,}",
                f"{sum(len(gzip.compress(files[name], mtime=0)) for name in names):,}",
                f"{first[way].milliseconds:.0f} ms",
                f"{np.median(delays):.1f} ms",
            )
        )
    return markdown(("read with", "bytes", "as gzip", "first answer", "answer"), rows)


def _bytes(content: site.Content) -> bytes:
    return content if isinstance(content, bytes) else content.read_bytes()


def _styles(readings: Mapping[str, list[Reading]], drawings: Sequence[Drawing]) -> str:
    styles = list(dict.fromkeys(drawing["style"] for drawing in drawings))
    rows = []
    for style in styles:
        places = [n for n, drawing in enumerate(drawings) if drawing["style"] == style]
        counts = [
            sum(given[n].digit == str(drawings[n]["digit"]) for n in places)
            for given in readings.values()
        ]
        rows.append((style, str(len(places)), *map(str, counts)))
    return markdown(("style", "drawings", *(f"right by {reader}" for reader in readings)), rows)


if __name__ == "__main__":
    main()
