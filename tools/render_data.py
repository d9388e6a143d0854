"""Write docs/data.md's table of what `--data` takes, and how surely a wrong set is noticed.

python tools/render_data.py; a test holds that the first has been written. The second is measured,
on MNIST's validation split, on synthetic digits, and, where MNIST_EDGE_PICTURES names them, on
photographs and drawings that people made.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from markers import between

from mnist_edge import Classifier, data
from mnist_edge.data import folders, orientation, synthetic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mnist_edge.data import Split

PAGE = Path(__file__).parents[1] / "docs" / "data.md"

SIZES = (20, 30, 50, 100)
DRAWS = 1000


def main() -> None:
    """Rewrite the page in place."""
    text = rendered(PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(between(text, "noticed", _noticed()), encoding="utf-8")


def rendered(text: str) -> str:
    """Return the page's text with the table of kinds as the code has it now."""
    return between(text, "kinds", _kinds())


def _kinds() -> str:
    lines = ["| `--data` | what is read | what tests |", "|---|---|---|"]
    lines += [f"| `{name}` | {what} | the test files |" for name, what in data.NAMES.items()]
    lines += [f"| {kind.what} | {kind.holds} | {kind.test} |" for kind in data.KINDS]
    return "\n".join(lines)


def _noticed() -> str:
    lines = [
        "| pictures | dark on light | the same inverted | read | read transposed | transposed sets "
        f"found, of {', '.join(map(str, SIZES))} pictures | upright sets taken for transposed |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    engine = Classifier.load().engine
    rng = np.random.default_rng(0)
    for name, split in _splits():
        upright, turned = (
            engine.run(np.ascontiguousarray(images)).argmax(axis=1) == split.labels
            for images in (split.images, orientation.transposed(split.images))
        )
        found, alarms = [], 0
        for size in SIZES:
            draws = [rng.choice(len(upright), size, replace=False) for _ in range(DRAWS)]
            found.append(
                np.mean(
                    [orientation.looks_transposed(turned[draw], upright[draw]) for draw in draws]
                )
            )
            alarms += sum(
                orientation.looks_transposed(upright[draw], turned[draw]) for draw in draws
            )
        dark = [
            orientation.dark_on_light(images).mean()
            for images in (split.images, orientation.inverted(split.images))
        ]
        shares = " | ".join(f"{share:.1%}" for share in (*dark, upright.mean(), turned.mean()))
        lines.append(
            f"| {name} | {shares} | {', '.join(f'{share:.1%}' for share in found)} | "
            f"{alarms} of {DRAWS * len(SIZES):,} |"
        )
    return "\n".join(lines)


def _splits() -> Iterator[tuple[str, Split]]:
    yield "MNIST, validation", data.load().validation
    yield "synthetic", synthetic.generate(5000, seed=77)
    if named := os.environ.get("MNIST_EDGE_PICTURES"):
        dataset = folders.load(Path(named) / "photos")
        yield "people's own", dataset.train


if __name__ == "__main__":
    main()
