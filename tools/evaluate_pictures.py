"""Measure how well pictures that people made are read, and show the ones that are not.

    python tools/evaluate_pictures.py DIR [--model FILE] [--sheet FILE.png]

DIR has one folder of pictures per digit, `0` to `9`. A CSV in it with a `path` column tells kinds
(`background`, `style`); what it does not mention is counted by size only. Of a folder without
digits, such as pictures of letters, the share that is refused is told.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from mnist_edge import Classifier, Prediction, UnreadableImage
from mnist_edge.runtime.reading import read_digit
from mnist_edge.runtime.reading.decoding import decode

KINDS = ("background", "style")
SIZES = ((28, "up to 28 pixels"), (128, "up to 128"), (512, "up to 512"), (10**9, "larger"))
TILE = 112
COLUMNS = 6


def main() -> None:
    """Print the table, and write the sheet where one is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--model", type=Path, help="default: the shipped one")
    parser.add_argument("--sheet", type=Path, metavar="FILE.png", help="draw the errors here")
    arguments = parser.parse_args()
    kinds = read_kinds(arguments.folder)
    classifier = Classifier.load(arguments.model)

    counts: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    confusion = np.zeros((10, 10), int)
    errors: list[tuple[Path, Prediction]] = []
    for path in sorted(p for p in arguments.folder.glob("*/*") if p.is_file()):
        name = path.parent.name
        try:
            answer, side = classifier.predict(path), longer_side(path)
        except UnreadableImage as error:
            print(f"{error.cause} {error.remedy}", file=sys.stderr)
            counts["all" if name.isdigit() else f"no digit: {name}"].append((False, False))
            continue
        right = str(answer.digit) == name
        size = next(text for limit, text in SIZES if side <= limit)
        row = kinds.get(path.relative_to(arguments.folder).as_posix(), {})
        groups = ["all", f"size: {size}"] if name.isdigit() else [f"no digit: {name}"]
        groups += [f"{kind}: {row[kind]}" for kind in KINDS if row.get(kind)]
        for group in groups:
            counts[group].append((right, answer.accepted))
        if name.isdigit() and answer.digit is not None:
            confusion[int(name), answer.digit] += 1
        if name.isdigit() and not right:
            errors.append((path, answer))

    print(f"{'':32}{'pictures':>9}{'right':>9}{'accepted':>10}{'right of accepted':>19}")
    for group, marks in sorted(counts.items(), key=lambda item: (item[0] != "all", item[0])):
        print(f"{group:32}{len(marks):9}" + summary(marks, digits=not group.startswith("no ")))
    for digit, answer_count in zip(range(10), confusion, strict=True):
        wrong = [f"{n}x{k}" for k, n in enumerate(answer_count) if n and k != digit]
        if wrong:
            print(f"{digit} read as " + ", ".join(wrong))
    for path, answer in errors:
        print(f"{path}: {answer.digit} ({answer.confidence:.2f})")
    if arguments.sheet and errors:
        contact_sheet(errors).save(arguments.sheet)
        print(f"{arguments.sheet}: picture, field and answer of {len(errors)} errors")


def read_kinds(folder: Path) -> dict[str, dict[str, str]]:
    """Return the rows of the folder's CSV by path; none where there is no CSV."""
    table = next(folder.glob("*.csv"), None)
    if table is None:
        return {}
    with table.open(newline="", encoding="utf-8") as file:
        return {row["path"]: row for row in csv.DictReader(file)}


def longer_side(path: Path) -> int:
    """Return the longer side of a picture as it is stored, in pixels."""
    with Image.open(path) as picture:
        return max(picture.size)


def summary(marks: list[tuple[bool, bool]], digits: bool) -> str:
    """Return the columns of (right, accepted) pictures; without digits, none is right."""
    right, accepted = np.array(marks).T
    if not digits:
        return f"{'':9}{accepted.mean():10.2%}"
    of_accepted = right[accepted].mean() if accepted.any() else 0.0
    return f"{right.mean():9.2%}{accepted.mean():10.2%}{of_accepted:19.2%}"


def contact_sheet(errors: list[tuple[Path, Prediction]]) -> Image.Image:
    """Draw each error: the picture, what the network saw, and what it said."""
    rows = -(-len(errors) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * 2 * TILE, rows * (TILE + 14)), (40, 40, 60))
    text = ImageDraw.Draw(sheet)
    for number, (path, answer) in enumerate(errors):
        x, y = number % COLUMNS * 2 * TILE, number // COLUMNS * (TILE + 14)
        sheet.paste(ImageOps.contain(decode(path).convert("RGB"), (TILE, TILE)), (x, y))
        field = Image.fromarray(read_digit(path)).resize((TILE, TILE), Image.Resampling.NEAREST)
        sheet.paste(field.convert("RGB"), (x + TILE, y))
        caption = f"{path.parent.name}/{path.stem[:18]}: {answer.digit} {answer.confidence:.2f}"
        text.text((x + 2, y + TILE), caption, fill="white")
    return sheet


if __name__ == "__main__":
    main()
