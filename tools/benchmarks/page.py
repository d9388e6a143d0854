"""Replay the recorded drawings on the page, read by both of its readers, beside `predict`.

    python tools/benchmarks/page.py

Each is drawn by the events of a pointer in Chromium, on the page that `mnist-edge serve` gives;
`predict` reads the PNG that the page sent. Writes docs/page.md, between its markers, in two
minutes. onnxruntime-web is fetched as `mnist-edge page` does, where it is not in the cache.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from playwright.sync_api import Page, sync_playwright

from mnist_edge import Classifier
from mnist_edge.files import replacing
from mnist_edge.serve import onnxruntime_web
from mnist_edge.tables import markdown

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "page.md"

# The tests are no package that is installed.
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]
from markers import between  # noqa: E402

from tests.page.hosting import BROWSER, Host, serving  # noqa: E402
from tests.page.pointer import Drawing, Tab, recorded  # noqa: E402

READERS = ("server", "browser")

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
        browser.close()
    classifier = Classifier.load()
    answers = [classifier.predict(picture) for picture in sent]
    readings["`predict`"] = [Reading(str(each.digit), each.accepted) for each in answers]
    text = PAGE.read_text(encoding="utf-8")
    for name, content in (
        ("readers", _readers(readings, drawings)),
        ("styles", _styles(readings, drawings)),
    ):
        text = between(text, name, content)
        print(content)
    with replacing(PAGE) as temporary:
        temporary.write_text(text, encoding="utf-8")


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
