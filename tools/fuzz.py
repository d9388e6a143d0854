"""Fuzz every kind of input for as long as is wanted, and add the figures to docs/trust.md.

    python tools/fuzz.py --minutes 600

Each run takes other inputs than those before. What it finds becomes a row of tests/fuzz/corpus.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import sys
from pathlib import Path

from markers import between

from mnist_edge.files import replacing
from mnist_edge.tables import markdown

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "trust.md"
CORPUS = ROOT / "tests" / "fuzz" / "corpus"

# The tests are no package that is installed.
sys.path.insert(0, str(ROOT))
from tests.fuzz.campaign import Outcome, content, fuzz  # noqa: E402
from tests.fuzz.targets import TARGETS  # noqa: E402


def main() -> None:
    """Run, keep what is found, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--only", choices=TARGETS, action="append", help="a kind of input")
    arguments = parser.parse_args()
    names = arguments.only or list(TARGETS)
    text = PAGE.read_text(encoding="utf-8")
    before: dict[str, int] = _inside(text)
    outcomes: dict[str, Outcome] = {}
    for name in names:
        outcome = fuzz(name, arguments.minutes * 60 / len(names), before.get(name, 0))
        outcomes[name] = outcome
        print(f"{name}: {outcome.ran:,} inputs, {len(outcome.findings)} findings", file=sys.stderr)
        for number, what in outcome.findings.items():
            print(f"{_keep(name, content(name, number))}: {what}")
    totals = {name: before.get(name, 0) for name in TARGETS}
    for name, outcome in outcomes.items():
        totals[name] += outcome.ran
    today = datetime.datetime.now(datetime.UTC).date()
    summary = (
        f"{sum(totals.values()):,} inputs so far; of the last {arguments.minutes:g} minutes, on "
        f"{today}:\n\n{_table(outcomes)}\n\n<!-- {json.dumps(totals)} -->"
    )
    with replacing(PAGE) as temporary:
        temporary.write_text(between(text, "fuzz", summary), encoding="utf-8")
    sys.exit(any(outcome.findings for outcome in outcomes.values()))


def _inside(text: str) -> dict[str, int]:
    """Return how many inputs of each kind have been run, which is where to go on."""
    _, found, rest = text.partition("<!-- {")
    return json.loads("{" + rest.partition(" -->")[0]) if found else {}


def _keep(name: str, found: bytes) -> Path:
    row = CORPUS / name / hashlib.sha256(found).hexdigest()[:12]
    row.parent.mkdir(parents=True, exist_ok=True)
    row.write_bytes(found)
    return row


def _table(outcomes: dict[str, Outcome]) -> str:
    rows = [
        (name, f"{each.ran:,}", str(len(each.findings)), f"{each.mib} MiB")
        for name, each in outcomes.items()
    ]
    return markdown(("input", "inputs", "findings", "most memory beside the start's"), rows, left=1)


if __name__ == "__main__":
    main()
