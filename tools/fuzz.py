"""Fuzz every kind of input for as long as is wanted, and add the figures to docs/trust.md.

    python tools/fuzz.py --minutes 600

Each run takes other inputs than those before. What it finds becomes a row of tests/fuzz/corpus. The
page is written every few minutes, so that a run may be stopped at any time.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import itertools
import json
import re
import signal
import sys
import time
from pathlib import Path

from markers import between

from mnist_edge.files import replacing
from mnist_edge.tables import markdown

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "trust.md"
CORPUS = ROOT / "tests" / "fuzz" / "corpus"

# The tests are no package that is installed.
sys.path.insert(0, str(ROOT))
from tests.fuzz.campaign import STRETCH, Outcome, content, run  # noqa: E402
from tests.fuzz.targets import TARGETS  # noqa: E402

HEADERS = ("input", "inputs", "findings", "ends of the process", "most memory beside the start's")

# Of each kind: inputs, findings, ends of the process, most memory in MiB.
Counts = dict[str, list[int]]


def main() -> None:
    """Run, keep what is found, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--only", choices=TARGETS, action="append", help="a kind of input")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    end = time.monotonic() + arguments.minutes * 60
    found: set[str] = set()
    try:
        for name in itertools.cycle(arguments.only or TARGETS):
            if (left := end - time.monotonic()) <= 0:
                break
            first = _counts(PAGE.read_text(encoding="utf-8"))[name][0]
            outcome = run(name, min(left, STRETCH), first)
            _add(name, outcome)
            for number in outcome.ended:
                print(f"{name} {number} ended the process")
            for number, what in outcome.findings.items():
                # Of what differs in numbers only, one is enough.
                if (kind := f"{name}: {re.sub('[0-9]+', '', what)}") not in found:
                    found.add(kind)
                    print(f"{_keep(name, content(name, number))}: {what}", flush=True)
    except KeyboardInterrupt:
        pass  # all but the last minutes are on the page
    sys.exit(bool(found))


def _counts(text: str) -> Counts:
    """Return what has been counted so far; the number of inputs is where to go on."""
    _, _, rest = text.partition("<!-- {")
    counts: Counts = json.loads("{" + rest.partition(" -->")[0])
    return {name: [0] * 4 for name in TARGETS} | counts


def _add(name: str, outcome: Outcome) -> None:
    text = PAGE.read_text(encoding="utf-8")
    counts = _counts(text)
    inputs, findings, ended, mib = counts[name]
    counts[name] = [
        inputs + outcome.ran,
        findings + len(outcome.findings),
        ended + len(outcome.ended),
        max(mib, outcome.mib),
    ]
    rows = [
        (name, *(f"{count:,}" for count in numbers), f"{most} MiB")
        for name, (*numbers, most) in counts.items()
    ]
    today = datetime.datetime.now(datetime.UTC).date()
    summary = (
        f"{sum(inputs for inputs, *_ in counts.values()):,} inputs until {today}:\n\n"
        f"{markdown(HEADERS, rows, left=1)}\n\n<!-- {json.dumps(counts)} -->"
    )
    with replacing(PAGE) as temporary:
        temporary.write_text(between(text, "fuzz", summary), encoding="utf-8")


def _keep(name: str, found: bytes) -> Path:
    row = CORPUS / name / hashlib.sha256(found).hexdigest()[:12]
    row.parent.mkdir(parents=True, exist_ok=True)
    row.write_bytes(found)
    return row


if __name__ == "__main__":
    main()
