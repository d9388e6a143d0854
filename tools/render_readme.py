"""Write the README's tables: from the code, and from docs/reading.json.

python tools/render_readme.py; a test holds that it has been run.
"""

from __future__ import annotations

import json
from pathlib import Path

from markers import between

from mnist_edge.formats import layers
from mnist_edge.formats.family import Conversion
from mnist_edge.formats.keras.layers import of_keras
from mnist_edge.formats.table import FORMATS
from mnist_edge.runtime import shipped
from mnist_edge.training.recipes import RECIPES

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"

MADE_BY = {"default": "`export`", "int8": "`export --int8`", "named": "`export --formats`"}


def main() -> None:
    """Rewrite the README in place."""
    README.write_text(rendered(README.read_text(encoding="utf-8")), encoding="utf-8")


def rendered(text: str) -> str:
    """Return the README's text with its tables as the code has them now."""
    for name, table in (("read", _read()), ("formats", _formats()), ("recipes", _recipes())):
        text = between(text, name, table)
    return text


def _read() -> str:
    """Return how well pictures are read, by the results that tools/benchmarks/reading.py keeps."""
    results = json.loads((ROOT / "docs" / "reading.json").read_text(encoding="utf-8"))
    sets = {name: rest for name, *rest in results["sets"]}
    rows = [
        ("people's own pictures, on which reading was developed", *sets["A"][:4]),
        ("other people's, which confirmed it", *sets["B"][:4]),
        ("of people in Turkey, scanned with 8×8 pixels", *results["optdigits"][0][1:]),
        ("simulated drawings, and photographs of pages", *results["simulated"][0][1:]),
    ]
    accuracy = shipped.manifest()[f"{shipped.DEFAULT}.onnx"]["accuracy"]
    return "\n".join(
        [
            "| digits | | read right | accepted | of these wrong |",
            "|---|--:|--:|--:|--:|",
            f"| MNIST's test split, given to the network as it is | 10,000 | {accuracy:.2%} | | |",
            *(
                f"| {name} | {int(count):,} | {' | '.join(shares)} |"
                for name, count, *shares in rows
            ),
            "",
            f"Of the other people's {sets['B'][4]} pictures that do not show one digit, "
            f"{sets['B'][5]} are not accepted.",
        ]
    )


def _formats() -> str:
    lines = ["| format | file | what | made by | published if |", "|---|---|---|---|---|"]
    for row in FORMATS.values():
        made, bar = "`train`", "it is the reference"
        if row.conversion:
            made, bar = MADE_BY[row.conversion.selected], _bar(row.conversion)
        lines.append(f"| `{row.name}` | `<name>{row.suffix}` | {row.summary} | {made} | {bar} |")
    return "\n".join(lines)


def _bar(conversion: Conversion) -> str:
    bar, parts = conversion.bar, [conversion.proof] if conversion.proof else []
    parts += ["every answer agrees" if bar.agreement == 1 else f"{bar.agreement:.2%} agree"]
    if bar.max_abs_diff is not None:
        parts.append(f"probabilities within {bar.max_abs_diff:.0e}")
    if bar.accuracy_drop is not None:
        parts.append(f"at most {bar.accuracy_drop:.1%} less accurate")
    return ", ".join(parts)


def _recipes() -> str:
    lines = [
        "| recipe | what | parameters | multiply-accumulates | epochs | batch |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for recipe in RECIPES.values():
        parameters, cost = layers.totals(of_keras(recipe.network()))
        lines.append(
            f"| `{recipe.name}` | {recipe.summary} | {parameters:,} | {cost:,} | "
            f"{recipe.epochs} | {recipe.batch} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
