"""Draw docs/page.png: the page in Chromium, with a digit on it, light and dark.

    python tools/draw_page.py

It is read by the browser.
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from mnist_edge.files import replacing

ROOT = Path(__file__).parents[1]
OUT = ROOT / "docs" / "page.png"

# The tests are no package that is installed.
sys.path.insert(0, str(ROOT))
from tests.page.hosting import BROWSER, serving  # noqa: E402
from tests.page.pointer import Tab, recorded  # noqa: E402

WIDTH, HEIGHT = 1200, 1090  # pixels
DIGITS = (4, 9, 2, 7, 3)  # the last is left on the pad


def main() -> None:
    """Take the picture: its left half light, its right half dark."""
    drawings = {each["digit"]: each for each in recorded() if each["style"] == "plain"}
    halves = []
    with sync_playwright() as playwright, serving() as host:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=[*BROWSER]
        )
        for scheme in ("light", "dark"):
            page = browser.new_page(
                viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=scheme
            )
            page.goto(host.address)
            tab = Tab(page)
            tab.read_by("browser")
            for digit in DIGITS:
                tab.draw(drawings[digit])
                tab.answer()
                if digit != DIGITS[-1]:
                    tab.press("clear")
            halves.append(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
            page.close()
        browser.close()
    light, dark = halves
    light.paste(dark.crop((WIDTH // 2, 0, WIDTH, HEIGHT)), (WIDTH // 2, 0))
    with replacing(OUT) as temporary:
        light.quantize(256).save(temporary, "PNG", optimize=True)


if __name__ == "__main__":
    main()
