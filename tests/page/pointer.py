"""What a person does on the page, and what the page then shows."""

from __future__ import annotations

import json
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

if TYPE_CHECKING:
    from playwright.sync_api import Page

STROKES = Path(__file__).with_name("strokes.json")

# Units of the height of the sheet, in which strokes are recorded.
SIDE = 400


class Drawing(TypedDict):
    """A digit as a pointer draws it: strokes of x, y, dx, dy, dx, dy, … in units of the sheet."""

    style: str
    digit: int
    width: int
    strokes: list[list[int]]


class Answer(NamedTuple):
    """What the live region says; `digit` is a line's digits, and empty where there is none."""

    digit: str
    accepted: bool
    reason: str
    reader: str


def recorded() -> list[Drawing]:
    """Return the recorded drawings."""
    drawings: list[Drawing] = json.loads(STROKES.read_text(encoding="utf-8"))
    return drawings


def positions(stroke: list[int]) -> tuple[list[int], list[int]]:
    """Return x and y of all positions of a stroke."""
    return [*accumulate(stroke[::2])], [*accumulate(stroke[1::2])]


# Gives the pad the events of a pointer at all positions at once: the browser gives one at a frame.
REPLAY = """strokes => {
    const pad = document.querySelector("#pad");
    const {left, top, height} = pad.getBoundingClientRect();
    pad.setPointerCapture = () => {};
    const give = (type, [x, y]) => pad.dispatchEvent(new PointerEvent(type, {
        clientX: left + x * height / SIDE, clientY: top + y * height / SIDE, bubbles: true,
    }));
    for (const stroke of strokes) {
        give("pointerdown", stroke[0]);
        stroke.slice(1).forEach(position => give("pointermove", position));
        give("pointerup", stroke.at(-1));
    }
}""".replace("SIDE", str(SIDE))


class Tab:
    """The page, open."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def answer(self) -> Answer:
        """Return the answer to what lies on the pad."""
        page = self.page
        # A change is read after the next frame.
        page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
        page.wait_for_selector("#answer[aria-busy=false]")
        data: dict[str, Any] = page.locator("#answer").evaluate("answer => ({...answer.dataset})")
        return Answer(data["digit"], data["accepted"] == "true", data["reason"], data["reader"])

    def words(self) -> str:
        """Return the answer in words."""
        self.answer()
        return self.page.locator("#statement").inner_text()

    def draw(self, drawing: Drawing, across: float = 0) -> None:
        """Draw with the mouse, so many units further to the right."""
        page = self.page
        page.locator("#width").fill(str(drawing["width"]))
        page.locator("#pad").scroll_into_view_if_needed()
        box = page.locator("#pad").bounding_box()
        assert box is not None
        scale = box["height"] / SIDE
        for stroke in drawing["strokes"]:
            points = [
                (box["x"] + (x + across) * scale, box["y"] + y * scale)
                for x, y in zip(*positions(stroke), strict=True)
            ]
            page.mouse.move(*points[0])
            page.mouse.down()
            for point in points[1:]:
                page.mouse.move(*point)
            page.mouse.up()

    def replay(self, drawing: Drawing) -> None:
        """Draw at once, by events alone; a mouse takes a frame for each position."""
        self.page.locator("#width").fill(str(drawing["width"]))
        strokes = [[*zip(*positions(stroke), strict=True)] for stroke in drawing["strokes"]]
        self.page.evaluate(REPLAY, strokes)

    def press(self, name: str) -> None:
        """Press what carries an id."""
        self.page.locator(f"#{name}").click()

    def read_by(self, reader: str) -> None:
        """Let the server or the browser read."""
        if self.answer().reader != reader:
            self.press("mode")
        self.page.wait_for_selector(f"#answer[aria-busy=false][data-reader={reader}]")
