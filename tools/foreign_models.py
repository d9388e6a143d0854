"""Export models that other people trained, and print how each fared.

The folder is that of `MNIST_EDGE_MODELS`, with a `models.csv` that says of each `file` whether it
is a digit classifier (`use`) and its `accuracy` on the first 1,000 test pictures of MNIST. A model
is to go through `export --int8` and `predict` without a flag at that accuracy, or to be refused in
one line.

    python tools/foreign_models.py [--only NAME …] [--json FILE]
    python tools/foreign_models.py --write FILE
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import os
import tempfile
import time
from pathlib import Path

from markers import between

from mnist_edge import data
from mnist_edge.contract import Contract
from mnist_edge.errors import MnistEdgeError
from mnist_edge.formats.export import export
from mnist_edge.formats.exported import Exported
from mnist_edge.formats.foreign import describe
from mnist_edge.formats.table import open_file
from mnist_edge.runtime.classifier import Classifier, accuracy
from mnist_edge.tables import markdown

PAGE = Path(__file__).parents[1] / "docs" / "any-model.md"

PICTURES = 1_000

# How far from the accuracy that is listed a model may be, and be fed as it was there.
NEAR = 0.005


@dataclasses.dataclass
class Fared:
    """What became of one model."""

    file: str
    use: bool
    listed: float | None
    accuracy: float | None = None
    formats: str = ""
    fed: str = ""
    said: str = ""
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Whether it is what a user would expect."""
        if self.use:
            return self.accuracy is not None and self.accuracy >= (self.listed or 0) - NEAR
        return self.accuracy is None and bool(self.said)


def main() -> None:
    """Export every model, and print the table or write it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="*", help="these files")
    parser.add_argument("--json", type=Path, help="also write the rows there")
    parser.add_argument("--write", type=Path, help="write rows of --json into docs/any-model.md")
    arguments = parser.parse_args()
    if arguments.write:
        rows = [Fared(**row) for row in json.loads(arguments.write.read_text(encoding="utf-8"))]
        table = markdown(_HEADERS, map(_cells, rows), left=2)
        text = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(between(text, "fared", f"{_summary(rows)}\n\n{table}"), encoding="utf-8")
        return
    rows = _measured(arguments.only)
    print(f"\n{_summary(rows)}")
    if arguments.json:
        arguments.json.write_text(json.dumps([vars(row) for row in rows], indent=1) + "\n")


def _measured(only: list[str] | None) -> list[Fared]:
    folder = Path(os.environ["MNIST_EDGE_MODELS"])
    dataset = data.load("mnist")
    rows = []
    with (folder / "models.csv").open(newline="", encoding="utf-8") as file:
        for entry in csv.DictReader(file):
            if only and entry["file"] not in only:
                continue
            listed = float(entry["accuracy"]) if entry["accuracy"] else None
            fared = Fared(entry["file"], entry["use"] == "yes", listed)
            started = time.perf_counter()
            _try(folder / fared.file, fared, dataset)
            fared.seconds = time.perf_counter() - started
            rows.append(fared)
            print(_line(fared), flush=True)
    return rows


def _summary(rows: list[Fared]) -> str:
    wanted = [row for row in rows if row.use]
    others = [row for row in rows if not row.use]
    return (
        f"{sum(row.good for row in wanted)} of {len(wanted)} digit classifiers exported at the "
        f"accuracy listed; {sum(row.good for row in others)} of {len(others)} others refused."
    )


def _try(path: Path, fared: Fared, dataset: data.Dataset) -> None:
    done: list[Exported] = []
    with tempfile.TemporaryDirectory() as out:
        try:
            export(path, int8=True, data="mnist", out=out, on_file=done.append)
        except MnistEdgeError as error:
            fared.said = f"{error.cause} — {error.remedy}"
        except Exception as error:
            # What must not be: an error that nobody foresaw.
            fared.said = f"UNFORESEEN {type(error).__name__}: {error}"
        published = [item for item in done if item.failure is None]
        fared.formats = " ".join(item.format for item in published)
        if published and not fared.said:
            test = dataset.test.images[:PICTURES], dataset.test.labels[:PICTURES]
            rates = []
            for item in published:
                engine, contract = open_file(item.path)
                rates.append(accuracy(engine.run(test[0]), test[1]))
                fared.fed = _fed(contract)
                if item.path.suffix != ".keras":
                    Classifier.load(item.path).predict(test[0][0])
            fared.accuracy = min(rates)


def _fed(contract: Contract) -> str:
    source = contract.source
    return f"{describe(source.input)}, {source.answers}" if source else ""


_HEADERS = ("model", "fed with, or refused because", "listed", "got")


def _cells(row: Fared) -> tuple[str, ...]:
    listed, got = ("-" if share is None else f"{share:.1%}" for share in (row.listed, row.accuracy))
    # The folders of this machine are nobody's business.
    said = row.said.split(" — ")[0].replace(f"{os.environ['MNIST_EDGE_MODELS']}/", "")
    return (row.file, (said or f"{row.fed}: {row.formats}").rstrip("."), listed, got)


def _line(row: Fared) -> str:
    rate = "-" if row.accuracy is None else f"{row.accuracy:.3f}"
    listed = "-" if row.listed is None else f"{row.listed:.3f}"
    mark = "ok " if row.good else "BAD"
    told = row.said or f"{row.fed}: {row.formats}"
    return f"{mark} {row.file:16} {listed:>6} {rate:>6} {row.seconds:4.0f}s  {told}"


if __name__ == "__main__":
    main()
